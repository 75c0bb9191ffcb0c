//! From a target to an open connection: looks its name up once, vets every address, connects to one that was vetted, and
//! speaks TLS for the name that was asked for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::Error;

use super::target::Target;
use super::{Http, address};

/// Addresses of one host that are looked at; a name with more is refused, since all have to be.
const MAX_ADDRESSES: usize = 64;

pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// `private`: the request may go to an address that is near. `patience` is for everything together.
pub(super) async fn connect(
    http: &Http,
    target: &Target,
    private: bool,
    patience: Duration,
) -> Result<Connection, Error> {
    let until = Instant::now() + patience;
    let left = || until.saturating_duration_since(Instant::now());
    let addresses = match target.host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => match timeout(patience, http.network.internet.resolve(&target.host)).await {
            Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
            Ok(_) => return Err(Error::DnsError { rcode: None, info_code: None }),
            Err(_) => return Err(Error::DnsTimeout),
        },
    };
    if addresses.len() > MAX_ADDRESSES {
        return Err(http.deny(format!("{} was not contacted: it has more than {MAX_ADDRESSES} addresses", target.host)));
    }
    address::vet(&target.host, &addresses, private).map_err(|reason| http.deny(reason))?;
    let stream = dial(http, &addresses, target.port, until).await?;
    // A request is one write; waiting for more to send with it only delays the answer.
    let _ = stream.set_nodelay(true);
    if !target.tls {
        return Ok(Connection::Plain(stream));
    }
    let name = ServerName::try_from(target.host.clone()).map_err(|_| Error::HttpRequestUriInvalid)?;
    let config = http.network.tls().await.map_err(|error| Error::InternalError(Some(error)))?;
    match timeout(left(), TlsConnector::from(config).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Connection::Tls(Box::new(stream))),
        Ok(Err(error)) => Err(tls_error(&error)),
        Err(_) => Err(Error::ConnectionTimeout),
    }
}

/// The first address that answers. None may use up the others' time.
async fn dial(http: &Http, addresses: &[IpAddr], port: u16, until: Instant) -> Result<TcpStream, Error> {
    let mut failed = Error::DestinationUnavailable;
    for (index, address) in addresses.iter().enumerate() {
        let others = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = until.saturating_duration_since(Instant::now()) / others;
        failed = match timeout(share, http.network.internet.connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => connect_error(&error),
            Err(_) => Error::ConnectionTimeout,
        };
    }
    Err(failed)
}

fn connect_error(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        _ => Error::DestinationUnavailable,
    }
}

fn tls_error(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: Some(format!("{alert:?}")) }
        }
        Some(_) => Error::TlsProtocolError,
        None => Error::ConnectionTerminated,
    }
}
