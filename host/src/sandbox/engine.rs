//! The engine: wasmtime's configuration, the pool of instance slots, the linker, and the ticker that lets tight loops
//! be stopped. One for the whole process; it knows nothing about a particular call.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::cache::Cache;
use super::state::State;
use super::workers::Workers;
use super::{Settings, imports};

/// Calls that run at the same time; more wait for their turn.
const SLOTS: u32 = 64;
/// How often a running guest is looked at.
const TICK: Duration = Duration::from_millis(5);
/// Ticks without a call after which the ticker sleeps.
const IDLE_TICKS: u32 = 200;

pub(super) struct Inner {
    pub engine: Engine,
    pub linker: Linker<State>,
    pub cache: Option<Cache>,
    pub cache_problem: Option<String>,
    pub compiled: AtomicU64,
    pub slots: Arc<Semaphore>,
    pub workers: Workers,
    active: Arc<AtomicUsize>,
    ticker: Mutex<Option<Thread>>,
}

impl Inner {
    pub fn new(settings: &Settings) -> anyhow::Result<Inner> {
        // Where address space is short (a memory limit on the process), instances are made one by one instead.
        let engine = Engine::new(&config(Some(pool())))
            .or_else(|_| Engine::new(&config(None)))
            .map_err(|error| anyhow!("{error:#}"))
            .context("the WebAssembly engine could not be started")?;
        let linker = imports::linker(&engine).map_err(|error| anyhow!("{error:#}"))?;
        let (cache, cache_problem) = match &settings.cache_dir {
            None => (None, None),
            Some(dir) => match Cache::open(dir, &settings.key_dir, &engine) {
                Ok(cache) => (Some(cache), None),
                Err(problem) => (None, Some(problem)),
            },
        };
        Ok(Inner {
            engine,
            linker,
            cache,
            cache_problem,
            compiled: AtomicU64::new(0),
            slots: Arc::new(Semaphore::new(SLOTS as usize)),
            workers: Workers::new(),
            active: Arc::default(),
            ticker: Mutex::new(None),
        })
    }

    /// Whether at most one call runs.
    pub fn is_alone(&self) -> bool {
        self.slots.available_permits() + 1 >= SLOTS as usize
    }

    /// Keeps the epoch going for as long as the guard lives. Fails when the system gives no thread for that: without
    /// it a tight loop could not be stopped.
    pub fn ticking(&self) -> std::io::Result<Ticking> {
        let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.active.fetch_add(1, Ordering::SeqCst);
        let guard = Ticking(self.active.clone());
        match &*ticker {
            Some(thread) if before == 0 => thread.unpark(),
            Some(_) => {}
            None => *ticker = Some(start_ticker(&self.engine, self.active.clone())?),
        }
        Ok(guard)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(thread) = &*self.ticker.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }
}

/// One running call.
pub(super) struct Ticking(Arc<AtomicUsize>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The thread ends with the engine. It sleeps while nothing runs, so that an idle agent costs nothing; not at once,
/// since waking it costs a call more than a tick does.
fn start_ticker(engine: &Engine, active: Arc<AtomicUsize>) -> std::io::Result<Thread> {
    let engine = engine.weak();
    let tick = move || {
        let mut idle = 0;
        while let Some(engine) = engine.upgrade() {
            if active.load(Ordering::SeqCst) > 0 {
                idle = 0;
                engine.increment_epoch();
            } else {
                idle += 1;
            }
            drop(engine);
            match idle < IDLE_TICKS {
                true => std::thread::sleep(TICK),
                false => std::thread::park(),
            }
        }
    };
    let handle = std::thread::Builder::new().name("garth-ticker".to_owned()).spawn(tick)?;
    Ok(handle.thread().clone())
}

fn config(pool: Option<PoolingAllocationConfig>) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_backtrace_max_frames(None)
        // What only backtraces and debuggers read is a tenth of the code that each start has to prove.
        .generate_address_map(false)
        .native_unwind_info(false)
        .wasm_component_model(true)
        .concurrency_support(false)
        .memory_init_cow(true);
    if let Some(pool) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// Address space only: nothing of it is memory until a guest touches it. The limits of a call are enforced per store;
/// these are the ceilings of what a user could raise them to.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(SLOTS)
        .total_stacks(SLOTS)
        .total_memories(SLOTS * 3)
        .total_tables(SLOTS * 16)
        .total_core_instances(SLOTS * 256)
        .table_elements(1 << 20)
        .max_tables_per_module(16)
        .max_memories_per_module(8)
        // Real components have one or two. Without this bound few calls could take the memories that all others need.
        .max_memories_per_component(16)
        .max_memory_size(4 << 30)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_unused_warm_slots(16)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(0)
        // Resetting only the pages that a guest touched takes a third off a short call, where the kernel can tell them.
        .pagemap_scan(Enabled::Auto);
    pool
}
