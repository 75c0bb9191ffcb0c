//! A small HTTP server on loopback that answers one case's requests as the case says, and keeps what it was asked. One
//! request a connection, bounded in size and time; it ends with the value.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::format::Reply;

const MAX_REQUEST: u64 = 1 << 20;
const TIME: Duration = Duration::from_secs(10);
/// Stands for the server's address in arguments, replies and what is expected: its port differs from run to run.
pub const PLACE: &str = "{server}";

pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub async fn start(replies: &[Reply]) -> std::io::Result<Server> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, replies) = (seen.clone(), Arc::new(replies.to_vec()));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, replies) = (kept.clone(), replies.clone());
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(TIME, serve(stream, &replies, &kept, port)).await;
                });
            }
        });
        Ok(Server { port, seen, accepting })
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests since the last time: the first line and the headers, then the body.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, replies: &[Reply], seen: &Mutex<Vec<String>>, port: u16) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let request = receive(&mut stream).await?;
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
    let mut words = request.split([' ', '\r', '\n']);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let reply = replies.iter().find(|reply| reply.method.eq_ignore_ascii_case(method) && reply.path == path);
    let missing = || Reply {
        method: String::new(),
        path: String::new(),
        status: 404,
        headers: Default::default(),
        body: format!("the case has no reply to {method} {path}; add it to `http`"),
    };
    let reply = reply.cloned().unwrap_or_else(missing);
    stream.write_all(rendered(&reply, method, port).as_bytes()).await?;
    stream.shutdown().await
}

/// Up to the end of the body that the headers announce.
async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 8 << 10]);
    loop {
        let count = stream.read(&mut buffer).await?;
        bytes.extend_from_slice(&buffer[..count]);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let whole = end.is_some_and(|end| bytes.len() >= end + announced(&bytes[..end]));
        if count == 0 || whole || bytes.len() as u64 > MAX_REQUEST {
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

fn announced(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

fn rendered(reply: &Reply, method: &str, port: u16) -> String {
    let address = format!("http://127.0.0.1:{port}");
    let mut text = format!("HTTP/1.1 {} case\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {}\r\n", value.replace(PLACE, &address)));
    }
    let body = reply.body.replace(PLACE, &address);
    text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    if method != "HEAD" {
        text.push_str(&body);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_scripted_is_answered_and_what_is_asked_is_kept() {
        let reply: Reply = toml::from_str(
            "path = \"/a?b=c\"\nstatus = 301\nheaders = { location = \"{server}/d\" }\nbody = \"moved\"",
        )
        .unwrap();
        let server = Server::start(&[reply]).await.unwrap();
        let ask = async |text: &str| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = ask("GET /a?b=c HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 301 ") && answer.ends_with("\r\n\r\nmoved"), "{answer}");
        assert!(answer.contains(&format!("location: {}/d\r\n", server.address())), "{answer}");
        let answer = ask("POST /a?b=c HTTP/1.1\r\ncontent-length: 4\r\n\r\nbody").await;
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("no reply to POST /a?b=c"), "{answer}");
        let seen = server.requests();
        assert!(seen.len() == 2 && seen[0].contains("host: x") && seen[1].ends_with("body"), "{seen:?}");
        assert!(server.requests().is_empty());
    }
}
