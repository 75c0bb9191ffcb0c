//! Plugins in OCI registries, as CNCF Wasm artifacts: a manifest with a configuration of one media type and one layer, the
//! plugin file. Formats and names are `oci-client`'s; what is pulled is read here, since every answer has to be bounded,
//! redirects checked, and a login kept from strangers, which that client leaves to its user.
//!
//! Sources: the OCI distribution specification 1.1; CNCF TAG Runtime, 'Wasm OCI Artifact layout'.

mod auth;
mod logins;
mod push;

use std::collections::BTreeMap;
use std::fmt;

use oci_client::Reference;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode, Url};

use super::client::{self, Client};
use super::{Fetched, RegistryError, Settings, Source, same, sha256, signature};

pub use push::push;

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
/// The manifest's annotation with the text of the `.minisig`.
const SIGNED: &str = "garth.minisig";
/// The manifest's annotation with the text of the manifest that belongs to a component.
const BESIDE: &str = "garth.manifest";
/// Bytes of a manifest: the specification lets registries refuse more.
const LARGEST_MANIFEST: u64 = 4 << 20;
const DIGEST: &str = "docker-content-digest";

/// A place in a registry: `HOST/NAME:TAG`, `HOST/NAME@sha256:…`, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact(Reference);

impl Artifact {
    pub(super) fn parse(text: &str) -> Result<Artifact, String> {
        const SHAPE: &str = "write oci://HOST/NAME:TAG, or oci://HOST/NAME@sha256:… for one exact content";
        let host = text.split('/').next().unwrap_or_default();
        if !text.contains('/') || !(host.contains(['.', ':']) || host == "localhost") {
            return Err(SHAPE.into());
        }
        let reference: Reference = text.parse().map_err(|error| format!("{error}; {SHAPE}"))?;
        // What has neither is `latest` to others, which says nothing about what it is.
        if reference.digest().is_none() && !text[host.len()..].contains(':') {
            return Err(format!("it names no tag; {SHAPE}"));
        }
        if reference.digest().is_some_and(|digest| hex(digest).is_none()) {
            return Err("its digest is no sha256".into());
        }
        let artifact = Artifact(reference);
        match client::parse(&artifact.base()) {
            Ok(url) if url.host_str().is_some() && url.path() == "/v2/" => Ok(artifact),
            _ => Err(format!("'{host}' is no host; {SHAPE}")),
        }
    }

    /// The last part of its name.
    pub(super) fn name(&self) -> &str {
        self.0.repository().rsplit('/').next().unwrap_or_default()
    }

    /// The same without the digest that the tag stood for; `None` where it is named by digest alone.
    pub fn newest(&self) -> Option<Artifact> {
        let tag = self.0.tag()?.to_string();
        Some(Artifact(Reference::with_tag(self.0.registry().into(), self.0.repository().into(), tag)))
    }

    /// The same, with what it stands for now.
    fn pinned(&self, digest: String) -> Artifact {
        let (registry, repository) = (self.0.registry().to_string(), self.0.repository().to_string());
        Artifact(match self.0.tag() {
            Some(tag) => Reference::with_tag_and_digest(registry, repository, tag.into(), digest),
            None => Reference::with_digest(registry, repository, digest),
        })
    }

    fn base(&self) -> String {
        let host = self.0.resolve_registry();
        let plain = Url::parse(&format!("http://{host}/")).is_ok_and(|url| client::is_loopback(&url));
        format!("{}://{host}/v2/", if plain { "http" } else { "https" })
    }

    fn address(&self, kind: &str, what: &str) -> Result<Url, RegistryError> {
        client::parse(&format!("{}{}/{kind}/{what}", self.base(), self.0.repository()))
    }
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}", self.0)
    }
}

/// Gets the plugin file of an artifact, checked against the digests that lead to it.
pub(super) async fn pull(artifact: &Artifact, settings: &Settings) -> Result<Fetched, RegistryError> {
    let mut session = Session::open(artifact, settings)?;
    let reference = artifact.0.digest().or(artifact.0.tag()).unwrap_or("latest");
    let response = session.get(&artifact.address("manifests", reference)?, OCI_IMAGE_MEDIA_TYPE).await?;
    let said = response.headers().get(DIGEST).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let manifest = client::body(response, LARGEST_MANIFEST).await?;
    let digest = format!("sha256:{}", sha256(&manifest));
    for expected in [artifact.0.digest().map(String::from), said].into_iter().flatten() {
        same(&format!("the manifest of {artifact}"), &expected, &digest)?;
    }
    let artifact = artifact.pinned(digest);
    let (layer, annotations) = layer(&artifact, &manifest, settings)?;
    let response = session.get(&artifact.address("blobs", &layer.digest)?, LAYER).await?;
    let bytes = client::body(response, u64::try_from(layer.size).unwrap_or(0)).await?;
    same(&format!("the layer of {artifact}"), &layer.digest, &format!("sha256:{}", sha256(&bytes)))?;
    let signature = annotations.get(SIGNED).filter(|text| text.len() as u64 <= signature::LONGEST).cloned();
    let manifest = annotations.get(BESIDE).cloned();
    Ok(Fetched { bytes, source: Source::Oci(artifact), signature, manifest })
}

/// The one layer of a Wasm artifact, with the manifest's annotations.
fn layer(
    artifact: &Artifact,
    manifest: &[u8],
    settings: &Settings,
) -> Result<(OciDescriptor, BTreeMap<String, String>), RegistryError> {
    let wrong = |reason: String| RegistryError::Artifact { reference: artifact.to_string(), reason };
    let manifest: OciImageManifest = serde_json::from_slice(manifest)
        .map_err(|error| wrong(format!("there is no manifest of a single artifact ({error})")))?;
    if manifest.schema_version != 2 || manifest.media_type.as_deref().is_some_and(|kind| kind != OCI_IMAGE_MEDIA_TYPE) {
        return Err(wrong("its manifest is of another kind than OCI's".into()));
    }
    if manifest.config.media_type != CONFIG {
        let kind = shown(&manifest.config.media_type);
        return Err(wrong(format!("it is '{kind}', and no Wasm artifact ({CONFIG})")));
    }
    let [layer] = <[OciDescriptor; 1]>::try_from(manifest.layers)
        .map_err(|layers| wrong(format!("it has {} layers, a Wasm artifact has one", layers.len())))?;
    if layer.media_type != LAYER {
        return Err(wrong(format!("its layer is '{}', and not {LAYER}", shown(&layer.media_type))));
    }
    if hex(&layer.digest).is_none() {
        return Err(wrong("its layer's digest is no sha256".into()));
    }
    match u64::try_from(layer.size) {
        Ok(size) if size <= settings.limits.bytes => Ok((layer, manifest.annotations.unwrap_or_default())),
        _ => Err(RegistryError::TooLarge { what: artifact.to_string(), limit: settings.limits.bytes }),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The digits of `sha256:…`.
fn hex(digest: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.bytes().all(plain))
}

/// Requests to one repository, with the token that the registry has given for it.
struct Session<'a> {
    artifact: &'a Artifact,
    client: Client,
    settings: &'a Settings,
    authorization: Option<HeaderValue>,
}

impl<'a> Session<'a> {
    fn open(artifact: &'a Artifact, settings: &'a Settings) -> Result<Session<'a>, RegistryError> {
        let client = Client::new(&client::parse(&artifact.base())?, settings)?;
        Ok(Session { artifact, client, settings, authorization: None })
    }

    /// Asks, and once more with a token when the registry wants one.
    async fn get(&mut self, url: &Url, accept: &'static str) -> Result<Response, RegistryError> {
        let response = self.ask(url, accept).await?;
        if response.status() != StatusCode::UNAUTHORIZED || self.authorization.is_some() {
            return self.answer(response).await;
        }
        let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = challenge.unwrap_or_default().to_string();
        self.authorization =
            Some(auth::answer(self.artifact, &challenge, auth::Access::Pull, &self.client, self.settings).await?);
        let response = self.ask(url, accept).await?;
        self.answer(response).await
    }

    async fn ask(&self, url: &Url, accept: &'static str) -> Result<Response, RegistryError> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        headers.extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        self.client.get(url, headers).await
    }

    async fn answer(&self, response: Response) -> Result<Response, RegistryError> {
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(auth::denied(self.artifact));
        }
        client::success(response).await
    }
}
