//! What the bytes of a component say about it: its imports and exports, and which functions could be tools. Read by
//! wasmparser's validator, which the engine trusts as well; function bodies are skipped, nothing is compiled or run. The
//! bytes may come from anywhere.

use wasmparser::component_types::{ComponentEntityType, ComponentFuncTypeId, ComponentInstanceTypeId};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{
    ComponentType, ComponentTypeDeclaration, InstanceTypeDeclaration, Parser, Payload, ValidPayload, Validator,
    WasmFeatures,
};

use super::CONTRACT;
use super::plain::{self, Docs, Function, Reader};

/// Functions that are looked at. More than these cannot all become tools.
const MAX_FUNCTIONS: usize = 1_000;
/// Types, imports, exports and what refers to them that a component may declare outside its core modules, and the bytes of
/// those sections. The validator takes seconds and gigabytes for a million of them, which fit in a small archive; real
/// components have hundreds.
const MAX_DECLARED: u64 = 20_000;
const MAX_DECLARATIONS: usize = 4 << 20;
/// Bytes of the types, imports and exports of its core modules together.
const MAX_CORE: usize = 16 << 20;

/// A component's outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub kind: Kind,
    /// Names of what it imports, in its order.
    pub imports: Vec<String>,
    /// Names of what it exports, in its order.
    pub exports: Vec<String>,
    /// What its embedded documentation says about the whole.
    pub docs: Option<String>,
}

/// How its tools are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It exports `garth:plugin/tools` in this version.
    Contract { version: String },
    /// It exports functions, each a tool.
    Plain {
        /// In the component's order.
        functions: Vec<Function>,
        left_out: Vec<LeftOut>,
    },
}

/// A function that cannot be a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// `interface#function`, or the function alone.
    pub name: String,
    pub reason: String,
}

/// Why the bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a WebAssembly component that can be read: {0}")]
pub struct Unreadable(pub String);

impl Interface {
    pub fn read(wasm: &[u8]) -> Result<Interface, Unreadable> {
        let component = scan(wasm)?;
        let types = component.types.as_ref();
        let version = |name: &String| name.strip_prefix("garth:plugin/tools@").map(str::to_owned);
        let mut versions: Vec<String> = component.exports.iter().filter_map(version).collect();
        // Should there be several, the one that is called.
        versions.sort_by_key(|version| version != CONTRACT);
        let kind = match versions.into_iter().next() {
            Some(version) => Kind::Contract { version },
            None => functions(&component, types),
        };
        let Outside { imports, exports, docs, .. } = component;
        Ok(Interface { kind, imports, exports, docs: docs.package() })
    }
}

/// A component as the validator knows it.
pub(super) struct Outside {
    pub types: Types,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    pub docs: Docs,
}

/// Validates everything but the code.
pub(super) fn scan(wasm: &[u8]) -> Result<Outside, Unreadable> {
    let unreadable = |error: wasmparser::BinaryReaderError| Unreadable(error.to_string());
    if !Parser::is_component(wasm) {
        let what = match Parser::is_core_wasm(wasm) {
            true => "it is a core module; build it for a target that makes components, such as wasm32-wasip2",
            false => "it does not begin like one",
        };
        return Err(Unreadable(what.to_owned()));
    }
    census(wasm)?;
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let (mut imports, mut exports, mut docs) = (Vec::new(), Vec::new(), None);
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(unreadable)?;
        match validator.payload(&payload).map_err(unreadable)? {
            ValidPayload::Ok | ValidPayload::Func(..) => {}
            ValidPayload::Parser(_) => depth += 1,
            ValidPayload::End(types) if depth == 0 => {
                let docs = docs.map(Docs::read).unwrap_or_default();
                return Ok(Outside { types, imports, exports, docs });
            }
            ValidPayload::End(_) => depth -= 1,
        }
        match payload {
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import.map_err(unreadable)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(unreadable)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if depth == 0 && section.name() == Docs::SECTION => {
                docs.get_or_insert(section.data());
            }
            _ => {}
        }
    }
    Err(Unreadable("it ends too early".to_owned()))
}

/// Refuses what would take long to validate, by its sections' headers and without keeping anything.
pub(super) fn census(wasm: &[u8]) -> Result<(), Unreadable> {
    let unreadable = |error: wasmparser::BinaryReaderError| Unreadable(error.to_string());
    let (mut declared, mut bytes, mut core) = (0_u64, 0_usize, 0_usize);
    for payload in Parser::new(0).parse_all(wasm) {
        let (count, range, types) = match payload.map_err(unreadable)? {
            Payload::ComponentTypeSection(section) => (0, section.range(), Some(section)),
            Payload::CoreTypeSection(section) => (section.count(), section.range(), None),
            Payload::ComponentImportSection(section) => (section.count(), section.range(), None),
            Payload::ComponentExportSection(section) => (section.count(), section.range(), None),
            Payload::ComponentAliasSection(section) => (section.count(), section.range(), None),
            Payload::ComponentInstanceSection(section) => (section.count(), section.range(), None),
            Payload::ComponentCanonicalSection(section) => (section.count(), section.range(), None),
            Payload::InstanceSection(section) => (section.count(), section.range(), None),
            Payload::ComponentStartSection { range, .. } => (1, range, None),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => (1, 0..0, None),
            Payload::TypeSection(section) => {
                core += section.range().len();
                (0, 0..0, None)
            }
            Payload::ImportSection(section) => {
                core += section.range().len();
                (0, 0..0, None)
            }
            Payload::ExportSection(section) => {
                core += section.range().len();
                (0, 0..0, None)
            }
            _ => continue,
        };
        declared += u64::from(count);
        bytes += range.len();
        for ty in types.into_iter().filter(|_| bytes <= MAX_DECLARATIONS).flatten() {
            declared += declarations(&ty.map_err(unreadable)?);
            if declared > MAX_DECLARED {
                break;
            }
        }
        let refused = |what: String| Err(Unreadable(format!("it declares {what}; no such component is looked at")));
        if declared > MAX_DECLARED {
            return refused(format!("more than {MAX_DECLARED} types, imports and exports"));
        }
        if bytes > MAX_DECLARATIONS {
            return refused(format!("more than {} MiB of types, imports and exports", MAX_DECLARATIONS >> 20));
        }
        if core > MAX_CORE {
            return refused(format!("more than {} MiB of types, imports and exports in its modules", MAX_CORE >> 20));
        }
    }
    Ok(())
}

/// The type with those that are declared in it.
fn declarations(ty: &ComponentType<'_>) -> u64 {
    let of_instance = |declaration: &InstanceTypeDeclaration<'_>| match declaration {
        InstanceTypeDeclaration::Type(ty) => declarations(ty),
        _ => 1,
    };
    let of_component = |declaration: &ComponentTypeDeclaration<'_>| match declaration {
        ComponentTypeDeclaration::Type(ty) => declarations(ty),
        _ => 1,
    };
    1 + match ty {
        ComponentType::Component(inner) => inner.iter().map(of_component).sum(),
        ComponentType::Instance(inner) => inner.iter().map(of_instance).sum(),
        _ => 0,
    }
}

fn functions(component: &Outside, types: TypesRef<'_>) -> Kind {
    let (mut functions, mut left_out) = (Vec::new(), Vec::new());
    for (interface, name, id) in exported(component, types) {
        let shown = match interface {
            Some(interface) => format!("{interface}#{name}"),
            None => name.to_owned(),
        };
        if functions.len() + left_out.len() >= MAX_FUNCTIONS {
            left_out.push(LeftOut { name: shown, reason: format!("it is one of more than {MAX_FUNCTIONS}") });
            break;
        }
        match function(&functions, types, &component.docs, interface, name, id) {
            Ok(function) => functions.push(function),
            Err(reason) => left_out.push(LeftOut { name: shown, reason }),
        }
    }
    Kind::Plain { functions, left_out }
}

/// Every function that is exported, by itself or in an instance.
fn exported<'a>(
    component: &'a Outside,
    types: TypesRef<'a>,
) -> impl Iterator<Item = (Option<&'a str>, &'a str, ComponentFuncTypeId)> {
    component.exports.iter().flat_map(move |name| {
        let item = types.component_item_for_export(name).map(|item| item.ty);
        let (alone, inside) = match item {
            Some(ComponentEntityType::Func(id)) => (Some((None, name.as_str(), id)), None),
            Some(ComponentEntityType::Instance(id)) => (None, Some(instance_functions(types, id))),
            _ => (None, None),
        };
        let inside = inside.into_iter().flatten().map(|(function, id)| (Some(name.as_str()), function, id));
        alone.into_iter().chain(inside)
    })
}

/// The functions of an instance by name.
pub(super) fn instance_functions(
    types: TypesRef<'_>,
    id: ComponentInstanceTypeId,
) -> impl Iterator<Item = (&str, ComponentFuncTypeId)> {
    types.get(id).into_iter().flat_map(|instance| &instance.exports).filter_map(|(name, item)| match item.ty {
        ComponentEntityType::Func(id) => Some((name.as_str(), id)),
        _ => None,
    })
}

/// `Err` says why it cannot be a tool.
fn function(
    before: &[Function],
    types: TypesRef<'_>,
    docs: &Docs,
    interface: Option<&str>,
    name: &str,
    id: ComponentFuncTypeId,
) -> Result<Function, String> {
    if interface.is_some_and(|interface| interface.starts_with("wasi:")) {
        return Err("it belongs to WASI, which says when it is called; a tool is called by the model".to_owned());
    }
    if name.starts_with('[') {
        return Err("it belongs to a resource, which would have to live longer than one call".to_owned());
    }
    let ty = &types[id];
    if ty.async_ {
        return Err("it is asynchronous, which is not part of WASI 0.2".to_owned());
    }
    let (params, result) = Reader::new(types).signature(ty)?;
    let bare = interface.map(|interface| plain::words(interface).interface);
    let taken = |tool: &str| before.iter().any(|function| function.tool == tool);
    let mut function = Function {
        tool: plain::unique(interface, name, taken),
        interface: interface.map(str::to_owned),
        name: name.to_owned(),
        description: String::new(),
        params,
        result,
    };
    function.description = docs.function(bare, name).unwrap_or_else(|| function.signature());
    function.refused().map_or(Ok(function), Err)
}
