//! The plugins as they are now. Takes in what the watcher reports and what the user says, verifies it, and swaps snapshots;
//! whoever holds an older one keeps it, so that calls in flight finish on the code that they began with.
//! Taking in blocks: it reads files and may compile. It never fails: what cannot be used is in the list.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::installed::Key;
use super::offers::{Offers, Options, Standing, Verify};
use super::{Changes, Folders, Origin, PluginFile, Plugins, Spot, Verdict, summary};
use crate::protocol::PluginSummary;

/// A handle; clones share everything.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    /// `None`: these plugins never change.
    offers: Option<Mutex<Offers>>,
    current: watch::Sender<Arc<Shown>>,
    listener: OnceLock<Listener>,
}

type Listener = Box<dyn Fn(&Plugins) + Send + Sync>;

/// A snapshot.
struct Shown {
    plugins: Arc<Plugins>,
    list: Vec<PluginSummary>,
    standing: BTreeMap<Key, Standing>,
}

impl Live {
    /// Plugins that never change.
    pub fn fixed(plugins: Plugins) -> Live {
        let list = summary::live(&plugins);
        let shown = Shown { plugins: Arc::new(plugins), list, standing: BTreeMap::new() };
        Live::with(None, shown)
    }

    /// Reads the built-in plugins and the files that may be used now; nothing is compiled or run, see
    /// [`Live::compile`]. Fails only when the binary's own plugins cannot be read.
    pub fn open(options: Options) -> anyhow::Result<Live> {
        let mut offers = Offers::new(options)?;
        offers.look(&[], Verify::Later);
        let shown = show(&mut offers, None);
        Ok(Live::with(Some(Mutex::new(offers)), shown))
    }

    fn with(offers: Option<Mutex<Offers>>, shown: Shown) -> Live {
        let current = watch::Sender::new(Arc::new(shown));
        Live(Arc::new(Inner { offers, current, listener: OnceLock::new() }))
    }

    /// The newest snapshot.
    pub fn current(&self) -> Arc<Plugins> {
        self.0.current.borrow().plugins.clone()
    }

    /// All plugins of the newest snapshot, and the files that are none now.
    pub fn list(&self) -> Vec<PluginSummary> {
        self.0.current.borrow().list.clone()
    }

    /// Takes in that these paths have come, gone or changed.
    pub fn reload(&self, paths: &[PathBuf]) {
        self.update(|offers| offers.look(paths, Verify::Now));
    }

    /// Looks at everything again and reads what is not as it was.
    pub fn rescan(&self) {
        self.reload(&[]);
    }

    /// Something was found that is not told before it has stayed the same for a while: call [`Live::settle`] after this
    /// time. `None`: there is nothing.
    pub fn unsettled(&self) -> Option<Duration> {
        self.offers()?.unsettled()
    }

    /// Takes in what has had its time.
    pub fn settle(&self) {
        self.update(|offers| offers.judge(Verify::Now));
    }

    /// The user's word for the file of this name that waits, with the `token` of the question that was shown.
    /// It is live when this returns. `Err` says why not, and then nothing is remembered.
    pub fn accept(&self, name: &str, token: &str) -> Result<(), String> {
        let mut result = Err("the plugins of this session do not change".to_string());
        self.update(|offers| result = offers.accept(name, token));
        result
    }

    /// What becomes of a file that was read: the one judgement of all who ask.
    pub fn verdict(&self, spot: Spot, file: &PluginFile) -> Verdict {
        let changed = || Verdict::Wrong("the plugins of this session do not change".into());
        self.offers().map_or_else(changed, |offers| offers.verdict(&self.0.current.borrow().standing, spot, file))
    }

    /// Whether the user's word for a file would be taken; see [`super::try_out`] for what has to be run for it.
    pub fn acceptable(&self, spot: Spot, file: &PluginFile) -> Result<(), String> {
        self.offers().map_or(Ok(()), |offers| offers.acceptable(spot, file))
    }

    /// Whether a file has names that no other plugin has, so that it can be used beside them.
    pub fn fits(&self, file: &PluginFile) -> Result<(), String> {
        self.offers().map_or(Ok(()), |offers| offers.fits(file))
    }

    /// Compiles the plugins of which the cache has no native code, in parallel. A file that cannot be compiled is then in the
    /// list as broken; `Err` is about the binary's own.
    pub async fn compile(&self) -> anyhow::Result<()> {
        let plugins = self.current();
        for (plugin, reason) in plugins.compile_missing().await {
            match &plugin.origin {
                Origin::Builtin => return Err(anyhow::anyhow!(reason)),
                Origin::File { .. } => self.update(|offers| offers.failed(&plugin.name, &plugin.digest, &reason)),
            }
        }
        Ok(())
    }

    /// What to watch. The same `Arc` as long as it is the same.
    pub fn folders(&self) -> Arc<Folders> {
        self.offers().map(|offers| offers.folders()).unwrap_or_default()
    }

    /// From the newest snapshot on.
    pub fn subscribe(&self) -> Subscription {
        let mut updates = self.0.current.subscribe();
        let seen = updates.borrow_and_update().clone();
        Subscription { updates, seen }
    }

    /// Has this called with the newest snapshot, now and from now on, before anybody else can ask for it. It must not ask
    /// for anything here. Only the first call counts.
    pub fn listen(&self, listener: impl Fn(&Plugins) + Send + Sync + 'static) {
        let _offers = self.offers();
        listener(&self.current());
        let _ = self.0.listener.set(Box::new(listener));
    }

    fn offers(&self) -> Option<MutexGuard<'_, Offers>> {
        Some(self.0.offers.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn update(&self, work: impl FnOnce(&mut Offers)) {
        // The lock is held until the swap: snapshots follow each other in the order of what they show.
        let Some(mut offers) = self.offers() else { return };
        work(&mut offers);
        let before = self.0.current.borrow().clone();
        let now = show(&mut offers, Some(&before.plugins));
        if now.list != before.list || !now.plugins.is_same(&before.plugins) {
            if let Some(listener) = self.0.listener.get() {
                listener(&now.plugins);
            }
            self.0.current.send_replace(Arc::new(now));
        }
    }
}

fn show(offers: &mut Offers, before: Option<&Plugins>) -> Shown {
    let (plugins, standing) = offers.snapshot(before);
    let list = summary::list(&plugins, offers, &standing);
    Shown { plugins: Arc::new(plugins), list, standing }
}

/// Tells what changes, from snapshot to snapshot; whatever comes while nobody asks is told as one.
pub struct Subscription {
    updates: watch::Receiver<Arc<Shown>>,
    seen: Arc<Shown>,
}

impl Subscription {
    /// Waits for the next change; for ever when the plugins are gone. Nothing is lost when the wait is given up.
    pub async fn changed(&mut self) -> Changes {
        loop {
            if self.updates.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            let new = self.updates.borrow_and_update().clone();
            let changes = Changes::between(&self.seen.list, &new.list);
            self.seen = new;
            if !changes.is_empty() {
                return changes;
            }
        }
    }
}
