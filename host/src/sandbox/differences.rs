//! What keeps a component from being used, all of it: imports that are not offered, another version, functions of the
//! contract whose types are not this Garth's. The contract is read from the same `wit/` folder that plugins are built
//! from, by the same reader.

use std::collections::BTreeMap;

use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentInstanceTypeId};
use wasmparser::types::TypesRef;

use super::interface::{Kind, instance_functions, scan};
use super::load::{check_import, no_tools, other_version};
use super::plain::{Reader, Signature, Type};
use super::{CONTRACT, Imports, Interface, LoadError, Unreadable};

const WIT: &str = include_str!("../../../wit/plugin.wit");

/// The functions of an interface by name; `Err` says why the types of one are not read.
type Functions = BTreeMap<String, Result<Signature, String>>;

/// Everything that can be told without compiling; what is left is for `Sandbox::load` to find.
pub fn problems(wasm: &[u8], allowed: &Imports) -> Result<Vec<LoadError>, Unreadable> {
    let interface = Interface::read(wasm)?;
    let mut problems: Vec<LoadError> =
        interface.imports.iter().filter_map(|name| check_import(name, allowed).err()).collect();
    match &interface.kind {
        Kind::Contract { version } if version == CONTRACT => problems.extend(differences(wasm)),
        Kind::Contract { version } => problems.push(other_version(format!("garth:plugin/tools@{version}"))),
        Kind::Plain { functions, left_out } if functions.is_empty() => problems.push(no_tools(left_out)),
        Kind::Plain { .. } => {}
    }
    Ok(problems)
}

/// Where the component's idea of the contract differs from this host's. Nothing when either cannot be read: then the
/// linker's words have to do.
fn differences(wasm: &[u8]) -> Vec<LoadError> {
    let (Some(contract), Ok(component)) = (contract(), scan(wasm)) else { return Vec::new() };
    let types = component.types.as_ref();
    let mut found = Vec::new();
    let mut compare = |name: &String, item: Option<ComponentEntityType>, side: Side| {
        if let (Some(ours), Some(ComponentEntityType::Instance(id))) = (contract.get(name), item) {
            let theirs = read(types, id);
            let wrong = |what| LoadError::Differs { name: name.clone(), what };
            found.extend(compare_functions(&theirs, ours, side).into_iter().map(wrong));
        }
    };
    for name in &component.imports {
        compare(name, types.component_item_for_import(name).map(|item| item.ty), Side::Import);
    }
    for name in &component.exports {
        compare(name, types.component_item_for_export(name).map(|item| item.ty), Side::Export);
    }
    found
}

/// The interfaces of this host's contract by their full names.
fn contract() -> Option<BTreeMap<String, Functions>> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("plugin.wit", WIT).ok()?;
    let encoded = scan(&wit_component::encode(&resolve, package).ok()?).ok()?;
    let types = encoded.types.as_ref();
    let mut interfaces = BTreeMap::new();
    for export in &encoded.exports {
        // Each interface is the type of a component whose one export is an instance of it.
        let Some(ComponentEntityType::Type { created: ComponentAnyTypeId::Component(id), .. }) =
            types.component_item_for_export(export).map(|item| item.ty)
        else {
            continue;
        };
        for (name, item) in types.get(id).into_iter().flat_map(|component| &component.exports) {
            if let ComponentEntityType::Instance(id) = item.ty {
                interfaces.insert(name.clone(), read(types, id));
            }
        }
    }
    Some(interfaces)
}

fn read(types: TypesRef<'_>, id: ComponentInstanceTypeId) -> Functions {
    let signature = |id| types.get(id).map_or(Err("it has none".to_owned()), |ty| Reader::new(types).signature(ty));
    instance_functions(types, id).map(|(name, id)| (name.to_owned(), signature(id))).collect()
}

/// What the component does with the interface: it may use a part of what it imports, and must export all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Import,
    Export,
}

fn compare_functions(theirs: &Functions, ours: &Functions, side: Side) -> Vec<String> {
    let missing = ours.keys().filter(|name| side == Side::Export && !theirs.contains_key(*name));
    let mut wrong: Vec<String> = missing.map(|name| format!("it has no function `{name}`")).collect();
    for (name, theirs) in theirs {
        match (theirs, ours.get(name)) {
            (Ok(theirs), Some(Ok(ours))) => wrong.extend(compare_signatures(name, theirs, ours)),
            (Ok(_), Some(Err(reason))) | (Err(reason), _) => wrong.push(format!("`{name}`: {reason}")),
            (Ok(_), None) if side == Side::Import => wrong.push(format!("this Garth's has no function `{name}`")),
            // One more than is called does no harm.
            (Ok(_), None) => {}
        }
    }
    wrong
}

fn compare_signatures(name: &str, theirs: &Signature, ours: &Signature) -> Option<String> {
    let names = |params: &[(String, Type)]| {
        let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
        format!("({})", names.join(", "))
    };
    if names(&theirs.0) != names(&ours.0) {
        return Some(format!("`{name}` takes {}, and this Garth's takes {}", names(&theirs.0), names(&ours.0)));
    }
    let params = theirs.0.iter().zip(&ours.0);
    let mut params =
        params.filter_map(|((param, theirs), (_, ours))| compare(&format!("`{name}`: `{param}`"), theirs, ours));
    params.next().or_else(|| match (&theirs.1, &ours.1) {
        (None, None) => None,
        (Some(theirs), Some(ours)) => compare(&format!("`{name}`: the result"), theirs, ours),
        (Some(theirs), None) => Some(format!("`{name}` returns {theirs}, and this Garth's returns nothing")),
        (None, Some(ours)) => Some(format!("`{name}` returns nothing, and this Garth's returns {ours}")),
    })
}

/// The first place at which two types differ.
fn compare(place: &str, theirs: &Type, ours: &Type) -> Option<String> {
    let parts = |theirs: &Type, ours: &Type, what: &str| compare(&format!("{place}: {what}"), theirs, ours);
    match (theirs, ours) {
        _ if theirs == ours => None,
        (Type::List(theirs), Type::List(ours)) => parts(theirs, ours, "each item"),
        (Type::Option(theirs), Type::Option(ours)) => parts(theirs, ours, "when there is one"),
        (Type::Result { ok: ok1, err: err1 }, Type::Result { ok: ok2, err: err2 }) => {
            let side = |name, theirs: &Option<Box<Type>>, ours: &Option<Box<Type>>| match (theirs, ours) {
                (Some(theirs), Some(ours)) => parts(theirs, ours, name),
                _ if theirs == ours => None,
                _ => Some(differ(&format!("{place}: {name}"), theirs.as_deref(), ours.as_deref())),
            };
            side("`ok`", ok1, ok2).or_else(|| side("`err`", err1, err2))
        }
        (Type::Record(theirs), Type::Record(ours)) => {
            let theirs: Vec<_> = theirs.iter().map(|(name, ty)| (name, Some(ty))).collect();
            let ours: Vec<_> = ours.iter().map(|(name, ty)| (name, Some(ty))).collect();
            compare_named(place, "field", &theirs, &ours)
        }
        (Type::Variant(theirs), Type::Variant(ours)) => {
            let theirs: Vec<_> = theirs.iter().map(|(name, ty)| (name, ty.as_ref())).collect();
            let ours: Vec<_> = ours.iter().map(|(name, ty)| (name, ty.as_ref())).collect();
            compare_named(place, "case", &theirs, &ours)
        }
        _ => Some(differ(place, Some(theirs), Some(ours))),
    }
}

type Named<'a> = (&'a String, Option<&'a Type>);

fn compare_named(place: &str, what: &str, theirs: &[Named<'_>], ours: &[Named<'_>]) -> Option<String> {
    let lacks = |all: &[Named<'_>], name: &String| all.iter().all(|(known, _)| *known != name);
    if let Some((name, _)) = ours.iter().find(|(name, _)| lacks(theirs, name)) {
        return Some(format!("{place} has no {what} `{name}`"));
    }
    if let Some((name, _)) = theirs.iter().find(|(name, _)| lacks(ours, name)) {
        return Some(format!("{place} has the {what} `{name}`, which this Garth's has not"));
    }
    for ((name, theirs), (expected, ours)) in theirs.iter().zip(ours) {
        if name != expected {
            return Some(format!("{place}: the {what} `{name}` stands where `{expected}` is expected"));
        }
        let place = format!("{place}: {what} `{name}`");
        let different = match (theirs, ours) {
            (Some(theirs), Some(ours)) => compare(&place, theirs, ours),
            (None, None) => None,
            (theirs, ours) => Some(differ(&place, *theirs, *ours)),
        };
        if different.is_some() {
            return different;
        }
    }
    None
}

fn differ(place: &str, theirs: Option<&Type>, ours: Option<&Type>) -> String {
    let shown = |ty: Option<&Type>| ty.map_or("nothing".to_owned(), Type::to_string);
    format!("{place} is {}, and this Garth's is {}", shown(theirs), shown(ours))
}
