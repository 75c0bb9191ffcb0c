//! The way out of this machine: names to addresses, addresses to connections, and whose certificates count. Behind a
//! trait, since tests must answer for names that lie or change. What may be reached is decided before.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

/// What a request needs of the machine's network.
#[async_trait]
pub trait Internet: Send + Sync {
    /// All addresses of a name. Asked once for each request.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

/// The machine's own resolver and connections; no proxy.
struct System;

#[async_trait]
impl Internet for System {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}

/// Whose certificates a server may show.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Those that the system trusts.
    System,
    /// Only what these sign, each one in DER.
    Only(Vec<Vec<u8>>),
}

/// The network as guests reach it. Cheap to clone.
#[derive(Clone)]
pub struct Network {
    pub(super) internet: Arc<dyn Internet>,
    tls: Arc<Tls>,
}

struct Tls {
    roots: Roots,
    /// Made with the first request that needs it: reading the system's certificates takes a while.
    config: OnceCell<Arc<ClientConfig>>,
}

impl Network {
    /// The machine's own.
    pub fn system() -> Network {
        Network::new(Arc::new(System), Roots::System)
    }

    pub fn new(internet: Arc<dyn Internet>, roots: Roots) -> Network {
        Network { internet, tls: Arc::new(Tls { roots, config: OnceCell::new() }) }
    }

    /// The error says why TLS cannot be spoken at all.
    pub(super) async fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        let make = || async {
            let roots = self.tls.roots.clone();
            match tokio::task::spawn_blocking(move || config(&roots)).await {
                Ok(config) => config.map(Arc::new).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        };
        self.tls.config.get_or_try_init(make).await.cloned()
    }
}

fn config(roots: &Roots) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = match roots {
        Roots::System => builder.with_platform_verifier()?,
        Roots::Only(certificates) => {
            let mut store = RootCertStore::empty();
            for certificate in certificates {
                store.add(CertificateDer::from(certificate.clone()))?;
            }
            builder.with_root_certificates(store)
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session would let servers recognise calls, and plugins each other's.
    config.resumption = Resumption::disabled();
    Ok(config)
}
