//! Connects the catalogue, and the plugins, each with a watcher of its own: what the one reports the other takes in, on the
//! watcher's thread. Compiling a plugin so holds up no command. Who wants to know what changed subscribes.

use crate::commands::Live;
use crate::plugins;
use crate::watch::{self, Answer, Mode, Report, Watch};

/// Keeps the catalogue up to date until the result is dropped. `say` is told, for people, why changes are found only by
/// looking once a second, where that is so.
pub fn follow(live: &Live, mode: Mode, mut say: impl FnMut(String) + Send + 'static) -> std::io::Result<Watch> {
    let catalogue = live.clone();
    let watch = watch::start(live.folders(), mode, move |report| {
        match report {
            Report::Changed(paths) => drop(catalogue.reload(&paths)),
            Report::Rescan => drop(catalogue.rescan()),
            Report::Woken => drop(catalogue.settle()),
            Report::Polling(reason) => {
                say(reason);
                return Answer::default();
            }
        }
        Answer { folders: Some(catalogue.folders()), again: catalogue.unsettled() }
    })?;
    live.when_folders_change(watch.waker());
    Ok(watch)
}

/// Keeps the plugins up to date until the result is dropped.
pub fn plugins(live: &plugins::Live, mode: Mode) -> std::io::Result<Watch> {
    let plugins = live.clone();
    watch::start(live.folders(), mode, move |report| {
        match report {
            Report::Changed(paths) => plugins.reload(&paths),
            Report::Rescan => plugins.rescan(),
            Report::Woken => plugins.settle(),
            Report::Polling(_) => return Answer::default(),
        }
        Answer { folders: Some(plugins.folders()), again: plugins.unsettled() }
    })
}
