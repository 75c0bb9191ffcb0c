//! Sends a plugin file to a registry as a Wasm artifact. The same file becomes the same artifact, byte for byte: the time of
//! its making is the beginning of time, as reproducible builds have it.

use std::collections::BTreeMap;

use bytes::Bytes;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client as Registry, RegistryOperation};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;

use super::super::client::{self, Client};
use super::super::{Sent, Settings, Source, within};
use super::{Artifact, BESIDE, CONFIG, LAYER, RegistryError, SIGNED, auth, logins, sha256};

/// Sends a component, and returns it as a source: the tag with the digest that it stands for now.
pub async fn push(artifact: &Artifact, sent: Sent, settings: &Settings) -> Result<Source, RegistryError> {
    let wrong = |reason: String| RegistryError::Artifact { reference: artifact.to_string(), reason };
    if artifact.0.tag().is_none() || artifact.0.digest().is_some() {
        return Err(wrong("name the tag that it gets, and no digest: oci://HOST/NAME:TAG".into()));
    }
    let config = config(&sent);
    let Sent { bytes, signature, manifest, .. } = sent;
    let annotations = [(SIGNED, signature), (BESIDE, manifest)];
    let annotations: BTreeMap<String, String> =
        annotations.into_iter().filter_map(|(name, text)| Some((name.to_string(), text?))).collect();
    let annotations = (!annotations.is_empty()).then_some(annotations);
    let layer = ImageLayer::new(bytes, LAYER.into(), None);
    let config = Config::new(Bytes::from(config), CONFIG.into(), None);
    let mut manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, annotations);
    manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.into());
    let body = serde_json::to_vec(&manifest).map_err(|error| wrong(error.to_string()))?;
    let digest = format!("sha256:{}", sha256(&body));
    let login = within(settings, login(artifact, settings)).await?;
    // On a task of its own: what a registry answers could make the client panic.
    let (registry, reference) = (client(artifact, settings)?, artifact.0.clone());
    let sending = tokio::spawn(async move {
        registry.auth(&reference, &login, RegistryOperation::Push).await?;
        for (data, digest) in [(layer.data, &manifest.layers[0].digest), (config.data, &manifest.config.digest)] {
            if !registry.blob_exists(&reference, digest).await.unwrap_or(false) {
                registry.push_blob(&reference, data, digest).await?;
            }
        }
        registry.push_manifest_raw(&reference, body, HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE)).await
    });
    let failed = |error: String| wrong(format!("the registry did not take it: {error}"));
    let stop = sending.abort_handle();
    let sent = within(settings, async { Ok(sending.await) }).await.inspect_err(|_| stop.abort())?;
    sent.map_err(|_| failed("its answer makes no sense".into()))?.map_err(|error| failed(error.to_string()))?;
    Ok(Source::Oci(artifact.pinned(digest)))
}

fn client(artifact: &Artifact, settings: &Settings) -> Result<Registry, RegistryError> {
    let plain = artifact.base().starts_with("http://");
    let config = ClientConfig {
        protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
        read_timeout: Some(settings.limits.idle),
        connect_timeout: Some(settings.limits.idle),
        user_agent: concat!("garth/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Registry::try_from(config)
        .map_err(|error| RegistryError::Artifact { reference: artifact.to_string(), reason: error.to_string() })
}

/// A token that was asked for with the care that the client has not, or the login itself where the registry wants that.
async fn login(artifact: &Artifact, settings: &Settings) -> Result<RegistryAuth, RegistryError> {
    let base = client::parse(&artifact.base())?;
    let client = Client::new(&base, settings)?;
    let response = client.get(&base, HeaderMap::new()).await?;
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok(RegistryAuth::Anonymous);
    }
    let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = auth::answer(artifact, challenge, auth::Access::Push, &client, settings).await?;
    let answer = answer.to_str().unwrap_or_default();
    if let Some(token) = answer.strip_prefix("Bearer ") {
        return Ok(RegistryAuth::Bearer(token.into()));
    }
    let pair = answer.strip_prefix("Basic ").and_then(logins::pair);
    pair.map(|(user, password)| RegistryAuth::Basic(user, password)).ok_or_else(|| auth::denied(artifact))
}

/// The artifact's configuration: what the component needs and offers, for registries that show it.
fn config(sent: &Sent) -> Vec<u8> {
    let config = json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [format!("sha256:{}", sha256(&sent.bytes))],
        "component": { "exports": sent.exports, "imports": sent.imports },
    });
    config.to_string().into_bytes()
}
