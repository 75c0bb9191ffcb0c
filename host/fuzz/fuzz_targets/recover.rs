//! Fuzzes the reader of calls written as text: it must not panic, and the same reply must give the same in whatever pieces
//! it comes. The pure modules are taken in by their path, so that no sandbox and no server has to be built for it.
//! The first byte of an input says how its text is cut; the rest is the text, repaired where it is no UTF-8.
#![no_main]
#![allow(dead_code, unused_imports, reason = "the modules hold more than is fuzzed")]

#[path = "../../src/protocol/mod.rs"]
mod protocol;
#[path = "../../src/recover/mod.rs"]
mod recover;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use protocol::ToolSpec;
use recover::{Found, Part, Reader, coerce, find_calls, parse_arguments};
use serde_json::json;

static TOOLS: LazyLock<Vec<ToolSpec>> = LazyLock::new(|| {
    let schema = json!({"type": "object", "properties": {
        "path": {"type": "string"}, "from": {"type": "integer"}, "names": {"type": "array", "items": {"type": "string"}}}});
    ["read_file", "run_tests"]
        .map(|name| ToolSpec { name: name.into(), description: String::new(), input_schema: schema.clone() })
        .into()
});

fuzz_target!(|input: &[u8]| {
    let Some((size, text)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let whole = find_calls(&text, &TOOLS);
    assert_eq!(streamed(&text, usize::from(size % 32) + 1), whole);
    for call in whole.calls {
        assert!(call.arguments.is_object());
        coerce(call.arguments, &TOOLS[0].input_schema);
    }
    let _ = parse_arguments(&text);
});

fn streamed(text: &str, size: usize) -> Found {
    let mut reader = Reader::new(&TOOLS);
    let (mut parts, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let end = rest.char_indices().nth(size).map_or(rest.len(), |(end, _)| end);
        parts.extend(reader.push(&rest[..end]));
        rest = &rest[end..];
    }
    let (last, mut found) = reader.finish();
    parts.into_iter().chain(last).for_each(|part| found.take(part));
    found
}
