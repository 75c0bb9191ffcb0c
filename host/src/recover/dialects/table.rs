//! The table: one row for each form of call and of reasoning, and the markers that may be left over. A marker stands for
//! itself anywhere in a line; no marker is the beginning of another.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{
    Dialect, action, function_xml, gemma, harmony, hermes, invoke, json, minimax, mistral, thinking, tokens, tool_tag,
    xtml,
};

/// The form of reasoning.
pub(in crate::recover) const THOUGHT: &str = "reasoning";

const fn row(form: &'static str, open: &'static str, close: &'static str, read: Read) -> Dialect {
    Dialect { form, open, close, read }
}

type Read = fn(super::Input<'_>, &'static Dialect) -> super::Reading;

static DIALECTS: &[Dialect] = &[
    // Hermes, Qwen, GLM, Granite, Nemotron Nano
    row("tool_call_tag", "<tool_call>", "</tool_call>", hermes::read),
    row("tool_call_tag", "<seed:tool_call>", "</seed:tool_call>", hermes::read),
    // Jamba, Hunyuan, MiniMax M1
    row("tool_call_tag", "<tool_calls>", "</tool_calls>", json::read),
    row("tool_call_tag", "<TOOLCALL>", "</TOOLCALL>", json::read),
    row("tool_call_tag", "<TOOL_CALL>", "</TOOL_CALL>", json::read),
    row("tool_call_tag", "<tool_use>", "</tool_use>", json::read),
    row("tool_call_tag", "<function_call>", "</function_call>", json::read),
    row("tool_call_tag", "<functioncall>", "</functioncall>", json::read),
    row("tool_call_tag", "<tools>", "</tools>", json::read),
    row("tool_tag", "<tool>", "</tool>", json::read),
    row("tool_tag", "<tool name=", "</tool>", tool_tag::read),
    row("function_xml", function_xml::OPEN, "</function>", function_xml::read),
    row("invoke_xml", "<minimax:tool_call>", "</minimax:tool_call>", invoke::wrapped),
    row("invoke_xml", "<function_calls>", "</function_calls>", invoke::wrapped),
    row("invoke_xml", "<invoke name=", "</invoke>", invoke::bare),
    row("invoke_xml", "<｜DSML｜function_calls>", "</｜DSML｜function_calls>", invoke::wrapped),
    row("invoke_xml", "<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>", invoke::wrapped),
    row("invoke_xml", "<｜DSML｜invoke name=", "</｜DSML｜invoke>", invoke::bare),
    // MiniMax M3
    row("invoke_xml", minimax::MARK, minimax::CLOSE, minimax::read),
    // Kimi K3
    row("xtml", xtml::OPEN, xtml::TOOLS_END, xtml::read),
    row("xtml", xtml::CLOSE, xtml::SEPARATOR, xtml::close),
    row("tokens", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", tokens::kimi),
    row("tokens", "<|tool_call_begin|>", "<|tool_calls_section_end|>", tokens::kimi),
    row("tokens", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", tokens::deepseek),
    row("tokens", "<｜tool▁call▁begin｜>", "<｜tool▁calls▁end｜>", tokens::deepseek),
    row("gemma", "<|tool_call>", "<tool_call|>", gemma::read),
    row("gemma", "<start_function_call>", "<end_function_call>", gemma::read),
    row(harmony::FORM, "<|start|>assistant", "<|call|>", harmony::read),
    row(harmony::FORM, "<|channel|>", "<|call|>", harmony::read),
    row("mistral", "[TOOL_CALLS]", "[/TOOL_CALLS]", mistral::read),
    // Llama 3 and 4, LFM2
    row("python_tag", "<|python_tag|>", "<|eom_id|>", json::or_python),
    row("pythonic", "<|python_start|>", "<|python_end|>", json::or_python),
    row("pythonic", "<|tool_call_start|>", "<|tool_call_end|>", json::or_python),
    // Phi-4, Phi-4-mini and Granite, Cohere, InternLM
    row("functools", "functools[", "", json::functools),
    row("tool_call_tag", "<|tool_call|>", "<|/tool_call|>", json::read),
    row("action", "<|START_ACTION|>", "<|END_ACTION|>", json::read),
    row("action", "<|action_start|><|plugin|>", "<|action_end|>", json::read),
    row("action", "Action:", "", action::read),
    // Reasoning, and the answer where it has markers
    row(THOUGHT, "<think>", "</think>", thinking::read),
    row(THOUGHT, "<thinking>", "</thinking>", thinking::read),
    row(THOUGHT, "<thought>", "</thought>", thinking::read),
    row(THOUGHT, "<reasoning>", "</reasoning>", thinking::read),
    row(THOUGHT, "<seed:think>", "</seed:think>", thinking::read),
    row(THOUGHT, "<mm:think>", "</mm:think>", thinking::read),
    row(THOUGHT, "[THINK]", "[/THINK]", thinking::read),
    row(THOUGHT, "◁think▷", "◁/think▷", thinking::read),
    row(THOUGHT, "<|START_THINKING|>", "<|END_THINKING|>", thinking::read),
    row(THOUGHT, "<|begin_of_thought|>", "<|end_of_thought|>", thinking::read),
    row(THOUGHT, "<|inner_prefix|>", "<|inner_suffix|>", thinking::read),
    row(THOUGHT, "<|channel>", "<channel|>", thinking::channel),
    row("answer", "<final>", "</final>", thinking::hide),
    row("answer", "<answer>", "</answer>", thinking::hide),
    row("answer", "<|START_RESPONSE|>", "<|END_RESPONSE|>", thinking::hide),
    row("answer", "<|START_TEXT|>", "<|END_TEXT|>", thinking::hide),
    row("answer", "<|begin_of_solution|>", "<|end_of_solution|>", thinking::hide),
    // Whose turn it is
    row("role", "<|im_start|>", "<|im_end|>", thinking::role),
    row("role", "<|start_header_id|>", "<|end_header_id|>", thinking::role),
    row("role", "<start_of_turn>", "<end_of_turn>", thinking::role),
    row("role", "<|user|>", "", thinking::other),
    row("role", "<|observation|>", "", thinking::other),
];

/// Markers that end or part something, beside those of the rows; never shown where they are left over.
const LEFT_OVER: &[&str] = &[
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>",
    "<｜end▁of▁sentence｜>",
    "<|action_start|>",
    "<|message|>",
    "<|constrain|>",
    "<|end|>",
    "<|return|>",
    "<|start|>",
    "<|assistant|>",
    "<|eot_id|>",
    "<|eot|>",
    "<|endoftext|>",
    "<|end_of_msg|>",
    "<|begin_of_box|>",
    "<|end_of_box|>",
    END_OF_TEXT,
    "[/INST]",
    "[ARGS]",
    "[CALL_ID]",
];

/// Also a tag of HTML: a marker only as the last thing of a reply.
pub(in crate::recover) const END_OF_TEXT: &str = "</s>";

/// What begins at a place.
#[derive(Clone, Copy)]
pub(in crate::recover) enum Marker {
    Dialect(&'static Dialect),
    /// Left over.
    Stray(&'static str),
}

/// The marker at the beginning of `text`.
pub(in crate::recover) fn marker_at(text: &str) -> Option<Marker> {
    beginning_like(text).iter().find(|(token, _)| text.starts_with(token)).map(|(_, marker)| *marker)
}

/// Whether a marker that is left over ends a thought.
pub(in crate::recover) fn ends_thought(token: &str) -> bool {
    DIALECTS.iter().any(|row| row.form == THOUGHT && row.close == token)
}

/// Whether more text could make a marker of `text`.
pub(in crate::recover) fn may_become_marker(text: &str) -> bool {
    match text.as_bytes() {
        [] => false,
        [only] => begins(*only),
        _ => beginning_like(text).iter().any(|(token, _)| token.len() > text.len() && token.starts_with(text)),
    }
}

/// Markers by their first two bytes.
type Index = HashMap<[u8; 2], Vec<(&'static str, Marker)>>;

/// The markers that have their first two bytes in common with `text`.
fn beginning_like(text: &str) -> &'static [(&'static str, Marker)] {
    static INDEX: LazyLock<Index> = LazyLock::new(|| {
        let dialects = DIALECTS.iter().map(|dialect| (dialect.open, Marker::Dialect(dialect)));
        let mut index = Index::new();
        for (token, marker) in dialects.chain(strays().map(|stray| (stray, Marker::Stray(stray)))) {
            if let Some(first) = token.as_bytes().first_chunk() {
                index.entry(*first).or_default().push((token, marker));
            }
        }
        index
    });
    let first = text.as_bytes().first_chunk().filter(|first: &&[u8; 2]| begins(first[0]));
    first.and_then(|first| INDEX.get(first)).map_or(&[], Vec::as_slice)
}

/// Whether a marker begins with this byte.
pub(in crate::recover) fn begins(byte: u8) -> bool {
    // The first bytes of `◁`, `functools`, `Action` and all tags and brackets.
    matches!(byte, b'<' | b'[' | b']' | b'f' | b'A' | 0xE2)
}

fn strays() -> impl Iterator<Item = &'static str> {
    let closes = DIALECTS.iter().map(|dialect| dialect.close).filter(|close| !close.is_empty());
    closes.chain(LEFT_OVER.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_marker_is_the_beginning_of_another() {
        let all: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.open).chain(strays()).collect();
        for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
            // `<|start|>` alone is what is left where no role follows; what the last two begin they read themselves.
            let may = matches!(*one, "<|start|>" | "<|action_start|>" | minimax::MARK | xtml::CLOSE);
            assert!(one == other || !other.starts_with(one) || may, "{one} {other}");
        }
        assert!(all.iter().all(|marker| begins(marker.as_bytes()[0])));
    }
}
