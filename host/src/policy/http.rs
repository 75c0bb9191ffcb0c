//! Which servers a tool may speak to, and which of the user's secrets the host puts into its requests. Text only: names
//! are compared as they are written; whoever connects looks addresses up and checks them.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};

/// One host that may be reached. In TOML `{ host = "api.example.org", methods = ["GET"], ports = [443] }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAccess {
    /// A name or an address in lower case, without port and user; `*.example.org` stands for every name below it (not for
    /// `example.org` itself), `*` for every host. The latter is for manifests: what users grant are hosts.
    #[serde(deserialize_with = "host")]
    pub host: String,
    /// In upper case.
    #[serde(default = "reading", deserialize_with = "methods")]
    pub methods: Vec<String>,
    #[serde(default = "https", deserialize_with = "ports")]
    pub ports: Vec<u16>,
    /// Whether the host may have a private, loopback or link-local address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

/// A secret that the host puts into a header of requests to one https host; the tool never has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretUse {
    /// As it is set with `garth secret set NAME`: letters, digits, `-` and `_`, at most 64.
    #[serde(deserialize_with = "secret")]
    pub name: String,
    /// Exact, in lower case; no `*`.
    #[serde(deserialize_with = "exact_host")]
    pub host: String,
    /// The header's name in lower case, none of those that frame a message or name its server.
    #[serde(deserialize_with = "header")]
    pub header: String,
    /// The header's value in printable ASCII; `{}`, which is there once, stands for the secret.
    #[serde(default = "bare", deserialize_with = "format")]
    pub format: String,
}

/// Headers that say where a message goes and where it ends, and those between two neighbours on its way.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const MAX_PORTS: usize = 32;

fn reading() -> Vec<String> {
    vec!["GET".into(), "HEAD".into()]
}

fn https() -> Vec<u16> {
    vec![443]
}

fn bare() -> String {
    "{}".into()
}

impl HttpAccess {
    /// Whether a request to this host (lower case), method (upper case) and port is within it.
    pub fn allows(&self, host: &str, method: &str, port: u16) -> bool {
        covers_host(&self.host, host) && self.methods.iter().any(|one| one == method) && self.ports.contains(&port)
    }

    /// Whether it names no host: `*`.
    pub fn is_any_host(&self) -> bool {
        self.host == "*"
    }

    /// Whether it is at least as wide as the other.
    pub fn covers(&self, other: &HttpAccess) -> bool {
        covers_host(&self.host, &other.host)
            && other.methods.iter().all(|method| self.methods.contains(method))
            && other.ports.iter().all(|port| self.ports.contains(port))
            && (self.private || !other.private)
    }

    /// What both allow; `None` when that is nothing.
    pub fn intersect(&self, other: &HttpAccess) -> Option<HttpAccess> {
        let host = match (covers_host(&self.host, &other.host), covers_host(&other.host, &self.host)) {
            (true, _) => &other.host,
            (_, true) => &self.host,
            _ => return None,
        };
        let methods: Vec<String> =
            self.methods.iter().filter(|method| other.methods.contains(method)).cloned().collect();
        let ports: Vec<u16> = self.ports.iter().filter(|port| other.ports.contains(port)).copied().collect();
        let both = HttpAccess { host: host.clone(), methods, ports, private: self.private && other.private };
        (!both.methods.is_empty() && !both.ports.is_empty()).then_some(both)
    }

    /// In words: `GET/HEAD api.example.org`; ports are named unless it is 443 alone.
    pub fn describe(&self) -> String {
        let methods = self.methods.join("/");
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let ports = if self.ports == [443] { String::new() } else { format!(" port {}", ports.join("/")) };
        let private = if self.private { " (also at a private address)" } else { "" };
        let host = if self.is_any_host() { "any public host" } else { &self.host };
        format!("{methods} {host}{ports}{private}")
    }

    /// Whether its requests can only read.
    pub fn reads_only(&self) -> bool {
        self.methods.iter().all(|method| matches!(method.as_str(), "GET" | "HEAD"))
    }
}

impl SecretUse {
    /// In words: `the secret github at api.github.com (header authorization)`.
    pub fn describe(&self) -> String {
        format!("the secret {} at {} (header {})", self.name, self.host, self.header)
    }
}

/// Whether a request is within one of the entries, and then, whether it may go to a private address. The error says why
/// it is not, for the model and the user.
pub fn http_allowed(entries: &[HttpAccess], method: &str, host: &str, port: u16) -> Result<bool, String> {
    let within: Vec<&HttpAccess> = entries.iter().filter(|entry| entry.allows(host, method, port)).collect();
    if !within.is_empty() {
        return Ok(within.iter().any(|entry| entry.private));
    }
    let may: Vec<String> = entries.iter().map(HttpAccess::describe).collect();
    Err(match may.as_slice() {
        [] => {
            format!("`{method} {host}` at port {port} was not sent: this tool may reach no server (capability `http`)")
        }
        _ => format!(
            "`{method} {host}` at port {port} was not sent: this tool may only send {} (capability `http`)",
            may.join(", ")
        ),
    })
}

/// A host as a request names it, in the form in which hosts are compared: a name in lower case, or an address in its
/// shortest form and without brackets. The error says what is wrong with it.
pub fn http_host(text: &str) -> Result<String, String> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let wrong = |what: &str| Err(format!("the host '{}': {what}", text.escape_debug()));
    if let Ok(address) = inner.unwrap_or(text).parse::<IpAddr>() {
        return Ok(address.to_canonical().to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(plain);
    if name.len() > 253 || !name.split('.').all(label) {
        return wrong("write a name such as api.example.org, or an address, without port or user");
    }
    // What ends like a number is an address to many resolvers: `2130706433` and `0x7f.1` are 127.0.0.1 to them.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return wrong("write an IPv4 address as four numbers, such as 192.0.2.1");
    }
    Ok(name)
}

fn covers_host(pattern: &str, host: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match pattern.strip_prefix("*.") {
        Some(parent) => match host.strip_suffix(parent) {
            Some(rest) => rest.len() > 1 && rest.ends_with('.'),
            None => false,
        },
        None => pattern == host,
    }
}

fn exact_host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    http_host(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let Some(parent) = text.strip_prefix('*') else { return http_host(&text).map_err(serde::de::Error::custom) };
    match parent.strip_prefix('.').map(http_host) {
        _ if parent.is_empty() => Ok(text),
        Some(Ok(parent)) if parent.parse::<IpAddr>().is_err() => Ok(format!("*.{parent}")),
        _ => Err(serde::de::Error::custom(format!(
            "the host '{}': write *.example.org for every name below it",
            text.escape_debug()
        ))),
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        true => Ok(name),
        false => Err(serde::de::Error::custom(format!(
            "the secret's name '{}': letters, digits, - and _, at most 64",
            name.escape_debug()
        ))),
    }
}

fn header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?.to_ascii_lowercase();
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(token) {
        return Err(serde::de::Error::custom(format!("'{}' is no name of a header", name.escape_debug())));
    }
    match FRAMING.contains(&name.as_str()) || name.starts_with("proxy-") {
        true => Err(serde::de::Error::custom(format!("the header '{name}' is the host's; no secret goes there"))),
        false => Ok(name),
    }
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let format = String::deserialize(deserializer)?;
    let printable = format.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match printable && format.len() <= 256 && format.matches("{}").count() == 1 {
        true => Ok(format),
        false => Err(serde::de::Error::custom(format!(
            "the format '{}': printable ASCII with one {{}} for the secret, at most 256 bytes",
            format.escape_debug()
        ))),
    }
}

fn methods<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let given = Vec::<String>::deserialize(deserializer)?;
    let methods: Vec<String> = given.iter().map(|method| method.to_ascii_uppercase()).collect();
    match methods.iter().find(|method| !KNOWN.contains(&method.as_str())) {
        _ if methods.is_empty() => Err(serde::de::Error::custom("`methods` is empty; leave it out for GET and HEAD")),
        Some(method) => {
            let method = method.escape_debug();
            Err(serde::de::Error::custom(format!("the method '{method}' is none of {}", KNOWN.join(", "))))
        }
        None => Ok(distinct(methods)),
    }
}

/// The first of each.
fn distinct<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    let ports = Vec::<u16>::deserialize(deserializer)?;
    match ports.len() {
        0 => Err(serde::de::Error::custom("`ports` is empty; leave it out for 443")),
        1..=MAX_PORTS if !ports.contains(&0) => Ok(distinct(ports)),
        _ => Err(serde::de::Error::custom(format!("`ports`: at most {MAX_PORTS} between 1 and 65535"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(json: &str) -> HttpAccess {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_host_covers_itself_and_a_star_what_is_below() {
        for (pattern, host, covers) in [
            ("example.org", "example.org", true),
            ("example.org", "www.example.org", false),
            ("*.example.org", "www.example.org", true),
            ("*.example.org", "a.b.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", ".example.org", false),
            ("*.example.org", "badexample.org", false),
            ("*.example.org", "*.example.org", true),
            ("example.org", "example.org.evil.net", false),
            ("*", "example.org", true),
            ("*", "*.example.org", true),
            ("*", "2001:db8::1", true),
            ("*.example.org", "*", false),
            ("example.org", "*", false),
        ] {
            assert_eq!(covers_host(pattern, host), covers, "{pattern} {host}");
        }
    }

    #[test]
    fn what_is_written_is_read_strictly() {
        let check = |json: &str, said: &str| {
            let error = serde_json::from_str::<HttpAccess>(json).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        };
        check(r#"{"host": "user@example.org"}"#, "without port or user");
        check(r#"{"host": "example.org:80"}"#, "without port or user");
        check(r#"{"host": "a..b"}"#, "without port or user");
        check(r#"{"host": "exämple.org"}"#, "without port or user");
        check(r#"{"host": ""}"#, "without port or user");
        check(r#"{"host": "*.10.0.0.1"}"#, "write *.example.org");
        check(r#"{"host": "*."}"#, "write *.example.org");
        check(r#"{"host": "*a.org"}"#, "write *.example.org");
        check(r#"{"host": "a.*.org"}"#, "without port or user");
        check(r#"{"host": "2130706433"}"#, "four numbers");
        check(r#"{"host": "0x7f.1"}"#, "four numbers");
        check(r#"{"host": "0x7f000001"}"#, "four numbers");
        check(r#"{"host": "127.1"}"#, "four numbers");
        check(r#"{"host": "a", "ports": [0]}"#, "between 1 and");
        check(r#"{"host": "a", "ports": [70000]}"#, "70000");
        check(r#"{"host": "a", "methods": ["TRACE"]}"#, "none of GET");
        check(r#"{"host": "a", "methods": []}"#, "leave it out");
        check(r#"{"host": "a", "ports": []}"#, "leave it out for 443");
        check(r#"{"host": "a", "port": 80}"#, "unknown field `port`");
        let read = access(r#"{"host": "API.Example.org", "methods": ["get", "POST"]}"#);
        assert_eq!(read.describe(), "GET/POST api.example.org");
        let described =
            |ports: &str| access(&format!(r#"{{"host": "a", "methods": ["GET"], "ports": {ports}}}"#)).describe();
        assert_eq!(described("[443]"), "GET a");
        assert_eq!(described("[80]"), "GET a port 80");
        assert_eq!(described("[80, 443]"), "GET a port 80/443");
        assert!(!read.reads_only() && access(r#"{"host": "a"}"#).reads_only());
    }

    #[test]
    fn a_host_has_one_form() {
        for (written, form) in [
            ("API.Example.org.", "api.example.org"),
            ("127.0.0.1", "127.0.0.1"),
            ("[2001:DB8:0::1]", "2001:db8::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(http_host(written).as_deref(), Ok(form));
            assert_eq!(access(&format!(r#"{{"host": "{written}"}}"#)).host, form);
            assert_eq!(http_host(form).as_deref(), Ok(form));
        }
        assert_eq!(access(r#"{"host": "*.Example.org"}"#).host, "*.example.org");
        let any = access(r#"{"host": "*", "ports": [443, 80, 443], "methods": ["get", "GET"]}"#);
        assert!(any.is_any_host() && any.ports == [443, 80] && any.methods == ["GET"]);
        assert_eq!(any.describe(), "GET any public host port 443/80");
    }

    proptest::proptest! {
        #[test]
        fn what_is_a_host_stays_one(text in "\\PC*|[0-9a-fx.:\\[\\]]*|[a-zA-Z0-9._-]{1,40}") {
            if let Ok(host) = http_host(&text) {
                assert_eq!(http_host(&host), Ok(host.clone()));
                assert!(host.bytes().all(|byte| byte.is_ascii_lowercase() || b"0123456789.-_:".contains(&byte)), "{host}");
            }
        }
    }

    #[test]
    fn a_secret_has_its_place() {
        let check = |field: &str, value: &str, said: &str| {
            let mut json = serde_json::json!({ "name": "github", "host": "api.github.com", "header": "authorization" });
            json[field] = value.into();
            match serde_json::from_value::<SecretUse>(json) {
                Ok(_) => assert_eq!(said, "", "{field} {value}"),
                Err(error) => assert!(!said.is_empty() && error.to_string().contains(said), "{error}"),
            }
        };
        check("header", "X-API-Key", "");
        check("header", "cookie", "");
        check("format", "Bearer {}", "");
        check("name", "git hub", "letters, digits");
        check("name", "", "letters, digits");
        check("host", "*.github.com", "without port or user");
        check("host", "*", "without port or user");
        check("header", "Host", "is the host's");
        check("header", "content-length", "is the host's");
        check("header", "Proxy-Authorization", "is the host's");
        check("header", "a b", "no name of a header");
        check("header", "x\r\ny", "no name of a header");
        check("format", "Bearer", "one {}");
        check("format", "{} {}", "one {}");
        check("format", "a\r\nb: {}", "one {}");
        check("format", "ä{}", "one {}");
    }

    #[test]
    fn a_request_is_within_an_entry_or_told_what_is() {
        let entries = [
            access(r#"{"host": "*.example.org", "methods": ["GET"], "ports": [443, 8443]}"#),
            access(r#"{"host": "10.0.0.1", "methods": ["GET", "POST"], "ports": [80], "private": true}"#),
        ];
        assert_eq!(http_allowed(&entries, "GET", "a.example.org", 8443), Ok(false));
        assert_eq!(http_allowed(&entries, "POST", "10.0.0.1", 80), Ok(true));
        for (method, host, port) in [
            ("POST", "a.example.org", 443),
            ("GET", "example.org", 443),
            ("GET", "10.0.0.1", 443),
            ("get", "10.0.0.1", 80),
        ] {
            let said = http_allowed(&entries, method, host, port).unwrap_err();
            assert!(said.contains(&format!("`{method} {host}` at port {port} was not sent")), "{said}");
            assert!(
                said.contains("may only send GET *.example.org port 443/8443, GET/POST 10.0.0.1 port 80"),
                "{said}"
            );
        }
        assert!(http_allowed(&[], "GET", "a", 443).unwrap_err().contains("may reach no server"));
    }

    #[test]
    fn an_intersection_is_within_both() {
        let wide =
            access(r#"{"host": "*.example.org", "methods": ["GET", "POST"], "ports": [80, 443], "private": true}"#);
        let narrow = access(r#"{"host": "a.example.org"}"#);
        assert!(wide.covers(&narrow) || !wide.methods.contains(&"HEAD".into()));
        let both = wide.intersect(&narrow).unwrap();
        assert_eq!(both, narrow.intersect(&wide).unwrap());
        assert!(wide.covers(&both) && narrow.covers(&both));
        assert_eq!(wide.intersect(&access(r#"{"host": "a.example.org", "ports": [8080]}"#)), None);
        assert_eq!(wide.intersect(&access(r#"{"host": "other.org"}"#)), None);
        let any = access(r#"{"host": "*"}"#);
        assert_eq!(any.intersect(&narrow), Some(narrow.clone()));
        assert_eq!(narrow.intersect(&any), Some(narrow.clone()));
        assert!(!narrow.covers(&any) && any.covers(&narrow) && !any.covers(&wide), "not the private ones");
    }
}
