//! Who asks the graph: which files they may know of, whether they still wait, and what they are told beside an answer. How it
//! is found out whether somebody may see a file, who asks knows.

use super::error::Error;

/// By default somebody who may see what `visible` says, waits for ever, and wants nothing but the answer.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// Whether they may know of a file; its path is relative to the root.
    pub visible: &'a dyn Fn(&str) -> bool,
    /// Whether nobody waits for the answer any more.
    pub stopped: &'a dyn Fn() -> bool,
    /// Takes what the answer lacks, in words.
    pub lacks: &'a dyn Fn(String),
}

impl<'a, F: Fn(&str) -> bool> From<&'a F> for Asker<'a> {
    fn from(visible: &'a F) -> Asker<'a> {
        Asker { visible, stopped: &|| false, lacks: &|_| () }
    }
}

impl Asker<'_> {
    pub(super) fn sees(self, path: &str) -> bool {
        (self.visible)(path)
    }

    /// `Err` once nobody waits: for the loops whose length a project decides.
    pub(super) fn waits(self) -> Result<(), Error> {
        if (self.stopped)() { Err(Error::Stopped) } else { Ok(()) }
    }
}
