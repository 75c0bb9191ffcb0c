//! Which tasks a folder holds, in either layout, at any depth. One that cannot be read is told with the reason and takes no
//! other with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::task::Task;
use super::{exercise, own};

/// How deep is looked: `<root>/<language>/exercises/practice/<name>` and one more.
const DEEPEST: usize = 5;
/// Folders that are looked at.
const MOST: usize = 20_000;

/// What was found, both in the order of their names.
pub struct Found {
    pub tasks: Vec<Task>,
    pub broken: Vec<Broken>,
}

/// A folder that looks like a task and cannot be used, or of which nobody can see what is in it.
pub struct Broken {
    pub name: String,
    pub reason: String,
}

/// A folder, and the parts of its name from the root on.
type Folder = (PathBuf, Vec<String>);

/// Reads a task's folder; told its name and how long a program may take.
type Read = fn(&Path, &str, Duration) -> Result<Task>;

/// All tasks below `root`, or `root` itself. Links are not followed. Fails when there is nothing that looks like a task.
/// `longest` is what a program may take.
pub fn all(root: &Path, longest: Duration) -> Result<Found> {
    let root = root.canonicalize().with_context(|| format!("the tasks cannot be read: {}", root.display()))?;
    let mut found = Found { tasks: Vec::new(), broken: Vec::new() };
    let mut folders: Vec<Folder> = vec![(root.clone(), Vec::new())];
    let mut looked = 0;
    while let Some((folder, parts)) = folders.pop() {
        looked += 1;
        if looked > MOST {
            bail!("{} has more than {MOST} folders; name one that holds tasks", root.display());
        }
        let here = |file: &str| folder.join(file).symlink_metadata().is_ok();
        let read = if here(own::FILE) {
            Some(own::read as Read)
        } else if here(exercise::CONFIG) {
            Some(exercise::read as Read)
        } else {
            None
        };
        if let Some(read) = read {
            let name = name(&root, &parts);
            match read(&folder, &name, longest) {
                Ok(task) => found.tasks.push(task),
                Err(error) => found.broken.push(Broken { name, reason: format!("{error:#}") }),
            }
        } else if parts.len() < DEEPEST {
            match inside(&folder, &parts) {
                Ok((more, unnamed)) => {
                    folders.extend(more);
                    let reason = || "its name is not UTF-8; give it another".to_owned();
                    found.broken.extend(unnamed.into_iter().map(|name| Broken { name, reason: reason() }));
                }
                Err(error) if parts.is_empty() => return Err(error),
                Err(error) => {
                    found.broken.push(Broken { name: name(&root, &parts), reason: format!("{error:#}") });
                }
            }
        }
    }
    if found.tasks.is_empty() && found.broken.is_empty() {
        bail!(
            "{} holds no tasks: a task is a folder with {}, or an exercise with {}",
            root.display(),
            own::FILE,
            exercise::CONFIG
        );
    }
    found.tasks.sort_by(|a, b| a.name.cmp(&b.name));
    found.broken.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The folders in it, and those of which nobody can write the name.
fn inside(folder: &Path, parts: &[String]) -> Result<(Vec<Folder>, Vec<String>)> {
    let listed = std::fs::read_dir(folder).with_context(|| format!("{} cannot be listed", folder.display()))?;
    let (mut inside, mut unnamed) = (Vec::new(), Vec::new());
    for entry in listed {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        match entry.file_name().into_string() {
            Ok(name) if name.starts_with('.') => {}
            Ok(name) => inside.push((entry.path(), [parts, &[name]].concat())),
            Err(name) => unnamed.push([parts, &[name.to_string_lossy().into_owned()]].concat().join("/")),
        }
    }
    Ok((inside, unnamed))
}

/// `python/bowling` for `python/exercises/practice/bowling`.
fn name(root: &Path, parts: &[String]) -> String {
    match parts {
        [] => root.file_name().map_or_else(|| "task".into(), |name| name.to_string_lossy().into_owned()),
        [before @ .., exercises, practice, name] if exercises == "exercises" && practice == "practice" => {
            [before, std::slice::from_ref(name)].concat().join("/")
        }
        parts => parts.join("/"),
    }
}
