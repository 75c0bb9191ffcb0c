//! `todo`: the whole list comes in with each call and goes back rendered, so that it stays in the conversation and no
//! state outlives it.

use garth_plugin::{Error, Output, Tool, invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct Todo;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    items: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Data {
    pub items: Vec<Item>,
    /// How many are not done.
    pub open: usize,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Item {
    pub task: String,
    pub status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Open,
    Doing,
    Done,
}

/// How a model may mark an item; without a mark it is open.
const MARKS: [(&str, Status); 7] = [
    ("[ ]", Status::Open),
    ("[]", Status::Open),
    ("[>]", Status::Doing),
    ("[~]", Status::Doing),
    ("[-]", Status::Doing),
    ("[x]", Status::Done),
    ("[X]", Status::Done),
];

impl Tool for Todo {
    const NAME: &'static str = "todo";
    const DESCRIPTION: &'static str = include_str!("todo.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let items: Vec<Item> = args.items.iter().map(|written| item(written)).collect();
        if let Some(empty) = items.iter().position(|item| item.task.is_empty()) {
            return Err(invalid(format!("item {} has no text", empty + 1)));
        }
        let open = items.iter().filter(|item| item.status != Status::Done).count();
        let mut text: String = items.iter().map(line).collect();
        text.push_str(&match (open, items.len()) {
            (_, 0) => "the list is empty".to_owned(),
            (0, _) => "all done".to_owned(),
            (open, all) => format!("{open} of {all} open"),
        });
        Ok(Output::new(text, Data { items, open }))
    }
}

fn item(written: &str) -> Item {
    let bare = written.trim().trim_start_matches("- ").trim_start();
    let marked = MARKS.iter().find_map(|(mark, status)| Some((bare.strip_prefix(mark)?, *status)));
    let (task, status) = marked.unwrap_or((bare, Status::Open));
    Item { task: task.split_whitespace().collect::<Vec<_>>().join(" "), status }
}

fn line(item: &Item) -> String {
    let mark = match item.status {
        Status::Open => "[ ]",
        Status::Doing => "[>]",
        Status::Done => "[x]",
    };
    format!("{mark} {}\n", item.task)
}

#[cfg(test)]
mod tests {
    use garth_plugin::Entry;

    fn check(arguments: &str, expected: &str) {
        let text = match Entry::find(crate::TOOLS, "todo").unwrap().call(arguments) {
            Ok(output) => output.text,
            Err(error) => error.to_string(),
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn the_list_comes_back_rendered() {
        check(r#"{"items": ["[x] read\nit", "- [>]fix", "test"]}"#, "[x] read it\n[>] fix\n[ ] test\n2 of 3 open");
        check(r#"{"items": ["[x] a"]}"#, "[x] a\nall done");
        check(r#"{"items": []}"#, "the list is empty");
        check(r#"{"items": ["[ ]"]}"#, "item 1 has no text");
    }
}
