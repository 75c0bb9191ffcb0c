//! The vocabulary between the loop and everything around it: messages, tool calls, `Op` in, `Event` out.
//! One set of types serves the JSON lines of `garth run --json`, the session journal and later the server's SSE.
//! No IO and no behaviour beyond construction; nothing here knows who sends or receives.

mod approval;
mod event;
mod hidden;
mod message;
mod op;
mod tier;
mod tool_set;
mod units;

pub use approval::{Answer, ApprovalMode, ApprovalRequest, ChangeKind, FileDiff, Scope, Subject};
pub use event::{
    Approach, CheckEnd, CommandSummary, Event, Failing, Level, PluginSummary, ProgramRun, PromptSpan, Refused,
    ToolStatus, ToolSummary, TurnEnd, WindowPart,
};
pub use hidden::{is_hidden, is_hidden_in_line};
pub use message::{FinishReason, Kept, Message, NO_REPLY, Reasoning, ToolCall, ToolSpec, Usage, append_note, end_turn};
pub use op::Op;
pub use tier::{RoutePart, Spent, Tier, TierSummary};
pub use tool_set::ToolSet;
pub use units::{ByteSize, Span};

/// Version of the event vocabulary, sent in [`Event::SessionStarted`]. It grows when a field or a variant changes its
/// meaning or goes away; readers must ignore fields and event types that they do not know.
pub const VERSION: u32 = 1;
