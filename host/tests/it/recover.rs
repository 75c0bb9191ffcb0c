//! Calls written as text: what is found, what is left alone, and what the user sees meanwhile.

use garth::protocol::ToolSpec;
use garth::recover::{Found, StreamFilter, coerce, find_calls, parse_arguments};
use proptest::prelude::*;
use serde_json::{Value, json};

fn tools() -> Vec<ToolSpec> {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}, "from": {"type": "integer"}}});
    ["read_file", "run_tests"]
        .map(|name| ToolSpec { name: name.into(), description: String::new(), input_schema: schema.clone() })
        .into()
}

/// Shows `text` through a filter in pieces of so many characters.
fn streamed(text: &str, size: usize) -> String {
    let mut filter = StreamFilter::new(&tools());
    let characters: Vec<char> = text.chars().collect();
    let mut shown: String =
        characters.chunks(size).map(|piece| filter.push(&piece.iter().collect::<String>())).collect();
    shown.push_str(&filter.finish());
    shown
}

/// Calls as `name {arguments}`, one a line, and the text; the screen must show the same text in pieces of any size.
fn check(text: &str, calls: &[&str], rest: &str) {
    let found = find_calls(text, &tools());
    let got: Vec<String> = found.calls.iter().map(|call| format!("{} {}", call.name, call.arguments)).collect();
    assert_eq!(
        (got.iter().map(String::as_str).collect::<Vec<_>>(), found.text.as_str()),
        (calls.to_vec(), rest),
        "{text}"
    );
    for size in [1, 2, 3, 7, 1000] {
        let shown = streamed(text, size);
        let shown = if calls.is_empty() { shown.as_str() } else { shown.trim_end() };
        assert_eq!(shown, rest, "in pieces of {size}: {text}");
    }
}

const READ: &str = r#"read_file {"path":"a"}"#;
const TEST: &str = r#"run_tests {}"#;

#[test]
fn bare_json_is_found_in_all_its_shapes() {
    for text in [
        r#"{"name": "read_file", "arguments": {"path": "a"}}"#,
        r#"{"name": "read_file", "parameters": {"path": "a"}}"#,
        r#"{"tool": "read_file", "args": {"path": "a"}}"#,
        r#"{"function": {"name": "read_file", "arguments": {"path": "a"}}}"#,
        r#"{"type": "function", "function": {"name": "read_file", "arguments": {"path": "a"}}}"#,
        r#"{"name": "read_file", "arguments": "{\"path\": \"a\"}"}"#,
        r#"{"tool_calls": [{"id": "1", "type": "function", "function": {"name": "read_file", "arguments": "{\"path\": \"a\"}"}}]}"#,
        r#"[{"name": "read_file", "arguments": {"path": "a"}}]"#,
        r#"{'name': 'read_file', 'arguments': {'path': 'a',},}"#,
        r#"{name: "read_file", arguments: {path: "a"}}"#,
        "{“name”: “read_file”, “arguments”: {“path”: “a”}}",
        "{\n  \"name\": \"read_file\", // first\n  \"arguments\": {\n    \"path\": \"a\"\n  }\n}\n",
        "\n\n  {\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}",
    ] {
        check(text, &[READ], "");
        check(&format!("I look:\n\n{text}"), &[READ], "I look:");
    }
    check(
        "{\"tool\": \"read_file\", \"args\": {\"from\": None, \"path\": True}}",
        &[r#"read_file {"from":null,"path":true}"#],
        "",
    );
    check("{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\nb\"}}", &[r#"read_file {"path":"a\nb"}"#], "");
}

#[test]
fn several_calls_are_found() {
    let (a, b) = (r#"{"name": "read_file", "arguments": {"path": "a"}}"#, r#"{"name": "run_tests", "arguments": {}}"#);
    for text in [
        format!("{a}\n{b}"),
        format!("{a}{b}"),
        format!("{a}; {b}"),
        format!("[{a}, {b}]"),
        format!("```json\n{a}\n{b}\n```"),
        format!("```json\n[{a}, {b}]\n```"),
        format!("```json\n{a}\n```\n\n```json\n{b}\n```"),
        format!("<tool_call>{a}</tool_call>\n<tool_call>{b}</tool_call>"),
        format!("<tool_call>\n{a}\n{b}\n</tool_call>"),
        format!("<tool_call>{a}<tool_call>{b}"),
        format!("<tool_calls>[{a}, {b}]</tool_calls>"),
        format!("[TOOL_CALLS][{a}, {b}]"),
        "[TOOL_CALLS]read_file[ARGS]{\"path\": \"a\"}[TOOL_CALLS]run_tests[CALL_ID]x1[ARGS]{}".to_string(),
        format!("<|python_tag|>{a}; {b}"),
        format!("functools[{a}, {b}]"),
        "<tool_call>\n<function=read_file>\n<parameter=path>\na\n</parameter>\n</function>\n</tool_call>\n<function=run_tests>\n</function>".to_string(),
        "<minimax:tool_call>\n<invoke name=\"read_file\">\n<parameter name=\"path\">a</parameter>\n</invoke>\n<invoke name=\"run_tests\">\n</invoke>\n</minimax:tool_call>".to_string(),
        "<｜DSML｜function_calls><｜DSML｜invoke name=\"read_file\"><｜DSML｜parameter name=\"path\" string=\"true\">a</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜function_calls><｜DSML｜invoke name=\"run_tests\"></｜DSML｜invoke>".to_string(),
        "<tool_call>read_file<arg_key>path</arg_key>\n<arg_value>a</arg_value></tool_call><tool_call>run_tests</tool_call>".to_string(),
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.read_file:0<|tool_call_argument_begin|>{\"path\": \"a\"}<|tool_call_end|><|tool_call_begin|>run_tests<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>".to_string(),
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>read_file\n```json\n{\"path\": \"a\"}\n```<｜tool▁call▁end｜><｜tool▁call▁begin｜>run_tests<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>".to_string(),
    ] {
        check(&text, &[READ, TEST], "");
        check(&format!("Both.\n{text}\nDone, both worked!"), &[READ, TEST], "Both.");
    }
}

#[test]
fn fences_and_tags_are_found() {
    let a = r#"{"name": "read_file", "arguments": {"path": "a"}}"#;
    for text in [
        format!("```json\n{a}\n```"),
        format!("```tool_call\n{a}\n```"),
        format!("```\n{a}\n```"),
        format!("~~~~JSON\n{a}\n~~~~"),
        format!("  ```json\n  {a}\n  ```"),
        format!("```json\n{a}"),
        format!("```xml\n<tool_call>{a}</tool_call>\n```"),
        format!("<tool_call>{a}</tool_call>"),
        format!("<tool_call>\n```json\n{a}\n```\n</tool_call>"),
        format!("<tool_call>{a}"),
        format!("<tool_call>\n{a}\n"),
    ] {
        check(&text, &[READ], "");
        check(&format!("Wait.\n{text}"), &[READ], "Wait.");
    }
    // A fence inside an argument does not end the fence around it.
    check(
        "```json\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"\n```rust\nx\n```\n\"}}\n```",
        &[r#"read_file {"path":"\n```rust\nx\n```\n"}"#],
        "",
    );
    // The same words inside a value do not end it.
    check(
        "<function=read_file><parameter=path>a</parameter>b</parameter><parameter=from>7</parameter></function>",
        &[r#"read_file {"path":"a</parameter>b","from":7}"#],
        "",
    );
    // With a marker any name is a call.
    check(r#"<tool_call>{"name": "who", "arguments": {}}</tool_call>"#, &["who {}"], "");
    check("```tool_call\n{\"name\": \"who\", \"arguments\": {}}\n```", &["who {}"], "");
}

#[test]
fn text_that_talks_about_json_is_left_alone() {
    let call = r#"{"name": "read_file", "arguments": {"path": "a"}}"#;
    for text in [
        "",
        "   ",
        "Just text, with < and { and [ in it.",
        "A list:\n- [x] done\n[1] a note\n[link](http://x)\n{curly}",
        &format!("You would write {call} to call it."),
        &format!("- {call}"),
        &format!("{call} is how a call looks."),
        &format!("`{call}`"),
        &format!("Write `<tool_call>{call}</tool_call>` for that."),
        &format!("```python\nx = {call}\n{call}\n```"),
        &format!("```rust\n{call}\n```\nand more"),
        &format!("```json\n{call}\n// and so on, or: {call} ...\nwhatever\n```"),
        &format!("```json\n{{\"examples\": [{call}]}}\n```"),
        &format!("````markdown\n```json\n{call}\n```\n````"),
        "```json\n{\"name\": \"my-package\", \"version\": \"1.0.0\"}\n```",
        "{\"name\": \"read_file\", \"version\": 1}",
        "{\"name\": \"read_file\", \"arguments\": {}, \"version\": 1}",
        "{\"name\": \"other\", \"arguments\": {\"path\": \"a\"}}",
        "```json\n{\"name\": \"other\", \"arguments\": {}}\n```",
        "[{\"name\": \"read_file\", \"arguments\": {}}, {\"name\": \"other\", \"arguments\": {}}]",
        "{\"name\": \"read_file\", \"arguments\": {\"path\": \"a",
        "<tool_call>{\"name\": \"read_file\", \"arguments\": {\"pa",
        "<tool_call>not json</tool_call>",
        "<tool_call",
        "<tool_call>",
        "<function=read_file><parameter=path>half a fi",
        "<function=read_file>\n<parameter=path>\n[TOOL_CALLS",
        "[TOOL_CALLS]",
        "[TOOL_CALLS] is the marker",
        "functools[0]",
        "<tool_call>read_file<arg_key>path</arg_key><arg_value>half",
        "<invoke name=\"read_file\"><parameter name=\"path\">half",
        "<|tool_call_begin|>functions.read_file:0<|tool_call_argument_begin|>{\"path\": \"a\"}",
        "<｜tool▁calls▁begin｜>nonsense",
        "a <tool_call> tag in a sentence",
        "``` not closed\n{",
        "``",
        "~~~",
    ] {
        check(text, &[], text);
    }
}

#[test]
fn a_call_behind_other_code_is_found() {
    let call = r#"{"name": "read_file", "arguments": {"path": "a"}}"#;
    let code = format!("Like this:\n```python\nprint({call})\n```");
    check(&format!("{code}\n{call}"), &[READ], &code);
    check(&format!("{code}\n```json\n{call}\n```"), &[READ], &code);
    let tag = "Not `<tool_call>` alone.";
    check(&format!("{tag}\n<tool_call>{call}</tool_call>"), &[READ], tag);
}

#[test]
fn long_text_is_shown_while_it_streams() {
    let mut filter = StreamFilter::new(&tools());
    assert_eq!(filter.push("See <"), "See ");
    assert_eq!(filter.push("b>bold</b>\n"), "<b>bold</b>\n");
    assert_eq!(filter.push("{\"users\": [1,"), "{\"users\": [1,");
    assert_eq!(filter.push(" 2]}\n```pyt"), " 2]}\n");
    assert_eq!(filter.push("hon\nx = {"), "```python\n");
    assert_eq!(filter.push("}\n```\n<tool_"), "x = {}\n```\n");
    assert_eq!(filter.push("call>{\"name\": \"x\", \"arguments\": {}}"), "");
    assert_eq!(filter.push("</tool_call> bye"), "");
    assert_eq!(filter.finish(), "");
}

#[test]
fn a_flood_of_markers_ends() {
    for piece in [
        "<tool_call>{\"a",
        "{\"name\": \"read_file\", \"arguments\": {\n",
        "<function=x><parameter=y>",
        "```json\n{",
        "\n[",
        "\n```",
        "[TOOL_CALLS]a[CALL_ID]",
        "<invoke name=\"x\"><parameter name=\"y\">",
        "<tool_call>x<arg_key>",
        "<|tool_call_begin|>x<|tool_call_argument_begin|>{\"a",
        "<tool_call>```",
    ] {
        let flood = piece.repeat(60_000 / piece.len());
        assert_eq!(find_calls(&flood, &tools()), Found { calls: vec![], text: flood.clone() });
        assert_eq!(streamed(&flood, 4096), flood);
    }
    let many = "<tool_call>{\"name\": \"x\", \"arguments\": {}}</tool_call>".repeat(10_000);
    assert_eq!(find_calls(&many, &tools()).calls.len(), 128);
}

/// Text made of the pieces that matter.
fn fragments() -> impl Strategy<Value = String> {
    let pieces = [
        "<tool_call>",
        "</tool_call>",
        "<tool_calls>",
        "<function=",
        "read_file",
        ">",
        "<parameter=path>",
        "</parameter>",
        "</function>",
        "[TOOL_CALLS]",
        "[ARGS]",
        "<invoke name=\"x\">",
        "</invoke>",
        "<parameter name=\"y\">",
        "<arg_key>",
        "</arg_key>",
        "<arg_value>",
        "</arg_value>",
        "<|tool_call_begin|>",
        "<|tool_call_argument_begin|>",
        "<|tool_call_end|>",
        "[CALL_ID]",
        "<|python_tag|>",
        "functools",
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
    prop::collection::vec(prop_oneof![4 => prop::sample::select(pieces.to_vec()).prop_map(str::to_string), 1 => any::<char>().prop_map(String::from)], 0..24)
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
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_screen_shows_what_is_left(text in fragments(), size in 1usize..12) {
        let found = find_calls(&text, &tools());
        let shown = streamed(&text, size);
        if found.calls.is_empty() {
            prop_assert_eq!(&found.text, &text);
            prop_assert_eq!(&shown, &text);
        } else {
            prop_assert_eq!(shown.trim_end(), found.text.trim_end());
        }
        // What is left holds no call.
        prop_assert!(find_calls(&found.text, &tools()).calls.is_empty());
    }

    #[test]
    fn plain_text_stays_as_it_is(text in "[^<\\[{`~f]*") {
        prop_assert_eq!(find_calls(&text, &tools()), Found { calls: vec![], text: text.clone() });
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
