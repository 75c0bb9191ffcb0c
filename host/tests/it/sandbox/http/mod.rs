//! `wasi:http` with a fixture that sends any request it is told to: what may be reached, at which addresses, and what a
//! call may use. No test leaves this machine: names and connections are answered here, and each connection, wherever it
//! was meant to go, leads to a server on loopback.

mod addresses;
mod fetch;
mod limits;
mod requests;
pub mod server;
mod tls;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use garth::policy::{Access, HttpAccess, Limits};
use garth::process::{Command, Outcome};
use garth::protocol::Level;
use garth::sandbox::{
    Call, CallError, Finished, Host, HttpRequest, Injected, Internet, Network, Output, Roots, Sandbox,
};
use tokio::net::TcpStream;

use super::Yard;
use server::Server;

/// A public address; nothing is ever sent there.
const PUBLIC: &str = "93.184.215.14";

/// The internet as a test has it.
struct Fake {
    /// What a name resolves to, one answer after the other; the last one stays. Other names are public.
    names: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    resolved: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
    /// Where every connection leads.
    server: SocketAddr,
}

#[async_trait]
impl Internet for Fake {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.resolved.lock().unwrap().push(host.to_owned());
        if host.starts_with("unknown.") {
            return Err(io::Error::other("no such name"));
        }
        let mut names = self.names.lock().unwrap();
        let Some(answers) = names.get_mut(host) else { return Ok(vec![PUBLIC.parse().unwrap()]) };
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Ok(answer.unwrap_or_default())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.connected.lock().unwrap().push(address);
        TcpStream::connect(self.server).await
    }
}

/// Whoever permits requests; remembers what it was asked.
struct Doorman {
    asked: Mutex<Vec<HttpRequest>>,
    answer: Result<Vec<Injected>, String>,
    /// How long it takes, as a user does.
    wait: Duration,
}

#[async_trait]
impl Host for Doorman {
    async fn run_program(&self, _: Command) -> Result<Outcome, String> {
        Err("no programs here".to_owned())
    }
    async fn permit_http(&self, request: HttpRequest) -> Result<Vec<Injected>, String> {
        self.asked.lock().unwrap().push(request);
        tokio::time::sleep(self.wait).await;
        self.answer.clone()
    }
    fn progress(&self, _: String, _: Option<f32>) {}
    fn log(&self, _: Level, _: String) {}
}

/// What a test sets up, and then calls with.
struct Web {
    access: Vec<HttpAccess>,
    limits: Limits,
    roots: Roots,
    answer: Result<Vec<Injected>, String>,
    wait: Duration,
    names: Vec<(&'static str, Vec<Vec<&'static str>>)>,
    /// Instead of the server.
    dead: bool,
}

/// What came of it.
struct Outcomes {
    finished: Finished<Output>,
    asked: Vec<HttpRequest>,
    resolved: Vec<String>,
    connected: Vec<String>,
    /// What the server was sent, one entry for each connection.
    seen: Vec<String>,
}

impl Outcomes {
    /// The status, or what the guest was told instead.
    fn told(&self) -> String {
        match &self.finished.result {
            Ok(output) => output.text.lines().next().unwrap_or_default().to_owned(),
            Err(CallError::Failed(text)) => text.clone(),
            Err(other) => panic!("{other:?} {:?}", self.finished.used),
        }
    }

    fn text(&self) -> &str {
        &self.finished.result.as_ref().unwrap().text
    }

    #[track_caller]
    fn assert_denied(&self, because: &str) {
        assert_eq!(self.told(), "ErrorCode::HttpRequestDenied", "{:?}", self.finished.used.denials);
        let denials = self.finished.used.denials.join("\n");
        assert!(denials.contains(because), "{denials}");
        assert!(self.finished.used.http.iter().all(|contact| contact.status.is_none()));
    }

    #[track_caller]
    fn assert_nothing_left(&self) {
        assert_eq!(self.connected, [""; 0]);
        assert_eq!(self.seen, [""; 0]);
    }
}

fn access(json: &str) -> HttpAccess {
    serde_json::from_str(json).unwrap()
}

impl Web {
    /// One host, over plain HTTP.
    fn new() -> Web {
        Web {
            access: vec![access(r#"{"host": "a.example", "methods": ["GET", "POST"], "ports": [80]}"#)],
            limits: Limits::default(),
            roots: Roots::System,
            answer: Ok(Vec::new()),
            wait: Duration::ZERO,
            names: Vec::new(),
            dead: false,
        }
    }

    fn any(private: bool) -> Web {
        let access = format!(r#"{{"host": "*", "ports": [80, 443], "private": {private}}}"#);
        Web { access: vec![serde_json::from_str(&access).unwrap()], ..Web::new() }
    }

    async fn call(&self, request: &str) -> Outcomes {
        let server = if matches!(self.roots, Roots::Only(_)) { Server::secure().await } else { Server::plain().await };
        self.call_at(&server, request).await
    }

    async fn call_at(&self, server: &Server, request: &str) -> Outcomes {
        let (sandbox, internet, doorman) = self.surroundings(server);
        let finished = sandbox.call(&super::shared().1, self.request(request), doorman.clone()).await;
        let (asked, resolved) = (doorman.asked.lock().unwrap().clone(), internet.resolved.lock().unwrap().clone());
        let connected = internet.connected.lock().unwrap().iter().map(SocketAddr::to_string).collect();
        Outcomes { finished, asked, resolved, connected, seen: server.seen() }
    }

    fn surroundings(&self, server: &Server) -> (Sandbox, Arc<Fake>, Arc<Doorman>) {
        let addresses = |answer: &Vec<&str>| answer.iter().map(|address| address.parse().unwrap()).collect();
        let names =
            self.names.iter().map(|(name, answers)| ((*name).to_owned(), answers.iter().map(addresses).collect()));
        let internet = Arc::new(Fake {
            names: Mutex::new(names.collect()),
            resolved: Mutex::default(),
            connected: Mutex::default(),
            server: if self.dead { server::dead_port() } else { server.address },
        });
        let doorman = Doorman { asked: Mutex::default(), answer: self.answer.clone(), wait: self.wait };
        let network = Network::new(internet.clone(), self.roots.clone());
        (super::shared().0.clone().with_network(network), internet, Arc::new(doorman))
    }

    fn request(&self, lines: &str) -> Call {
        let mut yard = Yard::new(Access::None);
        yard.capabilities.http = self.access.clone();
        yard.limits = self.limits.clone();
        yard.request("http", lines)
    }
}
