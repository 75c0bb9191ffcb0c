//! The loop: prepare, ask the model, run its calls, record, again, until it is done, a limit is reached or the user
//! cancels. It takes `Op`s and gives `Event`s; it must not know who is at the other end.

mod account;
mod announced;
mod ask;
mod budget;
mod call;
mod call_tool;
mod calls;
mod checks;
mod command;
mod consent;
mod context;
mod draft;
mod files;
mod fork;
mod gate;
mod guard;
mod include;
mod instead;
mod known;
mod leaving;
mod map;
mod mend;
mod opening;
mod outlined;
mod prepare;
mod record;
mod repetition;
mod rereading;
mod restore;
mod route;
mod routing;
mod scope;
mod settings;
mod skill;
mod skill_files;
mod snapshot;
mod spiral;
mod summary;
mod tally;
mod task;
mod tool_set;
mod turn;
mod warm;
mod writes;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use account::{arguments_digest, audited};
pub use checks::Checker;
pub use consent::needs_grant;
pub use known::first_listing;
pub use map::take as take_map;
pub use record::Recorder;
pub use restore::restore;
pub use routing::{Larger, Routing, Rules};
pub use scope::restricts;
pub use settings::{Lenience, Recovery, Settings};
pub use snapshot::take as take_snapshot;
pub use tool_set::{Facts, offers as set_offers, offers_builtin as set_offers_builtin};

/// The tools of the host, offered after those of the plugins; no plugin may take their names.
pub fn host_tools() -> [protocol::ToolSpec; 2] {
    announced::host_tools()
}

use context::Context;
use turn::{Files, InPlay, Job, Told, Turn};
use warm::Warming;

use crate::approval::Approvals;
use crate::audit;
use crate::commands::{Changes, Entry, Live, Subscription, Usage};
use crate::graph;
use crate::model::{Model, ModelError};
use crate::plugins;
use crate::process::Runner;
use crate::protocol::{self, Event, Level, Op, ToolSummary};
use crate::secrets;
use crate::session::{Journal, Transcript};

/// How long it is waited for what a server says of its model, where that is only to be shown.
const PATIENCE: Duration = Duration::from_secs(3);

/// Makes a connection to a model by its name.
pub type Connect = Box<dyn Fn(&str) -> Result<Arc<dyn Model>, ModelError> + Send + Sync>;
/// Whether the user has trusted exactly the bytes of this file of a project or a plugin.
pub type Trusts = Box<dyn Fn(&Entry) -> bool + Send + Sync>;
/// Begins the journal of a new session.
pub type NewJournal = Box<dyn Fn() -> std::io::Result<Journal> + Send + Sync>;

/// What every part of a turn uses.
pub struct Services {
    pub settings: Settings,
    /// Absolute, canonical.
    pub workspace: PathBuf,
    pub plugins: plugins::Live,
    pub commands: Live,
    /// The file in which uses of skills are counted.
    pub usage: PathBuf,
    pub trusts: Trusts,
    pub runner: Runner,
    pub checks: Checker,
    /// What no result may show.
    pub secrets: secrets::Store,
    pub approvals: Approvals,
    /// What plugins are granted.
    pub consents: plugins::Consents,
    pub recorder: Recorder,
    /// The tiers of models above the local one.
    pub routing: Routing,
    /// Of the workspace.
    pub graph: graph::Live,
    pub audit: audit::Log,
    /// What goes to models that are not local.
    pub exposures: audit::Exposures,
    /// The user knows that the audit cannot be written.
    pub unaudited: AtomicBool,
}

/// One conversation at a time, turn after turn.
pub struct Agent {
    services: Arc<Services>,
    model: Arc<dyn Model>,
    connect: Connect,
    new_journal: NewJournal,
    session: String,
    context: Option<Context>,
    changes: Subscription,
    plugin_changes: plugins::Subscription,
    in_play: InPlay,
    told: Told,
    private: Files,
    carried: Files,
    turns: u64,
    resumed: bool,
    /// The model's name as it was last told.
    named: String,
    warming: Option<Warming>,
    /// A front end has asked for it.
    warms: bool,
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
        let files = |of: fn(&Transcript) -> &BTreeSet<String>| {
            Files::new(transcript.as_ref().map(|transcript| of(transcript).clone()).unwrap_or_default().into())
        };
        let (private, carried) = (files(|transcript| &transcript.private), files(|transcript| &transcript.files));
        let context = transcript.and_then(Context::resumed);
        let (changes, plugin_changes) = (services.commands.subscribe(), services.plugins.subscribe());
        let (in_play, told) = (InPlay::default(), Told::default());
        let services = Arc::new(services);
        Agent {
            services,
            model,
            connect,
            new_journal,
            session,
            context,
            changes,
            plugin_changes,
            in_play,
            told,
            private,
            carried,
            turns,
            resumed,
            named: String::new(),
            warming: None,
            warms: false,
        }
    }

    /// Serves ops until the front end hangs up or asks to shut down.
    pub async fn run(mut self, mut ops: mpsc::Receiver<Op>) {
        self.announce().await;
        loop {
            let op = tokio::select! {
                biased;
                op = ops.recv() => op,
                changes = self.changes.changed() => {
                    reloaded(&self.services, changes).await;
                    continue;
                }
                changes = self.plugin_changes.changed() => {
                    plugins_reloaded(&self.services, changes).await;
                    continue;
                }
            };
            let Some(op) = op else { break };
            let again = match op {
                Op::Submit { text } => self.turn(Job::Answer(text), &mut ops).await,
                Op::Expand { text } => self.turn(Job::Expand(text), &mut ops).await,
                Op::Shutdown => false,
                Op::SetModel { model } => self.set_model(&model).await,
                Op::Reset => self.reset().await,
                Op::Restore { turn } => self.restore(turn).await,
                Op::ShowWindow => self.show_window().await,
                Op::WarmUp => {
                    self.warms = true;
                    self.warm_up()
                }
                Op::ShowRoute => self.tell(self.services.routing.route(&self.model)).await,
                Op::Cancel => true,
                other => self.while_running(other).await,
            };
            if !again {
                break;
            }
        }
        route::close(&self.services, &self.model).await;
    }

    async fn announce(&mut self) {
        self.named = self.model.name().to_string();
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
        self.services.recorder.emit(catalogue(&self.services)).await;
    }

    /// Runs one turn, and says which model it was when that was found out only now. `false`: shut down.
    async fn turn(&mut self, job: Job, ops: &mut mpsc::Receiver<Op>) -> bool {
        let again = self.run_turn(job, ops).await;
        if self.model.name() != self.named {
            let event = self.model_changed();
            self.services.recorder.emit(event).await;
        }
        again
    }

    fn model_changed(&mut self) -> Event {
        self.named = self.model.name().to_string();
        Event::ModelChanged { provider: self.model.provider().to_string(), model: self.model.name().to_string() }
    }

    /// Answers the ops that make sense while the turn runs.
    async fn run_turn(&mut self, job: Job, ops: &mut mpsc::Receiver<Op>) -> bool {
        self.turns += 1;
        self.services.routing.begin_task();
        let turn = self.next_turn(job.text());
        let cancel = turn.cancel.clone();
        let warming = matches!(job, Job::Answer(_)).then(|| self.warming.take()).flatten();
        let Agent { services, model, context, changes, plugin_changes, .. } = self;
        let running = turn::run(&turn, model.clone(), context, warming, job);
        tokio::pin!(running);
        let (mut again, mut hung_up) = (true, false);
        loop {
            tokio::select! {
                biased;
                () = &mut running => return again && !hung_up,
                op = ops.recv(), if !hung_up => match op {
                    Some(Op::Cancel) => cancel.cancel(),
                    Some(Op::Shutdown) => { again = false; cancel.cancel(); }
                    None => { hung_up = true; cancel.cancel(); }
                    Some(op) => { while_running(services, op).await; }
                },
                changed = changes.changed() => reloaded(services, changed).await,
                changed = plugin_changes.changed() => plugins_reloaded(services, changed).await,
            }
        }
    }

    fn next_turn(&self, task: &str) -> Arc<Turn> {
        Arc::new(Turn {
            services: self.services.clone(),
            number: self.turns,
            task: task.to_string(),
            session: self.session.clone(),
            catalogue: self.services.commands.current(),
            plugins: self.services.plugins.current(),
            scope: Default::default(),
            in_play: self.in_play.clone(),
            told: self.told.clone(),
            private: self.private.clone(),
            carried: self.carried.clone(),
            cancel: CancellationToken::new(),
            asking: Default::default(),
            denied: Default::default(),
            own_calls: Default::default(),
            window: self.services.settings.window.into(),
        })
    }

    /// Has the server read what the next request will begin with. What is not on this machine is sent nothing before there is
    /// something to say.
    fn warm_up(&mut self) -> bool {
        let wanted = self.warms && self.model.is_local() && self.services.routing.may_be_local();
        self.warming = wanted.then(|| {
            let said = self.context.as_ref().map(Context::aside);
            Warming::begin(self.next_turn(""), self.model.clone(), said)
        });
        true
    }

    async fn while_running(&self, op: Op) -> bool {
        while_running(&self.services, op).await;
        true
    }

    async fn set_model(&mut self, name: &str) -> bool {
        let event = match (self.connect)(name) {
            Ok(model) => {
                self.model = model;
                self.context.iter_mut().for_each(Context::forget_model);
                self.warm_up();
                self.model_changed()
            }
            Err(error) => Event::Notice { level: Level::Error, text: format!("model '{name}': {error}") },
        };
        self.services.recorder.emit(event).await;
        true
    }

    async fn tell(&self, event: Event) -> bool {
        self.services.recorder.emit(event).await;
        true
    }

    async fn show_window(&mut self) -> bool {
        let event = match &mut self.context {
            Some(context) => {
                let model = self.services.routing.model(context.tier, &self.model);
                // Where the server does not answer soon, what the settings say is shown.
                let _ = tokio::time::timeout(PATIENCE, context.look(&model)).await;
                let window = context.window.unwrap_or(self.services.settings.window);
                Event::Window { window: window as u64, parts: context.parts() }
            }
            None => {
                let text = "nothing was said yet; `garth prompt` shows what each request begins with";
                Event::Notice { level: Level::Warn, text: text.into() }
            }
        };
        self.services.recorder.emit(event).await;
        true
    }

    async fn restore(&mut self, turn: Option<u64>) -> bool {
        match restore(&self.services.recorder, &self.services.workspace, turn).await {
            Ok(files) => self.context.iter_mut().for_each(|context| context.restored(&files)),
            Err(text) => self.services.recorder.emit(Event::Notice { level: Level::Warn, text }).await,
        }
        true
    }

    async fn reset(&mut self) -> bool {
        match (self.new_journal)() {
            Ok(journal) => {
                (self.session, self.context, self.turns, self.resumed) = (journal.id().to_string(), None, 0, false);
                (self.in_play, self.told, self.private, self.carried) = Default::default();
                self.services.approvals.end_session();
                self.services.consents.end_session();
                self.services.routing.end_session();
                self.services.recorder.switch(journal);
                self.announce().await;
                self.warm_up();
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
async fn while_running(services: &Arc<Services>, op: Op) {
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
        Op::ListTools => {
            let plugins = services.plugins.current();
            let tools = plugins.tools().iter().map(summary).chain([skill::summary(), call_tool::summary()]);
            Event::Tools { tools: tools.collect() }
        }
        Op::ListCommands => catalogue(services),
        Op::ShowCost => services.routing.costs(),
        Op::ListPlugins => Event::Plugins { plugins: services.plugins.list() },
        Op::AcceptPlugin { name, token } => return accept(services.clone(), name, token),
        Op::Submit { .. } | Op::Expand { .. } => {
            notice("a turn is running; cancel it or wait for its end, then send this again".into())
        }
        Op::SetModel { .. } => notice("a turn is running; the model can be changed after it".into()),
        Op::Reset => notice("a turn is running; cancel it before the reset".into()),
        Op::Restore { .. } => notice("a turn is running; cancel it before files are put back".into()),
        Op::ShowRoute => notice("a turn is running; why it is with its tier is shown after it".into()),
        Op::ShowWindow => notice("a turn is running; the window is shown after it".into()),
        Op::Cancel | Op::Shutdown | Op::WarmUp => return,
    };
    services.recorder.emit(event).await;
}

/// Verifying may take seconds, in which a turn goes on. What has changed is told by the subscription.
fn accept(services: Arc<Services>, name: String, token: String) {
    tokio::spawn(async move {
        let live = services.plugins.clone();
        let accepted = tokio::task::spawn_blocking(move || live.accept(&name, &token)).await;
        if let Err(text) = accepted.unwrap_or_else(|error| Err(error.to_string())) {
            services.recorder.emit(Event::Notice { level: Level::Warn, text }).await;
        }
    });
}

/// Plugins have come, changed or gone; the next turn uses them.
async fn plugins_reloaded(services: &Services, changes: plugins::Changes) {
    let plugins::Changes { added, changed, removed, waiting, problems } = changes;
    services.recorder.emit(Event::PluginsReloaded { added, changed, removed, waiting, problems }).await;
}

fn catalogue(services: &Services) -> Event {
    Event::Commands { commands: services.commands.current().summaries() }
}

/// Files of the catalogue have changed; the next turn uses them.
async fn reloaded(services: &Services, changes: Changes) {
    let problem = |problem: &crate::commands::Unusable| match problem.line {
        0 => format!("{}: {}", problem.shown, problem.reason),
        line => format!("{}:{line}: {}", problem.shown, problem.reason),
    };
    let problems = changes.problems.iter().map(problem).collect();
    let Changes { added, changed, removed, .. } = changes;
    // Who reads of a new name can call it at once.
    services.recorder.emit(catalogue(services)).await;
    services.recorder.emit(Event::CommandsReloaded { added, changed, removed, problems }).await;
}

impl Services {
    /// Counts a use of the entry. A count that is lost costs nothing.
    async fn used(&self, entry: &Entry) {
        let (file, name) = (self.usage.clone(), entry.place.name.clone());
        let _ = tokio::task::spawn_blocking(move || Usage::record(&file, &name, std::time::SystemTime::now())).await;
    }
}

fn summary(tool: &crate::plugins::Tool) -> ToolSummary {
    ToolSummary {
        name: tool.spec.name.clone(),
        plugin: tool.plugin.name.clone(),
        description: tool.spec.description.clone(),
        capabilities: tool.capabilities.describe(),
    }
}
