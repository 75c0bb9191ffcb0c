//! What one store holds: the inert WASI context, the files that are granted, the meters, and the way to the host. Made
//! anew for every call.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::control::Control;
use super::files::Files;
use super::memory::Memory;
use super::meter::Meter;
use super::stdio::Lines;
use super::{Call, Host};
use crate::protocol::Level;

/// Host objects of a guest other than descriptors: streams, pollables, errors.
const MAX_OBJECTS: usize = 10_000;
/// Random bytes in one call.
const MAX_RANDOM: u64 = 1 << 20;

pub(super) struct State {
    wasi: WasiCtx,
    pub table: ResourceTable,
    pub files: Files,
    pub memory: Memory,
    pub meter: Arc<Meter>,
    pub control: Arc<Control>,
    pub host: Arc<dyn Host>,
    /// Prefixes of the programs that may be started.
    pub programs: Vec<Vec<String>>,
    output: [Lines; 2],
}

impl State {
    /// The error is for the user: what is granted cannot be opened.
    pub fn new(call: &Call, meter: Arc<Meter>, control: Arc<Control>, host: Arc<dyn Host>) -> Result<State, String> {
        let files = Files::open(&call.grants, &meter)?;
        let lines = |level| Lines::new(level, meter.clone(), host.clone());
        let output = [lines(Level::Info), lines(Level::Warn)];
        let mut wasi = WasiCtx::builder();
        wasi.allow_blocking_current_thread(true).max_random_size(MAX_RANDOM);
        wasi.stdout(output[0].clone()).stderr(output[1].clone());
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_OBJECTS + call.limits.descriptors as usize);
        Ok(State {
            wasi: wasi.build(),
            table,
            files,
            memory: Memory::new(meter.clone()),
            meter,
            control,
            host,
            programs: call.grants.capabilities.process.clone(),
            output,
        })
    }

    /// Gives out the unfinished last lines.
    pub fn finish(&self) {
        self.output.iter().for_each(Lines::finish);
    }
}

impl WasiView for State {
    /// Every call of a WASI function comes through here, which is what counts them.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.meter.count_call();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
