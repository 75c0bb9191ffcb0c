//! An open regular file: reads, and writes that are accounted for before they happen. Whether it may be used so was
//! decided when it was opened.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fd::OwnedFd;
use rustix::fs::{Stat, fstat, ftruncate};
use rustix::io::{Errno, ReadWriteFlags, pwritev2};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{FsError, FsResult};

use super::root::{Root, code, trap};

/// Bytes that one read gives at most.
pub const CHUNK: usize = 64 << 10;

/// Cheap to clone: streams hold it too.
#[derive(Clone)]
pub struct File(Arc<Opened>);

struct Opened {
    file: std::fs::File,
    root: Arc<Root>,
    path: PathBuf,
    /// When it was opened.
    size: u64,
    reads: bool,
    writes: bool,
    /// The path is in the list of what the call changed.
    noted: AtomicBool,
}

thread_local! {
    /// Where bytes land before they are handed on in a buffer of their own size.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into());
}

impl File {
    /// `size` is what the file has now.
    pub fn new(fd: OwnedFd, root: Arc<Root>, path: PathBuf, size: u64, reads: bool, writes: bool) -> File {
        let noted = AtomicBool::new(false);
        File(Arc::new(Opened { file: fd.into(), root, path, size, reads, writes, noted }))
    }

    pub fn is_readable(&self) -> bool {
        self.0.reads
    }

    pub fn is_writable(&self) -> bool {
        self.0.writes
    }

    pub fn fd(&self) -> &std::fs::File {
        &self.0.file
    }

    /// For checks that are not about an open file's content.
    pub fn place(&self) -> (&Root, &PathBuf) {
        (&self.0.root, &self.0.path)
    }

    pub fn stat(&self) -> FsResult<Stat> {
        fstat(&self.0.file).map_err(code)
    }

    /// At most [`CHUNK`] bytes from `offset`, handed to `make`; none at the end of the file.
    pub fn read<T>(&self, length: usize, offset: u64, make: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        if !self.0.reads {
            return Err(Errno::BADF.into());
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let length = length.min(CHUNK);
            loop {
                match self.0.file.read_at(&mut scratch[..length], offset) {
                    Ok(count) => return Ok(make(&scratch[..count])),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        })
    }

    /// Whether a read of `length` bytes from `offset` that gave `count` has met the end, so that nobody has to ask once
    /// more. A file that had no size may be one of the system's, which give their content in portions.
    pub fn ends_after(&self, count: usize, length: usize, offset: u64) -> bool {
        let short = count < length.min(CHUNK);
        let reached = offset.saturating_add(count as u64);
        length > 0 && (count == 0 || (short && self.0.size > 0 && reached >= self.0.size))
    }

    /// Writes all of it.
    pub fn write(&self, bytes: &[u8], offset: u64) -> FsResult<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(ErrorCode::FileTooLarge)?;
        self.account(bytes.len() as u64, Some(end))?;
        self.0.file.write_all_at(bytes, offset)?;
        Ok(())
    }

    pub fn append(&self, mut bytes: &[u8]) -> FsResult<()> {
        self.account(bytes.len() as u64, None)?;
        while !bytes.is_empty() {
            match pwritev2(&self.0.file, &[IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND) {
                Ok(0) => return Err(ErrorCode::Io.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(code(errno)),
            }
        }
        Ok(())
    }

    pub fn resize(&self, size: u64) -> FsResult<()> {
        let before = u64::try_from(self.stat()?.st_size).unwrap_or(0);
        self.account(0, Some(size))?;
        ftruncate(&self.0.file, size).map_err(code)?;
        self.0.root.shrink(before.saturating_sub(size));
        Ok(())
    }

    /// Charges `bytes`, or what the file grows by when that is more: a hole costs what it could hold.
    fn account(&self, bytes: u64, end: Option<u64>) -> FsResult<()> {
        if !self.0.writes {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let root = &self.0.root;
        let size = u64::try_from(self.stat()?.st_size).unwrap_or(0);
        let growth = end.map_or(bytes, |end| end.saturating_sub(size));
        root.meter.charge_written(bytes.max(growth)).map_err(trap)?;
        root.grow(growth)?;
        if !self.0.noted.swap(true, Relaxed) {
            root.changed(&self.0.path);
        }
        Ok(())
    }
}

/// A failed write as a stream reports it.
pub fn stream_error(error: FsError) -> wasmtime_wasi::p2::StreamError {
    use wasmtime_wasi::p2::StreamError;
    match error.downcast() {
        // `filesystem-error-code` finds the code again when the guest asks for it.
        Ok(code) => StreamError::LastOperationFailed(wasmtime::Error::new(code)),
        Err(trap) => StreamError::Trap(trap),
    }
}
