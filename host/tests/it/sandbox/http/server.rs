//! A server on loopback that answers as the path says, well or badly, one request for each connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub const AUTHORITY: &[u8] = include_bytes!("authority.der");

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    /// Connections that have ended.
    pub closed: Arc<Mutex<usize>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn plain() -> Server {
        Server::start(None).await
    }

    /// With a certificate for `secure.example`, signed by [`AUTHORITY`].
    pub async fn secure() -> Server {
        let certificate = CertificateDer::from(include_bytes!("server.der").to_vec());
        let key = PrivateKeyDer::try_from(include_bytes!("server-key.der").to_vec()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        Server::start(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(tls: Option<TlsAcceptor>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, closed) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<usize>>::default());
        let (seen_there, closed_there) = (seen.clone(), closed.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, closed, tls) = (seen_there.clone(), closed_there.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &seen).await;
                            }
                        }
                    }
                    *closed.lock().unwrap() += 1;
                });
            }
        });
        Server { address, seen, closed, task }
    }

    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Where nothing listens.
pub fn dead_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Mutex<Vec<String>>) {
    let Some(request) = read(&mut stream).await else { return };
    seen.lock().unwrap().push(request.clone());
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let _ = answer(&mut stream, &target, &request).await;
    let _ = stream.shutdown().await;
    // Until the other side closes, so that what it still sends is no error.
    while matches!(stream.read(&mut [0; 4096]).await, Ok(count) if count > 0) {}
}

/// Head and body.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&all);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let chunked = head.contains("transfer-encoding: chunked");
            let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if (chunked && body.ends_with("0\r\n\r\n")) || (!chunked && body.len() >= length) {
                return Some(text.into_owned());
            }
        }
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => all.extend(&buffer[..count]),
            _ => return None,
        }
    }
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), target: &str, request: &str) -> std::io::Result<()> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut say = async |text: &str| {
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await
    };
    let hour = Duration::from_secs(3600);
    match path {
        "/page" => {
            let page = "<title>A page</title><nav>no</nav><h1>Heading</h1><p>Words and a <a href=next>link</a>.";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length";
            say(&format!("{head}: {}\r\n\r\n{page}", page.len())).await
        }
        "/redirect" => say(&format!("HTTP/1.1 302 Found\r\nlocation: {query}\r\ncontent-length: 0\r\n\r\n")).await,
        "/silent" => {
            tokio::time::sleep(hour).await;
            Ok(())
        }
        "/stall" => {
            say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes.").await?;
            tokio::time::sleep(hour).await;
            Ok(())
        }
        "/short" => say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes.").await,
        "/close" => Ok(()),
        "/garbage" => say("220 mail.example ESMTP\r\n").await,
        "/upgrade" => say("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n").await,
        "/big-head" => {
            say("HTTP/1.1 200 OK\r\n").await?;
            loop {
                say(&format!("x-filler: {}\r\n", "y".repeat(8000))).await?;
            }
        }
        "/many-headers" => {
            let headers: String = (0..1000).map(|n| format!("x-{n}: y\r\n")).collect();
            say(&format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n")).await
        }
        "/informational" => loop {
            say("HTTP/1.1 100 Continue\r\n\r\n").await?;
        },
        "/endless" => {
            say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                say(&format!("2000\r\n{}\r\n", "z".repeat(0x2000))).await?;
            }
        }
        // Two pieces a second apart, as a slow server that is still alive.
        "/slow" => {
            say("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n").await?;
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                say("x").await?;
            }
            Ok(())
        }
        "/extensions" => {
            say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;").await?;
            loop {
                say("x=y;").await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        // What was sent.
        _ => say(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{request}", request.len())).await,
    }
}
