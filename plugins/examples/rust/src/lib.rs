//! The plugin `links`, an example: one tool that walks the workspace, reads, and reports with data beside the text.

mod scan;

use std::ops::ControlFlow;

use garth_plugin::walk::{Kind, Walk};
use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool};

/// Bytes of a file that are looked at.
const MAX_FILE: usize = 4 << 20;
/// Links that are told.
const MAX_TOLD: usize = 100;

pub struct BrokenLinks;

#[derive(serde::Deserialize, schemars::JsonSchema)]
pub struct Args {
    /// A folder; the whole workspace without it.
    path: Option<String>,
}

#[derive(Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Data {
    broken: Vec<Broken>,
    files: usize,
}

#[derive(Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Broken {
    file: String,
    line: usize,
    target: String,
}

impl Tool for BrokenLinks {
    const NAME: &'static str = "broken_links";
    const DESCRIPTION: &'static str = include_str!("broken_links.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let start = Path::parse_or_root(args.path.as_deref())?;
        let mut data = Data { broken: Vec::new(), files: 0 };
        Walk::default().visit(&start, |found| {
            if found.kind == Kind::File && found.path.ends_with(".md") && !found.ignored {
                data.files += 1;
                let text = found.read(MAX_FILE).unwrap_or_default();
                data.broken.extend(broken(found.path, &String::from_utf8_lossy(&text)));
            }
            ControlFlow::Continue(())
        })?;
        Ok(Output::new(text(&data), data))
    }
}

fn broken(file: &str, text: &str) -> Vec<Broken> {
    let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let links = scan::relative_links(text).into_iter();
    let missing = links.filter(|link| {
        let target = Path::parse(&format!("{folder}/{}", link.target));
        !target.is_ok_and(|target| target.on_disk().exists())
    });
    missing.map(|link| Broken { file: file.to_owned(), line: link.line, target: link.target }).collect()
}

fn text(data: &Data) -> String {
    let files = data.files;
    if data.broken.is_empty() {
        return format!("no broken links in {files} Markdown files");
    }
    let lines = data.broken.iter().take(MAX_TOLD).map(|one| format!("{}:{}: {}", one.file, one.line, one.target));
    let mut lines: Vec<String> = lines.collect();
    if data.broken.len() > MAX_TOLD {
        lines.push(format!("… and {} more; give a `path` to see those of one folder", data.broken.len() - MAX_TOLD));
    }
    lines.join("\n")
}

garth_plugin::export!(BrokenLinks);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_told_with_their_place() {
        let _scratch = garth_plugin::testing::Scratch::new(&[
            ("README.md", "[guide](docs/guide.md) [gone](docs/gone.md)\n"),
            ("docs/guide.md", "[up](../README.md#top) [out](../../etc) [web](https://example.org)\n"),
        ]);
        let output = BrokenLinks::call(Args { path: None }).unwrap();
        assert_eq!(output.text, "README.md:1: docs/gone.md\ndocs/guide.md:1: ../../etc");
        let output = BrokenLinks::call(Args { path: Some("nowhere".into()) });
        assert!(output.unwrap_err().to_string().contains("nowhere"));
    }
}
