//! A connection that counts what goes through it, inside TLS, and remembers when something last did.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Http;
use super::connect::Connection;
use super::traffic::Exchange;
use crate::sandbox::meter::Hit;

pub(super) struct Wire {
    connection: Connection,
    exchange: Arc<Exchange>,
    http: Http,
    last: Activity,
}

/// When the last byte came or went.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    pub fn begin() -> Activity {
        Activity(Arc::new(Mutex::new(Instant::now())))
    }

    fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns once nothing has happened for this long.
    pub async fn idle(&self, patience: Duration) {
        loop {
            let since = self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            match patience.checked_sub(since) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

impl Wire {
    pub fn new(connection: Connection, exchange: Arc<Exchange>, http: Http, last: Activity) -> Wire {
        Wire { connection, exchange, http, last }
    }

    /// The call ends with the limit.
    fn stop(&self, hit: Hit) -> io::Error {
        self.http.control.stop();
        io::Error::other(hit)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(match &mut self.connection {
            Connection::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Connection::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        })?;
        self.last.touch();
        let bytes = buffer.filled().len() - before;
        Poll::Ready(self.exchange.received(bytes, &self.http.meter).map_err(|hit| self.stop(hit)))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.exchange.charge_sent(bytes.len(), &self.http.meter).map_err(|hit| self.stop(hit))?;
        let written = ready!(match &mut self.connection {
            Connection::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Connection::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        })?;
        self.last.touch();
        self.exchange.sent(written, &self.http.meter);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.connection {
            Connection::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Connection::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.connection {
            Connection::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Connection::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
