//! Counts the requests of one call and what goes through their connections. At a limit it ends the call.

use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::Error;

use super::target::Target;
use crate::sandbox::Contact;
use crate::sandbox::control::Control;
use crate::sandbox::meter::{Hit, Meter};

/// Connections of a call that are open at the same time; a request waits for one.
const CONNECTIONS: usize = 16;

/// Of one call, all requests together.
pub(in crate::sandbox) struct Traffic {
    requests: AtomicU32,
    sent: AtomicU64,
    received: AtomicU64,
    exchanges: Mutex<Vec<Arc<Exchange>>>,
    slots: Arc<Semaphore>,
}

impl Default for Traffic {
    fn default() -> Traffic {
        Traffic {
            requests: AtomicU32::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            exchanges: Mutex::default(),
            slots: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }
}

/// One request that was let out.
pub(super) struct Exchange {
    method: String,
    host: String,
    port: u16,
    /// 0: no answer yet.
    status: AtomicU16,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// Counts a request before anything is done about it.
    pub fn begin(&self, meter: &Meter, control: &Control) -> Result<(), Error> {
        if self.requests.fetch_add(1, Relaxed) < meter.limits.http_requests {
            return Ok(());
        }
        meter.hit("http_requests", meter.limits.http_requests);
        control.stop();
        Err(Error::HttpRequestDenied)
    }

    /// A place for a connection, which it keeps until it is closed.
    pub(super) async fn slot(&self, patience: Duration) -> Result<OwnedSemaphorePermit, Error> {
        match tokio::time::timeout(patience, self.slots.clone().acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(Error::ConnectionLimitReached),
        }
    }

    /// Lists a request that is permitted.
    pub(super) fn let_out(&self, target: &Target) -> Arc<Exchange> {
        let exchange = Arc::new(Exchange {
            method: target.method.clone(),
            host: target.host.clone(),
            port: target.port,
            status: AtomicU16::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        });
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange.clone());
        exchange
    }

    pub fn contacts(&self) -> Vec<Contact> {
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        exchanges.iter().map(|exchange| exchange.contact()).collect()
    }
}

impl Exchange {
    pub fn answered(&self, status: u16) {
        self.status.store(status, Relaxed);
    }

    /// Before `bytes` are sent.
    pub fn charge_sent(&self, bytes: usize, meter: &Meter) -> Result<(), Hit> {
        let bytes = bytes as u64;
        if meter.traffic.sent.load(Relaxed).saturating_add(bytes) > meter.limits.http_sent.0 {
            return Err(meter.hit("http_sent", meter.limits.http_sent));
        }
        Ok(())
    }

    pub fn sent(&self, bytes: usize, meter: &Meter) {
        self.sent.fetch_add(bytes as u64, Relaxed);
        meter.traffic.sent.fetch_add(bytes as u64, Relaxed);
    }

    /// After `bytes` arrived.
    pub fn received(&self, bytes: usize, meter: &Meter) -> Result<(), Hit> {
        let bytes = bytes as u64;
        self.received.fetch_add(bytes, Relaxed);
        let before = meter.traffic.received.fetch_add(bytes, Relaxed);
        if before.saturating_add(bytes) > meter.limits.http_received.0 {
            return Err(meter.hit("http_received", meter.limits.http_received));
        }
        Ok(())
    }

    fn contact(&self) -> Contact {
        let status = self.status.load(Relaxed);
        Contact {
            method: self.method.clone(),
            host: self.host.clone(),
            port: self.port,
            status: (status != 0).then_some(status),
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
        }
    }
}
