//! What the user has said about plugins on this machine: which bytes may be used, and what their tools may touch. Kept in two
//! files of the user's own, one for this project and one for all, and re-read when another process has changed them. It says
//! what was granted; what a call gets of that is decided elsewhere.

mod accepted;
mod command;
mod file;
mod holder;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::policy::Capabilities;
pub use accepted::Accepted;
pub use command::{capability_flags, grant_command};
use file::{Kept, Stored};
pub use holder::Holder;

/// What a plugin's tools may touch, by tool.
pub type ByTool = BTreeMap<String, Capabilities>;

/// Where a plugin is installed, and for what a grant holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// This project.
    Project,
    /// The user's own, in all projects.
    User,
}

/// What the user has said. Clones share everything, also what holds for the session only.
#[derive(Clone)]
pub struct Consents(Arc<Inner>);

struct Inner {
    project: Stored,
    user: Stored,
    /// By plugin and tool.
    session: Mutex<BTreeMap<(Holder, String, String), ForSession>>,
}

/// What holds until the session ends, or until somebody, in whatever process, takes it back.
struct ForSession {
    /// As [`Consents::revocations`] was when it was granted.
    revocations: u64,
    capabilities: Capabilities,
}

/// One entry of [`Consents::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub plugin: String,
    /// Which plugin of that name.
    pub holder: Holder,
    pub tool: String,
    pub capabilities: Capabilities,
    pub by: GrantedBy,
}

/// What a grant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GrantedBy {
    /// `garth plugin grant`, or the answer to a question.
    User(Place),
    /// The lock file beside an accepted plugin.
    Lock(Place),
    Session,
}

/// A file that cannot be read or written; nothing in it counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ConsentError {
    pub path: PathBuf,
    pub reason: String,
}

impl Consents {
    /// What is kept in these two files, which need not exist.
    pub fn open(project: PathBuf, user: PathBuf) -> Consents {
        let (project, user) = (Stored::new(project), Stored::new(user));
        Consents(Arc::new(Inner { project, user, session: Mutex::default() }))
    }

    /// The files that cannot be read now, and so count as empty.
    pub fn problems(&self) -> Vec<ConsentError> {
        [Place::Project, Place::User].into_iter().filter_map(|place| self.at(place).read().err()).collect()
    }

    /// The content of the plugin file `name` that may be used at this place.
    pub fn accepted(&self, place: Place, name: &str) -> Option<Accepted> {
        self.kept(place).accepted.get(name).cloned()
    }

    /// From now on exactly this content may be used there; another one no more.
    pub fn accept(&self, place: Place, name: &str, mut accepted: Accepted) -> Result<(), ConsentError> {
        accepted.lock_grants.values_mut().for_each(|grants| *grants = named(grants));
        self.at(place).change(|kept| {
            kept.accepted.insert(name.to_string(), accepted);
        })
    }

    /// Takes back the word for a plugin file, and all that was granted to the plugin. What was granted, but in sessions.
    pub fn forget(&self, holder: Holder, name: &str) -> Result<Vec<Granted>, ConsentError> {
        let mut had = self.list();
        had.retain(|it| it.holder == holder && it.plugin == name && it.by != GrantedBy::Session);
        let home = match holder {
            Holder::Installed(place) => place,
            Holder::Builtin | Holder::Dev => Place::Project,
        };
        self.at(home).change(|kept| {
            if holder == Holder::Installed(home) {
                kept.accepted.remove(name);
            }
            kept.take(holder, name, None);
            kept.end_sessions(name, None);
        })?;
        let elsewhere = holder.places().iter().filter(|other| **other != home);
        let mut elsewhere = elsewhere.map(|other| self.at(*other));
        elsewhere.try_for_each(|at| {
            at.change(|kept| {
                let _ = kept.take(holder, name, None);
            })
        })?;
        Ok(had)
    }

    /// All that is granted to a tool: by the project's grants, the user's, those of the session, and the lock's of the accepted
    /// content. A plugin has nothing of what was granted to another of its name.
    pub fn granted(&self, holder: Holder, name: &str, tool: &str) -> Capabilities {
        let own = self.by_the_user(holder, name, tool);
        let Holder::Installed(place) = holder else { return own };
        let by_lock = self.accepted(place, name).and_then(|mut accepted| accepted.lock_grants.remove(tool));
        by_lock.map_or(own.clone(), |granted| own.union(&granted))
    }

    /// The same without the lock's grants, which a new word for the file replaces.
    pub fn by_the_user(&self, holder: Holder, name: &str, tool: &str) -> Capabilities {
        let kept = holder.places().iter().filter_map(|place| {
            let kept = self.kept(*place);
            kept.grants.get(&holder)?.get(name)?.get(tool).cloned()
        });
        kept.fold(self.for_session(holder, name, tool), |all, granted| all.union(&granted))
    }

    /// Adds to what is granted. Any host at all is never granted: each is named.
    pub fn grant(
        &self,
        place: Place,
        holder: Holder,
        name: &str,
        tool: &str,
        more: &Capabilities,
    ) -> Result<(), ConsentError> {
        let more = named(more);
        self.at(place).change(|kept| {
            let of_plugin = kept.grants.entry(holder).or_default().entry(name.to_string()).or_default();
            let granted = of_plugin.entry(tool.to_string()).or_default();
            *granted = granted.union(&more);
        })
    }

    /// The same until the session ends.
    pub fn grant_for_session(&self, holder: Holder, name: &str, tool: &str, more: &Capabilities) {
        let revocations = self.revocations(name, tool);
        let capabilities = self.for_session(holder, name, tool).union(&named(more));
        let key = (holder, name.to_string(), tool.to_string());
        self.session().insert(key, ForSession { revocations, capabilities });
    }

    /// Takes back what was granted there to one tool or to all of every plugin of this name, the lock's grants to them too, and
    /// what sessions were granted for themselves. Whether anything was kept; sessions alone know what they have.
    pub fn revoke(&self, place: Place, name: &str, tool: Option<&str>) -> Result<bool, ConsentError> {
        let mut had = false;
        self.at(place).change(|kept| had = kept.revoke(name, tool))?;
        Ok(had)
    }

    /// Forgets what was granted for the session that ends.
    pub fn end_session(&self) {
        self.session().clear();
    }

    /// All grants, by plugin and tool. What counts of them for a tool says [`Consents::granted`].
    pub fn list(&self) -> Vec<Granted> {
        let mut all = Vec::new();
        let mut add = |plugin: &str, holder: Holder, granted: &ByTool, by: GrantedBy| {
            let of = |(tool, capabilities): (&String, &Capabilities)| Granted {
                plugin: plugin.to_string(),
                holder,
                tool: tool.clone(),
                capabilities: capabilities.clone(),
                by,
            };
            all.extend(granted.iter().filter(|(_, capabilities)| !capabilities.is_nothing()).map(of));
        };
        for place in [Place::Project, Place::User] {
            let kept = self.kept(place);
            for (holder, by_plugin) in kept.grants.iter().filter(|(holder, _)| holder.places().contains(&place)) {
                by_plugin.iter().for_each(|(name, granted)| add(name, *holder, granted, GrantedBy::User(place)));
            }
            let holder = Holder::Installed(place);
            kept.accepted.iter().for_each(|(name, one)| add(name, holder, &one.lock_grants, GrantedBy::Lock(place)));
        }
        let session: Vec<_> = self.session().keys().cloned().collect();
        for (holder, name, tool) in session {
            let capabilities = self.for_session(holder, &name, &tool);
            add(&name, holder, &[(tool, capabilities)].into(), GrantedBy::Session);
        }
        all.sort_by(|a, b| (&a.plugin, a.holder, &a.tool, a.by).cmp(&(&b.plugin, b.holder, &b.tool, b.by)));
        all
    }

    /// How often something was taken back from a tool, here or in all projects.
    fn revocations(&self, name: &str, tool: &str) -> u64 {
        [Place::Project, Place::User]
            .into_iter()
            .map(|place| self.kept(place).revocations(name, tool))
            .fold(0, u64::saturating_add)
    }

    /// What this session was granted and nobody has taken back.
    fn for_session(&self, holder: Holder, name: &str, tool: &str) -> Capabilities {
        let revocations = self.revocations(name, tool);
        let session = self.session();
        let granted = session.get(&(holder, name.to_string(), tool.to_string()));
        granted.filter(|it| it.revocations == revocations).map(|it| it.capabilities.clone()).unwrap_or_default()
    }

    /// The file of a place, for people and for who watches it.
    pub fn file(&self, place: Place) -> &Path {
        &self.at(place).path
    }

    fn at(&self, place: Place) -> &Stored {
        match place {
            Place::Project => &self.0.project,
            Place::User => &self.0.user,
        }
    }

    /// Nothing where the file cannot be read: [`Consents::problems`] says so.
    fn kept(&self, place: Place) -> Arc<Kept> {
        self.at(place).read().unwrap_or_default()
    }

    fn session(&self) -> MutexGuard<'_, BTreeMap<(Holder, String, String), ForSession>> {
        self.0.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the hosts that have no name.
fn named(capabilities: &Capabilities) -> Capabilities {
    let http = capabilities.http.iter().filter(|access| access.host != ANY_HOST).cloned().collect();
    Capabilities { http, ..capabilities.clone() }
}

/// What a manifest writes for every public host.
const ANY_HOST: &str = "*";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Project => "project",
            Place::User => "user",
        })
    }
}

#[cfg(test)]
mod tests;
