//! The loop: prepare, ask the model, run its calls, record, again, until it is done, a limit is reached or the user
//! cancels. It takes `Op`s and gives `Event`s; it must not know who is at the other end.

mod ask;
mod call;
mod calls;
mod files;
mod gate;
mod guard;
mod record;
mod snapshot;
mod turn;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use record::Recorder;
pub use snapshot::take as take_snapshot;

use crate::approval::Approvals;
use crate::model::{Model, ModelError, Sampling};
use crate::plugins::Plugins;
use crate::process::Runner;
use crate::protocol::{self, Event, Level, Message, Op, ToolSpec, ToolSummary};
use crate::session::{Journal, Transcript};

/// Makes a connection to a model by its name.
pub type Connect = Box<dyn Fn(&str) -> Result<Arc<dyn Model>, ModelError> + Send + Sync>;
/// Begins the journal of a new session.
pub type NewJournal = Box<dyn Fn() -> std::io::Result<Journal> + Send + Sync>;

/// The numbers that the loop obeys.
#[derive(Clone, Debug)]
pub struct Settings {
    pub max_steps: u32,
    /// The same call with the same result this often in a row ends the turn.
    pub loop_repeats: u32,
    /// How many reading calls run at the same time.
    pub parallel: usize,
    /// Of a whole turn.
    pub timeout: Option<Duration>,
    /// Characters of one tool result that reach the model.
    pub result_limit: usize,
    pub sampling: Sampling,
    /// Whether programs reach the network.
    pub network: bool,
}

/// What every part of a turn uses.
pub struct Services {
    pub settings: Settings,
    /// Absolute, canonical.
    pub workspace: PathBuf,
    pub plugins: Plugins,
    pub runner: Runner,
    pub approvals: Approvals,
    pub recorder: Recorder,
}

/// One conversation at a time, turn after turn.
pub struct Agent {
    services: Arc<Services>,
    model: Arc<dyn Model>,
    connect: Connect,
    new_journal: NewJournal,
    session: String,
    context: Option<Context>,
    turns: u64,
    resumed: bool,
}

/// The messages that the model sees; append-only.
pub(crate) struct Context {
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
}

impl Agent {
    /// `transcript` is what a resumed session had said so far.
    pub fn new(
        services: Services,
        model: Arc<dyn Model>,
        connect: Connect,
        new_journal: NewJournal,
        session: String,
        transcript: Option<Transcript>,
    ) -> Agent {
        let (turns, resumed) = (transcript.as_ref().map_or(0, |t| t.turns), transcript.is_some());
        let context = transcript
            .filter(|transcript| !transcript.messages.is_empty())
            .map(|transcript| Context { messages: transcript.messages, tools: transcript.tools });
        Agent { services: Arc::new(services), model, connect, new_journal, session, context, turns, resumed }
    }

    /// Serves ops until the front end hangs up or asks to shut down.
    pub async fn run(mut self, mut ops: mpsc::Receiver<Op>) {
        self.announce().await;
        while let Some(op) = ops.recv().await {
            let again = match op {
                Op::Submit { text } => self.turn(text, &mut ops).await,
                Op::Shutdown => false,
                Op::SetModel { model } => self.set_model(&model).await,
                Op::Reset => self.reset().await,
                Op::Cancel => true,
                other => self.while_running(other).await,
            };
            if !again {
                break;
            }
        }
    }

    async fn announce(&self) {
        let event = Event::SessionStarted {
            protocol: protocol::VERSION,
            session: self.session.clone(),
            cwd: self.services.workspace.display().to_string(),
            provider: self.model.provider().to_string(),
            model: self.model.name().to_string(),
            approval: self.services.approvals.mode(),
            resumed: self.resumed,
        };
        self.services.recorder.emit(event).await;
    }

    /// Runs one turn, and says which model it was when that was found out only now. `false`: shut down.
    async fn turn(&mut self, task: String, ops: &mut mpsc::Receiver<Op>) -> bool {
        let named = self.model.name().to_string();
        let again = self.run_turn(task, ops).await;
        if self.model.name() != named {
            self.services.recorder.emit(self.model_changed()).await;
        }
        again
    }

    fn model_changed(&self) -> Event {
        Event::ModelChanged { provider: self.model.provider().to_string(), model: self.model.name().to_string() }
    }

    /// Answers the ops that make sense while the turn runs.
    async fn run_turn(&mut self, task: String, ops: &mut mpsc::Receiver<Op>) -> bool {
        let services = self.services.clone();
        self.turns += 1;
        services.recorder.emit(Event::TurnStarted { turn: self.turns, task: task.clone() }).await;
        if self.context.is_none() {
            self.context = Some(self.begin_context().await);
        }
        let Some(context) = self.context.as_mut() else { return true };
        context.messages.push(Message::User { text: task });

        let cancel = CancellationToken::new();
        let (model, turn, mut again) = (self.model.clone(), self.turns, true);
        let running = turn::run(&services, model, context, turn, cancel.clone());
        tokio::pin!(running);
        let mut hung_up = false;
        loop {
            tokio::select! {
                biased;
                () = &mut running => return again && !hung_up,
                op = ops.recv(), if !hung_up => match op {
                    Some(Op::Cancel) => cancel.cancel(),
                    Some(Op::Shutdown) => { again = false; cancel.cancel(); }
                    None => { hung_up = true; cancel.cancel(); }
                    Some(op) => { while_running(&services, op).await; }
                },
            }
        }
    }

    /// The stable prefix: made once, before the first turn.
    async fn begin_context(&self) -> Context {
        let services = &self.services;
        let snapshot = snapshot::take(&services.workspace, &services.runner).await;
        let system = crate::context::system_prompt(&snapshot);
        let tools: Vec<ToolSpec> = services.plugins.tools().iter().map(|tool| tool.spec.clone()).collect();
        services.recorder.emit(Event::ContextStarted { system: system.clone(), tools: tools.clone() }).await;
        Context { messages: vec![Message::System { text: system }], tools }
    }

    async fn while_running(&self, op: Op) -> bool {
        while_running(&self.services, op).await;
        true
    }

    async fn set_model(&mut self, name: &str) -> bool {
        let event = match (self.connect)(name) {
            Ok(model) => {
                self.model = model;
                self.model_changed()
            }
            Err(error) => Event::Notice { level: Level::Error, text: format!("model '{name}': {error}") },
        };
        self.services.recorder.emit(event).await;
        true
    }

    async fn reset(&mut self) -> bool {
        match (self.new_journal)() {
            Ok(journal) => {
                (self.session, self.context, self.turns, self.resumed) = (journal.id().to_string(), None, 0, false);
                self.services.approvals.end_session();
                self.services.recorder.switch(journal);
                self.announce().await;
            }
            Err(error) => {
                let text = format!("the conversation was kept, a new journal could not be begun: {error}");
                self.services.recorder.emit(Event::Notice { level: Level::Error, text }).await;
            }
        }
        true
    }
}

/// Ops that are answered the same whether a turn runs or not; the others wait for its end and say so.
async fn while_running(services: &Services, op: Op) {
    let notice = |text: String| Event::Notice { level: Level::Warn, text };
    let event = match op {
        Op::Answer { id, answer } => {
            if services.approvals.answer(id, answer) {
                return;
            }
            notice(format!("question {id} is no longer open; the answer had no effect"))
        }
        Op::SetApproval { mode } => {
            services.approvals.set_mode(mode);
            Event::ApprovalModeChanged { mode }
        }
        Op::ListTools => Event::Tools { tools: services.plugins.tools().iter().map(summary).collect() },
        Op::Submit { .. } => notice("a turn is running; cancel it or wait for its end, then send this again".into()),
        Op::SetModel { .. } => notice("a turn is running; the model can be changed after it".into()),
        Op::Reset => notice("a turn is running; cancel it before the reset".into()),
        Op::Cancel | Op::Shutdown => return,
    };
    services.recorder.emit(event).await;
}

fn summary(tool: &crate::plugins::Tool) -> ToolSummary {
    ToolSummary {
        name: tool.spec.name.clone(),
        plugin: tool.plugin.name.clone(),
        description: tool.spec.description.clone(),
        capabilities: tool.capabilities.describe(),
    }
}
