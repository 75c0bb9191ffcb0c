//! Folders into memory and back, and from one to another. What is read was written by strangers or by a model: links are
//! never followed, special files never opened, and nothing is read without a bound.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::task::Files;

/// Bytes of a task's file, of all its files together, and how many there may be.
const LARGEST: u64 = 1 << 20;
const MOST_BYTES: u64 = 8 << 20;
const MOST_FILES: usize = 2_000;
/// The same for what an agent leaves behind.
const LEFT_BYTES: u64 = 256 << 20;
const LEFT_FILES: usize = 20_000;
/// Folders inside each other.
const DEEPEST: usize = 32;
/// Marks a folder that can be made again (bford.info/cachedir).
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// All files below `folder`; nothing where nothing has its name. Anything but a plain file or a folder is an error.
pub fn read(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut bytes = 0;
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
    match folder.symlink_metadata() {
        Ok(found) => ensure!(found.is_dir(), "{name} is no plain folder"),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(error).with_context(|| format!("{name} cannot be read")),
    }
    walk(folder, &mut |entry| {
        let Entry { path, shown: inside, metadata } = entry;
        if metadata.is_dir() {
            return Ok(Go::Inside);
        }
        let shown = format!("{name}/{inside}");
        ensure!(!metadata.is_symlink(), "{shown} is a link; a task has plain files only");
        ensure!(metadata.is_file(), "{shown} is no plain file");
        ensure!(metadata.len() <= LARGEST, "{shown} has {} bytes; a task's file has at most {LARGEST}", metadata.len());
        bytes += metadata.len();
        ensure!(bytes <= MOST_BYTES, "its files are larger than {MOST_BYTES} bytes together");
        ensure!(files.len() < MOST_FILES, "it has more than {MOST_FILES} files");
        let content = fs::read(&path).with_context(|| format!("{shown} cannot be read"))?;
        files.insert(inside, content);
        Ok(Go::On)
    })?;
    Ok(files)
}

/// Puts the files into `folder`, which is made. What stands in their way goes; `folder` must hold no links.
pub fn write(folder: &Path, files: &Files) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (path, content) in files {
        let file = folder.join(path);
        let parents = Path::new(path).ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
        for parent in parents.map(|parent| folder.join(parent)).filter(|parent| parent.is_file()) {
            fs::remove_file(parent)?;
        }
        if file.is_dir() {
            fs::remove_dir_all(&file)?;
        }
        file.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&file, content).with_context(|| format!("{path} cannot be written"))?;
    }
    Ok(())
}

/// Copies plain files to `to`, a new folder, with the right to run them. Links, special files and caches stay behind.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let (mut bytes, mut count) = (0, 0);
    walk(from, &mut |entry| {
        let Entry { path, shown, metadata } = entry;
        let target = to.join(&shown);
        if metadata.is_dir() {
            if path.join(CACHE_TAG).symlink_metadata().is_ok() {
                return Ok(Go::On);
            }
            fs::create_dir_all(target)?;
            return Ok(Go::Inside);
        }
        if metadata.is_file() {
            (bytes, count) = (bytes + metadata.len(), count + 1);
            ensure!(
                bytes <= LEFT_BYTES && count <= LEFT_FILES,
                "it has become too large to be checked: at most {LEFT_FILES} files of {LEFT_BYTES} bytes together"
            );
            fs::copy(&path, target).with_context(|| format!("{shown} cannot be copied"))?;
        }
        Ok(Go::On)
    })
}

struct Entry {
    path: PathBuf,
    /// Relative to where the walk began, with `/`.
    shown: String,
    /// Of the entry itself, not of what a link leads to.
    metadata: Metadata,
}

#[derive(PartialEq, Eq)]
enum Go {
    Inside,
    On,
}

/// Shows every entry below `root` to `visit`, in the order of their names, parents first.
fn walk(root: &Path, visit: &mut dyn FnMut(Entry) -> Result<Go>) -> Result<()> {
    let mut folders = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        if depth > DEEPEST {
            bail!("{prefix} is too deep: at most {DEEPEST} folders inside each other");
        }
        let listed = fs::read_dir(&folder).with_context(|| format!("{} cannot be listed", folder.display()))?;
        let mut names = listed.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
        names.sort();
        let mut inside = Vec::new();
        for name in names {
            let path = folder.join(&name);
            let Some(name) = name.to_str() else { bail!("{} is no name in UTF-8", path.display()) };
            let shown = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            let metadata = path.symlink_metadata()?;
            if visit(Entry { path: path.clone(), shown: shown.clone(), metadata })? == Go::Inside {
                inside.push((path, shown, depth + 1));
            }
        }
        folders.extend(inside.into_iter().rev());
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &str)]) -> Files {
        entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let all = files(&[("a/b/c.txt", "1"), ("a/d", ""), ("z.rs", "fn main() {}\n")]);
        write(folder.path(), &all).unwrap();
        assert_eq!(read(folder.path()).unwrap(), all);
        assert_eq!(read(&folder.path().join("nowhere")).unwrap(), Files::new());
    }

    #[test]
    fn only_what_is_not_there_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files(&[("plain", "x"), ("full/a", "1")])).unwrap();
        std::os::unix::fs::symlink(folder.path().join("full"), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("dangling")).unwrap();
        for name in ["plain", "link", "dangling"] {
            let error = read(&folder.path().join(name)).unwrap_err().to_string();
            assert_eq!(error, format!("{name} is no plain folder"));
        }
        assert!(read(&folder.path().join("plain/inside")).unwrap_err().to_string().contains("inside cannot be read"));
    }

    #[test]
    fn what_stands_in_the_way_goes() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files(&[("tests", "a file"), ("top.rs/inner", "a folder")])).unwrap();
        let tests = files(&[("tests/top.rs", "1"), ("top.rs", "2")]);
        write(folder.path(), &tests).unwrap();
        assert_eq!(read(folder.path()).unwrap(), tests);
    }

    #[test]
    fn links_and_caches_stay_behind() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let outside = tempfile::NamedTempFile::new().unwrap();
        write(from.path(), &files(&[("src/a", "1"), ("target/CACHEDIR.TAG", ""), ("target/b", "2")])).unwrap();
        std::os::unix::fs::symlink(outside.path(), from.path().join("src/link")).unwrap();
        std::os::unix::fs::symlink("/", from.path().join("root")).unwrap();
        copy(from.path(), to.path()).unwrap();
        assert_eq!(read(to.path()).unwrap(), files(&[("src/a", "1")]));
    }

    #[test]
    fn a_task_of_links_or_of_great_size_is_refused() {
        let check = |make: &dyn Fn(&Path), complaint: &str| {
            let folder = tempfile::tempdir().unwrap();
            make(folder.path());
            let error = read(folder.path()).unwrap_err().to_string();
            let folder = folder.path().file_name().unwrap().to_string_lossy();
            assert!(error.replace(&format!("{folder}/"), "IN/").contains(complaint), "{error}");
        };
        check(&|root| std::os::unix::fs::symlink("/etc/passwd", root.join("a")).unwrap(), "IN/a is a link");
        check(&|root| std::os::unix::fs::symlink("/etc", root.join("a")).unwrap(), "IN/a is a link");
        check(
            &|root| fs::File::create(root.join("a")).unwrap().set_len(1 << 40).unwrap(),
            "IN/a has 1099511627776 bytes",
        );
        check(&|root| drop(std::os::unix::net::UnixListener::bind(root.join("a")).unwrap()), "IN/a is no plain file");
        let many = |root: &Path| {
            (0..9).for_each(|n| fs::File::create(root.join(n.to_string())).unwrap().set_len(LARGEST).unwrap())
        };
        check(&many, "larger than 8388608 bytes together");
    }
}
