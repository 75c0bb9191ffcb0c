//! Plugins as front ends list them: those that are live, in the order of their tools, then the files that are not, with the
//! reason and the way out.

use std::collections::BTreeMap;

use super::installed::Key;
use super::offers::{Offers, Standing};
use super::verdict::{Verdict, short};
use super::{LOCK, Origin, Plugin, Plugins};
use crate::policy::Capabilities;
use crate::protocol::PluginSummary;

pub(super) const LIVE: &str = "live";
pub(super) const WAITING: &str = "waiting";
pub(super) const BROKEN: &str = "broken";

pub(super) fn list(plugins: &Plugins, offers: &Offers, standing: &BTreeMap<Key, Standing>) -> Vec<PluginSummary> {
    let others = standing.iter().filter(|(_, one)| one.verdict != Verdict::Usable);
    let others = others.map(|(key, one)| other(offers, key, one));
    let folders = offers.installed.problems().iter().map(|(folder, reason)| PluginSummary {
        name: folder.clone(),
        file: folder.clone(),
        state: BROKEN.into(),
        detail: reason.clone(),
        ..PluginSummary::default()
    });
    let misnamed = offers.misnamed.strays().iter().map(|stray| PluginSummary {
        name: stray.shown.clone(),
        file: stray.shown.clone(),
        state: BROKEN.into(),
        detail: stray.reason.clone(),
        ..PluginSummary::default()
    });
    let missing = offers.missing().into_iter().map(|(name, detail)| PluginSummary {
        file: LOCK.into(),
        state: BROKEN.into(),
        detail,
        name,
        ..PluginSummary::default()
    });
    live(plugins).into_iter().chain(others).chain(missing).chain(folders).chain(misnamed).collect()
}

/// Those that are live.
pub(super) fn live(plugins: &Plugins) -> Vec<PluginSummary> {
    plugins.plugins().iter().map(|plugin| one(plugins, plugin)).collect()
}

fn one(plugins: &Plugins, plugin: &Plugin) -> PluginSummary {
    let own: Vec<_> = plugins.tools().iter().filter(|tool| tool.plugin.name == plugin.name).collect();
    let together = own.iter().fold(Capabilities::default(), |all, tool| all.union(&tool.capabilities));
    PluginSummary {
        name: plugin.name.clone(),
        version: plugin.version.clone(),
        digest: plugin.digest.clone(),
        file: match &plugin.origin {
            Origin::Builtin => "built in".into(),
            Origin::File { shown } => shown.clone(),
        },
        state: LIVE.into(),
        detail: together.describe(),
        tools: own.iter().map(|tool| tool.spec.name.clone()).collect(),
        question: None,
        token: None,
    }
}

fn other(offers: &Offers, key: &Key, standing: &Standing) -> PluginSummary {
    let slot = offers.installed.files().get(key);
    let file = slot.and_then(|slot| slot.content.as_ref().ok());
    let state = match &standing.verdict {
        Verdict::Usable => LIVE,
        Verdict::Waits(_) => WAITING,
        Verdict::Wrong(_) => BROKEN,
        Verdict::Off => "off",
        Verdict::Hidden => "hidden",
    };
    let asked = matches!(standing.verdict, Verdict::Waits(_)).then(|| offers.asked(key)).flatten();
    let (question, token) = asked.map(|asked| (asked.question, asked.token)).unzip();
    PluginSummary {
        name: key.1.clone(),
        version: file.map(|file| file.sections.manifest.version.clone()).unwrap_or_default(),
        digest: standing.digest.clone(),
        file: slot.map(|slot| slot.shown.clone()).unwrap_or_default(),
        state: state.into(),
        detail: standing.verdict.reason(key.0, &key.1),
        tools: file.iter().flat_map(|file| &file.sections.catalogue).map(|tool| tool.name.clone()).collect(),
        question,
        token,
    }
}

/// A file that waits in one line, with how to give the word.
pub(super) fn waiting(one: &PluginSummary) -> String {
    let PluginSummary { name, version, file, detail, digest, .. } = one;
    format!(
        "{name} {version} ({file}, {}): {detail}; look at it and accept it with /plugins accept {name}, or with `garth plugin \
         accept {name}`",
        short(digest)
    )
}

/// A file that cannot be used in one line.
pub(super) fn problem(one: &PluginSummary) -> String {
    format!("{}: {}", one.file, one.detail)
}
