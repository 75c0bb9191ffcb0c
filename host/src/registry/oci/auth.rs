//! What a registry wants to know before it answers: a token from where it says, or the login itself. The login goes to the
//! registry's own site alone; everybody else is asked without one.
//!
//! Source: the distribution project's 'Token Authentication Specification'.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::super::client::{self, Client};
use super::{Artifact, RegistryError, Settings, logins};

/// Bytes of the answer with a token.
const LARGEST_ANSWER: u64 = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The header that answers a challenge (`WWW-Authenticate`).
pub(super) async fn answer(
    artifact: &Artifact,
    challenge: &str,
    access: Access,
    client: &Client,
    settings: &Settings,
) -> Result<HeaderValue, RegistryError> {
    let login = logins::find(settings, artifact.0.resolve_registry());
    let (scheme, rest) = challenge.trim_start().split_once(' ').unwrap_or((challenge, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return login.as_ref().and_then(|login| header("Basic", login)).ok_or_else(|| denied(artifact));
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(denied(artifact));
    }
    let parameters = parameters(rest);
    let value = |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let registry = client::parse(&artifact.base())?;
    let realm = value("realm").and_then(|realm| Url::parse(realm).ok());
    let wrong = |reason: &str| RegistryError::Login { url: artifact.to_string(), hint: format!(", {reason}") };
    let mut realm = realm.ok_or_else(|| wrong("and does not say where it is given"))?;
    // A login that is sent in the clear is everybody's; and the machine's own services are nobody else's to ask.
    if realm.scheme() != "https" && !(client::is_loopback(&realm) && client::is_loopback(&registry)) {
        return Err(wrong("at an address that is not https"));
    }
    let actions = if access == Access::Push { "pull,push" } else { "pull" };
    let scope = format!("repository:{}:{actions}", artifact.0.repository());
    realm.query_pairs_mut().append_pair("scope", &scope);
    if let Some(service) = value("service") {
        realm.query_pairs_mut().append_pair("service", service);
    }
    let login = login.filter(|_| same_site(&registry, &realm)).and_then(|login| header("Basic", &login));
    let headers = HeaderMap::from_iter(login.map(|login| (AUTHORIZATION, login)));
    let response = client.get(&realm, headers).await?;
    if response.status().is_client_error() {
        return Err(denied(artifact));
    }
    let answer = client::body(client::success(response).await?, LARGEST_ANSWER).await?;
    let token = serde_json::from_slice::<Token>(&answer).ok().and_then(|answer| answer.token.or(answer.access_token));
    token.and_then(|token| header("Bearer", &token)).ok_or_else(|| wrong("and gives no token"))
}

/// What to do about a login that is missing or not enough.
pub(super) fn denied(artifact: &Artifact) -> RegistryError {
    let host = artifact.0.registry();
    let hint = format!(
        " that this machine does not have, or there is no such name; `docker login {host}` stores one, if it is kept in \
         Docker's config.json and not by a helper program"
    );
    RegistryError::Login { url: artifact.to_string(), hint }
}

/// The value, if it can stand in a header.
fn header(scheme: &str, value: &str) -> Option<HeaderValue> {
    let plain = !value.is_empty() && value.len() <= 64 << 10 && value.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::from_str(&format!("{scheme} {value}")).ok().filter(|_| plain)?;
    value.set_sensitive(true);
    Some(value)
}

/// `key="value"` and `key=value`, between commas.
fn parameters(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((key, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        found.push((key.trim_matches([' ', ',']).to_string(), value.trim().to_string()));
        rest = after;
    }
    found
}

/// Whether two hosts are one party's: the same, one below the other, or neighbours below a domain of two parts or more, as
/// `registry-1.docker.io` and `auth.docker.io` are.
fn same_site(one: &Url, other: &Url) -> bool {
    let (Some(one), Some(other)) = (one.host_str(), other.host_str()) else { return false };
    let below = |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'));
    let is_address = |host: &str| host.ends_with(|c: char| c.is_ascii_digit() || c == ']');
    if one == other {
        return true;
    }
    if is_address(one) || is_address(other) {
        return false;
    }
    let parent =
        |host: &str| host.split_once('.').map(|(_, parent)| parent.to_string()).filter(|parent| parent.contains('.'));
    let broad = |host: &str| !host.contains('.');
    (below(one, other) && !broad(other))
        || (below(other, one) && !broad(one))
        || parent(one).is_some_and(|p| parent(other) == Some(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_however_it_is_written() {
        for (text, expected) in [
            (
                r#"realm="https://a/t",service="s",scope="x:y:pull,push""#,
                "realm=https://a/t service=s scope=x:y:pull,push",
            ),
            (r#"realm=https://a/t, service=s"#, "realm=https://a/t service=s"),
            (r#"realm="never ends"#, "realm=never ends"),
            ("", ""),
            ("nothing", ""),
            ("=", "="),
        ] {
            let read: Vec<String> = parameters(text).iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!(read.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn a_login_stays_within_one_site() {
        for (one, other, same) in [
            ("registry.example.org", "registry.example.org", true),
            ("registry-1.docker.io", "auth.docker.io", true),
            ("registry.gitlab.com", "gitlab.com", true),
            ("a.registry.example.org", "auth.example.org", false),
            ("registry.example.org", "evil.net", false),
            ("example.org", "example.net", false),
            ("example.org", "other.org", false),
            ("example.org", "org", false),
            ("badexample.org", "example.org", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("10.0.0.1", "11.0.0.1", false),
        ] {
            let url = |host: &str| Url::parse(&format!("https://{host}/")).unwrap();
            assert_eq!(same_site(&url(one), &url(other)), same, "{one} {other}");
            assert_eq!(same_site(&url(other), &url(one)), same, "{other} {one}");
        }
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_no_token() {
        for token in ["", "a\nb", "a b", "é", "a\u{7f}"] {
            assert_eq!(header("Bearer", token), None, "{token:?}");
        }
        assert_eq!(header("Bearer", "a.b-c_d=").unwrap(), "Bearer a.b-c_d=");
    }
}
