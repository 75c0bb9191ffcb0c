//! `callers`: who calls a function, or names a type.

use garth_plugin::{Error, Output, Tool, graph};

use crate::text::{Args, Text, lines, more, place, unknown};

/// Definitions that the host names at most.
const NAMED: usize = 20;

pub struct Callers;

impl Tool for Callers {
    const NAME: &'static str = "callers";
    const DESCRIPTION: &'static str = include_str!("callers.md");
    type Args = Args;
    type Data = ();

    fn call(args: Args) -> Result<Output<()>, Error> {
        let (name, path) = args.read()?;
        let found = graph::callers(&name, path.as_deref())?;
        Ok(told(&name, path.as_deref(), found))
    }
}

fn told(name: &str, path: Option<&str>, found: graph::Callers) -> Output<()> {
    let graph::Callers { targets, callers, more: further } = found;
    let mut text = Text::default();
    match targets.as_slice() {
        [] => return one(&unknown(name, path)),
        [target] => text.line(&place(target)),
        many => {
            let or_more = if many.len() < NAMED { "" } else { " or more" };
            text.line(&format!("{}{or_more} definitions, the first: {}", many.len(), place(&many[0])))
        }
    };
    if callers.is_empty() {
        let nowhere = match further {
            0 => "used nowhere, as far as names tell",
            _ => "no use of it was found, but not all places could be looked at; search for its name",
        };
        text.line(nowhere);
        return text.finish(None);
    }
    text.line("used in:");
    let all = callers.len();
    let mut fits = |caller: &graph::Caller| {
        let unseen = (caller.count as usize).saturating_sub(caller.lines.len());
        let times = if unseen > 0 { format!(" and {unseen} times more") } else { String::new() };
        let within = caller.within.as_ref().map(|within| format!(" in {}", within.name)).unwrap_or_default();
        let others = match caller.others {
            0 => String::new(),
            others => format!(" (may mean {others} other definitions as well)"),
        };
        text.line(&format!("{}{times}{within}{others}", lines(&caller.path, &caller.lines)))
    };
    let shown = callers.iter().take_while(|caller| fits(caller)).count();
    text.finish(more(all - shown + further as usize, "path asks for one definition"))
}

fn one(line: &str) -> Output<()> {
    let mut text = Text::default();
    text.line(line);
    text.finish(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::graph::{Caller, Place};

    #[test]
    fn each_use_is_told_by_its_lines() {
        let target = Place { path: "a.rs".into(), line: 3, name: "open".into(), signature: "fn open()".into() };
        let main = Place { path: "b.rs".into(), line: 1, name: "main".into(), signature: "fn main()".into() };
        let callers = vec![
            Caller { path: "b.rs".into(), within: Some(main), lines: vec![2, 4], count: 2, others: 0 },
            Caller { path: "c.rs".into(), within: None, lines: vec![7], count: 3, others: 1 },
        ];
        let check =
            |found: graph::Callers, expected: &str| assert_eq!(told("open", Some("a.rs"), found).text, expected);
        check(graph::Callers::default(), "nothing named open is defined in a.rs");
        let targets = vec![target.clone()];
        check(
            graph::Callers { targets: targets.clone(), callers, more: 5 },
            "a.rs:3 fn open()\nused in:\nb.rs:2,4 in main\nc.rs:7 and 2 times more (may mean 1 other definitions as \
             well)\n[5 more; path asks for one definition]",
        );
        check(
            graph::Callers { targets: vec![target.clone(), target.clone()], callers: vec![], more: 0 },
            "2 definitions, the first: a.rs:3 fn open()\nused nowhere, as far as names tell",
        );
        check(
            graph::Callers { targets: vec![target; NAMED], callers: vec![], more: 1 },
            "20 or more definitions, the first: a.rs:3 fn open()\nno use of it was found, but not all places could be \
             looked at; search for its name",
        );
    }
}
