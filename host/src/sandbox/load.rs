//! Turns the bytes of a component into something that can be called: checks its imports and exports by name, takes
//! native code from the cache or compiles, links. It never runs any of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};
use wasmtime::component::types::ComponentItem;

use super::contract::ProcessToolPre;
use super::engine::Inner;
use super::state::State;
use super::{CONTRACT, Imports};

/// A component that can be called. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    pub(super) pre: Arc<ProcessToolPre<State>>,
    digest: Arc<str>,
}

impl Component {
    /// SHA-256 of the component's bytes, in lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// Why a component was not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("this is not a WebAssembly component that can be compiled: {0}")]
    NotAComponent(String),
    #[error(
        "it does not export `garth:plugin/tools@{CONTRACT}`, so it is no plugin of Garth; build it against the world `tool`"
    )]
    NotAPlugin,
    /// `name` is the import or export.
    #[error("it uses `{name}`, and this Garth speaks version {CONTRACT}: {advice}")]
    OtherVersion { name: String, advice: String },
    #[error(
        "it imports `{name}`, which no tool of it declares; declare the capability `process` for the tool that needs it, or build the plugin without it"
    )]
    Undeclared { name: String },
    #[error(
        "it imports `{name}`, which this Garth does not offer; plugins get `garth:plugin` {CONTRACT} and WASI 0.2 without network"
    )]
    Unknown { name: String },
    #[error("it cannot be linked: {0}")]
    Link(String),
}

pub(super) fn load(inner: &Inner, wasm: &[u8], allowed: &Imports) -> Result<Component, LoadError> {
    let digest = hex(&Sha256::digest(wasm));
    let component = match cached(inner, &digest) {
        Some(component) => component,
        None => compile(inner, wasm, &digest)?,
    };
    let stubs = check(inner, &component, allowed)?;
    let link = |error: wasmtime::Error| LoadError::Link(format!("{error:#}"));
    let pre = if stubs {
        let mut linker = inner.linker.clone();
        // Everything that is left at this point is `wasi:http`, which traps when it is called.
        linker.define_unknown_imports_as_traps(&component).map_err(link)?;
        linker.instantiate_pre(&component)
    } else {
        inner.linker.instantiate_pre(&component)
    };
    let pre = pre.and_then(ProcessToolPre::new).map_err(link)?;
    Ok(Component { pre: Arc::new(pre), digest: digest.into() })
}

fn cached(inner: &Inner, digest: &str) -> Option<wasmtime::component::Component> {
    let code = inner.cache.as_ref()?.read(digest)?;
    #[allow(unsafe_code, reason = "the keyed digest proved that this user's Garth wrote these bytes for this engine")]
    // SAFETY: `deserialize` needs bytes that `serialize` made. `Cache::read` returns only those, proved by an HMAC with a
    // key that only this user can read, and the engine's compatibility hash is part of what the HMAC covers.
    let component = unsafe { wasmtime::component::Component::deserialize(&inner.engine, &code) };
    component.ok()
}

fn compile(inner: &Inner, wasm: &[u8], digest: &str) -> Result<wasmtime::component::Component, LoadError> {
    let component = wasmtime::component::Component::from_binary(&inner.engine, wasm)
        .map_err(|error| LoadError::NotAComponent(format!("{error:#}")))?;
    inner.compiled.fetch_add(1, Ordering::Relaxed);
    if let (Some(cache), Ok(code)) = (&inner.cache, component.serialize()) {
        // Without the entry the next start compiles again, which is what `is_cached` then says.
        let _ = cache.write(digest, &code);
    }
    Ok(component)
}

/// Compares imports and exports with what this host offers. Returns whether `wasi:http` has to be stubbed.
fn check(inner: &Inner, component: &wasmtime::component::Component, allowed: &Imports) -> Result<bool, LoadError> {
    let types = component.component_type();
    let mut stubs = false;
    for (name, _) in types.imports(&inner.engine) {
        stubs |= check_import(name, allowed)? == Link::Stub;
    }
    let tools = format!("garth:plugin/tools@{CONTRACT}");
    let mut other = None;
    for (name, item) in types.exports(&inner.engine) {
        if name == tools && matches!(item.ty, ComponentItem::ComponentInstance(_)) {
            return Ok(stubs);
        }
        if name.starts_with("garth:plugin/tools@") {
            other = Some(name.to_owned());
        }
    }
    Err(other.map_or(LoadError::NotAPlugin, other_version))
}

#[derive(PartialEq, Eq)]
enum Link {
    Offered,
    /// Linked to functions that trap.
    Stub,
}

fn check_import(name: &str, allowed: &Imports) -> Result<Link, LoadError> {
    let unknown = || LoadError::Unknown { name: name.to_owned() };
    let (path, version) = name.split_once('@').ok_or_else(unknown)?;
    let (package, interface) = path.split_once('/').ok_or_else(unknown)?;
    match package {
        "garth:plugin" if version != CONTRACT => Err(other_version(name.to_owned())),
        "garth:plugin" => match interface {
            "log" | "progress" | "tools" => Ok(Link::Offered),
            "process" if allowed.process => Ok(Link::Offered),
            "process" => Err(LoadError::Undeclared { name: name.to_owned() }),
            _ => Err(unknown()),
        },
        "wasi:http" if version.starts_with("0.2.") => Ok(Link::Stub),
        "wasi:cli" | "wasi:clocks" | "wasi:filesystem" | "wasi:io" | "wasi:random" | "wasi:sockets"
            if version.starts_with("0.2.") =>
        {
            Ok(Link::Offered)
        }
        _ => Err(unknown()),
    }
}

fn other_version(name: String) -> LoadError {
    let numbers =
        |text: &str| -> Vec<u64> { text.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect() };
    let theirs = name.rsplit_once('@').map(|(_, version)| numbers(version)).unwrap_or_default();
    let advice = match theirs > numbers(CONTRACT) {
        true => "the plugin is newer; update Garth, or use an older version of the plugin",
        false => "the plugin is older; update the plugin, or rebuild it against this Garth's `wit` folder",
    };
    LoadError::OtherVersion { name, advice: advice.to_owned() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
