//! A user and a project in a scratch directory, and the catalogue of what lies there.

use std::path::{Path, PathBuf};

use garth::commands::{Catalogue, Clash, Family, Live, Roots, Setup, Source, Winner};

pub struct World {
    dir: tempfile::TempDir,
    pub setup: Setup,
    pub reserved: Vec<String>,
}

impl World {
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        for folder in ["home", "config", "work/project/.git"] {
            std::fs::create_dir_all(at.join(folder)).unwrap();
        }
        let project = at.join("work/project");
        let setup = Setup::new(&project, &project, &at.join("config"), Some(&at.join("home")));
        // What is built in changes with the product.
        let order = Source::ALL.into_iter().filter(|source| *source != Source::Builtin).collect();
        World { dir, setup: Setup { order, ..setup }, reserved: vec!["help".into(), "exit".into()] }
    }

    /// Beside `home`, `config` and `work/project`.
    pub fn at(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    /// In the project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.setup.project.join(path)
    }

    /// Each file of the project says where it is.
    pub fn files(self, paths: &[&str]) -> World {
        paths.iter().for_each(|path| self.write(path, format!("---\ndescription: {path}\n---\nbody of {path}\n")));
        self
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        write(&self.path(path), text);
    }

    pub fn families(mut self, families: &[Family]) -> World {
        self.setup.families = families.to_vec();
        self
    }

    pub fn live(&self) -> Live {
        Live::open(Roots::find(&self.setup), &self.reserved)
    }
}

pub fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// `name kind file`, a line each.
pub fn names(catalogue: &Catalogue) -> Vec<String> {
    let kind = |entry: &garth::commands::Entry| format!("{:?}", entry.place.kind).to_lowercase();
    catalogue
        .entries()
        .iter()
        .map(|entry| format!("{} {} {}", entry.place.name, kind(entry), entry.place.shown))
        .collect()
}

/// `name: winner > loser, loser`.
pub fn clashes(catalogue: &Catalogue) -> Vec<String> {
    let text = |clash: &Clash| {
        let winner = match &clash.winner {
            Winner::File(file) => file,
            Winner::Reserved => "(reserved)",
        };
        format!("{}: {winner} > {}", clash.name, clash.losers.join(", "))
    };
    catalogue.clashes().iter().map(text).collect()
}

/// `file:line: reason`.
pub fn problems(catalogue: &Catalogue) -> Vec<String> {
    catalogue.problems().iter().map(|one| format!("{}:{}: {}", one.shown, one.line, one.reason)).collect()
}
