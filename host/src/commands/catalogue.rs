//! The catalogue: what every name means now, who lost against whom, and which files cannot be used. An immutable snapshot;
//! a reload makes a new one. It reads no files.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::entry::{Entry, Kind, Unusable};
use crate::policy;
use crate::protocol::CommandSummary;

/// A snapshot. Names have no slash.
#[derive(Default)]
pub struct Catalogue {
    /// In the order of their names; commands and skills before agents.
    entries: Vec<Arc<Entry>>,
    by_name: HashMap<String, usize>,
    agents: HashMap<String, usize>,
    clashes: Vec<Clash>,
    problems: Vec<Unusable>,
    /// Entries for files, by number; made when first asked for.
    for_files: OnceLock<Vec<(usize, Pattern)>>,
}

/// Whether a normalised path of the workspace is meant.
type Pattern = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Files of one name. Commands and skills share their names; agents have names of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    pub name: String,
    pub winner: Winner,
    /// The files that are not used, in order of precedence, as people write them.
    pub losers: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Winner {
    /// As people write it.
    File(String),
    /// The name is the front end's own.
    Reserved,
}

/// A file that may become an entry; `real` is its canonical path, which tells two ways to one file from two files.
pub(super) struct Candidate {
    pub entry: Arc<Entry>,
    pub real: PathBuf,
}

impl Catalogue {
    /// Of candidates in order of precedence.
    pub(super) fn new(
        candidates: impl IntoIterator<Item = Candidate>,
        reserved: &[String],
        problems: Vec<Unusable>,
    ) -> Catalogue {
        let mut catalogue = Catalogue { problems, ..Catalogue::default() };
        let mut winners: HashMap<(bool, String), Winning> = HashMap::new();
        for Candidate { entry, real } in candidates {
            let agent = entry.place.kind == Kind::Agent;
            let key = (agent, entry.place.name.clone());
            if !agent && reserved.contains(&key.1) {
                let reason = format!("/{} is the conversation's own; give it another name", key.1);
                catalogue.problems.push(Unusable { shown: entry.place.shown.clone(), line: 0, reason });
                winners.entry(key).or_insert_with(Winning::reserved).losers.push(entry.place.shown.clone());
                continue;
            }
            match winners.entry(key) {
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(Winning { entry: Some(entry), real, losers: Vec::new() });
                }
                std::collections::hash_map::Entry::Occupied(mut occupied) => {
                    if occupied.get().real != real {
                        occupied.get_mut().losers.push(entry.place.shown.clone());
                    }
                }
            }
        }
        let mut winners: Vec<((bool, String), Winning)> = winners.into_iter().collect();
        winners.sort_by(|(one, _), (other, _)| one.cmp(other));
        for ((agent, name), winning) in winners {
            let winner =
                winning.entry.as_ref().map_or(Winner::Reserved, |entry| Winner::File(entry.place.shown.clone()));
            if !winning.losers.is_empty() {
                catalogue.clashes.push(Clash { name: name.clone(), winner, losers: winning.losers });
            }
            if let Some(entry) = winning.entry {
                let names = if agent { &mut catalogue.agents } else { &mut catalogue.by_name };
                names.insert(name, catalogue.entries.len());
                catalogue.entries.push(entry);
            }
        }
        catalogue
    }

    /// The command or skill of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.get(*self.by_name.get(name)?)
    }

    /// The agent of this name.
    pub fn agent(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.get(*self.agents.get(name)?)
    }

    /// In the order of their names; commands and skills before agents.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The skills that the model may call, those for certain files among them.
    pub fn skills(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(|entry| entry.place.kind == Kind::Skill && !entry.fields.disable_model_invocation)
    }

    /// The skills that the model may know of from the start: [`Catalogue::skills`] without those for certain files.
    pub fn listed(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.skills().filter(|entry| entry.fields.paths.is_empty())
    }

    /// The skills for this file (relative to the project, with `/`), which become known when it is in play.
    pub fn matching(&self, path: &str) -> Vec<&Arc<Entry>> {
        let Ok(path) = policy::normalise(path) else { return Vec::new() };
        let patterns = self.for_files.get_or_init(|| self.patterns());
        let matching = patterns.iter().filter(|(_, pattern)| pattern(&path));
        matching.filter_map(|(number, _)| self.entries.get(*number)).collect()
    }

    fn patterns(&self) -> Vec<(usize, Pattern)> {
        let skills = self.entries.iter().enumerate().filter(|(_, entry)| {
            let known = entry.place.kind == Kind::Skill && !entry.fields.disable_model_invocation;
            known && !entry.fields.paths.is_empty()
        });
        let pattern = |(number, entry): (usize, &Arc<Entry>)| {
            let written = entry.fields.paths.iter().map(|pattern| pattern.trim().trim_start_matches("./"));
            // One pattern that cannot be read takes no others with it.
            let readable: Vec<&str> = written.filter(|pattern| policy::check_glob(pattern).is_ok()).collect();
            let set = policy::glob_set(&readable).ok().filter(|_| !readable.is_empty())?;
            Some((number, Box::new(move |path: &str| set.is_match(path)) as Pattern))
        };
        skills.filter_map(pattern).collect()
    }

    pub fn clashes(&self) -> &[Clash] {
        &self.clashes
    }

    /// Files that cannot be used, be it for a reserved name; where one could be used before, that version is still in the
    /// catalogue.
    pub fn problems(&self) -> &[Unusable] {
        &self.problems
    }

    /// At most three names that may have been meant, the most likely first.
    pub fn nearest(&self, name: &str) -> Vec<String> {
        nearest(name, self.by_name.keys().map(String::as_str))
    }

    /// For a front end.
    pub fn summaries(&self) -> Vec<CommandSummary> {
        let losers: HashMap<(&str, &str), &Vec<String>> = self
            .clashes
            .iter()
            .filter_map(|clash| match &clash.winner {
                Winner::File(file) => Some(((clash.name.as_str(), file.as_str()), &clash.losers)),
                Winner::Reserved => None,
            })
            .collect();
        let summary = |entry: &Arc<Entry>| {
            let place = &entry.place;
            let kind = match place.kind {
                Kind::Command => "command",
                Kind::Skill => "skill",
                Kind::Agent => "agent",
            };
            CommandSummary {
                name: place.name.clone(),
                kind: kind.to_string(),
                description: entry.description.clone(),
                argument_hint: entry.fields.argument_hint.clone(),
                file: place.shown.clone(),
                typed: place.kind != Kind::Agent && entry.fields.user_invocable != Some(false),
                shadows: losers.get(&(&*place.name, &*place.shown)).map(|losers| losers.to_vec()).unwrap_or_default(),
            }
        };
        self.entries.iter().map(summary).collect()
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.entries.iter().map(|entry| entry.place.name.as_str()).collect();
        f.debug_struct("Catalogue").field("names", &names).field("problems", &self.problems).finish_non_exhaustive()
    }
}

struct Winning {
    /// `None`: the name is reserved.
    entry: Option<Arc<Entry>>,
    real: PathBuf,
    losers: Vec<String>,
}

impl Winning {
    fn reserved() -> Winning {
        Winning { entry: None, real: PathBuf::new(), losers: Vec::new() }
    }
}

/// Longer words are not compared; a model may write anything.
const LONGEST: usize = 200;

fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.trim().trim_start_matches('/').to_lowercase();
    if wanted.is_empty() || wanted.len() > LONGEST {
        return Vec::new();
    }
    let distance = |name: &str| {
        let name = name.to_lowercase();
        let last = name.rsplit(':').next().unwrap_or(&name);
        if name == wanted || last == wanted {
            return Some(0);
        }
        if name.starts_with(&wanted) || last.starts_with(&wanted) {
            return Some(1);
        }
        let far = 1 + wanted.chars().count() / 4;
        let distance = strsim::damerau_levenshtein(&wanted, &name).min(strsim::damerau_levenshtein(&wanted, last));
        let within = wanted.len() > 2 && (name.contains(&wanted) || (last.len() > 2 && wanted.contains(last)));
        (distance <= far).then_some(1 + distance).or(within.then_some(2 + far))
    };
    let mut near: Vec<(usize, &str)> =
        names.filter(|name| name.len() <= LONGEST).filter_map(|name| Some((distance(name)?, name))).collect();
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name.to_string()).collect()
}
