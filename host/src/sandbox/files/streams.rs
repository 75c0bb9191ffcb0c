//! Streams over regular files. They work at once, on the thread of the call: a regular file is always ready, and a
//! guest's blocking read then costs one host call instead of a thread switch.

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::file::{CHUNK, File, stream_error};

/// Bytes that a guest may write at once.
const WRITE_CHUNK: usize = 1 << 20;

pub struct Input {
    pub file: File,
    pub position: u64,
}

pub struct Output {
    pub file: File,
    /// `None` appends.
    pub position: Option<u64>,
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let read = self.file.read(size.min(CHUNK), self.position, Bytes::copy_from_slice);
        let bytes = read.map_err(|error| StreamError::LastOperationFailed(error.into()))?;
        if bytes.is_empty() {
            return Err(StreamError::Closed);
        }
        self.position += bytes.len() as u64;
        Ok(bytes)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        match &mut self.position {
            None => self.file.append(&bytes).map_err(stream_error),
            Some(position) => {
                self.file.write(&bytes, *position).map_err(stream_error)?;
                *position = position.saturating_add(bytes.len() as u64);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_CHUNK)
    }
}
