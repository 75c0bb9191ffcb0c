//! Where commands, skills and agents may lie, in order of precedence: the first file of a name wins. It names folders and
//! looks at none of them, save for Claude plugins, whose folders say themselves what they hold.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Kind;
use super::bundle;
use super::entry::{Origin, Place, Syntax};
use super::memory::{self, Carried};

/// What is looked for; absolute paths.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Where the user works; in the project, else the project's own levels are all.
    pub cwd: PathBuf,
    /// The root of the project, canonical.
    pub project: PathBuf,
    /// The user's configuration directory; its `commands/`, `skills/` and `agents/` are read.
    pub config: PathBuf,
    /// The user's home; `None`: folders of other agents there are not read.
    pub home: Option<PathBuf>,
    /// Further folders with `commands/`, `skills/` or `agents/` in them, or one that is called so itself.
    pub directories: Vec<PathBuf>,
    /// Folders of Claude plugins, or folders that hold such folders.
    pub plugins: Vec<PathBuf>,
    /// What Garth's plugins carry.
    pub carried: Vec<Carried>,
    /// Where is looked first; what is left out is not looked at.
    pub order: Vec<Source>,
    /// Whose folders come first in a project and in the home; whose are left out are not looked at.
    pub families: Vec<Family>,
}

impl Setup {
    /// With everything that [`Source::ALL`] and [`Family::ALL`] name, in that order.
    pub fn new(cwd: &Path, project: &Path, config: &Path, home: Option<&Path>) -> Setup {
        Setup {
            cwd: cwd.to_path_buf(),
            project: project.to_path_buf(),
            config: config.to_path_buf(),
            home: home.map(Path::to_path_buf),
            order: Source::ALL.to_vec(),
            families: Family::ALL.to_vec(),
            ..Setup::default()
        }
    }
}

/// A place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the working directory up to the root of the project, and nested folders that a tool has touched.
    Project,
    /// The configuration directory, and other agents' folders in the home.
    User,
    /// The directories that the configuration names.
    Directories,
    /// Claude plugins, and what Garth's plugins carry.
    Plugins,
    Builtin,
}

impl Source {
    pub const ALL: [Source; 5] = [Source::Project, Source::User, Source::Directories, Source::Plugins, Source::Builtin];

    /// As the configuration writes it.
    pub fn parse(word: &str) -> Option<Source> {
        let place = ["project", "user", "directories", "plugins", "builtin"].iter().position(|known| *known == word)?;
        Some(Source::ALL[place])
    }
}

/// Whose habit a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Garth,
    Claude,
    /// The Agent Skills specification.
    Agents,
    OpenCode,
    Codex,
    Gemini,
}

impl Family {
    pub const ALL: [Family; 6] =
        [Family::Garth, Family::Claude, Family::Agents, Family::OpenCode, Family::Codex, Family::Gemini];

    /// As the configuration writes it.
    pub fn parse(word: &str) -> Option<Family> {
        let place =
            ["garth", "claude", "agents", "opencode", "codex", "gemini"].iter().position(|known| *known == word)?;
        Some(Family::ALL[place])
    }

    /// Its folder in a project, and in the home; Garth's own in the home is the configuration directory.
    fn folder(self) -> (&'static str, Option<&'static str>) {
        match self {
            Family::Garth => (".garth", None),
            Family::Claude => (".claude", Some(".claude")),
            Family::Agents => (".agents", Some(".agents")),
            Family::OpenCode => (".opencode", Some(".config/opencode")),
            Family::Codex => (".codex", Some(".codex")),
            Family::Gemini => (".gemini", Some(".gemini")),
        }
    }

    /// What is in that folder.
    fn holds(self) -> &'static [(&'static str, Layout)] {
        match self {
            Family::Garth | Family::Claude => USUAL,
            Family::Agents => &[("skills", Layout::Skills)],
            Family::OpenCode => &[
                ("commands", Layout::Commands),
                ("command", Layout::Commands),
                ("skills", Layout::Skills),
                ("skill", Layout::Skills),
                ("agents", Layout::Agents),
                ("agent", Layout::Agents),
            ],
            Family::Codex => &[("prompts", Layout::Commands), ("skills", Layout::Skills)],
            Family::Gemini => &[("commands", Layout::Toml), ("skills", Layout::Skills)],
        }
    }
}

pub(super) const USUAL: &[(&str, Layout)] =
    &[("commands", Layout::Commands), ("skills", Layout::Skills), ("agents", Layout::Agents)];

/// What the files of a folder are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `x.md` is `/x`, `a/x.md` is `/a:x`.
    Commands,
    /// `x/SKILL.md` is `/x`, at any depth.
    Skills,
    /// `x.md` is the agent `x`.
    Agents,
    /// Gemini's commands, `x.toml`.
    Toml,
}

/// A folder that may hold commands, skills or agents; whether it exists is seen later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub path: PathBuf,
    pub layout: Layout,
    pub origin: Origin,
    /// Stands before the names of what it holds, with a `:`.
    pub prefix: Option<String>,
    /// A folder above, from which on it is watched whether the root comes or goes.
    pub anchor: PathBuf,
    /// Symbolic links may not lead out of here; canonical. `None`: they may lead anywhere.
    pub within: Option<PathBuf>,
}

/// All places, in order of precedence.
#[derive(Clone, Debug)]
pub struct Roots {
    setup: Setup,
    /// Folders of the project, other than those from the working directory up, that have folders of commands.
    nested: Vec<PathBuf>,
}

/// A place in the order, resolved.
pub(super) enum Spot {
    Folder(Root),
    /// Of no folder: built in, or carried by a plugin. Read once.
    Memory(Vec<(Place, Vec<u8>)>),
}

/// What [`Roots::spots`] found out.
pub(super) struct Spots {
    pub spots: Vec<Spot>,
    /// Folders and names in them whose change may change the spots.
    pub hints: Vec<(PathBuf, OsString)>,
    /// Claude plugins that cannot be read.
    pub problems: Vec<super::Unusable>,
}

/// Nested folders that are known at the same time; a repository can have any number of them.
const NESTED: usize = 64;

/// Folders that hold others' code: their instructions are not the project's.
const FOREIGN: &[&str] = &["node_modules", "site-packages", "vendor", "target", ".git", ".venv", "venv"];

impl Roots {
    pub fn find(setup: &Setup) -> Roots {
        Roots { setup: setup.clone(), nested: Vec::new() }
    }

    /// Takes in the folders between a file (or folder) of the project and the project's root. Says whether there is a
    /// new one among them that holds a folder of commands.
    pub(super) fn touch(&mut self, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(&self.setup.project) else { return false };
        if relative.components().any(|part| FOREIGN.iter().any(|foreign| part.as_os_str() == *foreign)) {
            return false;
        }
        let known: Vec<PathBuf> = self.levels();
        let above = path.ancestors().take_while(|folder| folder.starts_with(&self.setup.project));
        let new: Vec<PathBuf> = above
            .filter(|folder| !known.iter().any(|known| known == folder) && !self.nested.iter().any(|n| n == folder))
            .filter(|folder| self.setup.families.iter().any(|family| folder.join(family.folder().0).is_dir()))
            .map(Path::to_path_buf)
            .take(NESTED.saturating_sub(self.nested.len()))
            .collect();
        self.nested.extend(new.iter().cloned());
        !new.is_empty()
    }

    /// What plugins carry from now on. Whether that is something else than before.
    pub(super) fn carry(&mut self, carried: Vec<Carried>) -> bool {
        let other = self.setup.carried != carried;
        self.setup.carried = carried;
        other
    }

    /// How people write a path: relative to the project, `~/…`, or absolute.
    pub(super) fn shown(&self, path: &Path) -> String {
        let text = |path: &Path| path.to_string_lossy().replace('\\', "/");
        if let Ok(inside) = path.strip_prefix(&self.setup.project) {
            return text(inside);
        }
        let home = self.setup.home.as_ref().and_then(|home| path.strip_prefix(home).ok());
        home.map_or_else(|| text(path), |inside| format!("~/{}", text(inside)))
    }

    /// From the working directory up to the root of the project.
    fn levels(&self) -> Vec<PathBuf> {
        let (cwd, project) = (&self.setup.cwd, &self.setup.project);
        match cwd.starts_with(project) {
            true => cwd.ancestors().take_while(|dir| dir.starts_with(project)).map(Path::to_path_buf).collect(),
            false => vec![project.clone()],
        }
    }

    /// Every place, as the folders are now.
    pub(super) fn spots(&self) -> Spots {
        let mut found = Spots { spots: Vec::new(), hints: Vec::new(), problems: Vec::new() };
        for source in &self.setup.order {
            match source {
                Source::Project => self.project(&mut found),
                Source::User => self.user(&mut found),
                Source::Directories => self.directories(&mut found),
                Source::Plugins => self.plugins(&mut found),
                Source::Builtin => found.spots.push(Spot::Memory(super::builtin::files())),
            }
        }
        let mut seen = std::collections::HashSet::new();
        found.spots.retain(|spot| match spot {
            Spot::Folder(root) => seen.insert((root.path.clone(), root.layout)),
            Spot::Memory(_) => true,
        });
        found
    }

    fn project(&self, found: &mut Spots) {
        let project = &self.setup.project;
        for level in self.levels().iter().chain(&self.nested) {
            for family in &self.setup.families {
                let folder = level.join(family.folder().0);
                found.add(&folder, family.holds(), level, &Origin::Project, Some(project));
            }
        }
        let places = [(project.clone(), 0), (project.join(".claude/plugins"), 1), (project.join("plugins"), 1)];
        for (place, depth) in places {
            self.bundles(found, &place, depth, project, Some(project));
        }
    }

    fn user(&self, found: &mut Spots) {
        for family in &self.setup.families {
            match (family.folder().1, &self.setup.home) {
                (None, _) => {
                    let config = &self.setup.config;
                    found.add(config, family.holds(), config.parent().unwrap_or(config), &Origin::User, None);
                }
                (Some(folder), Some(home)) => {
                    found.add(&home.join(folder), family.holds(), home, &Origin::User, None);
                }
                (Some(_), None) => {}
            }
        }
    }

    fn directories(&self, found: &mut Spots) {
        for directory in &self.setup.directories {
            let anchor = directory.parent().unwrap_or(directory);
            let itself = directory.file_name().and_then(|name| USUAL.iter().find(|(usual, _)| name == *usual));
            match itself {
                Some((_, layout)) => found.root(directory.clone(), *layout, anchor, &Origin::User, None, None),
                None => found.add(directory, USUAL, anchor, &Origin::User, None),
            }
        }
    }

    fn plugins(&self, found: &mut Spots) {
        for directory in &self.setup.plugins {
            self.bundles(found, directory, 2, directory.parent().unwrap_or(directory), None);
        }
        if let Some(home) = self.setup.home.as_ref().filter(|_| self.setup.families.contains(&Family::Claude)) {
            let folder = home.join(".claude/plugins");
            found.hint(&folder, home);
            found.hints.push((folder.clone(), bundle::INSTALLED.into()));
            match bundle::installed(&folder) {
                Some(folders) => folders.iter().for_each(|folder| self.bundles(found, folder, 0, folder, None)),
                None => self.bundles(found, &folder, 4, home, None),
            }
        }
        let carried = self.setup.carried.iter().flat_map(memory::carried).collect();
        found.spots.push(Spot::Memory(carried));
    }

    /// Claude plugins at `folder` and at most `depth` folders below.
    fn bundles(&self, found: &mut Spots, folder: &Path, depth: usize, anchor: &Path, within: Option<&PathBuf>) {
        if folder != anchor {
            found.hint(folder, anchor);
        }
        for bundle in bundle::find(folder, depth, within.map(PathBuf::as_path), &mut found.hints) {
            let bundle = match bundle {
                Ok(bundle) => bundle,
                Err((path, line, reason)) => {
                    found.problems.push(super::Unusable { shown: self.shown(&path), line, reason });
                    continue;
                }
            };
            let origin = match within {
                Some(_) => Origin::Project,
                None => Origin::Plugin(bundle.name.clone()),
            };
            for (path, layout) in bundle.folders {
                let within = within.or(Some(&bundle.real));
                found.root(path, layout, &bundle.folder, &origin, Some(&bundle.name), within);
            }
        }
    }
}

impl Spots {
    fn add(
        &mut self,
        folder: &Path,
        holds: &[(&str, Layout)],
        anchor: &Path,
        origin: &Origin,
        within: Option<&PathBuf>,
    ) {
        for (name, layout) in holds {
            self.root(folder.join(name), *layout, anchor, origin, None, within);
        }
    }

    fn root(
        &mut self,
        path: PathBuf,
        layout: Layout,
        anchor: &Path,
        origin: &Origin,
        prefix: Option<&String>,
        within: Option<&PathBuf>,
    ) {
        self.spots.push(Spot::Folder(Root {
            path,
            layout,
            origin: origin.clone(),
            prefix: prefix.cloned(),
            anchor: anchor.to_path_buf(),
            within: within.cloned(),
        }));
    }

    /// Each step on the way from `anchor` down to `folder` is worth watching.
    fn hint(&mut self, folder: &Path, anchor: &Path) {
        let steps = folder.ancestors().take_while(|step| *step != anchor && step.starts_with(anchor));
        let steps = steps.filter_map(|step| Some((step.parent()?.to_path_buf(), step.file_name()?.to_os_string())));
        self.hints.extend(steps.collect::<Vec<_>>());
    }
}

/// What a file is, by its name and the layout of its folder: the kind, and its own part of the name. `None`: none.
pub(super) fn classify(layout: Layout, file: &str, folder: Option<&str>) -> Option<(Kind, String, Syntax)> {
    if file.starts_with('.') {
        return None;
    }
    let (stem, extension) = file.rsplit_once('.')?;
    let is = |wanted: &str| extension.eq_ignore_ascii_case(wanted);
    let markdown = is("md") || is("markdown");
    match (layout, folder) {
        (Layout::Toml, _) => is("toml").then(|| (Kind::Command, stem.to_string(), Syntax::Braces)),
        (Layout::Skills | Layout::Commands, Some(folder)) if markdown && stem.eq_ignore_ascii_case("skill") => {
            Some((Kind::Skill, folder.to_string(), Syntax::Dollar))
        }
        (Layout::Skills, _) => None,
        // Translations of one too: `README.zh.md`.
        _ if !markdown || stem.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case("readme")) => None,
        (Layout::Commands, _) => Some((Kind::Command, stem.to_string(), Syntax::Dollar)),
        (Layout::Agents, _) => Some((Kind::Agent, stem.to_string(), Syntax::Dollar)),
    }
}
