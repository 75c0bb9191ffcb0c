//! Reads where a request goes and what of it is sent. Whatever two readers could understand differently is refused: a
//! user before the host, an empty port, a length beside a method that has no body. It looks nothing up.

use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::{Method, Uri};

use crate::policy::http_host;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// In upper case.
    pub method: String,
    /// As [`http_host`] writes it.
    pub host: String,
    pub port: u16,
    pub tls: bool,
    /// Path and query, beginning with `/`.
    pub path: String,
}

impl Target {
    /// The error is the reason of a denial.
    pub fn read(method: &Method, uri: &Uri) -> Result<Target, String> {
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err("a request was not sent: its scheme is neither http nor https".into()),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err("a request was not sent: its address names a user; put credentials into a header".into());
        }
        let split = match authority.rfind(']') {
            Some(end) => authority.split_at(end + 1),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let (host, port) = split;
        let host = http_host(host).map_err(|wrong| format!("a request was not sent: {wrong}"))?;
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => Some(if tls { 443 } else { 80 }),
            None => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            Some(_) => None,
        };
        let Some(port) = port.filter(|port| *port > 0) else {
            return Err(format!("a request to {host} was not sent: its port is no number from 1 to 65535"));
        };
        if !tls && port == 443 {
            return Err(format!("a request to {host} was not sent: at port 443 only https is spoken"));
        }
        let path = match uri.path_and_query().map_or("", |path| path.as_str()) {
            path if path.starts_with('/') => path.to_string(),
            path if path.is_empty() || path.starts_with('?') => format!("/{path}"),
            _ => return Err(format!("a request to {host} was not sent: its path does not begin with /")),
        };
        Ok(Target { method: method.as_str().to_ascii_uppercase(), host, port, tls, path })
    }

    /// Whether the method may carry a body here. To a server that does not expect one after these, its bytes could be
    /// another request.
    pub fn has_body(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// Puts the host's own headers in place of the guest's. The error is the reason of a denial.
    pub fn settle(&self, headers: &mut HeaderMap) -> Result<(), String> {
        let invalid = |_| format!("a request to {} was not sent: its host is no header", self.host);
        headers.insert(HOST, HeaderValue::try_from(self.authority()).map_err(invalid)?);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if !self.has_body() && headers.remove(CONTENT_LENGTH).is_some_and(|length| length != "0") {
            return Err(format!("`{} {}` was not sent: it has no body here", self.method, self.host));
        }
        Ok(())
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<Target, String> {
        Target::read(&Method::GET, &uri.parse::<Uri>().unwrap())
    }

    #[test]
    fn a_target_is_read_in_one_way() {
        for (uri, authority, host, port, path) in [
            ("https://API.example.org/a?b=c", "api.example.org", "api.example.org", 443, "/a?b=c"),
            ("https://api.example.org.", "api.example.org", "api.example.org", 443, "/"),
            ("http://a:8080?x", "a:8080", "a", 8080, "/?x"),
            ("https://[2001:DB8::1]:8443/", "[2001:db8::1]:8443", "2001:db8::1", 8443, "/"),
            ("https://[::ffff:10.0.0.1]/", "10.0.0.1", "10.0.0.1", 443, "/"),
            ("https://a:0443/", "a", "a", 443, "/"),
            ("https://a//b/../c", "a", "a", 443, "//b/../c"),
        ] {
            let target = read(uri).unwrap();
            assert_eq!((target.host.as_str(), target.port, target.path.as_str()), (host, port, path), "{uri}");
            assert_eq!(target.authority(), authority, "{uri}");
        }
    }

    #[test]
    fn what_could_be_read_differently_is_refused() {
        for (uri, said) in [
            ("https://user@a/", "names a user"),
            ("https://user:pass@a/", "names a user"),
            ("https://a:/", "no number from 1"),
            ("https://a:0/", "no number from 1"),
            ("https://2130706433/", "four numbers"),
            ("https://0x7f.0.0.1/", "four numbers"),
            ("https://127.1/", "four numbers"),
            ("http://a:443/", "only https"),
            ("ftp://a/", "neither http nor https"),
            ("https://a..b/", "a name such as"),
            ("/only/a/path", "neither http nor https"),
        ] {
            let refused = read(uri).unwrap_err();
            assert!(refused.contains(said), "{uri}: {refused}");
        }
    }

    #[test]
    fn the_hosts_own_headers_replace_the_guests() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("evil.example"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let target = read("https://a.example:8443/").unwrap();
        target.settle(&mut headers).unwrap();
        assert_eq!(headers[HOST], "a.example:8443");
        assert_eq!((headers[CONNECTION].as_bytes(), headers.contains_key(CONTENT_LENGTH)), (&b"close"[..], false));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        assert!(target.settle(&mut headers).unwrap_err().contains("no body"));
    }
}
