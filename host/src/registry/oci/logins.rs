//! The user's logins, as `docker login` keeps them in its `config.json`. Helper programs that hold passwords are not asked:
//! starting a program that a file names is more than a download needs.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::Deserialize;

use super::Settings;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Login>,
}

#[derive(Deserialize)]
struct Login {
    /// `user:password` in base64.
    auth: Option<String>,
}

/// The login for a registry's host, as it stands in a header: in base64.
pub(super) fn find(settings: &Settings, host: &str) -> Option<String> {
    let text = std::fs::read(settings.logins.as_ref()?).ok()?;
    let config: Config = serde_json::from_slice(&text).ok()?;
    let known = |key: &str| {
        let name = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        name.split('/').next() == Some(host)
    };
    let found = config.auths.into_iter().find(|(key, _)| known(key))?;
    found.1.auth.filter(|auth| !auth.is_empty())
}

/// User and password of a login.
pub(super) fn pair(login: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64.decode(login).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.into(), password.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_found_by_host() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        let json = r#"{"auths": {
            "ghcr.io": {"auth": "dXNlcjpwYXNz"}, "https://index.docker.io/v1/": {"auth": "YTpi"}, "empty.org": {}
        }, "credsStore": "desktop"}"#;
        std::fs::write(&file, json).unwrap();
        let settings = Settings { logins: Some(file.clone()), ..Settings::default() };
        let check = |host: &str, login: Option<(&str, &str)>| {
            let found = find(&settings, host).and_then(|login| pair(&login));
            assert_eq!(found, login.map(|(user, password)| (user.into(), password.into())), "{host}");
        };
        check("ghcr.io", Some(("user", "pass")));
        check("index.docker.io", Some(("a", "b")));
        check("evil.ghcr.io", None);
        check("ghcr.io.evil.net", None);
        check("empty.org", None);
        std::fs::write(&file, "{\"auths\": 3}").unwrap();
        check("ghcr.io", None);
    }
}
