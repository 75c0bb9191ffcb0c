//! The files beside a skill, which may lie outside the workspace: listed and read, nothing else. Whatever a path is
//! spelled like, and wherever a link leads, nothing outside the skill's own folder is opened.

use std::path::Path;

use super::files;
use crate::sandbox::Protection;

/// The most files that are listed, and how deep they may lie.
const LISTED: usize = 50;
const DEPTH: usize = 4;
/// The most bytes of a file that is read.
const LARGEST: usize = 256 << 10;

/// Why a file was not read.
pub(super) enum Refused {
    Denied(String),
    Failed(String),
}

/// The files of a skill, but for its own text, relative to its folder and sorted.
pub(super) fn list(workspace: &Path, folder: &Path, protection: &Protection) -> Vec<String> {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let (mut found, mut folders) = (Vec::new(), vec![(String::new(), 0)]);
    while let Some((below, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder.join(&below)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || name.contains(char::is_control) {
                continue;
            }
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH => folders.push((path, depth + 1)),
                Ok(kind) if kind.is_file() && path != "SKILL.md" && !is_secret(workspace, &real, &path, protection) => {
                    found.push(path)
                }
                _ => {}
            }
            if found.len() > LISTED * 4 {
                folders.clear();
                break;
            }
        }
    }
    found.sort();
    if found.len() > LISTED {
        let more = found.len() - LISTED;
        found.truncate(LISTED);
        found.push(format!("… at least {more} more"));
    }
    found
}

/// The text of one file.
pub(super) fn read(workspace: &Path, folder: &Path, path: &str, protection: &Protection) -> Result<String, Refused> {
    let failed = |reason: String| Refused::Failed(format!("{path}: {reason}"));
    let folder = folder.canonicalize().map_err(|error| failed(error.to_string()))?;
    let outside = |_| Refused::Denied(format!("'{path}' is not in the skill's folder"));
    let real = files::relative(&folder, path).map_err(outside)?;
    if is_secret(workspace, &folder, &real, protection) {
        return Err(Refused::Denied(format!("'{path}' looks like a secret, and skills have none to read")));
    }
    let content = files::read(&folder, &real).map_err(|error| failed(error.to_string()))?;
    let Some(content) = content else {
        return Err(match list(workspace, &folder, protection).as_slice() {
            [] => failed("the skill has no other files".into()),
            files => failed(format!("there is no such file; there are {}", files.join(", "))),
        });
    };
    if content.len() > LARGEST {
        return Err(failed(format!("{} KiB are too much to be read; 256 KiB is the limit", content.len() >> 10)));
    }
    String::from_utf8(content).map_err(|_| failed("it is not text".into()))
}

/// Whether the file counts as a secret, by its place in the skill or in the workspace: a skill's folder may be a link to
/// one of secrets. `folder` is canonical.
fn is_secret(workspace: &Path, folder: &Path, below: &str, protection: &Protection) -> bool {
    let full = folder.join(below);
    let whole = full.strip_prefix(workspace).unwrap_or(Path::new(below));
    Path::new(below).ancestors().chain(whole.ancestors()).any(|part| protection.secret.is_match(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn nothing_leaves_the_folder_and_secrets_stay() {
        let outside = tempfile::tempdir().unwrap();
        let skill = outside.path().canonicalize().unwrap().join("pdf");
        let write = |name: &str, text: &str| {
            let file = skill.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("SKILL.md", "x");
        write("reference/forms.md", "forms");
        write("scripts/fill.py", "fill");
        write(".env", "TOKEN=1");
        write("keys/id_rsa", "KEY");
        std::fs::write(outside.path().join("other"), "other").unwrap();
        std::os::unix::fs::symlink("../other", skill.join("link.md")).unwrap();
        std::os::unix::fs::symlink(".env", skill.join("env.md")).unwrap();
        std::os::unix::fs::symlink("reference/forms.md", skill.join("forms.md")).unwrap();
        let protection = Protection::new(&[], &[".env*".into(), "id_rsa*".into()]).unwrap();
        let nowhere = Path::new("/nowhere");
        assert_eq!(list(nowhere, &skill, &protection), ["reference/forms.md", "scripts/fill.py"]);
        let check = |path: &str, expected: &str| {
            let found = match read(nowhere, &skill, path, &protection) {
                Ok(text) => text,
                Err(Refused::Denied(_)) => "denied".into(),
                Err(Refused::Failed(reason)) => reason,
            };
            assert_eq!(found, expected, "{path}");
        };
        check("reference/forms.md", "forms");
        check("forms.md", "forms");
        for path in ["../other", "link.md", ".env", "env.md", "keys/id_rsa", "/etc/passwd", "", "a/../../other"] {
            check(path, "denied");
        }
        check("none.md", "none.md: there is no such file; there are reference/forms.md, scripts/fill.py");
        check("reference", "reference: reference: not a regular file");
    }

    #[cfg(unix)]
    #[test]
    fn a_skill_that_links_to_a_folder_of_secrets_has_no_files() {
        let project = tempfile::tempdir().unwrap();
        let root = project.path().canonicalize().unwrap();
        for folder in [".aws", "skills"] {
            std::fs::create_dir(root.join(folder)).unwrap();
        }
        std::fs::write(root.join(".aws/credentials"), "KEY").unwrap();
        std::os::unix::fs::symlink("../.aws", root.join("skills/aws")).unwrap();
        let protection = Protection::new(&[], &[".aws".into()]).unwrap();
        let folder = root.join("skills/aws");
        assert_eq!(list(&root, &folder, &protection), [""; 0]);
        assert!(matches!(read(&root, &folder, "credentials", &protection), Err(Refused::Denied(_))));
    }
}
