//! Holds the memory, tables and instances of one store against the limits. Crossing one traps at once: a guest that
//! was refused memory could not report it.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::meter::Meter;

pub(super) struct Memory {
    meter: Arc<Meter>,
    /// Bytes of all linear memories.
    pub bytes: u64,
    /// Elements of all tables.
    elements: u64,
}

impl Memory {
    pub fn new(meter: Arc<Meter>) -> Memory {
        Memory { meter, bytes: 0, elements: 0 }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.bytes.saturating_add(desired.saturating_sub(current) as u64);
        if total > self.meter.limits.memory.0 {
            return Err(self.meter.hit("memory", self.meter.limits.memory).into());
        }
        self.bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.elements.saturating_add(desired.saturating_sub(current) as u64);
        if total > self.meter.limits.table_elements {
            return Err(self.meter.hit("table_elements", self.meter.limits.table_elements).into());
        }
        self.elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.meter.limits.instances as usize
    }

    fn tables(&self) -> usize {
        self.meter.limits.instances as usize
    }

    fn memories(&self) -> usize {
        self.meter.limits.instances as usize
    }
}
