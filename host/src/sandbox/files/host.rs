//! `wasi:filesystem` as the guest calls it: takes descriptors out of the table, counts, and hands on to the operations.
//! Nothing is decided here.

use std::io;

use rustix::fs::{FileType, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fdatasync, fstat, fsync};
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::ResourceTable;
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::change::set_times;
use super::file::File;
use super::look::{Listing, described, given, hash};
use super::open::{Dir, Node};
use super::preopen::Files;
use super::root::{code, trap};
use super::streams;
use crate::sandbox::state::State;
use types::{Descriptor, DirectoryEntryStream, ErrorCode};

pub(in crate::sandbox) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, Ours>(linker, view)?;
    preopens::add_to_linker::<_, Ours>(linker, view)
}

struct Ours;

impl HasData for Ours {
    type Data<'a> = View<'a>;
}

fn view(state: &mut State) -> View<'_> {
    state.meter.count_call();
    View { table: &mut state.table, files: &state.files }
}

struct View<'a> {
    table: &'a mut ResourceTable,
    files: &'a Files,
}

/// The table holds this module's own types; WASI's names for them are only labels on the same numbers.
fn relabel<T: 'static, U: 'static>(handle: &Resource<T>) -> Resource<U> {
    match handle.owned() {
        true => Resource::new_own(handle.rep()),
        false => Resource::new_borrow(handle.rep()),
    }
}

impl View<'_> {
    fn node(&self, fd: &Resource<Descriptor>) -> FsResult<&Node> {
        self.files.meter.check_calls().map_err(trap)?;
        Ok(self.table.get(&relabel::<_, Node>(fd))?)
    }

    fn file(&self, fd: &Resource<Descriptor>) -> FsResult<&File> {
        match self.node(fd)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(ErrorCode::BadDescriptor.into()),
        }
    }

    fn dir(&self, fd: &Resource<Descriptor>) -> FsResult<&Dir> {
        match self.node(fd)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(ErrorCode::NotDirectory.into()),
        }
    }

    fn push(&mut self, node: Node) -> FsResult<Resource<Descriptor>> {
        self.files.meter.open_descriptor().map_err(trap)?;
        Ok(relabel(&self.table.push(node)?))
    }

    fn writable_file(&self, fd: &Resource<Descriptor>) -> FsResult<&File> {
        let file = self.file(fd)?;
        match file.is_writable() {
            true => Ok(file),
            false => Err(ErrorCode::BadDescriptor.into()),
        }
    }
}

fn follows(flags: types::PathFlags) -> bool {
    flags.contains(types::PathFlags::SYMLINK_FOLLOW)
}

fn stat_of(node: &Node) -> FsResult<rustix::fs::Stat> {
    match node {
        Node::File(file) => file.stat(),
        Node::Dir(dir) => fstat(&*dir.fd).map_err(code),
    }
}

fn timestamps(access: types::NewTimestamp, modification: types::NewTimestamp) -> FsResult<Timestamps> {
    let one = |time| -> FsResult<Timespec> {
        let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        Ok(match time {
            types::NewTimestamp::NoChange => special(UTIME_OMIT),
            types::NewTimestamp::Now => special(UTIME_NOW),
            types::NewTimestamp::Timestamp(time) => Timespec {
                tv_sec: i64::try_from(time.seconds).map_err(|_| ErrorCode::Overflow)?,
                tv_nsec: i64::from(time.nanoseconds.min(999_999_999)),
            },
        })
    };
    Ok(Timestamps { last_access: one(access)?, last_modification: one(modification)? })
}

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut given = Vec::new();
        for (dir, name) in &self.files.preopens {
            self.files.meter.open_descriptor()?;
            given.push((relabel(&self.table.push(Node::Dir(dir.clone()))?), name.clone()));
        }
        Ok(given)
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        if let Some(code) = error.downcast_ref::<ErrorCode>() {
            return Ok(Some(*code));
        }
        Ok(error.downcast_ref::<io::Error>().map(ErrorCode::from))
    }
}

impl types::HostDescriptor for View<'_> {
    fn read_via_stream(&mut self, fd: Resource<Descriptor>, position: u64) -> FsResult<Resource<DynInputStream>> {
        let file = match self.node(&fd)? {
            Node::File(file) if file.is_readable() => file.clone(),
            Node::File(_) => return Err(ErrorCode::BadDescriptor.into()),
            Node::Dir(_) => return Err(ErrorCode::IsDirectory.into()),
        };
        let stream: DynInputStream = Box::new(streams::Input { file, position });
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, position: u64) -> FsResult<Resource<DynOutputStream>> {
        let file = self.writable_file(&fd)?.clone();
        let stream: DynOutputStream = Box::new(streams::Output { file, position: Some(position) });
        Ok(self.table.push(stream)?)
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let file = self.writable_file(&fd)?.clone();
        let stream: DynOutputStream = Box::new(streams::Output { file, position: None });
        Ok(self.table.push(stream)?)
    }

    async fn advise(&mut self, fd: Resource<Descriptor>, _: u64, _: u64, _: types::Advice) -> FsResult<()> {
        self.file(&fd).map(drop)
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        match self.node(&fd)? {
            Node::File(file) => fdatasync(file.fd()).map_err(code),
            Node::Dir(dir) => fdatasync(&*dir.fd).map_err(code),
        }
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        match self.node(&fd)? {
            Node::File(file) => fsync(file.fd()).map_err(code),
            Node::Dir(dir) => fsync(&*dir.fd).map_err(code),
        }
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorFlags> {
        use types::DescriptorFlags as Flags;
        let given = |given: bool, flag: Flags| if given { flag } else { Flags::empty() };
        Ok(match self.node(&fd)? {
            Node::File(file) => given(file.is_readable(), Flags::READ) | given(file.is_writable(), Flags::WRITE),
            Node::Dir(dir) => Flags::READ | given(dir.writable, Flags::MUTATE_DIRECTORY),
        })
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorType> {
        Ok(match self.node(&fd)? {
            Node::File(_) => described(FileType::RegularFile),
            Node::Dir(_) => described(FileType::Directory),
        })
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: u64) -> FsResult<()> {
        self.writable_file(&fd)?.resize(size)
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        access: types::NewTimestamp,
        modification: types::NewTimestamp,
    ) -> FsResult<()> {
        let times = timestamps(access, modification)?;
        match self.node(&fd)? {
            Node::File(file) => {
                let (root, path) = file.place();
                set_times(root, path, file.fd(), &times)
            }
            Node::Dir(dir) => set_times(&dir.root, &dir.root.locate(&*dir.fd)?, &*dir.fd, &times),
        }
    }

    async fn read(&mut self, fd: Resource<Descriptor>, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let file = match self.node(&fd)? {
            Node::File(file) => file,
            Node::Dir(_) => return Err(ErrorCode::IsDirectory.into()),
        };
        let bytes = file.read(length, offset, <[u8]>::to_vec)?;
        let end = file.ends_after(bytes.len(), length, offset);
        Ok((bytes, end))
    }

    async fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        self.writable_file(&fd)?.write(&bytes, offset)?;
        Ok(bytes.len() as u64)
    }

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        let listing = self.dir(&fd)?.list()?;
        self.files.meter.open_descriptor().map_err(trap)?;
        Ok(relabel(&self.table.push(listing)?))
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.dir(&fd)?.create_directory_at(&path)
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorStat> {
        Ok(given(&stat_of(self.node(&fd)?)?))
    }

    async fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::DescriptorStat> {
        Ok(given(&self.dir(&fd)?.stat_at(&path, follows(flags))?))
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
        access: types::NewTimestamp,
        modification: types::NewTimestamp,
    ) -> FsResult<()> {
        self.dir(&fd)?.set_times_at(&path, follows(flags), &timestamps(access, modification)?)
    }

    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: types::PathFlags,
        old: String,
        _: Resource<Descriptor>,
        new: String,
    ) -> FsResult<()> {
        self.dir(&fd)?.link_at(&old, &new)
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        follow: types::PathFlags,
        path: String,
        how: types::OpenFlags,
        flags: types::DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let node = self.dir(&fd)?.open(&path, follows(follow), how, flags)?;
        self.push(node)
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        self.dir(&fd)?.readlink_at(&path)
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.dir(&fd)?.remove_directory_at(&path)
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old: String,
        target: Resource<Descriptor>,
        new: String,
    ) -> FsResult<()> {
        self.dir(&fd)?.rename_at(&old, self.dir(&target)?, &new)
    }

    async fn symlink_at(&mut self, fd: Resource<Descriptor>, target: String, path: String) -> FsResult<()> {
        self.dir(&fd)?.symlink_at(&target, &path)
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.dir(&fd)?.unlink_file_at(&path)
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        let stat = |fd: &Resource<Descriptor>| -> Option<(u64, u64)> {
            let stat = stat_of(self.node(fd).ok()?).ok()?;
            Some((stat.st_dev, stat.st_ino))
        };
        Ok(stat(&a).is_some() && stat(&a) == stat(&b))
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<types::MetadataHashValue> {
        Ok(hash(&stat_of(self.node(&fd)?)?))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        Ok(hash(&self.dir(&fd)?.stat_at(&path, follows(flags))?))
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.files.meter.close_descriptor();
        self.table.delete(relabel::<_, Node>(&fd))?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for View<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<types::DirectoryEntry>> {
        self.files.meter.check_calls().map_err(trap)?;
        self.table.get_mut(&relabel::<_, Listing>(&stream))?.next()
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.files.meter.close_descriptor();
        self.table.delete(relabel::<_, Listing>(&stream))?;
        Ok(())
    }
}
