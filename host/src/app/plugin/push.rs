//! `garth plugin push`: sends a plugin file to an OCI registry, with its signature or, for a component that carries none, its
//! manifest, if there is one beside it.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};

use super::bring;
use crate::app::Context;
use crate::cli::Exit;
use crate::registry::{self, Sent, Source, Wanted};
use crate::sandbox::Interface;
use crate::terminal::{escape_json, one_line};

pub async fn run(context: &Context, file: &Path, reference: &str) -> Result<u8> {
    let Source::Oci(artifact) = Source::parse(reference)? else {
        bail!("'{reference}' is no place in a registry; write oci://HOST/NAME:TAG");
    };
    let settings = bring::settings(context, &context.cwd);
    let source = Source::File(file.to_path_buf());
    let fetched = bring::fetch(&source, Wanted::default(), &settings).await?;
    let (plugin, manifest) = bring::read_here(&fetched, &source, &settings)?;
    let signed = fetched.signature.is_some();
    if signed && manifest.is_some() {
        bail!(bring::half_signed(&plugin.sections.manifest.name));
    }
    let Interface { imports, exports, .. } = Interface::read(&plugin.wasm)?;
    let sent = Sent { bytes: plugin.wasm.to_vec(), signature: fetched.signature, manifest, imports, exports };
    let pushed = registry::push(&artifact, sent, &settings).await?;
    let (name, version) = (&plugin.sections.manifest.name, &plugin.sections.manifest.version);
    let mut out = std::io::stdout();
    if context.flags.json {
        let json = serde_json::json!({
            "name": name, "version": version, "source": pushed.to_string(), "sha256": plugin.digest(), "signed": signed,
        });
        writeln!(out, "{}", escape_json(&json.to_string()))?;
        return Ok(Exit::Done.code());
    }
    let with = if signed { " with its signature" } else { "" };
    writeln!(
        out,
        "Sent {name} {version}{with}. Others install it with\n  garth plugin add {}",
        one_line(&pushed.to_string())
    )?;
    Ok(Exit::Done.code())
}
