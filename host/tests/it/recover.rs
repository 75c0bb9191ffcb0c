//! Calls written as text: what is found, what is left alone, and what the user sees meanwhile.

use garth::protocol::ToolSpec;
use garth::recover::{Found, Part, Reader, find_calls};
use serde_json::json;

fn tools() -> Vec<ToolSpec> {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}, "from": {"type": "integer"}}});
    ["read_file", "run_tests"]
        .map(|name| ToolSpec { name: name.into(), description: String::new(), input_schema: schema.clone() })
        .into()
}

/// Reads `text` in pieces of so many characters.
fn streamed(text: &str, size: usize) -> Found {
    let mut reader = Reader::new(&tools());
    let characters: Vec<char> = text.chars().collect();
    let pieces = characters.chunks(size).map(|piece| piece.iter().collect::<String>());
    let mut parts: Vec<Part> = pieces.flat_map(|piece| reader.push(&piece)).collect();
    let (rest, mut found) = reader.finish();
    parts.extend(rest);
    parts.into_iter().for_each(|part| found.take(part));
    found
}

/// Calls as `name {arguments}`, one a line, and the text; pieces of any size must give the same.
fn check(text: &str, calls: &[&str], rest: &str) {
    let found = find_calls(text, &tools());
    let got: Vec<String> = found.calls.iter().map(|call| format!("{} {}", call.name, call.arguments)).collect();
    assert_eq!(
        (got.iter().map(String::as_str).collect::<Vec<_>>(), found.text.as_str()),
        (calls.to_vec(), rest),
        "{text}"
    );
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(streamed(text, size), found, "in pieces of {size}: {text}");
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
        format!("<TOOL_CALL>{a}</TOOL_CALL><tool_use>{b}</tool_use>"),
        "<|open|>tools<|sep|><|open|>call tool=\"read_file\" index=\"1\"<|sep|><|open|>argument key=\"path\" type=\"string\"<|sep|>a<|close|>argument<|sep|><|close|>call<|sep|><|open|>call tool=\"run_tests\" index=\"2\"<|sep|><|close|>call<|sep|><|close|>tools<|sep|>".to_string(),
        "]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name=\"read_file\">]<]minimax[>[<path>a]<]minimax[>[</path>]<]minimax[>[</invoke>\n]<]minimax[>[<invoke name=\"run_tests\">]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>".to_string(),
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
fn what_is_not_a_call_does_not_take_those_before_it() {
    let invoke = r#"<invoke name="read_file"><parameter name="path">a</parameter></invoke>"#;
    let function = "<function=read_file>\n<parameter=path>\na\n</parameter>\n</function>";
    let print = "print(read_file(path=\"a\"))";
    for text in [
        format!("<function_calls>{invoke}<invoke name=???></invoke></function_calls>"),
        format!("{invoke}\n<invoke name=\"\">"),
        format!("<tool_call>\n{function}\n<function=two words>\n</function>\n</tool_call>"),
        format!(
            "<tool_call>\n{function}\n<function=x>\n<parameter=two words>\n1\n</parameter>\n</function>\n</tool_call>"
        ),
        format!("<function_calls>\n{print}\nprint(run_tests() + 1)\n</function_calls>"),
    ] {
        check(&text, &[READ], "");
    }
    let unquoted = "<invoke name=read_file><parameter name=path>a</parameter></invoke>";
    check(&format!("<function_calls>{unquoted}<invoke name=run_tests></invoke></function_calls>"), &[READ, TEST], "");
    check("<invoke name=frobnicate></invoke>", &[], "<invoke name=frobnicate>");
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
        "<tool_call",
        "functools[0]",
        "```tool_call\n{\"name\": \"who\", \"arguments\": {}}\n```",
        "The <tool_call> tag, and </tool_call>, and <think> too.",
        &format!("> {call}\n> <tool_call>{call}</tool_call>"),
        &format!("Like this:\n\n    <tool_call>{call}</tool_call>\n\nSee?"),
        &format!("It is `echo '<tool_call>{call}</tool_call>'` that does it."),
        &format!("``a ` <tool_call>{call}</tool_call>``"),
        &format!("He wrote \"<tool_call>{call}</tool_call>\" there."),
        "You can call read_file(path=\"a\") for that.",
        "read_file(path=\"a\") reads it.",
        "read_file(path=\"a\")\nis how it is written.",
        "x = [read_file(path=\"a\")]",
        "[read_file(path=\"a\")] and more",
        "[who(path=\"a\")]",
        "Both: [read_file(path=\"a\"), run_tests()] Done.",
        "```python\nread_file(path=\"a\")\n```",
        "Action: who\nAction Input: {\"path\": \"a\"}",
        "fn main() { if a <b && c> d { println!(\"{}\", a[0]); } }",
        "a <tool_call> tag in a sentence",
        "``` not closed\n{",
        "``",
        "~~~",
    ] {
        check(text, &[], text);
    }
}

/// What is announced and cannot be made is told to the model, and not shown to the user.
#[test]
fn what_cannot_be_made_is_told_and_not_shown() {
    let cut = "the reply ended in the middle of the call";
    for (text, rest, told) in [
        ("<tool_call>{\"name\": \"read_file\", \"arguments\": {\"pa", "", vec![(Some("read_file"), cut)]),
        ("Now.\n<invoke name=\"read_file\"><parameter name=\"path\">half", "Now.\n", vec![(Some("read_file"), cut)]),
        ("<tool_call>read_file<arg_key>path</arg_key><arg_value>half", "", vec![(Some("read_file"), cut)]),
        (
            "<|tool_call_begin|>functions.read_file:0<|tool_call_argument_begin|>{\"path\": \"a\"}",
            "",
            vec![(None, cut)],
        ),
        ("<|tool_call>call:read_file{path:<|\"|>ha", "", vec![(Some("read_file"), cut)]),
        (
            "<｜tool▁calls▁begin｜>nonsense<｜tool▁calls▁end｜> Bye.",
            "Bye.",
            vec![(None, "a call needs a name and an object of arguments")],
        ),
        (
            "<tool_call>{\"name\": \"a\", \"arguments\": {x y}}</tool_call> Bye.",
            " Bye.",
            vec![(Some("a"), "what follows the marker is not valid JSON")],
        ),
        (
            "<tool_call>{\"name\": \"a\"}</tool_call>",
            "",
            vec![(None, "a call needs a name and an object of arguments")],
        ),
        ("<tool_call>not json</tool_call>", "not json", vec![]),
        ("<tool_call>", "", vec![]),
        ("[TOOL_CALLS]", "", vec![]),
        ("[TOOL_CALLS] is the marker", " is the marker", vec![]),
        ("Done.</tool_call>", "Done.", vec![]),
        ("Done.<|im_end|>", "Done.", vec![]),
        ("<final>Done.</final>", "Done.", vec![]),
        ("<answer>Done.</answer>", "Done.", vec![]),
        ("Done.</s>", "Done.", vec![]),
        ("Done.</s>\n", "Done.\n", vec![]),
        ("<s>Not</s> done.", "<s>Not</s> done.", vec![]),
        ("<|assistant|>Done.<|end|>", "Done.", vec![]),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nDone.<|eom_id|>", "Done.", vec![]),
        ("[/INST] Done.", " Done.", vec![]),
        ("<|begin_of_box|>Done.<|end_of_box|>", "Done.", vec![]),
        ("Done.<|im_end|>\n<|im_start|>user\nNow <tool_call>{\"name\": \"x\", \"arguments\": {}}", "Done.\n", vec![]),
        ("Done.<|user|>\nMore.", "Done.", vec![]),
        ("<|im_start|>assistant\nDone.", "Done.", vec![]),
        ("<|open|>response<|sep|>Done.<|close|>response<|sep|><|end_of_msg|>", "Done.", vec![]),
        ("]<]minimax[>[", "", vec![]),
        ("x = a]<b", "x = a]<b", vec![]),
    ] {
        let text_after = if rest == "Bye." { " Bye." } else { rest };
        check(text, &[], text_after);
        let unreadable = find_calls(text, &tools()).unreadable;
        let got: Vec<_> = unreadable.iter().map(|each| (each.name.as_deref(), each.reason)).collect();
        assert_eq!(got, told, "{text}");
    }
    // A whole one before it is made.
    let text = "<invoke name=\"run_tests\"></invoke><invoke name=\"read_file\"><parameter name=\"path\">half";
    check(text, &[TEST], "");
    assert_eq!(find_calls(text, &tools()).unreadable.len(), 1);
    // Half a value is there, and marked as such.
    for text in
        ["<function=read_file><parameter=path>half a fi", "<function=read_file>\n<parameter=path>\nhalf a fi</para"]
    {
        check(text, &[r#"read_file {"path":"half a fi"}"#], "");
        assert!(find_calls(text, &tools()).calls[0].cut_off);
    }
}

#[test]
fn reasoning_is_set_apart() {
    let call = r#"{"name": "read_file", "arguments": {"path": "a"}}"#;
    let inner = format!("I could write <tool_call>{call}</tool_call>\nor\n{call}\nbut no.");
    for (open, close) in [
        ("<think>", "</think>"),
        ("<think>\n", "\n</think>\n\n"),
        ("<thinking>", "</thinking>"),
        ("<seed:think>", "</seed:think>"),
        ("[THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
        ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
        ("<|channel>thought\n", "<channel|>"),
        ("<mm:think>", "</mm:think>"),
        ("<|open|>think<|sep|>", "<|close|>think<|sep|><|open|>response<|sep|>"),
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ] {
        for (behind, calls, text) in [
            ("Good.".to_string(), vec![], "Good."),
            (format!("<tool_call>{call}</tool_call>"), vec![READ], ""),
            (call.to_string(), vec![READ], ""),
        ] {
            let whole = format!("{open}{inner}{close}{behind}");
            check(&whole, &calls, text);
            assert_eq!(find_calls(&whole, &tools()).reasoning, inner, "{whole}");
        }
        let cut = format!("{open}{inner}");
        check(&cut, &[], "");
        assert_eq!(find_calls(&cut, &tools()).reasoning, inner, "{cut}");
    }
    let two = find_calls("<think>a</think>One.\n<think>b</think>\nTwo.", &tools());
    assert_eq!((two.reasoning.as_str(), two.text.as_str()), ("a\n\nb", "One.\n\nTwo."));
}

/// Where a thought ends that did not begin in the reply, it began in the prompt.
#[test]
fn a_thought_whose_beginning_stands_in_the_prompt_is_set_apart() {
    let call = |name: &str| format!("<tool_call>{{\"name\": \"{name}\", \"arguments\": {{}}}}</tool_call>");
    let draft = format!("I could\n{}\nbut no.", call("who"));
    for (text, thought, calls, rest) in [
        ("It is easy.\n</think>\n\nGood.", "It is easy.", vec![], "Good."),
        ("Easy.</think>Good.", "Easy.", vec![], "Good."),
        ("Good.\n</think>\n", "", vec![], "Good.\n"),
        (&format!("{}\n</think>", call("run_tests")), "", vec![TEST], ""),
        ("</think>\n\nGood.", "", vec![], "Good."),
        (&format!("{draft}\n</think>\n\n{}", call("run_tests")), &draft, vec![TEST], ""),
        (&format!("{draft}</think>Good."), &draft, vec![], "Good."),
        (
            "<tool_call>{\"name\": \"a\", \"arguments\": {x y}}\n</think>\nGood.",
            "<tool_call>{\"name\": \"a\", \"arguments\": {x y}}",
            vec![],
            "Good.",
        ),
        ("One.[/THINK]Good.", "One.", vec![], "Good."),
        ("Hm.</mm:think>Good.", "Hm.", vec![], "Good."),
        ("Hm.<|close|>think<|sep|><|open|>response<|sep|>Good.<|close|>response<|sep|>", "Hm.", vec![], "Good."),
        ("<think>\na <think> b</think>\nc\n</think>\nGood.", "a <think> b\n\nc", vec![], "Good."),
        ("Sure. <think>hm</think> Good.", "hm", vec![], "Sure.  Good."),
        ("Sure.<think>\nhm\n</think>\nGood.", "hm", vec![], "Sure.\nGood."),
        ("Write `</think>` behind it.", "", vec![], "Write `</think>` behind it."),
        ("Write </think> behind it.", "", vec![], "Write </think> behind it."),
        ("Between <think> and </think>\nit thinks.", "", vec![], "Between <think> and \nit thinks."),
        ("```xml\n</think>\n```\nSo.", "", vec![], "```xml\n</think>\n```\nSo."),
        ("<|channel>final\nGood.<channel|>", "", vec![], "\nGood."),
    ] {
        check(text, &calls, rest);
        assert_eq!(find_calls(text, &tools()).reasoning, thought, "{text}");
    }
}

/// The family's template begins it, as its profile says.
#[test]
fn a_reply_that_a_thought_is_said_to_begin_is_one_until_its_end() {
    enum Server {
        Silent,
        Cut,
        /// It tells of a thought itself, behind so many characters.
        Tells(usize),
    }
    let check = |text: &str, server: &Server, thought: &str, rest: &str, calls: &[&str]| {
        for size in [1, 2, 3, 7, 1000] {
            let (mut reader, mut found) = (Reader::opened(&tools()), Found::default());
            let characters: Vec<char> = text.chars().collect();
            for (number, piece) in characters.chunks(size).enumerate() {
                if matches!(server, Server::Tells(at) if *at <= number * size) {
                    reader.apart().into_iter().for_each(|part| found.take(part));
                }
                reader.push(&piece.iter().collect::<String>()).into_iter().for_each(|part| found.take(part));
            }
            if matches!(server, Server::Cut) {
                reader.cut();
            }
            let (parts, last) = reader.finish();
            parts.into_iter().for_each(|part| found.take(part));
            let names: Vec<&str> = last.calls.iter().map(|call| call.name.as_str()).collect();
            let got = (found.reasoning.as_str(), found.text.as_str(), names.as_slice());
            assert_eq!(got, (thought, rest, calls), "in pieces of {size}: {text}");
        }
    };
    let call = r#"<tool_call>{"name": "run_tests", "arguments": {}}</tool_call>"#;
    let (silent, cut) = (&Server::Silent, &Server::Cut);
    check("\nHm.\n</think>\n\nGood.", silent, "Hm.", "Good.", &[]);
    check("<think>\nHm.\n</think>\n\nGood.", silent, "Hm.", "Good.", &[]);
    check(&format!("Hm: ```\n{call}\n</think>\n{call}"), silent, &format!("Hm: ```\n{call}"), "", &["run_tests"]);
    check("Good.", silent, "", "Good.", &[]);
    check(&format!("Good.\n{call}"), silent, "", "Good.", &["run_tests"]);
    check(&format!("Hm.\n{call}"), cut, &format!("Hm.\n{call}"), "", &[]);
    check("", silent, "", "", &[]);
    check(&format!("Good.\n{call}"), &Server::Tells(0), "", "Good.", &["run_tests"]);
    check("Good day, sir, and good bye.", &Server::Tells(3), "", "Good day, sir, and good bye.", &[]);
}

#[test]
fn a_call_that_ends_with_the_token_at_which_the_model_stops_is_whole() {
    let header = "<|channel|>commentary to=functions.run_tests <|constrain|>json<|message|>";
    for (body, whole) in [("{}", true), ("{\"path\": \"a", false), ("", false), ("{} and", false)] {
        let mut reader = Reader::new(&tools());
        reader.push(&format!("{header}{body}"));
        reader.stopped();
        let (_, found) = reader.finish();
        assert_eq!((found.calls.len(), found.unreadable.len()), (usize::from(whole), usize::from(!whole)), "{body}");
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
fn text_flows_while_it_streams_and_half_a_marker_is_held_back() {
    let mut reader = Reader::new(&tools());
    let text = |text: &str| vec![Part::Text(text.into())];
    for (piece, shown) in [
        ("See <", text("See")),
        ("b>bold</b>\n", text(" <b>bold</b>")),
        ("{\"users\": [1,", text("\n{\"users\": [1,")),
        (" 2]}\n```pyt", text(" 2]}")),
        ("hon\nx = {", text("\n```python\nx = {")),
        ("}\n```\nI <thi", text("}\n```\nI")),
        ("nk> so\n<thi", text(" <think> so")),
        ("nk>Let me ", vec![Part::Reasoning("Let me".into())]),
        ("see.</thi", vec![Part::Reasoning(" see.".into())]),
        ("nk>So: <tool_", text("\nSo:")),
        ("call>{\"name\": \"x\", \"arguments\": {}}", vec![]),
        ("</tool_call> bye", vec![]),
    ] {
        assert_eq!(reader.push(piece), shown, "{piece}");
    }
    let (rest, found) = reader.finish();
    assert_eq!((rest, found.calls.len()), (vec![], 1));
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
        "read_file(path=\"",
        "\n[read_file(path=\"",
        "functools[{\"name\": \"",
        "<tool name=\"x\" a=\"",
    ] {
        let flood = piece.repeat(60_000 / piece.len());
        let found = find_calls(&flood, &tools());
        assert!(found.calls.iter().all(|call| call.cut_off), "{piece}");
        assert_eq!(streamed(&flood, 4096), found, "{piece}");
    }
    let many = "<tool_call>{\"name\": \"x\", \"arguments\": {}}</tool_call>".repeat(10_000);
    assert_eq!(find_calls(&many, &tools()).calls.len(), 128);
}
