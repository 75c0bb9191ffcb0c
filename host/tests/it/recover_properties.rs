//! What holds for any text: nothing panics, pieces of any size give the same, and what is left holds no call.

use garth::protocol::ToolSpec;
use garth::recover::{Found, Reader, coerce, find_calls, parse_arguments};
use proptest::prelude::*;
use serde_json::{Value, json};

fn tools() -> Vec<ToolSpec> {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}, "from": {"type": "integer"}}});
    ["read_file", "run_tests"]
        .map(|name| ToolSpec { name: name.into(), description: String::new(), input_schema: schema.clone() })
        .into()
}

/// Reads `text` in pieces of these many characters, again and again.
fn streamed(text: &str, sizes: &[usize]) -> Found {
    let mut reader = Reader::new(&tools());
    let (mut parts, mut rest) = (Vec::new(), text);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let end = rest.char_indices().nth(*size).map_or(rest.len(), |(end, _)| end);
        parts.extend(reader.push(&rest[..end]));
        rest = &rest[end..];
    }
    let (last, mut found) = reader.finish();
    parts.extend(last);
    parts.into_iter().for_each(|part| found.take(part));
    found
}

/// Text made of the pieces that matter.
fn fragments() -> impl Strategy<Value = String> {
    let pieces = [
        "<tool_call>",
        "</tool_call>",
        "<tool_calls>",
        "</tool_calls>",
        "<function=",
        "<function=read_file>",
        "read_file",
        "read_file(",
        "path=",
        ")",
        "=",
        ">",
        "<parameter=path>",
        "<parameter=",
        "</parameter>",
        "</function>",
        "[TOOL_CALLS]",
        "[/TOOL_CALLS]",
        "[ARGS]",
        "<invoke name=\"x\">",
        "</invoke>",
        "<parameter name=\"y\">",
        "<function_calls>",
        "<｜DSML｜invoke name=\"x\">",
        "</｜DSML｜invoke>",
        "<arg_key>",
        "</arg_key>",
        "<arg_value>",
        "</arg_value>",
        "<|tool_calls_section_begin|>",
        "<|tool_call_begin|>",
        "<|tool_call_argument_begin|>",
        "<|tool_call_end|>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁sep｜>",
        "<｜tool▁call▁end｜>",
        "[CALL_ID]",
        "<|python_tag|>",
        "functools",
        "<|tool_call>",
        "call:",
        "<|\"|>",
        "<tool_call|>",
        "<|channel|>",
        "commentary to=functions.x ",
        "analysis",
        "<|message|>",
        "<|call|>",
        "<|start|>",
        "assistant",
        "<|channel>thought",
        "<channel|>",
        "<think>",
        "</think>",
        "</mm:think>",
        "]<]minimax[>[",
        "<tool_call>",
        "<|open|>",
        "<|close|>",
        "<|sep|>",
        "call tool=\"x\"",
        "argument key=\"y\"",
        "think",
        "</s>",
        "<|im_start|>",
        "user",
        "<tool name=\"x\" ",
        "<tool>",
        "</tool>",
        "/>",
        "<path>",
        "</path>",
        "Action:",
        "Action Input:",
        "<|tool_call_start|>",
        "> ",
        "    ",
        "\n\n",
        "```",
        "```json\n",
        "~~~",
        "\n",
        " ",
        "`",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        ";",
        "\"",
        "'",
        "“",
        "\\",
        "\\u",
        "name",
        "\"name\"",
        "\"arguments\"",
        "\"read_file\"",
        "1",
        "-",
        "é",
        "//",
        "/*",
        "None",
        "{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}",
        "<",
        "text",
    ];
    prop::collection::vec(prop_oneof![4 => prop::sample::select(pieces.to_vec()).prop_map(str::to_string), 1 => any::<char>().prop_map(String::from)], 0..28)
        .prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z$]{0,5}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_any_size_give_the_same(text in fragments(), sizes in prop::collection::vec(1usize..12, 1..6)) {
        let found = find_calls(&text, &tools());
        prop_assert_eq!(&streamed(&text, &sizes), &found);
    }

    #[test]
    fn plain_text_stays_as_it_is(text in "[^<\\[{`~fA◁(]*") {
        prop_assert_eq!(find_calls(&text, &tools()), Found { text: text.clone(), ..Found::default() });
    }

    #[test]
    fn a_call_is_found_whatever_its_arguments(value in json_value(), pretty in any::<bool>()) {
        let call = json!({"name": "read_file", "arguments": {"path": value}});
        let text = if pretty { serde_json::to_string_pretty(&call).unwrap() } else { call.to_string() };
        for text in [text.clone(), format!("```json\n{text}\n```"), format!("<tool_call>\n{text}\n</tool_call>")] {
            let found = find_calls(&text, &tools());
            prop_assert_eq!(found.calls.len(), 1, "{}", text);
            prop_assert_eq!(&found.calls[0].arguments, &call["arguments"]);
        }
    }

    #[test]
    fn arguments_and_schemas_never_panic(raw in fragments(), value in json_value(), schema in json_value()) {
        let _ = parse_arguments(&raw);
        let once = coerce(value.clone(), &schema);
        prop_assert_eq!(coerce(once.clone(), &schema), once);
        let known = json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "string"}}}});
        let once = coerce(value, &known);
        prop_assert_eq!(coerce(once.clone(), &known), once);
    }
}
