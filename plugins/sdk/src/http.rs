//! Requests over `wasi:http`, one after the other. The host holds each to the hosts, methods and ports that the manifest
//! declares and the user grants, and puts the user's secrets into their headers, so that a plugin never has them. Redirects
//! are followed here: each hop is a request of its own to the host, which may refuse it. In native tests
//! [`testing::Web`](crate::testing::Web) answers.

#[cfg(target_arch = "wasm32")]
#[path = "http/component.rs"]
mod system;
#[cfg(not(target_arch = "wasm32"))]
#[path = "http/native.rs"]
mod system;

use serde::Serialize;
use serde::de::DeserializeOwned;
pub use url::Url;

use crate::{Error, denied, failed, invalid};

/// Bytes of an answer's body that are kept unless a request says otherwise.
const LIMIT: usize = 4 << 20;
/// Hops that are followed unless a request says otherwise.
const REDIRECTS: u32 = 5;
const USER_AGENT: &str = concat!("garth/", env!("CARGO_PKG_VERSION"));
/// What belongs to one server and goes to no other.
const PERSONAL: [&str; 2] = ["authorization", "cookie"];

/// A request that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: Url,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) limit: usize,
    redirects: u32,
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What answered, after redirects.
    pub url: Url,
    pub status: u16,
    /// Names in lower case; values as text, bytes that are none replaced.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body is longer than the request's limit; what is there is its beginning.
    pub cut: bool,
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The host did not let it pass.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "in native tests nothing is denied"))]
    Denied,
    /// What happened, as the end of a sentence.
    Failed(String),
}

impl Request {
    /// Fails when the URL is none of http or https, or has a user or password in it.
    pub fn new(method: &str, url: &str) -> Result<Request, Error> {
        let url = Url::parse(url).map_err(|error| invalid(format!("the URL {url:?}: {error}")))?;
        Ok(Request {
            method: method.to_ascii_uppercase(),
            url: checked(url).map_err(invalid)?,
            headers: vec![("user-agent".into(), USER_AGENT.into())],
            body: Vec::new(),
            limit: LIMIT,
            redirects: REDIRECTS,
        })
    }

    pub fn get(url: &str) -> Result<Request, Error> {
        Request::new("GET", url)
    }

    /// Replaces a header of that name.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        let name = name.to_ascii_lowercase();
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Request {
        let body = body.into();
        let request = self.header("content-type", content_type).header("content-length", body.len().to_string());
        Request { body, ..request }
    }

    pub fn json(self, body: &impl Serialize) -> Result<Request, Error> {
        let body = serde_json::to_vec(body).map_err(|error| failed(format!("the body cannot be JSON: {error}")))?;
        Ok(self.body("application/json", body))
    }

    /// Keeps at most so many bytes of the answer's body; 4 MiB without it.
    pub fn limit(self, bytes: usize) -> Request {
        Request { limit: bytes, ..self }
    }

    /// Follows at most so many redirects; 5 without it. With 0 the redirect itself is the answer.
    pub fn redirects(self, most: u32) -> Request {
        Request { redirects: most, ..self }
    }

    /// Sends it and reads the whole answer. A status such as 404 is an answer, not an error.
    pub fn send(mut self) -> Result<Response, Error> {
        let mut hops = 0;
        loop {
            let response = system::exchange(&self).map_err(|failure| failure.told(&self, hops))?;
            let target = match response.header("location").filter(|_| is_redirect(response.status)) {
                Some(target) if self.redirects > 0 => target,
                _ => return Ok(response),
            };
            if hops == self.redirects {
                return Err(failed(format!("{} redirects on after {hops} hops; the last to {target:?}", self.url)));
            }
            let next = self.url.join(target).map_err(|error| error.to_string()).and_then(checked);
            let next = next.map_err(|why| failed(format!("{} redirects to {target:?}: {why}", self.url)))?;
            if self.url.scheme() == "https" && next.scheme() == "http" {
                return Err(failed(format!("{} redirects to {next}, which is not encrypted", self.url)));
            }
            self.go_on(response.status, next);
            hops += 1;
        }
    }

    /// Becomes the request of the next hop, as browsers have it (the Fetch standard's HTTP-redirect fetch).
    fn go_on(&mut self, status: u16, next: Url) {
        let post = self.method == "POST" && matches!(status, 301 | 302);
        if post || (status == 303 && self.method != "HEAD") {
            self.method = "GET".into();
            self.body.clear();
            self.headers.retain(|(name, _)| !name.starts_with("content-"));
        }
        if self.url.origin() != next.origin() {
            self.headers.retain(|(name, _)| !PERSONAL.contains(&name.as_str()));
        }
        self.url = next;
    }
}

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the status says that all went well.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as UTF-8, what is none of it replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON. Fails for other statuses than success, with the beginning of the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let (url, status) = (&self.url, self.status);
        if !self.is_success() {
            let text = self.text();
            let beginning = &text[..crate::text::floor_boundary(&text, 500)];
            return Err(failed(format!("{url} answered {status}: {beginning}")));
        }
        if self.cut {
            return Err(failed(format!("{url}: the answer is longer than {} bytes", self.body.len())));
        }
        serde_json::from_slice(&self.body).map_err(|error| failed(format!("{url}: not the JSON expected: {error}")))
    }
}

impl Failure {
    fn told(self, request: &Request, hops: u32) -> Error {
        let (method, url) = (&request.method, &request.url);
        let hop = if hops == 0 { "" } else { ", to which it was redirected" };
        match self {
            Failure::Denied => denied(format!("{method} {url}{hop}: the host did not let this request pass")),
            Failure::Failed(what) => failed(format!("{method} {url}{hop}: {what}")),
        }
    }
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The URL as it can be requested.
fn checked(mut url: Url) -> Result<Url, String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the URL has the scheme {}; only http and https can be requested", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL has a user or password in it; leave them out".into());
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, Web};

    fn get(url: &str) -> Result<Response, String> {
        Request::get(url).and_then(Request::send).map_err(|error| error.to_string())
    }

    #[test]
    fn only_http_without_a_user_is_requested() {
        let check = |url: &str, said: &str| {
            let error = get(url).unwrap_err();
            assert!(error.contains(said), "{url}: {error}");
        };
        check("ftp://a.example/", "only http and https");
        check("file:///etc/passwd", "only http and https");
        check("https://user@a.example/", "a user or password");
        check("https://:pass@a.example/", "a user or password");
        check("a.example", "relative URL without a base");
        check("https://", "empty host");
        check("https://a.example/", "no network in native tests");
    }

    #[test]
    fn each_hop_of_a_redirect_is_a_request_of_its_own() {
        let web = Web::new([
            ("GET https://a.example/1", Answer::redirect(302, "/2")),
            ("GET https://a.example/2", Answer::redirect(308, "//b.example/3#part")),
            ("GET https://b.example/3", Answer::text("there")),
            ("GET https://a.example/down", Answer::redirect(301, "http://a.example/")),
            ("GET https://a.example/in", Answer::redirect(301, "https://user@b.example/")),
            ("GET https://a.example/file", Answer::redirect(307, "file:///etc/passwd")),
            ("GET https://a.example/none", Answer { status: 302, ..Answer::text("no target") }),
            ("GET https://a.example/loop", Answer::redirect(302, "loop")),
            ("GET https://a.example/away", Answer::redirect(302, "https://secret.example/")),
            ("GET https://secret.example/", Answer::denied()),
        ]);
        let response = get("https://a.example/1").unwrap();
        assert_eq!((response.text().as_str(), response.url.as_str()), ("there", "https://b.example/3"));
        let requested: Vec<_> = web.requests().iter().map(|request| request.line.clone()).collect();
        assert_eq!(requested, ["GET https://a.example/1", "GET https://a.example/2", "GET https://b.example/3"]);
        let check = |path: &str, said: &str| {
            let error = get(&format!("https://a.example/{path}")).unwrap_err();
            assert!(error.contains(said), "{path}: {error}");
        };
        check("down", "which is not encrypted");
        check("in", "a user or password");
        check("file", "only http and https");
        check("loop", "redirects on after 5 hops");
        check("away", "GET https://secret.example/, to which it was redirected: the host did not let");
        assert_eq!(get("https://a.example/none").unwrap().status, 302);
        let stay = Request::get("https://a.example/1").unwrap().redirects(0).send().unwrap();
        assert_eq!((stay.status, stay.header("Location")), (302, Some("/2")));
    }

    #[test]
    fn a_hop_takes_along_only_what_the_next_server_may_have() {
        let web = Web::new([
            ("POST https://a.example/form", Answer::redirect(303, "/done")),
            ("GET https://a.example/done", Answer::redirect(302, "https://b.example/")),
            ("GET https://b.example/", Answer::text("ok")),
            ("PUT https://a.example/put", Answer::redirect(307, "/put2")),
            ("PUT https://a.example/put2", Answer::text("ok")),
        ]);
        let post = Request::new("post", "https://a.example/form").unwrap().header("Authorization", "x");
        post.json(&[1]).unwrap().send().unwrap();
        let names = |index: usize| -> Vec<String> {
            web.requests()[index].headers.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(0), ["user-agent", "authorization", "content-type", "content-length"]);
        assert_eq!(web.requests()[0].body, b"[1]");
        assert_eq!(
            (names(1), &web.requests()[1].body[..]),
            (vec!["user-agent".into(), "authorization".into()], &b""[..])
        );
        assert_eq!(names(2), ["user-agent"]);
        Request::new("PUT", "https://a.example/put").unwrap().body("text/plain", "all").send().unwrap();
        assert_eq!(web.requests()[4].body, b"all");
    }

    #[test]
    fn answers_are_bounded_and_read_as_what_they_are() {
        let _web = Web::new([
            ("GET https://a.example/long", Answer::text("0123456789")),
            ("GET https://a.example/json", Answer::text(r#"{"a": [1]}"#)),
            ("GET https://a.example/gone", Answer { status: 410, ..Answer::text("no more") }),
        ]);
        let long = Request::get("https://a.example/long").unwrap().limit(4).send().unwrap();
        assert_eq!((&long.body[..], long.cut), (&b"0123"[..], true));
        assert!(long.json::<u64>().unwrap_err().to_string().contains("longer than 4 bytes"));
        let whole = Request::get("https://a.example/long").unwrap().limit(10).send().unwrap();
        assert!(!whole.cut);
        let json: serde_json::Value = get("https://a.example/json").unwrap().json().unwrap();
        assert_eq!(json["a"][0], 1);
        let gone = get("https://a.example/gone").unwrap();
        assert_eq!(gone.json::<u64>().unwrap_err().to_string(), "https://a.example/gone answered 410: no more");
        assert!(get("https://a.example/json").unwrap().json::<u64>().is_err());
    }
}
