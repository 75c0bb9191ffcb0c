//! What one store holds: the inert WASI context, the files that are granted, the meters, and the way to the host. Made
//! anew for every call.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::control::Control;
use super::files::Files;
use super::http::{Http, Network};
use super::memory::Memory;
use super::meter::Meter;
use super::stdio::Lines;
use super::{Call, Host};
use crate::protocol::Level;

/// Host objects of a guest other than descriptors: streams, pollables, errors, headers. Some keep up to 64 KiB each.
const MAX_OBJECTS: usize = 2_000;
/// Bytes of the headers of one request.
const MAX_FIELDS: usize = 32 << 10;
/// Random bytes in one call.
const MAX_RANDOM: u64 = 1 << 20;

/// What a call reaches beyond its files.
#[derive(Clone)]
pub(super) struct Outside {
    pub host: Arc<dyn Host>,
    pub network: Network,
}

pub(super) struct State {
    wasi: WasiCtx,
    http: Http,
    fields: WasiHttpCtx,
    pub table: ResourceTable,
    pub files: Files,
    pub memory: Memory,
    pub meter: Arc<Meter>,
    pub control: Arc<Control>,
    pub host: Arc<dyn Host>,
    /// Prefixes of the programs that may be started.
    pub programs: Vec<Vec<String>>,
    /// Whether the code graph may be asked.
    pub asks_graph: bool,
    /// What the code graph's answers lacked.
    pub remarks: Vec<String>,
    output: [Lines; 2],
}

impl State {
    /// The error is for the user: what is granted cannot be opened.
    pub fn new(call: &Call, meter: Arc<Meter>, control: Arc<Control>, outside: Outside) -> Result<State, String> {
        let Outside { host, network } = outside;
        let files = Files::open(&call.grants, &meter)?;
        let lines = |level| Lines::new(level, meter.clone(), host.clone());
        let output = [lines(Level::Info), lines(Level::Warn)];
        let mut wasi = WasiCtx::builder();
        wasi.allow_blocking_current_thread(true).max_random_size(MAX_RANDOM);
        wasi.stdout(output[0].clone()).stderr(output[1].clone());
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        let mut fields = WasiHttpCtx::new();
        fields.set_field_size_limit(MAX_FIELDS);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_OBJECTS + call.limits.descriptors as usize);
        Ok(State {
            wasi: wasi.build(),
            http: Http::new(call, meter.clone(), control.clone(), host.clone(), network),
            fields,
            table,
            files,
            memory: Memory::new(meter.clone()),
            meter,
            control,
            host,
            programs: call.grants.capabilities.process.clone(),
            asks_graph: call.grants.capabilities.graph,
            remarks: Vec::new(),
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

impl WasiHttpView for State {
    /// Counts as [`WasiView::ctx`] does.
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.meter.count_call();
        WasiHttpCtxView { ctx: &mut self.fields, table: &mut self.table, hooks: &mut self.http }
    }
}
