//! Turns 'ask' into an event and waits for the answering op; remembers what was answered with 'always'.
//! It decides nothing itself: `policy` says when to ask, the front end's user says what to answer.

mod diff;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

pub use diff::file_diff;

use crate::policy::Rule;
use crate::protocol::{Answer, ApprovalMode, Scope};

/// Stores a rule for this project in the user's own state. The error is for the user.
pub type Remember = Box<dyn Fn(&Rule) -> Result<(), String> + Send + Sync>;

/// The open questions of a session, the mode, and the rules that answers have added.
pub struct Approvals {
    state: Mutex<State>,
    next: AtomicU64,
    remember: Remember,
}

struct State {
    mode: ApprovalMode,
    rules: Vec<Rule>,
    /// Those that hold until the session ends.
    session: Vec<Rule>,
    open: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Approvals {
    /// `rules` are the configured and the remembered ones.
    pub fn new(mode: ApprovalMode, rules: Vec<Rule>, remember: Remember) -> Approvals {
        let state = State { mode, rules, session: Vec::new(), open: HashMap::new() };
        Approvals { state: Mutex::new(state), next: AtomicU64::new(1), remember }
    }

    pub fn mode(&self) -> ApprovalMode {
        self.lock().mode
    }

    pub fn set_mode(&self, mode: ApprovalMode) {
        self.lock().mode = mode;
    }

    /// All rules in force now.
    pub fn rules(&self) -> Vec<Rule> {
        let state = self.lock();
        state.rules.iter().chain(&state.session).cloned().collect()
    }

    /// Forgets what was answered for the session that ends.
    pub fn end_session(&self) {
        let mut state = self.lock();
        state.session.clear();
        state.open.clear();
    }

    /// Opens a question: the id for the event, and where the answer arrives. Dropping the receiver closes it.
    pub fn open(&self) -> (u64, oneshot::Receiver<Answer>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.lock().open.insert(id, sender);
        (id, receiver)
    }

    /// Delivers a front end's answer; `false` when no such question is open.
    pub fn answer(&self, id: u64, answer: Answer) -> bool {
        let sender = self.lock().open.remove(&id);
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }

    /// Keeps a rule that the user said 'always' to. It holds for the session even when it cannot be stored.
    pub fn keep(&self, rule: Rule, scope: Scope) -> Result<(), String> {
        match scope {
            Scope::Session => {
                self.lock().session.push(rule);
                Ok(())
            }
            Scope::Project => {
                let stored = (self.remember)(&rule);
                self.lock().rules.push(rule);
                stored
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
