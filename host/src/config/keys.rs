//! Every setting: its path, its type, and what a project's file may do with it. The table of DESIGN.md's "Where things
//! live", as data. A test compares it with `default.toml`.

use super::kind::{Field, FieldKind, Kind};

/// One setting. `*` in a path stands for a name that the user chooses.
#[derive(Debug)]
pub(super) struct Key {
    pub path: &'static str,
    pub kind: Kind,
    pub project: Project,
}

/// What a project's file may do with a setting; what it may not is ignored with a notice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Project {
    /// Nothing, for this reason.
    Never(&'static str),
    /// Nothing before the user trusts the file.
    Trusted,
    /// Lower it; more, once trusted.
    Lower,
    /// Switch it off; nothing else, for this reason.
    Off(&'static str),
    /// Switch it off; on, once trusted.
    OffFirst,
    /// Add to the list, never remove from it.
    Add,
    /// Narrow the grant, never widen it.
    Narrow,
    /// Choose a stricter word (they are listed from the least to the most strict); a less strict one, once trusted.
    Stricter,
    /// The same, but a less strict one never, for this reason.
    StricterAlways(&'static str),
    /// Add rules that ask or deny; rules that allow, once trusted.
    Rules,
}
use Project::*;

const SERVERS: Project = Never("which server gets your prompts and keys is yours to say");
const REACH: Project = Never("what programs can reach outside the workspace is yours to say");
const COMMANDS: Project = Never("which folders outside a project hold commands, and which come first, is yours to say");
const SOURCES: &[&str] = &["project", "user", "directories", "plugins", "builtin"];
const FAMILIES: &[&str] = &["garth", "claude", "agents", "opencode", "codex", "gemini"];
/// From the least to the most strict.
const WORDS_OF_CLOUD: &[&str] = &["auto", "ask", "never"];
const WORDS_OF_MODES: &[&str] = &["auto", "ask", "never"];
const PROVIDERS: &[&str] = &["ollama", "openai", "anthropic", "scripted"];
const U32: i64 = u32::MAX as i64;

const fn key(path: &'static str, kind: Kind, project: Project) -> Key {
    Key { path, kind, project }
}

const fn whole(min: i64, max: i64) -> Kind {
    Kind::Whole { min, max }
}

const fn whole_or_auto(min: i64) -> Kind {
    Kind::WholeOr { min, max: U32, word: "auto" }
}

const fn field(name: &'static str, kind: FieldKind) -> Field {
    Field { name, kind, required: false }
}

const fn required(name: &'static str, kind: FieldKind) -> Field {
    Field { name, kind, required: true }
}

const ENDPOINT: &[Field] = &[
    required("name", FieldKind::Text),
    required("provider", FieldKind::Choice(&["ollama", "openai", "anthropic"])),
    required("url", FieldKind::Url),
    field("api_key_env", FieldKind::Variable),
];

const RULE: &[Field] = &[
    required("effect", FieldKind::Choice(&["allow", "ask", "deny"])),
    field("tool", FieldKind::Text),
    field("plugin", FieldKind::Text),
    field("path", FieldKind::Pattern),
    field("argv", FieldKind::Words),
    field("argv_exact", FieldKind::Words),
];

/// In the order of `default.toml`.
pub(super) static KEYS: &[Key] = &[
    key("model.provider", Kind::Choice(PROVIDERS), SERVERS),
    key("model.url", Kind::UrlOr("auto"), SERVERS),
    key("model.name", Kind::Text, Trusted),
    key("model.script", Kind::Text, SERVERS),
    key("model.api_key_env", Kind::Variable, SERVERS),
    key("model.num_ctx", whole_or_auto(1), Trusted),
    key("model.max_ctx", whole(1, U32), Lower),
    key("model.max_tokens", whole_or_auto(1), Lower),
    key("model.temperature", Kind::FractionOrAuto { max: 2.0 }, Trusted),
    key("model.top_p", Kind::FractionOrAuto { max: 1.0 }, Trusted),
    key("model.top_k", whole_or_auto(1), Trusted),
    key("model.min_p", Kind::FractionOrAuto { max: 1.0 }, Trusted),
    key("model.repeat_penalty", Kind::FractionOrAuto { max: 2.0 }, Trusted),
    key("model.think", Kind::FlagOr("auto"), Trusted),
    key("model.replay_reasoning", Kind::FlagOr("auto"), Trusted),
    key("model.keep_alive", Kind::TimeOr(&["auto", "forever"]), Trusted),
    key("model.warm_up", Kind::Flag, OffFirst),
    key("model.idle_timeout", Kind::Time, Trusted),
    key("model.connect_timeout", Kind::Time, Trusted),
    key("model.local", Kind::FlagOr("auto"), SERVERS),
    key("model.allow_remote", Kind::Flag, Off("whether your prompts leave this machine is yours to say")),
    key("model.proxy", Kind::UrlOr(""), SERVERS),
    key("model.price", Kind::Price, SERVERS),
    key("tiers.heavy.provider", Kind::Choice(PROVIDERS), SERVERS),
    key("tiers.heavy.url", Kind::UrlOr("auto"), SERVERS),
    key("tiers.heavy.name", Kind::Text, SERVERS),
    key("tiers.heavy.script", Kind::Text, SERVERS),
    key("tiers.heavy.api_key_env", Kind::Variable, SERVERS),
    key("tiers.heavy.num_ctx", whole_or_auto(1), SERVERS),
    key("tiers.heavy.max_tokens", whole_or_auto(1), SERVERS),
    key("tiers.heavy.temperature", Kind::FractionOrAuto { max: 2.0 }, SERVERS),
    key("tiers.heavy.think", Kind::FlagOr("auto"), SERVERS),
    key("tiers.heavy.price", Kind::Price, SERVERS),
    key("tiers.heavy.local", Kind::FlagOr("auto"), SERVERS),
    key("tiers.heavy.beside", Kind::Flag, SERVERS),
    key("tiers.cloud.provider", Kind::Choice(PROVIDERS), SERVERS),
    key("tiers.cloud.url", Kind::UrlOr("auto"), SERVERS),
    key("tiers.cloud.name", Kind::Text, SERVERS),
    key("tiers.cloud.script", Kind::Text, SERVERS),
    key("tiers.cloud.api_key_env", Kind::Variable, SERVERS),
    key("tiers.cloud.num_ctx", whole_or_auto(1), SERVERS),
    key("tiers.cloud.max_tokens", whole_or_auto(1), SERVERS),
    key("tiers.cloud.temperature", Kind::FractionOrAuto { max: 2.0 }, SERVERS),
    key("tiers.cloud.think", Kind::FlagOr("auto"), SERVERS),
    key("tiers.cloud.price", Kind::Price, SERVERS),
    key("tiers.cloud.local", Kind::FlagOr("auto"), SERVERS),
    key("tiers.cloud.beside", Kind::Flag, SERVERS),
    key("router.enabled", Kind::Flag, OffFirst),
    key("router.threshold", Kind::Fraction { max: 1.0 }, Trusted),
    key("router.hysteresis", Kind::Fraction { max: 1.0 }, Trusted),
    key(
        "router.cloud",
        Kind::Choice(WORDS_OF_CLOUD),
        StricterAlways("whether your prompts leave this machine is yours to say"),
    ),
    key("router.escalate", Kind::Flag, OffFirst),
    key("endpoints", Kind::Tables(ENDPOINT), SERVERS),
    key("agent.max_steps", whole(1, 100_000), Lower),
    key("agent.loop_repeats", whole(2, 1_000), Lower),
    key("agent.compact_at", whole(10, 95), Lower),
    key("agent.summary", Kind::Choice(&["rules", "model"]), Trusted),
    key("agent.mend_after", whole(0, 1_000), Trusted),
    key("agent.mend_steps", whole(1, 1_000), Lower),
    key("agent.mend_attempts", whole(1, 1_000), Lower),
    key("agent.read_repeats", whole(0, 1_000), Trusted),
    key("agent.patch_repeats", whole(0, 1_000), Trusted),
    key("agent.text_repeats", whole(0, 1_000), Trusted),
    key("agent.parallel_reads", whole(1, 64), Lower),
    key("agent.text_calls", Kind::Flag, OffFirst),
    key("agent.repair_calls", Kind::Flag, OffFirst),
    key("agent.nudge", Kind::Flag, OffFirst),
    key("agent.timeout", Kind::TimeOr(&["none"]), Lower),
    key("tools.set", Kind::Choice(&["auto", "full", "small"]), Trusted),
    key("approval.mode", Kind::Choice(WORDS_OF_MODES), Stricter),
    key("approval.rules", Kind::Tables(RULE), Rules),
    key("limits.time", Kind::Time, Lower),
    key("limits.cpu", Kind::Time, Lower),
    key("limits.memory", Kind::Size, Lower),
    key("limits.table_elements", whole(0, i64::MAX), Lower),
    key("limits.instances", whole(1, U32), Lower),
    key("limits.output", Kind::Size, Lower),
    key("limits.log_lines", whole(0, U32), Lower),
    key("limits.message", Kind::Size, Lower),
    key("limits.progress_reports", whole(0, U32), Lower),
    key("limits.host_calls", whole(0, i64::MAX), Lower),
    key("limits.written", Kind::Size, Lower),
    key("limits.descriptors", whole(1, U32), Lower),
    key("limits.http_requests", whole(0, U32), Lower),
    key("limits.http_sent", Kind::Size, Lower),
    key("limits.http_received", Kind::Size, Lower),
    key("limits.http_time", Kind::Time, Lower),
    key("process.time", Kind::Time, Lower),
    key("process.output", Kind::Size, Lower),
    key("process.memory", Kind::Size, Lower),
    key("process.processes", whole(1, i64::MAX), Lower),
    key("process.file_size", Kind::Size, Lower),
    key("process.network", Kind::Flag, Off("whether programs reach the network is yours to say")),
    key("process.allow_unsandboxed", Kind::Flag, Off("whether programs run without a sandbox is yours to say")),
    key("process.readable", Kind::Directories, REACH),
    key("process.path", Kind::Directories, REACH),
    key("process.env", Kind::Variables, REACH),
    key("files.readonly", Kind::Patterns, Add),
    key("files.secrets", Kind::Patterns, Add),
    key("files.private", Kind::Patterns, Add),
    key("plugins.*.enabled", Kind::Flag, OffFirst),
    key("plugins.*.secret_files", Kind::Flag, Off("whether a tool reads files that look like secrets is yours to say")),
    key("plugins.*.tools.*.workspace", Kind::GrantField("workspace"), Narrow),
    key("plugins.*.tools.*.process", Kind::GrantField("process"), Narrow),
    key("plugins.*.tools.*.state", Kind::GrantField("state"), Narrow),
    key("plugins.*.tools.*.http", Kind::GrantField("http"), Narrow),
    key("plugins.*.tools.*.secrets", Kind::GrantField("secrets"), Narrow),
    key("plugins.*.tools.*.graph", Kind::GrantField("graph"), Narrow),
    key(
        "plugins.*.tools.*.secret_files",
        Kind::GrantField("secret_files"),
        Off("whether a tool reads files that look like secrets is yours to say"),
    ),
    key("checks.*.enabled", Kind::Flag, OffFirst),
    key("checks.*.files", Kind::Patterns, Trusted),
    key("checks.*.except", Kind::Patterns, Trusted),
    key("checks.*.syntax", Kind::Choice(&["json", "toml", "xml", "yaml"]), Trusted),
    key("checks.*.command", Kind::Words, Trusted),
    key("checks.*.root", Kind::Words, Trusted),
    key("checks.*.writes", Kind::Words, Trusted),
    key("checks.*.messages", Kind::Expression, Trusted),
    key("checks.*.ignore", Kind::Expression, Trusted),
    key("checks.*.time", Kind::Time, Trusted),
    key("commands.order", Kind::Choices(SOURCES), COMMANDS),
    key("commands.families", Kind::Choices(FAMILIES), COMMANDS),
    key("commands.directories", Kind::Directories, COMMANDS),
    key("commands.plugins", Kind::Directories, COMMANDS),
    key("commands.watch", Kind::Choice(&["auto", "poll"]), Trusted),
    key("session.keep", whole(1, U32), Never("how long your sessions are kept is yours to say")),
    key("ui.colour", Kind::Choice(&["auto", "always", "never"]), Trusted),
];

/// What stands at a path.
pub(super) enum Found {
    Setting(&'static Key),
    /// A table of settings.
    Section,
    Nothing,
}

/// Looks a path up.
pub(super) fn find(path: &[String]) -> Found {
    let matches = |pattern: &str, exact: bool| {
        let parts: Vec<&str> = pattern.split('.').collect();
        let long_enough = if exact { parts.len() == path.len() } else { parts.len() > path.len() };
        long_enough && path.iter().zip(&parts).all(|(name, part)| *part == "*" || name == part)
    };
    match KEYS.iter().find(|key| matches(key.path, true)) {
        Some(key) => Found::Setting(key),
        None if KEYS.iter().any(|key| matches(key.path, false)) => Found::Section,
        None => Found::Nothing,
    }
}

/// What to write instead of a path that does not exist.
pub(super) fn help(path: &[String]) -> String {
    let Some((wrong, section)) = path.split_last() else { return String::new() };
    let below = KEYS.iter().filter_map(|key| {
        let parts: Vec<&str> = key.path.split('.').collect();
        let inside =
            parts.len() > section.len() && section.iter().zip(&parts).all(|(name, part)| *part == "*" || name == part);
        parts.get(section.len()).filter(|_| inside).copied()
    });
    if let Some(near) = nearest(wrong, below.clone()) {
        return format!("did you mean '{}'?", [section, &[near.to_string()]].concat().join("."));
    }
    let elsewhere = KEYS.iter().filter(|key| !key.path.contains('*') && key.path.rsplit('.').next() == Some(wrong));
    if let Some(key) = elsewhere.min_by_key(|key| key.path.len()) {
        return format!("did you mean '{}'?", key.path);
    }
    let mut known: Vec<&str> = below.collect();
    known.dedup();
    match section {
        [] => format!("the sections are {}", known.join(", ")),
        _ => format!("in [{}] there are {}", section.join("."), known.join(", ")),
    }
}

/// The name that was most likely meant, if any is near.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, name)| *name != "*" && *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
