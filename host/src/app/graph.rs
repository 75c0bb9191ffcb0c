//! The code graph of the project: where it is kept, and how a conversation keeps it up to date. The watcher's first report begins
//! the index, what it reports later is looked at again. A project with very many folders, or on a drive that does not tell of
//! changes, is not watched: there the questions look themselves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Context;
use crate::config::Paths;
use crate::graph::{Live, Say, Watching};
use crate::protocol::{Event, Level};
use crate::watch::{self, Answer, Folders, Mode, Report, Watch};

/// Folders that are watched; each costs the system a watch.
const MOST_FOLDERS: usize = 4_000;
/// How long a question waits for the first index, while a person or a model waits for its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for a call by hand, which may make the index for itself alone.
const PATIENCE_BY_HAND: Duration = Duration::from_secs(60);

/// For a conversation, which is told what is to be said. Nothing is read yet.
pub fn open(context: &Context, events: mpsc::Sender<Event>) -> Live {
    // A front end that reads nothing must not hold the index up.
    // Nor must the index hold up the end.
    let events = events.downgrade();
    let say = move |text: String| {
        if let Some(events) = events.upgrade() {
            drop(events.try_send(Event::Notice { level: Level::Warn, text }));
        }
    };
    live(&context.paths, PATIENCE, Box::new(say))
}

/// For a call by hand.
pub fn by_hand(context: &Context) -> Live {
    live(&context.paths, PATIENCE_BY_HAND, Box::new(|_| ()))
}

fn live(paths: &Paths, patience: Duration, say: Say) -> Live {
    Live::new(&paths.project, &paths.graph(), patience, say)
}

/// Begins the index, and keeps it up to date until the result is dropped.
pub fn follow(live: &Live, root: &Path, mode: Mode) -> Option<Watch> {
    live.look();
    // Looking once a second at a whole project costs more than it is worth.
    if mode == Mode::Poll {
        return None;
    }
    let (graph, root) = (live.clone(), root.to_path_buf());
    let mut folders = Arc::new(watched(&root, vec![String::new()]));
    let mut polling = false;
    let watch = watch::start(folders.clone(), mode, move |report| {
        polling |= matches!(report, Report::Polling(_));
        if polling {
            graph.watching(Watching::NotAll);
            return Answer { folders: Some(Arc::default()), again: None };
        }
        match report {
            Report::Changed(paths) => graph.changed(paths.iter().filter_map(|path| below(&root, path)).collect()),
            Report::Rescan => graph.look(),
            Report::Woken => {
                let now = watched(&root, graph.folders());
                let few = now.len() <= MOST_FOLDERS;
                graph.watching(if few { Watching::All } else { Watching::NotAll });
                if few && *folders != now {
                    folders = Arc::new(now);
                    return Answer { folders: Some(folders.clone()), again: None };
                }
            }
            Report::Polling(_) => {}
        }
        Answer::default()
    });
    let watch = watch.ok()?;
    live.when_done(watch.waker());
    Some(watch)
}

/// Every name matters: a new file may be code.
fn watched(root: &Path, folders: Vec<String>) -> Folders {
    let all = folders.into_iter().chain([String::new()]);
    all.map(|folder| (if folder.is_empty() { root.to_path_buf() } else { root.join(folder) }, Default::default()))
        .collect()
}

fn below(root: &Path, path: &Path) -> Option<PathBuf> {
    path.strip_prefix(root).ok().filter(|path| !path.as_os_str().is_empty()).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_comes_below_a_folder_without_any_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("project");
        let write = |folder: PathBuf, name: &str| {
            std::fs::create_dir_all(folder.join("src")).unwrap();
            std::fs::write(folder.join("src/lib.rs"), format!("fn {name}() {{}}\n")).unwrap();
        };
        write(root.join("crates/a"), "one");
        let live = Live::new(&root, &dir.path().join("graph/graph.db"), PATIENCE_BY_HAND, Box::new(|_| ()));
        let _watch = follow(&live, &root, Mode::Auto).unwrap();
        let wait = |what: &str, is: &dyn Fn() -> bool| {
            let tries = (0..600).any(|_| {
                is() || {
                    std::thread::sleep(Duration::from_millis(100));
                    false
                }
            });
            assert!(tries, "{what}");
        };
        // As long as not everything is watched, that is missed which a program may have written.
        wait("all is watched", &|| {
            live.ran();
            live.is_ready_within(PATIENCE_BY_HAND) && live.missing().is_none()
        });
        write(dir.path().join("made"), "two");
        std::fs::rename(dir.path().join("made"), root.join("crates/b")).unwrap();
        let visible = |_: &str| true;
        let symbol = |name: &str| live.ask(PATIENCE, &|| false, |graph| graph.symbol(name, None, &visible));
        wait("the new one is found", &|| symbol("two").is_ok_and(|found| !found.found.is_empty()));
    }
}
