//! Folders opened once, their files opened by name: the fewest calls into the host for a tool that reads thousands of
//! files. In a plugin it goes to `wasi:filesystem` directly, because the standard library looks each name up from the
//! root, asks for metadata of every entry, and (on some targets) reads through a stream. Natively it is `std::fs`.

use std::io;

use crate::file::File;
use crate::workspace::Path;

#[cfg(target_arch = "wasm32")]
pub(crate) use system::to_io;

/// What a name in a folder stands for. Links are not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Folder,
    File,
    Link,
    Other,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub kind: Kind,
}

/// An open folder of the workspace.
pub struct Folder(system::Folder);

impl Folder {
    pub fn open(path: &Path) -> io::Result<Folder> {
        system::open(path).map(Folder)
    }

    /// The entries by name. Names that are not UTF-8 are left out; the count of those comes second.
    pub fn entries(&self) -> io::Result<(Vec<Entry>, usize)> {
        let (mut entries, unreadable) = self.0.entries()?;
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok((entries, unreadable))
    }

    pub fn folder(&self, name: &str) -> io::Result<Folder> {
        self.0.folder(name).map(Folder)
    }

    /// The content of a file in this folder, at most `limit` bytes of it.
    pub fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        self.0.file(name)?.rest(limit)
    }
}

/// Opens a file for reading, through the folder that was granted for it. Links are followed.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    system::open_file(path)
}

#[cfg(not(target_arch = "wasm32"))]
mod system {
    use std::path::PathBuf;

    use super::*;
    use crate::file::Source;

    pub struct Folder(PathBuf);

    pub fn open(path: &Path) -> io::Result<Folder> {
        let path = path.on_disk();
        match std::fs::metadata(&path)?.is_dir() {
            true => Ok(Folder(path)),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub fn open_file(path: &Path) -> io::Result<File> {
        Source::open(&path.on_disk()).map(File::new)
    }

    impl Folder {
        pub fn entries(&self) -> io::Result<(Vec<Entry>, usize)> {
            let (mut entries, mut unreadable) = (Vec::new(), 0);
            for entry in std::fs::read_dir(&self.0)? {
                let entry = entry?;
                let kind = match entry.file_type()? {
                    kind if kind.is_dir() => Kind::Folder,
                    kind if kind.is_file() => Kind::File,
                    kind if kind.is_symlink() => Kind::Link,
                    _ => Kind::Other,
                };
                match entry.file_name().into_string() {
                    Ok(name) => entries.push(Entry { name, kind }),
                    Err(_) => unreadable += 1,
                }
            }
            Ok((entries, unreadable))
        }

        pub fn folder(&self, name: &str) -> io::Result<Folder> {
            Ok(Folder(self.0.join(name)))
        }

        pub fn file(&self, name: &str) -> io::Result<File> {
            Source::open(&self.0.join(name)).map(File::new)
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod system {
    use wasip2::filesystem::preopens::get_directories;
    use wasip2::filesystem::types::{Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags};

    use super::*;
    use crate::file::Source;

    pub enum Folder {
        Open(Descriptor),
        /// Above the folders that were granted: holds what leads to them, relative to here.
        Above(Vec<(String, Descriptor)>),
    }

    pub fn open(path: &Path) -> io::Result<Folder> {
        let mut granted = get_directories();
        if let Some((index, rest)) = holding(&granted, path) {
            return match rest {
                "" => Ok(Folder::Open(granted.swap_remove(index).0)),
                rest => open_folder(&granted[index].0, rest, PathFlags::SYMLINK_FOLLOW).map(Folder::Open),
            };
        }
        let leads_to = |(folder, name): (Descriptor, String)| {
            let rest = beneath(path.relative(), workspace(&name)?)?;
            Some((rest.to_owned(), folder))
        };
        let below: Vec<_> = granted.into_iter().filter_map(leads_to).collect();
        match below.is_empty() {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => Ok(Folder::Above(below)),
        }
    }

    pub fn open_file(path: &Path) -> io::Result<File> {
        let granted = get_directories();
        let (index, rest) = holding(&granted, path).ok_or(io::ErrorKind::PermissionDenied)?;
        let rest = if rest.is_empty() { "." } else { rest };
        Source::open(&granted[index].0, rest, PathFlags::SYMLINK_FOLLOW).map(File::new)
    }

    /// Which granted folder the path lies in, the deepest if there are several, and the path from there.
    fn holding<'a>(granted: &[(Descriptor, String)], path: &'a Path) -> Option<(usize, &'a str)> {
        let names = granted.iter().map(|(_, name)| name).enumerate();
        let holds = |(index, name): (usize, &String)| Some((index, beneath(workspace(name)?, path.relative())?));
        names.filter_map(holds).min_by_key(|(_, rest)| rest.len())
    }

    /// The granted folder's name below the workspace; `None` for other folders.
    fn workspace(name: &str) -> Option<&str> {
        beneath("/workspace", name)
    }

    /// What is left of `path` below `folder`. Both are clean.
    fn beneath<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(folder)? {
            rest if rest.is_empty() || folder.is_empty() => Some(rest),
            rest => rest.strip_prefix('/'),
        }
    }

    impl Folder {
        pub fn entries(&self) -> io::Result<(Vec<Entry>, usize)> {
            let (mut entries, mut unreadable) = (Vec::new(), 0);
            match self {
                Folder::Above(below) => {
                    for (path, _) in below {
                        let name = path.split('/').next().unwrap_or_default().to_owned();
                        if entries.iter().all(|entry: &Entry| entry.name != name) {
                            entries.push(Entry { name, kind: Kind::Folder });
                        }
                    }
                }
                Folder::Open(folder) => {
                    let stream = folder.read_directory().map_err(to_io)?;
                    loop {
                        match stream.read_directory_entry() {
                            Ok(None) => break,
                            Ok(Some(entry)) if entry.name == "." || entry.name == ".." => {}
                            Ok(Some(entry)) => entries.push(Entry { name: entry.name, kind: kind(entry.type_) }),
                            Err(ErrorCode::IllegalByteSequence) => unreadable += 1,
                            Err(error) => return Err(to_io(error)),
                        }
                    }
                }
            }
            Ok((entries, unreadable))
        }

        pub fn folder(&self, name: &str) -> io::Result<Folder> {
            let below = match self {
                Folder::Open(folder) => return open_folder(folder, name, PathFlags::empty()).map(Folder::Open),
                Folder::Above(below) => below,
            };
            let mut deeper = Vec::new();
            for (path, folder) in below {
                if path == name {
                    return open_folder(folder, ".", PathFlags::empty()).map(Folder::Open);
                }
                if let Some(rest) = path.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')) {
                    deeper.push((rest.to_owned(), open_folder(folder, ".", PathFlags::empty())?));
                }
            }
            match deeper.is_empty() {
                true => Err(io::ErrorKind::NotFound.into()),
                false => Ok(Folder::Above(deeper)),
            }
        }

        pub fn file(&self, name: &str) -> io::Result<File> {
            let Folder::Open(folder) = self else { return Err(io::ErrorKind::NotFound.into()) };
            Source::open(folder, name, PathFlags::empty()).map(File::new)
        }
    }

    fn open_folder(parent: &Descriptor, path: &str, follow: PathFlags) -> io::Result<Descriptor> {
        parent.open_at(follow, path, OpenFlags::DIRECTORY, DescriptorFlags::READ).map_err(to_io)
    }

    fn kind(kind: DescriptorType) -> Kind {
        match kind {
            DescriptorType::Directory => Kind::Folder,
            DescriptorType::RegularFile => Kind::File,
            DescriptorType::SymbolicLink => Kind::Link,
            _ => Kind::Other,
        }
    }

    pub fn to_io(error: ErrorCode) -> io::Error {
        match error {
            ErrorCode::NoEntry => io::ErrorKind::NotFound.into(),
            ErrorCode::Access | ErrorCode::NotPermitted => io::ErrorKind::PermissionDenied.into(),
            ErrorCode::NotDirectory => io::ErrorKind::NotADirectory.into(),
            ErrorCode::IsDirectory => io::ErrorKind::IsADirectory.into(),
            error => io::Error::other(error.message()),
        }
    }
}
