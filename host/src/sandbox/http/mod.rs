//! `wasi:http` for a guest: each request is held against the call's capabilities, permitted by the host, sent to an
//! address that was vetted, and counted. Nothing is followed, cached, pooled or sent through a proxy. It does not know
//! who granted what; [`Host::permit_http`] does.

mod address;
mod body;
mod connect;
mod internet;
mod link;
mod send;
mod target;
mod traffic;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

pub use internet::{Internet, Network, Roots};
pub(super) use link::add_to_linker;
pub(super) use traffic::Traffic;

use super::control::Control;
use super::meter::Meter;
use super::{Call, Host};
use crate::policy::HttpAccess;

/// What a guest may hand over of a body at once; two of these are kept for each request.
const CHUNK: usize = 64 << 10;

pub(super) type Request = hyper::Request<WasiBody>;
pub(super) type Response = hyper::Response<WasiBody>;
/// What goes on beside a response until its body is read.
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// What one call needs to send requests. Cheap to clone; each request has its own.
#[derive(Clone)]
pub(super) struct Http {
    pub access: Arc<[HttpAccess]>,
    pub meter: Arc<Meter>,
    pub control: Arc<Control>,
    pub host: Arc<dyn Host>,
    pub network: Network,
}

impl Http {
    pub fn new(call: &Call, meter: Arc<Meter>, control: Arc<Control>, host: Arc<dyn Host>, network: Network) -> Http {
        Http { access: call.grants.capabilities.http.as_slice().into(), meter, control, host, network }
    }

    /// Remembers the reason for the user and the model; the guest learns only that it was denied.
    fn deny(&self, reason: String) -> Error {
        self.meter.deny(reason);
        Error::HttpRequestDenied
    }

    /// The shorter of the host's limit and what the guest wants.
    fn patience(&self, wanted: Option<Duration>) -> Duration {
        let limit = self.meter.limits.http_time.0;
        wanted.map_or(limit, |wanted| wanted.min(limit))
    }
}

impl WasiHttpHooks for Http {
    // The name in the URL decides; our own header is made from the checked one.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: Request,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response, Rest), Error>> + Send> {
        let http = self.clone();
        let counted = http.meter.traffic.begin(&http.meter, &http.control);
        Box::new(async move {
            counted?;
            send::send(http, request, options.unwrap_or_default()).await
        })
    }
}
