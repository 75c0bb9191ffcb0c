//! The graph as it is used: what each language's query finds in a source of our own, what changes on disk do to the answers,
//! and that nothing in a project or in the database can stop or mislead it.

mod answers;
mod hostile;
mod kept;
mod languages;
mod live;
mod others;

use std::cell::RefCell;
use std::path::PathBuf;

use super::{Asker, Graph, Opened, Report};

/// A project in a folder of its own, and its graph.
struct Project {
    dir: tempfile::TempDir,
    graph: Graph,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Project {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("project")).unwrap();
        let (graph, opened) = Graph::open(&dir.path().join("project"), &dir.path().join("cache/graph.db")).unwrap();
        assert_eq!(opened, Opened::New);
        let project = Project { dir, graph };
        files.iter().for_each(|(path, text)| project.write(path, text.as_bytes()));
        project.refresh();
        project
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("cache/graph.db")
    }

    fn write(&self, path: &str, content: &[u8]) {
        let file = self.root().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    fn refresh(&self) -> Report {
        self.graph.refresh(&|| false).unwrap()
    }

    fn update(&self, paths: &[&str]) -> Report {
        self.graph.update(&paths.iter().map(PathBuf::from).collect::<Vec<_>>()).unwrap()
    }

    /// Where the definitions of a name are: `path:line`.
    fn places(&self, name: &str) -> Vec<String> {
        let symbols = self.graph.symbol(name, None, &all).unwrap();
        symbols.found.iter().map(|symbol| format!("{}:{}", symbol.path, symbol.line)).collect()
    }

    /// Who calls it: `path in definition`.
    fn callers(&self, name: &str, within: Option<&str>) -> Vec<String> {
        let callers = self.graph.callers(name, within, &all).unwrap().callers;
        let place = |within: Option<super::Place>| within.map_or("-".to_string(), |place| place.name);
        callers.into_iter().map(|caller| format!("{} in {}", caller.path, place(caller.within))).collect()
    }
}

fn all(_: &str) -> bool {
    true
}

/// An answer, and what it is said to lack.
fn with_lacks<T>(question: impl FnOnce(Asker) -> T) -> (T, Vec<String>) {
    let lacks = RefCell::new(Vec::new());
    let answer = question(Asker { lacks: &|lack| lacks.borrow_mut().push(lack), ..(&all).into() });
    (answer, lacks.into_inner())
}
