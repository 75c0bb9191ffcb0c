//! One request through `wasi:http`, waiting for all of it. Time and sizes are limited by the host.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

use super::{Failure, Request, Response};

/// What is read or written at once; `wasi:io` takes no more in one blocking write.
const READ: u64 = 64 << 10;
const WRITE: usize = 4 << 10;

pub fn exchange(request: &Request) -> Result<Response, Failure> {
    let outgoing = outgoing(request)?;
    let body = match request.body.is_empty() {
        true => None,
        false => Some(outgoing.body().map_err(|()| Failure::Failed("the body cannot be sent".into()))?),
    };
    let future = handle(outgoing, None).map_err(failure)?;
    // Whoever does not want the body says why in the answer.
    let _ = body.map(|body| write(body, &request.body));
    future.subscribe().block();
    let answer = match future.get() {
        Some(Ok(answer)) => answer.map_err(failure)?,
        _ => return Err(Failure::Failed("the host gave no answer".into())),
    };
    read(request, answer)
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Option<()> {
    let stream = body.write().ok()?;
    for piece in bytes.chunks(WRITE) {
        stream.blocking_write_and_flush(piece).ok()?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).ok()
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, Failure> {
    let wrong = |what: &str| Failure::Failed(format!("the {what} cannot be sent"));
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    let headers = Fields::from_list(&headers).map_err(|error| Failure::Failed(format!("a header: {error}")))?;
    let outgoing = OutgoingRequest::new(headers);
    let url = &request.url;
    let scheme = if url.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    outgoing.set_method(&method(&request.method)).map_err(|()| wrong("method"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| wrong("scheme"))?;
    outgoing.set_authority(Some(url.authority())).map_err(|()| wrong("host"))?;
    outgoing.set_path_with_query(Some(&path)).map_err(|()| wrong("path"))?;
    Ok(outgoing)
}

fn read(request: &Request, answer: IncomingResponse) -> Result<Response, Failure> {
    let status = answer.status();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let headers = answer.headers().entries();
    let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect();
    let incoming = answer.consume().map_err(|()| Failure::Failed("the answer has no body to read".into()))?;
    let (mut body, mut cut) = (Vec::new(), false);
    {
        // Before the body that it belongs to, the stream has to go.
        let stream = incoming.stream().map_err(|()| Failure::Failed("the answer has no body to read".into()))?;
        loop {
            match stream.blocking_read(READ) {
                Ok(bytes) => body.extend_from_slice(&bytes),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => {
                    let what = match http_error_code(&error).map(failure) {
                        Some(Failure::Denied) => return Err(Failure::Denied),
                        Some(Failure::Failed(what)) => what,
                        None => error.to_debug_string(),
                    };
                    return Err(Failure::Failed(format!("the answer broke off after {} bytes: {what}", body.len())));
                }
            }
            if body.len() > request.limit {
                body.truncate(request.limit);
                cut = true;
                break;
            }
        }
    }
    Ok(Response { url: request.url.clone(), status, headers, body, cut })
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn failure(error: ErrorCode) -> Failure {
    let what = match error {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => return Failure::Denied,
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            "there is no server of this name".into()
        }
        ErrorCode::ConnectionRefused => "the server refused the connection".into(),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            "the server ended the connection before its answer was complete".into()
        }
        ErrorCode::ConnectionTimeout | ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            "the server did not answer in time".into()
        }
        ErrorCode::TlsCertificateError => "the server's certificate cannot be trusted".into(),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
            "no encrypted connection could be agreed on".into()
        }
        ErrorCode::InternalError(Some(what)) => what,
        other => format!("{other:?}").trim_start_matches("ErrorCode::").to_owned(),
    };
    Failure::Failed(what)
}
