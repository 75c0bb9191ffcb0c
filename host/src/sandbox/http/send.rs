//! Sends one request, in this order: read where it goes, hold that against the capabilities, ask the host, connect,
//! add the user's secrets, send, wait for the head of the answer.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper::client::conn::http1;
use hyper::header::{HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use wasmtime_wasi::runtime;
use wasmtime_wasi_http::{Error, RequestOptions};

use super::address::may_be_near;
use super::body::Answer;
use super::connect::connect;
use super::target::Target;
use super::wire::{Activity, Wire};
use super::{Http, Request, Response, Rest};
use crate::policy::http_allowed;
use crate::sandbox::control::Control;
use crate::sandbox::{HttpRequest, Injected};

/// Headers of an answer.
const MAX_HEADERS: usize = 128;
/// Bytes of the head of an answer. A guest may keep as many copies of it as it may have objects.
const MAX_HEAD: usize = 64 << 10;

pub(super) async fn send(http: Http, mut request: Request, options: RequestOptions) -> Result<(Response, Rest), Error> {
    let target = Target::read(request.method(), request.uri()).map_err(|reason| http.deny(reason))?;
    target.settle(request.headers_mut()).map_err(|reason| http.deny(reason))?;
    let allowed = http_allowed(&http.access, &target.method, &target.host, target.port);
    let private = allowed.map_err(|reason| http.deny(reason))? && may_be_near(&target.host);
    let injected = permit(&http, &target, private).await.map_err(|reason| http.deny(reason))?;
    inject(&mut request, &target, injected).map_err(|reason| http.deny(reason))?;
    *request.uri_mut() = target.path.parse::<Uri>().map_err(|_| Error::HttpRequestUriInvalid)?;
    if !target.has_body() {
        *request.body_mut() = Empty::new().map_err(Error::from).boxed_unsync();
    }
    let patience = http.patience(options.connect_timeout);
    let slot = http.meter.traffic.slot(patience).await?;
    if http.control.is_stopped() {
        return Err(Error::ConnectionTerminated);
    }
    let exchange = http.meter.traffic.let_out(&target);
    let connection = connect(&http, &target, private, patience).await;
    let connection = connection.inspect_err(|error| {
        if matches!(error, Error::DnsTimeout | Error::ConnectionTimeout) && patience == http.patience(None) {
            note_timeout(&http, &target, "no connection");
        }
    })?;
    let activity = Activity::begin();
    let wire = Wire::new(connection, exchange.clone(), http.clone(), activity.clone());
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    let (mut sender, connection) =
        builder.handshake::<_, _>(TokioIo::new(wire)).await.map_err(|error| hyper_error(&error))?;
    // Ends with the response's body, or when the guest lets go of it.
    let connection = runtime::spawn(async move {
        let _ = connection.await;
        drop(slot);
    });
    let patience = http.patience(None);
    let response = tokio::select! {
        response = sender.send_request(request) => response.map_err(|error| hyper_error(&error)),
        () = activity.idle(patience) => {
            note_timeout(&http, &target, "no answer");
            Err(Error::HttpResponseTimeout)
        }
        () = wanted(options.first_byte_timeout) => Err(Error::HttpResponseTimeout),
    };
    let response = response?;
    exchange.answered(response.status().as_u16());
    let patience = http.patience(options.between_bytes_timeout);
    let rest = async move {
        connection.await;
        Ok(())
    };
    Ok((response.map(|incoming| Answer::new(incoming, patience).boxed_unsync()), Box::new(rest)))
}

/// Asks the host. The user may be asked in turn, which is not the guest's time.
async fn permit(http: &Http, target: &Target, private: bool) -> Result<Vec<Injected>, String> {
    let Target { method, host, port, tls, .. } = target.clone();
    let _paused = Paused::new(http.control.clone());
    http.host.permit_http(HttpRequest { method, host, port, private, tls }).await
}

/// Stops the wall clock; starts it again also when the guest has dropped the request meanwhile.
struct Paused(Arc<Control>);

impl Paused {
    fn new(control: Arc<Control>) -> Paused {
        control.pause_clock();
        Paused(control)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.resume_clock(Duration::ZERO);
    }
}

/// The error is the reason of a denial; it names no value.
fn inject(request: &mut Request, target: &Target, injected: Vec<Injected>) -> Result<(), String> {
    let host = &target.host;
    if !target.tls && !injected.is_empty() {
        return Err(format!("a request to {host} was not sent: secrets go over https only"));
    }
    for Injected { header, value } in injected {
        let (Ok(name), Ok(mut value)) = (HeaderName::try_from(&header), HeaderValue::try_from(value)) else {
            return Err(format!(
                "a request to {host} was not sent: the secret for its header {header} has characters that no header \
                 may have; set it again with `garth secret set`"
            ));
        };
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

async fn wanted(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Tells the user which setting it was that ended the wait.
fn note_timeout(http: &Http, target: &Target, what: &str) {
    let (Target { method, host, .. }, limit) = (target, http.meter.limits.http_time);
    http.meter
        .deny(format!("`{method} {host}`: {what} within {limit}; `limits.http_time` in the configuration changes it"));
}

/// What of hyper's errors a guest can tell apart.
pub(super) fn hyper_error(error: &hyper::Error) -> Error {
    let broken = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_incomplete_message() || broken == Some(io::ErrorKind::UnexpectedEof) {
        Error::HttpResponseIncomplete
    } else if error.is_closed() || error.is_canceled() || broken.is_some() {
        Error::ConnectionTerminated
    } else {
        Error::HttpProtocolError
    }
}
