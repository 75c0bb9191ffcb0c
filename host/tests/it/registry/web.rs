//! A server on loopback that answers by a script, plainly or with TLS, and keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The authority of [`Web::secure`], as a file of certificates.
pub const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/registry/tls/authority.pem");

#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Bytes that are sent after the body, for as long as somebody reads.
    pub endless: bool,
    /// The body stops here, and the connection stays open.
    pub stuck: bool,
}

impl Answer {
    pub fn of(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into(), endless: false, stuck: false }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

pub struct Web {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Web {
    pub fn plain(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Web {
        Web::start(Arc::new(script), None)
    }

    /// With a certificate for `localhost`.
    pub fn secure(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Web {
        let certificate = CertificateDer::from(include_bytes!("tls/server.der").to_vec());
        let key = PrivateKeyDer::try_from(include_bytes!("tls/server-key.der").to_vec()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        Web::start(Arc::new(script), Some(Arc::new(config)))
    }

    fn start(script: Arc<Script>, tls: Option<Arc<ServerConfig>>) -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let keep = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, keep, tls) = (script.clone(), keep.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &*script, &keep),
                    Some(tls) => serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream), &*script, &keep),
                });
            }
        });
        Web { address, asked }
    }

    /// `localhost:PORT`.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

trait Stream: Read + Write {
    fn close(&mut self) {}
}

impl Stream for TcpStream {}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn close(&mut self) {
        self.conn.send_close_notify();
    }
}

/// One request a connection. A client that goes away is no error.
fn serve(mut stream: impl Stream, script: &Script, keep: &Mutex<Vec<Asked>>) {
    let Some(asked) = read(&mut stream) else { return };
    let answer = script(&asked);
    keep.lock().unwrap().push(asked.clone());
    let mut head = format!("HTTP/1.1 {} Whatever\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let sized = answer.headers.iter().any(|(name, _)| name == "content-length") || answer.endless;
    if !sized {
        head.push_str(&format!("content-length: {}\r\n", answer.body.len() + usize::from(answer.stuck)));
    }
    head.push_str("\r\n");
    let mut send = |bytes: &[u8]| stream.write_all(bytes).and_then(|()| stream.flush()).is_ok();
    if !send(head.as_bytes()) || (asked.method != "HEAD" && !send(&answer.body)) {
        return;
    }
    while answer.endless && send(&[b'x'; 4096]) {}
    if answer.stuck {
        thread::sleep(std::time::Duration::from_secs(20));
    }
    stream.close();
    let _ = stream.flush();
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_string(), words.next()?.to_string());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_string());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, path, headers })
}
