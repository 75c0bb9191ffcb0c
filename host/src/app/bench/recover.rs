//! How fast calls are read from text: as a whole, as it streams, and from text that is made to be slow. That the time is
//! linear shows in the ratio of what a byte costs in long and in short text.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use super::report::Figure;
use crate::protocol::ToolSpec;
use crate::recover::{Reader, find_calls};

/// Bytes of a short and of a long text.
const SHORT: usize = 128 * 1024;
const LONG: usize = 16 * SHORT;
/// Characters of a piece, as servers stream.
const PIECE: usize = 6;
const RUNS: usize = 5;

const PROSE: &str = "The function `read` takes a path and returns what the file holds. If a < b, look at it[0] first:\n\
    \n```rust\nlet x = map.get(&key).map(|v| v < &limit);\n```\n\n- one {more} thing\n";
const CALL: &str = "<tool_call>\n{\"name\": \"write_file\", \"arguments\": {\"path\": \"a.rs\", \"content\": \"fn main() {}\\n\"}}\n</tool_call>\n";

/// Each would be read again and again by a reader that forgets what it has seen.
const HOSTILE: &[&str] = &[
    "<tool_call>{\"name\": \"",
    "{\"name\": \"read_file\", \"arguments\": {\n",
    "<function=x><parameter=y></parameter> ",
    "<tool_call>x<arg_key>k</arg_key><arg_value></arg_value> ",
    "<invoke name=\"x\"><parameter name=\"y\"></parameter> ",
    "<|tool_call_begin|>x:0<|tool_call_argument_begin|>{\"a\": \"",
    "<|tool_call>call:f{a:<|\"|>",
    "<|channel|>commentary to=x<|message|>{\"a\": ",
    "\n[read_file(path=\"\"), ",
    "functools[{\"name\": ",
    "\n```json\n{\"name\": \"read_file\", \"arguments\": {",
    "<think>\n</thin",
    "`<tool_call> ``",
    "`<tool_call> ",
    "\"<tool_call>{\"name\": \"x\", \"arguments\": {}}</tool_call>\"",
    "<tool name=\"x\" b=\"",
    "<tool name=\"x\"><a></a> ",
];

pub fn measure() -> Result<Vec<Figure>> {
    let tools = tools();
    let whole = |text: &str| {
        black_box(find_calls(text, &tools));
    };
    let pieces = |text: &str| {
        let mut reader = Reader::new(&tools);
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.char_indices().nth(PIECE).map_or(rest.len(), |(end, _)| end);
            black_box(reader.push(&rest[..end]));
            rest = &rest[end..];
        }
        black_box(reader.finish());
    };
    let (mut slowest, mut growth) = (f64::MAX, f64::MIN);
    for piece in HOSTILE {
        for read in [&whole as &dyn Fn(&str), &pieces] {
            let (short, long) = (rate(piece, SHORT, read), rate(piece, LONG, read));
            slowest = slowest.min(long);
            growth = growth.max(short / long);
        }
    }
    let argument = format!("{{\"name\": \"write_file\", \"arguments\": {{\"content\": \"{}\"}}}}", "x".repeat(LONG));
    Ok(vec![
        Figure::told("recover: prose and code, whole", rate(PROSE, LONG, &whole), "MB/s"),
        Figure::told("recover: prose and code, in pieces of 6", rate(PROSE, LONG, &pieces), "MB/s"),
        Figure::told("recover: calls one after the other", rate(CALL, 100 * CALL.len(), &whole), "MB/s"),
        Figure::told("recover: one call of 2 MiB, in pieces of 6", rate(&argument, argument.len(), &pieces), "MB/s"),
        Figure::told("recover: the slowest hostile text of 2 MiB", slowest, "MB/s"),
        Figure::at_most("recover: what a byte costs in 2 MiB, against 128 KiB", growth, "x", 3.0),
    ])
}

/// Megabytes a second, the best of a few runs over `piece` repeated to `length`.
fn rate(piece: &str, length: usize, read: &dyn Fn(&str)) -> f64 {
    let text = piece.repeat(length.div_ceil(piece.len()));
    let runs = (0..RUNS).map(|_| {
        let start = Instant::now();
        read(&text);
        start.elapsed().as_secs_f64()
    });
    text.len() as f64 / 1e6 / runs.fold(f64::MAX, f64::min).max(1e-9)
}

fn tools() -> Vec<ToolSpec> {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}, "content": {"type": "string"}}});
    ["read_file", "write_file", "grep", "run"]
        .map(|name| ToolSpec { name: name.into(), description: String::new(), input_schema: schema.clone() })
        .into()
}
