//! One HTTP client for downloads, and the rules that hold for every request: https, but for a registry on this machine;
//! redirects followed by hand, never to plain http and never with the login; nothing read without a bound.

use std::error::Error;
use std::sync::Once;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, LOCATION};
use reqwest::{Response, StatusCode, Url};

use super::{Fetched, RegistryError, SIGNATURE, Settings, Source, Wanted, signature};

const REDIRECTS: usize = 5;
const CONNECT: Duration = Duration::from_secs(15);
/// Characters of a server's own words that are shown.
const WORDS: usize = 200;

/// A client, and whether it may speak plain http, on this machine.
pub(super) struct Client {
    http: reqwest::Client,
    plain: bool,
}

impl Client {
    /// For requests that begin at this address.
    pub fn new(url: &Url, settings: &Settings) -> Result<Client, RegistryError> {
        static TLS: Once = Once::new();
        TLS.call_once(|| {
            // An error means that the program chose a provider before us; that one is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let loopback = is_loopback(url);
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT.min(settings.limits.idle))
            .read_timeout(settings.limits.idle)
            .user_agent(concat!("garth/", env!("CARGO_PKG_VERSION")));
        if loopback {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| unreachable(url, &error))?;
        Ok(Client { http, plain: loopback && url.scheme() == "http" })
    }

    /// Asks, and follows redirects. An answer that is no success is returned as it is.
    pub async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Response, RegistryError> {
        let (mut url, mut headers) = (url.clone(), headers);
        for _ in 0..=REDIRECTS {
            self.check(&url)?;
            let request = self.http.get(url.clone()).headers(headers.clone());
            let response = request.send().await.map_err(|error| unreachable(&url, &error))?;
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(target) = target.filter(|_| response.status().is_redirection()) else { return Ok(response) };
            let refused = |target: &str, reason| {
                Err(RegistryError::Redirect { url: url.to_string(), target: words(target), reason })
            };
            let Ok(next) = url.join(target) else { return refused(target, "which is no address") };
            if !self.may(&next) {
                return refused(next.as_str(), "and only https is followed");
            }
            if next.origin() != url.origin() {
                headers.remove(AUTHORIZATION);
            }
            url = next;
        }
        Err(RegistryError::Redirect {
            url: url.to_string(),
            target: "yet another place".into(),
            reason: "too many times",
        })
    }

    fn check(&self, url: &Url) -> Result<(), RegistryError> {
        match self.may(url) {
            true => Ok(()),
            false => Err(RegistryError::Source { text: url.to_string(), reason: "only https is followed".into() }),
        }
    }

    fn may(&self, url: &Url) -> bool {
        url.scheme() == "https" || (self.plain && url.scheme() == "http" && is_loopback(url))
    }
}

/// A file at an https address, with its signature when one is wanted.
pub(super) async fn download(url: &str, wanted: Wanted<'_>, settings: &Settings) -> Result<Fetched, RegistryError> {
    let address = parse(url)?;
    let client = Client::new(&address, settings)?;
    let bytes = body(success(client.get(&address, HeaderMap::new()).await?).await?, settings.limits.bytes).await?;
    let mut signature = None;
    if wanted.key.is_some() {
        let mut beside = address.clone();
        beside.set_path(&format!("{}.{SIGNATURE}", address.path()));
        let response = client.get(&beside, HeaderMap::new()).await?;
        if response.status() != StatusCode::NOT_FOUND {
            let text = body(success(response).await?, signature::LONGEST).await?;
            signature = Some(String::from_utf8_lossy(&text).into_owned());
        }
    }
    Ok(Fetched { bytes, source: Source::Url(url.into()), signature, manifest: None })
}

/// All of an answer, or none.
pub(super) async fn body(mut response: Response, limit: u64) -> Result<Vec<u8>, RegistryError> {
    let url = response.url().clone();
    let too_large = || RegistryError::TooLarge { what: url.to_string(), limit };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&url, &error))? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What a registry says in the form that the OCI's distribution specification gives to errors.
fn messages(said: &[u8]) -> Option<String> {
    let said: serde_json::Value = serde_json::from_slice(said).ok()?;
    let errors = said.get("errors")?.as_array()?.iter();
    let words = errors.filter_map(|error| ["message", "code"].iter().find_map(|key| error.get(key)?.as_str()));
    Some(words.collect::<Vec<_>>().join("; "))
}

/// Makes an error of an answer that is none.
pub(super) async fn success(response: Response) -> Result<Response, RegistryError> {
    if response.status() == StatusCode::OK {
        return Ok(response);
    }
    let (url, status) = (response.url().to_string(), response.status().as_u16());
    let said = body(response, 16 << 10).await.unwrap_or_default();
    let said = words(&messages(&said).unwrap_or_else(|| String::from_utf8_lossy(&said).into_owned()));
    let reason = if said.is_empty() { String::new() } else { format!(": {said}") };
    Err(RegistryError::Refused { url, status, reason })
}

pub(super) fn parse(url: &str) -> Result<Url, RegistryError> {
    Url::parse(url).map_err(|error| RegistryError::Source { text: url.into(), reason: error.to_string() })
}

/// Whether a host is this machine, by the way it is written.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The beginning of what a server says, on one line.
fn words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(WORDS).collect()
}

/// The causes, which reqwest keeps to itself: `connection refused` is the part that helps.
fn unreachable(url: &Url, error: &reqwest::Error) -> RegistryError {
    let mut parts: Vec<String> = Vec::new();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    let reason = if parts.is_empty() { error.to_string() } else { parts.join(": ") };
    RegistryError::Unreachable { url: url.to_string(), reason }
}
