//! Links `wasi:http`: the implementation of `wasmtime-wasi-http`, with a bound on the two strings that it would keep for
//! a guest however long they are. A guest could otherwise fill the host's memory with requests that it never sends.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method, OutgoingRequest};

use crate::sandbox::state::State;

const TYPES: &str = "wasi:http/types@0.2.12";
/// A name of 253 bytes, its port, and what may stand around them.
const MAX_AUTHORITY: usize = 512;
const MAX_METHOD: usize = 32;

/// A guest is told by the interface's own way that a value is not accepted.
type Accepted = Result<(), ()>;

pub(in crate::sandbox) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap("[method]outgoing-request.set-authority", set_authority)?;
    types.func_wrap("[method]outgoing-request.set-method", set_method)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn set_authority(
    mut store: StoreContextMut<'_, State>,
    (request, authority): (Resource<OutgoingRequest>, Option<String>),
) -> wasmtime::Result<(Accepted,)> {
    if authority.as_ref().is_some_and(|authority| authority.len() > MAX_AUTHORITY) {
        return Ok((Err(()),));
    }
    Ok((store.data_mut().http().set_authority(request, authority)?,))
}

fn set_method(
    mut store: StoreContextMut<'_, State>,
    (request, method): (Resource<OutgoingRequest>, Method),
) -> wasmtime::Result<(Accepted,)> {
    if matches!(&method, Method::Other(name) if name.len() > MAX_METHOD) {
        return Ok((Err(()),));
    }
    Ok((store.data_mut().http().set_method(request, method)?,))
}
