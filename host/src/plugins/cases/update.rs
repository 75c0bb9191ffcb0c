//! `--update`: writes what came out as what is expected, into the case file itself. Comments, order and everything that is
//! not a value to be rewritten stay as the author wrote them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike};

use super::compare::Fix;
use super::read::File;
use super::run::Report;

/// Bytes; a longer text gets a file of its own.
const MAX_INLINE: usize = 2_000;

/// Rewrites the file for all reports of its cases that have something to rewrite. How many steps were.
pub fn update(file: &File, reports: &[Report]) -> Result<usize> {
    let folder = file.path.parent().unwrap_or(Path::new("."));
    let shown = || file.path.display().to_string();
    let text = std::fs::read_to_string(&file.path).with_context(shown)?;
    let mut document: DocumentMut = text.parse().with_context(shown)?;
    let mut count = 0;
    for report in reports {
        let Some(case) = file.cases.iter().find(|case| case.index == report.index) else { continue };
        for (number, step) in report.steps.iter().enumerate() {
            let fixes: Vec<&Fix> = step.differences.iter().flat_map(|difference| &difference.fixes).collect();
            if fixes.is_empty() {
                continue;
            }
            count += 1;
            let place = if case.stepped { Some(number) } else { None };
            let golden = golden_name(&file.name, &case.name, place);
            for fix in fixes {
                apply(&mut document, case.index, place, fix, folder, &golden)
                    .with_context(|| format!("{}: the case '{}'", file.path.display(), case.name))?;
            }
        }
    }
    let updated = document.to_string();
    if updated != text {
        std::fs::write(&file.path, updated).with_context(shown)?;
    }
    Ok(count)
}

fn apply(
    document: &mut DocumentMut,
    case: usize,
    step: Option<usize>,
    fix: &Fix,
    folder: &Path,
    golden: &str,
) -> Result<()> {
    if let Fix::Golden { file, text } = fix {
        return write_golden(folder, file, text);
    }
    let expect = expect(document, case, step)?;
    match fix {
        Fix::Golden { .. } => {}
        Fix::Remove { key } => drop(expect.remove(key)),
        Fix::Set { key: "text", value: Value::String(text) }
            if text.len() > MAX_INLINE && expect.get("text").is_none() =>
        {
            write_golden(folder, golden, text)?;
            expect.insert("text_file", toml_edit::value(golden));
        }
        Fix::Set { key, value } => drop(expect.insert(key, item(value))),
        Fix::File { path, value } => {
            if expect.get("files").is_none() {
                expect.insert("files", Item::Value(InlineTable::new().into()));
            }
            let files = expect.get_mut("files").and_then(Item::as_table_like_mut);
            files.context("expect.files is no table")?.insert(path, item(value));
        }
    }
    Ok(())
}

/// The `expect` of a step, made where it is missing.
fn expect(document: &mut DocumentMut, case: usize, step: Option<usize>) -> Result<&mut dyn TableLike> {
    let inline = "it is written as an inline array; write [[case]] and [[case.step]] so that --update can find it";
    let cases = document.get_mut("case").and_then(Item::as_array_of_tables_mut).context(inline)?;
    let mut table: &mut Table = cases.get_mut(case).context("the file has changed since it was read")?;
    if let Some(step) = step {
        let steps = table.get_mut("step").and_then(Item::as_array_of_tables_mut).context(inline)?;
        table = steps.get_mut(step).context("the file has changed since it was read")?;
    }
    if table.get("expect").is_none() {
        let mut expect = Table::new();
        expect.set_dotted(true);
        table.insert("expect", Item::Table(expect));
    }
    table.get_mut("expect").and_then(Item::as_table_like_mut).context("expect is no table")
}

fn write_golden(folder: &Path, file: &str, text: &str) -> Result<()> {
    let path = folder.join(file);
    if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
        bail!("{}: it is there and no plain file", path.display());
    }
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    let (real, within) = (parent.canonicalize()?, folder.canonicalize()?);
    if !real.starts_with(within) {
        bail!("{}: it leads out of the folder of the cases", path.display());
    }
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}

fn golden_name(file: &str, case: &str, step: Option<usize>) -> String {
    let plain = |text: &str| -> String {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-").to_ascii_lowercase().chars().take(60).collect()
    };
    let step = step.map(|step| format!("-{}", step + 1)).unwrap_or_default();
    format!("golden/{}-{}{step}.txt", plain(file), plain(case))
}

/// As TOML; what TOML cannot say as JSON in a text, where a table would stand.
fn item(value: &Value) -> Item {
    match toml_value(value) {
        Some(value) => Item::Value(value),
        None => toml_edit::value(value.to_string()),
    }
}

fn toml_value(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(bool) => (*bool).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) if !number.is_u64() => float.into(),
            _ => return None,
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(all) => all.iter().map(toml_value).collect::<Option<Array>>()?.into(),
        Value::Object(all) => {
            let mut table = InlineTable::new();
            for (key, value) in all {
                table.insert(key, toml_value(value)?);
            }
            table.into()
        }
    })
}
