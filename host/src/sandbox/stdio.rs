//! Standard output and error of a guest become log lines, under the limits of the log. Standard input is empty.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::Host;
use super::meter::{Hit, Meter};
use crate::protocol::Level;

/// What may be written at once; the guest writes more in turns.
const CHUNK: usize = 64 << 10;

/// One of the two streams. Clones write to the same line.
#[derive(Clone)]
pub(super) struct Lines {
    level: Level,
    meter: Arc<Meter>,
    host: Arc<dyn Host>,
    partial: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    pub fn new(level: Level, meter: Arc<Meter>, host: Arc<dyn Host>) -> Lines {
        Lines { level, meter, host, partial: Arc::default() }
    }

    fn partial(&self) -> MutexGuard<'_, Vec<u8>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: &[u8]) -> Result<(), Hit> {
        let limit = usize::try_from(self.meter.limits.message.0).unwrap_or(usize::MAX);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let mut line = self.partial();
            // What exceeds the limit of a line is dropped here already, so that the line stays small.
            let room = limit.saturating_add(1).saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let whole = std::mem::take(&mut *line);
                drop(line);
                self.emit(&whole)?;
            }
        }
        Ok(())
    }

    fn emit(&self, line: &[u8]) -> Result<(), Hit> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            return Ok(());
        }
        self.meter.charge_log_line()?;
        self.meter.heard(self.level, text);
        self.host.log(self.level, self.meter.cut(text.to_owned()));
        Ok(())
    }

    /// Gives out what was not ended by a newline.
    pub fn finish(&self) {
        let rest = std::mem::take(&mut *self.partial());
        let _ = self.emit(&rest);
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes).map_err(|hit| StreamError::Trap(hit.into()))
    }
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.push(bytes).map(|()| bytes.len()).map_err(std::io::Error::other))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
