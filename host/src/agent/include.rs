//! Reads what `@path` names, a file or a folder, through the tools that the model would use, so that grants, secrets and
//! links hold. What names nothing in the workspace stays as it is written: many an `@` is no path.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::prepare::{self, Budget, Stop};
use super::turn::Turn;
use crate::commands::{Entry, Syntax};
use crate::protocol::{Level, ToolStatus};

/// Where a path leads.
enum Target {
    File(String),
    Folder(String),
    /// Nothing there.
    Nothing,
    Outside,
}

/// The text that takes the place of `@path`; `None`: it stays as it is.
pub(super) async fn read(
    turn: &Arc<Turn>,
    entry: &Entry,
    path: &str,
    written: &str,
    budget: &mut Budget,
) -> Result<Option<String>, Stop> {
    let refused = |why: &str| format!("/{}: {written} was not included: {why}", entry.place.name);
    let (tool, path, arguments) = match locate(&turn.services.workspace, path) {
        Target::Nothing => return Ok(None),
        Target::Outside => {
            turn.notice(Level::Warn, refused("it is outside the project")).await;
            return Ok(None);
        }
        Target::File(path) => ("read_file", path.clone(), json!({ "path": path })),
        Target::Folder(path) if path.is_empty() => ("list_dir", ".".to_string(), json!({})),
        Target::Folder(path) => ("list_dir", path.clone(), json!({ "path": path })),
    };
    let result = prepare::by_author(turn, tool, arguments).await?;
    if result.status != ToolStatus::Ok {
        turn.notice(Level::Warn, refused(&result.text)).await;
        return Ok(None);
    }
    let content = match tool {
        "read_file" => plain(&result.text, result.data.as_ref(), &path),
        _ => result.text,
    };
    let content = budget.take(&content, &format!("{tool} {path} shows the rest"));
    let kind = if tool == "read_file" { "file" } else { "folder" };
    Ok(Some(match entry.place.syntax {
        Syntax::Braces => content, // its author has written what stands around it
        Syntax::Dollar => format!("<{kind} path=\"{path}\">\n{content}\n</{kind}>"),
    }))
}

fn locate(workspace: &Path, path: &str) -> Target {
    if path.starts_with('~') {
        return Target::Outside;
    }
    let Ok(real) = workspace.join(path).canonicalize() else { return Target::Nothing };
    let Ok(below) = real.strip_prefix(workspace) else { return Target::Outside };
    let below = below.to_string_lossy().replace('\\', "/");
    if real.is_dir() { Target::Folder(below) } else { Target::File(below) }
}

/// The lines without their numbers, and without the tool's remarks but for the one that says how to go on.
fn plain(text: &str, data: Option<&Value>, path: &str) -> String {
    let line = |line: &str| {
        let (number, text) = line.split_once('\t')?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.to_string())
    };
    let mut lines: Vec<String> = text.lines().filter_map(line).collect();
    let number = |name: &str| data.and_then(|data| data.get(name)).and_then(Value::as_u64);
    if data.and_then(|data| data.get("truncated")).and_then(Value::as_bool) == Some(true) {
        let last = number("end").unwrap_or(lines.len() as u64);
        let of = number("lines").map_or(String::new(), |all| format!(" of {all}"));
        lines.push(format!("[lines 1 to {last}{of}; read_file {path} from line {} shows the rest]", last + 1));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_included_as_it_is() {
        let check = |text: &str, data: Value, expected: &str| assert_eq!(plain(text, Some(&data), "a.txt"), expected);
        check("1\ta\n2\t\tb\n3\t", json!({"start": 1, "end": 3, "lines": 3, "truncated": false}), "a\n\tb\n");
        check("1\ta\n[no newline at the end of the file]", json!({"truncated": false}), "a");
        check("[a.txt is empty]", json!({"lines": 0, "truncated": false}), "");
        check(
            "1\ta\n[lines 1 to 1 of 9; to go on: start=2]",
            json!({"start": 1, "end": 1, "lines": 9, "truncated": true}),
            "a\n[lines 1 to 1 of 9; read_file a.txt from line 2 shows the rest]",
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_what_is_in_the_workspace_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("project");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(root.join("src/a"), "a").unwrap();
        std::fs::write(folder.path().join("outside"), "o").unwrap();
        std::os::unix::fs::symlink("../outside", root.join("link")).unwrap();
        let check = |path: &str, expected: &str| {
            let found = match locate(&root, path) {
                Target::File(path) => format!("file {path}"),
                Target::Folder(path) => format!("folder {path}"),
                Target::Nothing => "nothing".into(),
                Target::Outside => "outside".into(),
            };
            assert_eq!(found, expected, "{path}");
        };
        check("src/a", "file src/a");
        check("./src/../src/a", "file src/a");
        check("src/", "folder src");
        check(".", "folder ");
        check(&root.join("src/a").display().to_string(), "file src/a");
        check("someone", "nothing");
        check("/components/button", "nothing");
        check("../outside", "outside");
        check("link", "outside");
        check("/etc/passwd", "outside");
        check("~/.ssh/id_ed25519", "outside");
    }
}
