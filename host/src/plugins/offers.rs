//! Decides which plugins are on offer: of the files that are there, which are used, which of one name counts, which wait
//! and which cannot be used, and what stays in place of those. All that is known between two looks is kept here.
//!
//! - A file that may be used takes effect at once, when its contract is verified; one that is gone is gone at once.
//! - Whatever else is found (half of a file, a lock that was not yet written) has to stay so for [`SETTLE`] before it is
//!   told, and what was live before stays meanwhile, and after it as far as [`Judge::may_stay`] says.
//! - Each name of a plugin counts once, in the order of [`Spot::ALL`], and each name of a tool: built-in tools come first,
//!   then those of the user, so that a project cannot take a name away from them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::acceptance::{Signed, try_out_blocking};
use super::clash::{self, OwnNames, Taken};
use super::installed::{Installed, Key};
use super::load::{self, Offer, Turns};
use super::misnamed::Misnamed;
use super::roots::{Roots, Spot};
use super::verdict::{Judge, Verdict, flag};
use super::{Accepted, Consents, Folders, Holder, Locked, Place, PluginFile, Plugins, Setup, builtin, digest};
use crate::policy::{Grant, Limits};
use crate::sandbox::{Protection, Sandbox};

/// How long something that is not simply good has to stay the same before it is told.
const SETTLE: Duration = Duration::from_millis(500);
/// How often it is looked whether a plugin is still written.
const ALIVE: Duration = Duration::from_secs(1);
/// Digits of a token: who makes the file should not find two with the same.
const TOKEN: usize = 32;
/// Bytes of a question.
pub const READABLE: usize = 48 << 10;
/// Tools of which is remembered what became of them.
const GONE: usize = 1_000;

/// What the user's configuration leaves to a tool, by plugin and tool.
pub type Granting = Box<dyn Fn(&str, &str) -> Grant + Send + Sync>;

/// What is needed to find plugins and to offer them.
pub struct Options {
    pub roots: Roots,
    pub consents: Consents,
    pub sandbox: Sandbox,
    /// Absolute, canonical.
    pub workspace: PathBuf,
    pub protection: Arc<Protection>,
    pub limits: Limits,
    /// Where the plugins' `/state` folders are.
    pub state: PathBuf,
    /// Whether the user wants this plugin's tools.
    pub enabled: Box<dyn Fn(&str) -> bool + Send + Sync>,
    pub grant: Granting,
    /// Names of tools that are not plugins'.
    pub reserved: Vec<String>,
    /// Checks signatures.
    pub signed: Signed,
    /// What the user is asked before a file is used, as text.
    pub question: Box<dyn Fn(&Question<'_>) -> String + Send + Sync>,
}

/// What the user would say yes to.
pub struct Question<'a> {
    pub file: &'a PluginFile,
    pub place: Place,
    /// The file, as people write it.
    pub shown: &'a str,
    /// What the lock file says of it.
    pub locked: Option<&'a Locked>,
    /// The key that has signed it, checked.
    pub signed_by: Option<&'a str>,
    /// What was accepted for this name before.
    pub before: Option<&'a Accepted>,
}

/// What the user is asked about a file that waits.
pub(super) struct Asked {
    pub question: String,
    /// Stands for all that a yes would cover: the question's text, every byte of the file and of the manifest beside it, and
    /// what `garth.lock` grants. The beginning of a SHA-256 in hexadecimal.
    pub token: String,
}

/// What is known of a file that is not live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub digest: String,
    pub verdict: Verdict,
}

/// Whether a file that may be used is compiled before it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    Now,
    /// At the latest when it is called: what is in the cache was compiled before.
    Later,
}

pub(super) struct Offers {
    pub options: Options,
    pub installed: Installed,
    pub misnamed: Misnamed,
    builtin: Vec<Offer>,
    builtin_names: BTreeSet<String>,
    /// Names of tools, in lower case, with whose they are.
    taken: Taken,
    /// The last good version of each file.
    good: BTreeMap<Key, Offer>,
    /// Contents that could not be used, with the reason.
    failed: BTreeMap<(Key, String), String>,
    standing: BTreeMap<Key, Standing>,
    /// What is found and not told yet, until when.
    pending: BTreeMap<Key, (Standing, Instant)>,
    turns: BTreeMap<Key, Turns>,
    gone: BTreeMap<String, String>,
    folders: Arc<Folders>,
    /// It was looked once.
    begun: bool,
}

impl Options {
    fn setup(&self) -> Setup<'_> {
        Setup {
            sandbox: self.sandbox.clone(),
            workspace: self.workspace.clone(),
            protection: self.protection.clone(),
            limits: self.limits.clone(),
            enabled: &*self.enabled,
            grant: &*self.grant,
            state: self.state.clone(),
        }
    }
}

impl Offers {
    /// Fails only when the binary's own plugins cannot be read.
    pub fn new(options: Options) -> Result<Offers> {
        let (mut own, mut names) = (Vec::new(), OwnNames::new(options.reserved.iter().cloned()));
        for file in builtin::BUILTIN {
            let file = builtin::read(file)?;
            names.add(&file);
            if (options.enabled)(&file.sections.manifest.name) {
                own.push(load::offer(Arc::new(file), Holder::Builtin, Turns::default(), &options.setup())?);
            }
        }
        Ok(Offers {
            options,
            installed: Installed::new(),
            misnamed: Misnamed::default(),
            builtin: own,
            builtin_names: names.plugins,
            taken: names.tools,
            good: BTreeMap::new(),
            failed: BTreeMap::new(),
            standing: BTreeMap::new(),
            pending: BTreeMap::new(),
            turns: BTreeMap::new(),
            gone: BTreeMap::new(),
            folders: Arc::default(),
            begun: false,
        })
    }

    /// Takes in the files as they are now; `changed` (canonical paths) are read in any case.
    pub fn look(&mut self, changed: &[PathBuf], verify: Verify) {
        let changed: Vec<PathBuf> =
            changed.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect();
        self.installed.look(&self.options.roots, &changed);
        self.misnamed.look(&self.options.roots);
        self.judge(verify);
        self.note_folders();
    }

    /// Decides anew about the files that were read.
    pub fn judge(&mut self, verify: Verify) {
        let mut found: BTreeMap<Key, Standing> = BTreeMap::new();
        let mut good = std::mem::take(&mut self.good);
        let options = &self.options;
        let setup = options.setup();
        let judge = Judge::new(options, &self.builtin_names);
        for (key, slot) in self.installed.files() {
            let (digest, verdict) = match &slot.content {
                Err(reason) => (String::new(), Verdict::Wrong(reason.clone())),
                Ok(file) => (file.digest().to_string(), judge.verdict(key.0, file)),
            };
            let mut last = good.remove(key);
            let verdict = match (&slot.content, verdict) {
                (Ok(file), Verdict::Usable) => {
                    let failed = (key.clone(), digest.clone());
                    let as_before = last.as_ref().filter(|offer| is_same(&offer.plugin.file, file)).cloned();
                    let turns = self.turns.entry(key.clone()).or_default().clone();
                    let offer = match (as_before, self.failed.get(&failed)) {
                        (Some(offer), _) => Ok(offer),
                        (None, Some(reason)) => Err(reason.clone()),
                        (None, None) => make(file, key.0, turns, &setup, verify),
                    };
                    match offer {
                        Ok(offer) => {
                            self.good.insert(key.clone(), offer);
                            continue;
                        }
                        Err(reason) => {
                            self.failed.insert(failed, reason.clone());
                            Verdict::Wrong(reason)
                        }
                    }
                }
                (_, verdict) => verdict,
            };
            if let Some(offer) = last.take().filter(|_| judge.may_stay(key.0, &key.1)) {
                self.good.insert(key.clone(), offer);
            }
            found.insert(key.clone(), Standing { digest, verdict });
        }
        self.failed.retain(|(key, _), _| self.installed.files().contains_key(key));
        self.settle(found);
    }

    /// What was found counts when it has been found for long enough; the first time at once.
    fn settle(&mut self, found: BTreeMap<Key, Standing>) {
        let now = Instant::now();
        let first = !std::mem::replace(&mut self.begun, true);
        self.standing.retain(|key, _| found.contains_key(key));
        self.pending.retain(|key, _| found.contains_key(key));
        for (key, standing) in found {
            if self.standing.get(&key) == Some(&standing) {
                self.pending.remove(&key);
                continue;
            }
            let until = match self.pending.get(&key) {
                Some((same, until)) if *same == standing => *until,
                _ if first || standing.verdict == Verdict::Off => now,
                _ => now + SETTLE,
            };
            if until <= now {
                self.pending.remove(&key);
                self.standing.insert(key, standing);
            } else {
                self.pending.insert(key, (standing, until));
            }
        }
    }

    /// How long until something that was found counts, or until it is to be looked whether plugins are still written; `None`:
    /// there is nothing.
    pub fn unsettled(&self) -> Option<Duration> {
        let until = self.pending.values().map(|(_, until)| *until).min();
        let until = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A process that is killed changes no file.
        let alive = self.good.keys().any(|key| key.0 == Spot::Dev).then_some(ALIVE);
        until.into_iter().chain(alive).min()
    }

    pub fn folders(&self) -> Arc<Folders> {
        self.folders.clone()
    }

    fn note_folders(&mut self) {
        let consents = &self.options.consents;
        let files: [&Path; 2] = [consents.file(Place::Project), consents.file(Place::User)];
        let folders = self.options.roots.folders(&files);
        if *self.folders != folders {
            self.folders = Arc::new(folders);
        }
    }

    /// The plugins on offer, and what is to be told of those that are not.
    pub fn snapshot(&mut self, before: Option<&Plugins>) -> (Plugins, BTreeMap<Key, Standing>) {
        let mut standing = self.standing.clone();
        let (mut offers, mut taken) = (self.builtin.clone(), self.taken.clone());
        let mut chosen: Vec<(&Key, &Offer)> = Vec::new();
        for spot in Spot::ALL {
            for (key, offer) in self.good.iter().filter(|(key, _)| key.0 == spot) {
                if chosen.iter().any(|(other, _)| other.1 == key.1) {
                    let digest = offer.plugin.digest.clone();
                    standing.entry(key.clone()).or_insert(Standing { digest, verdict: Verdict::Hidden });
                } else {
                    chosen.push((key, offer));
                }
            }
        }
        // Who has a name keeps it for the session.
        let is_new = |name: &str| !before.is_some_and(|all| all.plugins().iter().any(|plugin| plugin.name == name));
        chosen.sort_by_key(|(key, _)| (is_new(&key.1), rank(key.0), &key.1));
        for (key, offer) in chosen {
            if let Some(clash) = clash::of_file(&taken, &offer.plugin.file) {
                let reason = clash.line();
                let digest = offer.plugin.digest.clone();
                standing.insert(key.clone(), Standing { digest, verdict: Verdict::Wrong(reason) });
                continue;
            }
            take(&mut taken, key.0, &offer.plugin.file);
            offers.push(offer.clone());
        }
        let mut plugins = Plugins::assemble(&self.options.setup(), &offers, BTreeMap::new());
        for tool in
            before.iter().flat_map(|before| before.tools()).filter(|tool| plugins.find(&tool.spec.name).is_none())
        {
            if self.gone.len() < GONE {
                let reason = self.what_became_of(&tool.plugin.name, &plugins, &standing);
                self.gone.insert(tool.spec.name.clone(), reason);
            }
        }
        self.gone.retain(|name, _| plugins.find(name).is_none());
        plugins.gone = self.gone.clone();
        (plugins, standing)
    }

    fn what_became_of(&self, name: &str, now: &Plugins, standing: &BTreeMap<Key, Standing>) -> String {
        if now.plugins().iter().any(|plugin| plugin.name == name) {
            return format!("the plugin '{name}' has changed, and no longer has it");
        }
        if !self.installed.files().keys().any(|key| key.1 == name) {
            return format!("the plugin '{name}' was removed");
        }
        let told = standing.iter().find(|(key, _)| key.1 == name).map(|(_, standing)| &standing.verdict);
        let found = || self.pending.iter().find(|(key, _)| key.1 == name).map(|(_, (standing, _))| &standing.verdict);
        match told.or_else(found) {
            Some(Verdict::Off | Verdict::Hidden | Verdict::Usable) => format!("the plugin '{name}' was turned off"),
            Some(Verdict::Waits(_)) => format!("the plugin '{name}' waits for the user's word"),
            Some(Verdict::Wrong(_)) | None => format!("the plugin '{name}' can no longer be used"),
        }
    }

    /// What became of a file in the snapshot with this `standing`.
    pub fn verdict(&self, standing: &BTreeMap<Key, Standing>, spot: Spot, file: &PluginFile) -> Verdict {
        let key = (spot, file.sections.manifest.name.clone());
        let there = self.installed.files().get(&key).and_then(|slot| slot.content.as_ref().ok());
        let told = || standing.get(&key).or_else(|| self.pending.get(&key).map(|(standing, _)| standing));
        match there {
            Some(there) if is_same(there, file) => told().map_or(Verdict::Usable, |told| told.verdict.clone()),
            _ => Verdict::Wrong("it has changed while it was looked at; try again".into()),
        }
    }

    /// Whether the user's word for this file would be taken, as far as that can be told without running it.
    pub fn acceptable(&self, spot: Spot, file: &PluginFile) -> Result<(), String> {
        Judge::new(&self.options, &self.builtin_names).acceptable(spot, file)?;
        self.fits(file)
    }

    /// Whether it can be used beside the others that may be, turned off or not: no plugin takes the name or a tool of another.
    pub fn fits(&self, file: &PluginFile) -> Result<(), String> {
        let name = &file.sections.manifest.name;
        if self.builtin_names.contains(name) {
            return Err(format!("'{name}' is the name of a built-in plugin; it needs another name in its manifest"));
        }
        let accepted = |spot, file: &PluginFile| match spot {
            Spot::Dev => self.options.roots.is_written(&file.sections.manifest.name),
            Spot::Installed(place) => {
                let accepted = self.options.consents.accepted(place, &file.sections.manifest.name);
                accepted.is_some_and(|accepted| accepted.sha256 == file.digest())
            }
        };
        let there = self.installed.files().iter().filter_map(|(key, slot)| Some((key, slot.content.as_ref().ok()?)));
        let there = there.filter(|(key, file)| accepted(key.0, file)).map(|(key, file)| (key.0, file));
        let live = self.good.iter().map(|(key, offer)| (key.0, &offer.plugin.file));
        let mut taken = self.taken.clone();
        let others = there.chain(live).filter(|(_, file)| file.sections.manifest.name != *name);
        others.for_each(|(spot, file)| take(&mut taken, spot, file));
        clash::of_file(&taken, file).map_or(Ok(()), |clash| Err(clash.for_user(file)))
    }

    /// The user's word for the waiting file of this name that was asked about with this token. Tried out before anything is
    /// remembered.
    pub fn accept(&mut self, name: &str, token: &str) -> Result<(), String> {
        // What is read of the lock files here counts for the whole of it.
        let judge = Judge::new(&self.options, &self.builtin_names);
        let waiting = self
            .standing
            .iter()
            .filter(|(key, standing)| key.1 == name && matches!(standing.verdict, Verdict::Waits(_)));
        let mut asked =
            waiting.filter_map(|(key, standing)| Some((key, &standing.digest, self.asked_of(&judge, key)?)));
        let Some((key, digest, Asked { question, .. })) = asked.find(|(.., asked)| asked.token == token) else {
            return Err(format!(
                "nothing of the plugin '{name}' waits that was shown so; it may have changed since: look at /plugins again"
            ));
        };
        let Spot::Installed(place) = key.0 else { return Err(format!("'{name}' needs no word")) };
        let file = self.installed.files().get(key).and_then(|slot| slot.content.as_ref().ok());
        let Some(file) = file.filter(|file| file.digest() == digest) else {
            return Err(format!("the file of '{name}' has changed since; look at /plugins again"));
        };
        self.acceptable(key.0, file).map_err(|reason| format!("'{name}' cannot be accepted: {reason}"))?;
        if question.len() > READABLE {
            return Err(format!("what '{name}' asks for is longer than anybody reads, so it cannot be accepted"));
        }
        try_out_blocking(&self.options.sandbox, &self.options.limits, file)?;
        let accepted = Accepted::of(file, judge.locked(place, name)?);
        let stored = self.options.consents.accept(place, name, accepted);
        stored.map_err(|error| format!("it could not be stored: {error}"))?;
        self.judge(Verify::Now);
        Ok(())
    }

    /// This content turned out to be unusable.
    pub fn failed(&mut self, name: &str, digest: &str, reason: &str) {
        let bad = |(key, offer): (&Key, &Offer)| (key.1 == name && offer.plugin.digest == digest).then(|| key.clone());
        for key in self.good.iter().filter_map(bad).collect::<Vec<_>>() {
            self.good.remove(&key);
            self.failed.insert((key, digest.to_string()), reason.to_string());
        }
        self.judge(Verify::Now);
    }

    /// What the lock files name whose file is not there, and what keeps one from being read: a name and the reason.
    pub fn missing(&self) -> Vec<(String, String)> {
        let there = self.installed.files().keys().filter_map(|(spot, name)| match spot {
            Spot::Installed(place) => Some((*place, name.as_str())),
            Spot::Dev => None,
        });
        Judge::new(&self.options, &self.builtin_names).missing(&there.collect::<Vec<_>>())
    }

    /// The question about a file that waits.
    pub fn asked(&self, key: &Key) -> Option<Asked> {
        self.asked_of(&Judge::new(&self.options, &self.builtin_names), key)
    }

    fn asked_of(&self, judge: &Judge<'_>, key: &Key) -> Option<Asked> {
        let Spot::Installed(place) = key.0 else { return None };
        let slot = self.installed.files().get(key)?;
        let file = slot.content.as_ref().ok()?;
        let locked = judge.locked(place, &key.1).ok()?;
        let signed =
            |key_of: &&str| (self.options.signed)(&self.options.roots.file(key.0, &key.1), &file.wasm, key_of).is_ok();
        let signed_by = locked.and_then(|locked| locked.signed_by.as_deref()).filter(signed);
        let before = self.options.consents.accepted(place, &key.1);
        let before = before.as_ref();
        let question =
            (self.options.question)(&Question { file, place, shown: &slot.shown, locked, signed_by, before });
        let word = Accepted::of(file, locked);
        let mut token = digest(format!("{question}\n{word:?}").as_bytes());
        token.truncate(TOKEN);
        Some(Asked { question, token })
    }
}

/// Notes whose the names of its tools are.
fn take(taken: &mut Taken, spot: Spot, file: &PluginFile) {
    let name = &file.sections.manifest.name;
    let owner = match spot {
        Spot::Dev => format!("of the plugin '{name}', which `garth plugin dev` builds"),
        Spot::Installed(place) => {
            format!("of the plugin '{name}', which `garth plugin remove {name}{}` takes away", flag(place))
        }
    };
    for tool in &file.sections.catalogue {
        taken.entry(tool.name.to_lowercase()).or_insert_with(|| owner.clone());
    }
}

/// In which order tools get their names.
fn rank(spot: Spot) -> u8 {
    match spot {
        Spot::Dev => 0,
        Spot::Installed(Place::User) => 1,
        Spot::Installed(Place::Project) => 2,
    }
}

/// The same bytes with the same manifest.
fn is_same(one: &PluginFile, other: &PluginFile) -> bool {
    std::ptr::eq(one, other) || (one.digest() == other.digest() && one.sections == other.sections)
}

fn make(file: &Arc<PluginFile>, spot: Spot, turns: Turns, setup: &Setup<'_>, verify: Verify) -> Result<Offer, String> {
    let offer = load::offer(file.clone(), spot.into(), turns, setup).map_err(|error| format!("{error:#}"))?;
    if verify == Verify::Now {
        offer.verify(&setup.sandbox)?;
    }
    Ok(offer)
}
