//! Makes the SDK part of the binary, for `garth plugin new`: its source, and its `Cargo.toml` with what it inherits from this
//! workspace written out, so that it builds in a plugin's folder, which knows nothing of us.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

/// Writes `pub static SDK: &[(&str, &str)]`: paths below the SDK's folder, with `/`, and what the files say.
pub fn build(root: &Path, out: &Path) -> Result<()> {
    let sdk = root.join("plugins/sdk");
    let mut files = sources(&sdk.join("src"))?;
    files.sort();
    let manifest = out.join("sdk-Cargo.toml");
    std::fs::write(
        &manifest,
        toml::to_string(&standalone(&read(&root.join("Cargo.toml"))?, read(&sdk.join("Cargo.toml"))?)?)?,
    )
    .with_context(|| format!("writing {}", manifest.display()))?;
    let mut code = String::from("/// In the order of their paths.\npub static SDK: &[(&str, &str)] = &[\n");
    writeln!(code, "    (\"Cargo.toml\", include_str!({manifest:?})),")?;
    for file in files {
        let name = file.strip_prefix(&sdk)?.to_string_lossy().replace('\\', "/");
        let file = file.canonicalize().with_context(|| format!("finding {}", file.display()))?;
        writeln!(code, "    ({name:?}, include_str!({file:?})),")?;
    }
    code.push_str("];\n");
    std::fs::write(out.join("sdk.rs"), code).context("writing sdk.rs")
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(sources(&path)?),
            false => files.push(path),
        }
    }
    Ok(files)
}

fn read(file: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    text.parse().with_context(|| format!("reading {}", file.display()))
}

/// The package without `workspace = true` and without what only serves this repository.
fn standalone(workspace: &Table, mut package: Table) -> Result<Table> {
    let Some(Value::Table(inherited)) = workspace.get("workspace") else { bail!("Cargo.toml has no [workspace]") };
    for own in ["lints", "dev-dependencies"] {
        package.remove(own);
    }
    if let Some(Value::Table(fields)) = package.get_mut("package") {
        resolve(fields, inherited, "package")?;
    }
    resolve_dependencies(&mut package, inherited)?;
    if let Some(Value::Table(targets)) = package.get_mut("target") {
        for target in targets.iter_mut().filter_map(|(_, target)| target.as_table_mut()) {
            resolve_dependencies(target, inherited)?;
        }
    }
    Ok(package)
}

fn resolve_dependencies(table: &mut Table, inherited: &Table) -> Result<()> {
    match table.get_mut("dependencies") {
        Some(Value::Table(dependencies)) => resolve(dependencies, inherited, "dependencies"),
        _ => Ok(()),
    }
}

/// What a crate adds to an inherited dependency (features, `optional`) is kept.
fn resolve(table: &mut Table, inherited: &Table, kind: &str) -> Result<()> {
    for (name, value) in table.iter_mut() {
        let Value::Table(own) = value else { continue };
        if own.remove("workspace").is_none() {
            continue;
        }
        let base = inherited.get(kind).and_then(|table| table.get(name)).cloned();
        let base = base.with_context(|| format!("the workspace has no {kind}.{name}"))?;
        *value = match (base, std::mem::take(own)) {
            (base, own) if own.is_empty() => base,
            (Value::Table(base), own) => Value::Table(base.into_iter().chain(own).collect()),
            (version, own) => Value::Table([("version".to_string(), version)].into_iter().chain(own).collect()),
        };
    }
    Ok(())
}
