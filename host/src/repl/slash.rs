//! Lines that are for the front end: `/help`, `/model NAME` … Everything else is a task.

use crate::protocol::ApprovalMode;

/// A command of the catalogue, as the help lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub description: String,
}

/// What a typed line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slash {
    /// Not for the front end: words for the model, or a command of the catalogue.
    Task(String),
    Help,
    Tools,
    Model(Option<String>),
    Approve(Option<ApprovalMode>),
    Session,
    Reset,
    Exit,
    /// What is wrong, and what would be right.
    Wrong(String),
}

const COMMANDS: [(&str, &str, &str); 7] = [
    ("help", "", "this list"),
    ("tools", "", "the tools, and what each may touch"),
    ("model", "[NAME]", "show the model, or use another"),
    ("approve", "[ask|auto|never]", "what happens where no rule decides"),
    ("session", "", "where this is, and what it has cost"),
    ("reset", "", "forget the conversation, start anew"),
    ("exit", "", "leave; Ctrl-D does the same"),
];

/// Words that people try, and what they mean.
const ALIASES: [(&str, &str); 3] = [("quit", "exit"), ("q", "exit"), ("?", "help")];

impl Slash {
    /// Reads one line. `/name` is a command; `/path/like/this` and `//` are not.
    pub fn read(line: &str, catalogue: &[Listed]) -> Slash {
        let line = line.trim();
        let Some(rest) = line.strip_prefix('/') else { return Slash::Task(line.to_owned()) };
        let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let argument = argument.trim();
        if name.contains('/') || name.is_empty() {
            return Slash::Task(line.to_owned());
        }
        let known = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, meant)| meant);
        let command = match known {
            "help" => Slash::Help,
            "tools" => Slash::Tools,
            "model" => return Slash::Model((!argument.is_empty()).then(|| argument.to_owned())),
            "approve" => return approve(argument),
            "session" => Slash::Session,
            "reset" => Slash::Reset,
            "exit" => Slash::Exit,
            _ if catalogue.iter().any(|listed| listed.name == name) => return Slash::Task(line.to_owned()),
            _ => return Slash::Wrong(unknown(name, catalogue)),
        };
        if argument.is_empty() { command } else { Slash::Wrong(format!("/{known} takes nothing after it")) }
    }
}

fn approve(argument: &str) -> Slash {
    match argument {
        "" => Slash::Approve(None),
        "ask" => Slash::Approve(Some(ApprovalMode::Ask)),
        "auto" => Slash::Approve(Some(ApprovalMode::Auto)),
        "never" => Slash::Approve(Some(ApprovalMode::Never)),
        other => {
            Slash::Wrong(format!("approval cannot be '{other}'; write /approve ask, /approve auto or /approve never"))
        }
    }
}

fn unknown(name: &str, catalogue: &[Listed]) -> String {
    let names = COMMANDS.iter().map(|(name, ..)| *name).chain(catalogue.iter().map(|listed| listed.name.as_str()));
    let nearest = names
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), known), known))
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
        .min();
    let meant = nearest.map(|(_, known)| format!("did you mean /{known}? ")).unwrap_or_default();
    format!("there is no command /{name}; {meant}/help lists them")
}

/// Names that Tab completes.
pub(super) fn names(catalogue: &[Listed]) -> Vec<String> {
    COMMANDS
        .iter()
        .map(|(name, ..)| format!("/{name}"))
        .chain(catalogue.iter().map(|c| format!("/{}", c.name)))
        .collect()
}

/// The text of `/help`.
pub(super) fn help(catalogue: &[Listed]) -> String {
    let mut text = String::new();
    for (name, argument, description) in COMMANDS {
        text.push_str(&format!("{:<28}{description}\n", format!("/{name} {argument}")));
    }
    for Listed { name, description } in catalogue {
        text.push_str(&format!("{:<28}{description}\n", format!("/{name}")));
    }
    text.push_str(
        "\nAnything else is a task. A backslash at the end continues the line;\n\
         pasted lines stay together. What you type while a turn runs is kept\n\
         and becomes the next task. Ctrl-C stops a turn, or clears the line;\n\
         twice at an empty prompt it leaves, and so does Ctrl-D.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_commands_or_tasks() {
        let catalogue = [Listed { name: "review".into(), description: "read the diff".into() }];
        let check = |line: &str, expected: Slash| assert_eq!(Slash::read(line, &catalogue), expected, "{line}");
        let task = |text: &str| Slash::Task(text.to_owned());
        check(" fix it ", task("fix it"));
        check("/help", Slash::Help);
        check("/quit", Slash::Exit);
        check("/model", Slash::Model(None));
        check("/model qwen3:8b", Slash::Model(Some("qwen3:8b".into())));
        check("/approve auto", Slash::Approve(Some(ApprovalMode::Auto)));
        check(
            "/approve maybe",
            Slash::Wrong("approval cannot be 'maybe'; write /approve ask, /approve auto or /approve never".into()),
        );
        check("/review src", task("/review src"));
        check("/etc/hosts is wrong", task("/etc/hosts is wrong"));
        check("// why", task("// why"));
        check("/tols", Slash::Wrong("there is no command /tols; did you mean /tools? /help lists them".into()));
        check("/revew", Slash::Wrong("there is no command /revew; did you mean /review? /help lists them".into()));
        check("/frobnicate", Slash::Wrong("there is no command /frobnicate; /help lists them".into()));
        check("/reset now", Slash::Wrong("/reset takes nothing after it".into()));
    }
}
