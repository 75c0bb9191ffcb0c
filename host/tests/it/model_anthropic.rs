//! Anthropic's protocol over HTTP: what comes is read whatever it looks like, and what has to go back goes back as it came.

use garth::model::{Endpoint, ModelError, Provider, RawCall, Request, Secret, connect, probe};
use garth::protocol::{FinishReason, Message, Reasoning, ToolCall, Usage};
use serde_json::{Value, json};

use crate::model::{Whole, ask, collect, endpoint, request};
use crate::server::{Dialect, Fault, Reply, Server};

const HERE: Dialect = Dialect::Anthropic;

/// Events as they go over the wire.
fn events(documents: &[Value]) -> String {
    documents
        .iter()
        .map(|document| format!("event: {}\ndata: {document}\n\n", document["type"].as_str().unwrap()))
        .collect()
}

fn block(index: u64, first: Value, deltas: &[Value]) -> Vec<Value> {
    let start = json!({"type": "content_block_start", "index": index, "content_block": first});
    let delta = |delta: &Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = json!({"type": "content_block_stop", "index": index});
    [start].into_iter().chain(deltas.iter().map(delta)).chain([stop]).collect()
}

/// A whole reply of these blocks.
fn reply(blocks: &[Vec<Value>], stop: &str) -> String {
    let start = json!({"type": "message_start", "message": {"usage":
        {"input_tokens": 10, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 5, "output_tokens": 1}}});
    let delta = json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_details": {"explanation": "not that"}},
        "usage": {"output_tokens": 40}});
    let all = [vec![start, json!({"type": "ping"})], blocks.concat(), vec![delta, json!({"type": "message_stop"})]];
    events(&all.concat())
}

/// Thoughts, text and a call in turn, as newer models send them.
fn interleaved() -> String {
    let thinking = |text: &str, signature: &str| {
        let pieces = [
            json!({"type": "thinking_delta", "thinking": text}),
            json!({"type": "signature_delta", "signature": signature}),
        ];
        (json!({"type": "thinking", "thinking": "", "signature": "", "extra": 1}), pieces)
    };
    let (first, pieces) = thinking("Let me see.", "Zmlyc3Q=");
    let (empty, signed) = thinking("", "c2Vjb25k");
    let arguments = [
        json!({"type": "input_json_delta", "partial_json": "{\"path\""}),
        json!({"type": "input_json_delta", "partial_json": ": \"ä\"}"}),
    ];
    reply(
        &[
            block(0, first, &pieces),
            block(1, json!({"type": "redacted_thinking", "data": "aGlkZGVu"}), &[]),
            block(
                2,
                json!({"type": "text", "text": ""}),
                &[json!({"type": "text_delta", "text": "I look "}), json!({"type": "text_delta", "text": "世界."})],
            ),
            block(3, empty, &signed),
            block(4, json!({"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {}}), &arguments),
        ],
        "tool_use",
    )
}

/// The conversation one step on, as the loop would have it.
fn gone_on(whole: Whole) -> Request {
    let mut next = request();
    let arguments = serde_json::from_str(&whole.calls[0].arguments).unwrap();
    let call = ToolCall { id: "toolu_1".into(), name: "read_file".into(), arguments, recovered: None };
    let reasoning = Some(Reasoning { text: whole.reasoning, kept: whole.kept });
    next.messages.push(Message::Assistant { text: whole.text, reasoning, calls: vec![call] });
    next.messages.push(Message::Tool { call_id: "toolu_1".into(), tool: "read_file".into(), text: "1 a".into() });
    next
}

#[tokio::test]
async fn thoughts_go_back_with_their_signatures_as_they_came() {
    let server = Server::anthropic(vec![Reply::raw([interleaved()]), Reply::text("Done.")]);
    let model = connect(endpoint(HERE, &server.url())).unwrap();
    let whole = collect(&*model, request()).await.unwrap();
    assert_eq!((whole.text.as_str(), whole.reasoning.as_str()), ("I look 世界.", "Let me see."));
    assert_eq!(whole.calls(), [("read_file", "{\"path\": \"ä\"}")]);
    let usage = Usage {
        prompt_tokens: Some(95),
        completion_tokens: Some(40),
        cached_tokens: Some(80),
        cache_write_tokens: Some(5),
    };
    assert_eq!((whole.usage, whole.finish.clone()), (usage, Some(FinishReason::ToolCalls)));
    let next = gone_on(whole);
    // As a journal keeps it.
    let messages = serde_json::from_str(&serde_json::to_string(&next.messages).unwrap()).unwrap();
    assert_eq!(next.messages, messages);
    collect(&*model, Request { messages, ..next }).await.unwrap();
    let body = &server.requests()[1].body;
    let same = concat!(
        r#"{"role":"assistant","content":[{"type":"thinking","thinking":"Let me see.","signature":"Zmlyc3Q=","extra":1},"#,
        r#"{"type":"redacted_thinking","data":"aGlkZGVu"},{"type":"text","text":"I look 世界."},"#,
        r#"{"type":"thinking","thinking":"","signature":"c2Vjb25k","extra":1},"#,
        r#"{"type":"tool_use","id":"toolu_1","name":"read_file","input":{"path":"ä"}}]},"#,
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"1 a"}]}]}"#,
    );
    assert!(body.ends_with(same), "{body}");
    let first = &server.requests()[0].body;
    assert!(body.starts_with(first.strip_suffix("]}").unwrap()), "{first}\n{body}");
}

#[tokio::test]
async fn nobody_else_gets_them() {
    let here = Server::anthropic(vec![Reply::raw([interleaved()])]);
    let whole = collect(&*connect(endpoint(HERE, &here.url())).unwrap(), request()).await.unwrap();
    let next = gone_on(whole);
    for dialect in [Dialect::OpenAi, Dialect::Ollama, Dialect::Anthropic] {
        let server = crate::model::start(dialect, vec![Reply::text("Done.")]);
        collect(&*connect(endpoint(dialect, &server.url())).unwrap(), next.clone()).await.unwrap();
        let body = &server.requests()[0].body;
        assert!(body.contains("I look 世界.") && !body.contains("Zmlyc3Q=") && !body.contains("aGlkZGVu"), "{body}");
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_anywhere_makes_no_call() {
    let whole = interleaved();
    let end = whole.find("event: message_delta").unwrap();
    // Every place would take minutes; these fall everywhere, in the middle of characters and lines too.
    for cut in (0..whole.len()).step_by(37) {
        match ask(HERE, Reply::raw([&whole.as_bytes()[..cut]])).await {
            Ok(whole) => assert!(cut > end && whole.calls().len() == 1, "{cut}"),
            Err((before, error)) => {
                assert!(before.calls.is_empty() && before.kept.is_none(), "{cut}");
                assert!(
                    matches!(error, ModelError::Interrupted { .. } | ModelError::Protocol { .. }),
                    "{cut} {error:?}"
                );
            }
        }
    }
    for faults in [
        vec![Fault::Split(1)],
        vec![Fault::Split(7), Fault::ContentType("text/plain")],
        vec![Fault::ContentType("application/json")],
    ] {
        let whole = ask(HERE, Reply { faults, ..Reply::raw([interleaved()]) }).await.unwrap();
        assert_eq!((whole.calls().len(), whole.kept.unwrap().blocks.len()), (1, 5));
    }
}

#[tokio::test]
async fn a_limit_leaves_out_what_it_cut() {
    let call = |index, json: &str| {
        block(
            index,
            json!({"type": "tool_use", "id": format!("t{index}"), "name": "x", "input": {}}),
            &[json!({"type": "input_json_delta", "partial_json": json})],
        )
    };
    let mut half = call(1, "{\"path\": \"/et");
    half.pop();
    let whole = ask(HERE, Reply::raw([reply(&[call(0, "{}"), half], "max_tokens")])).await.unwrap();
    assert_eq!((whole.calls(), whole.finish.clone()), (vec![("x", "{}")], Some(FinishReason::Length)));
}

#[tokio::test]
async fn each_end_is_what_it_says() {
    let text = || block(0, json!({"type": "text", "text": "Well."}), &[]);
    let finish = |stop: &'static str| async move { ask(HERE, Reply::raw([reply(&[text()], stop)])).await };
    assert_eq!(finish("end_turn").await.unwrap().finish, Some(FinishReason::Stop));
    assert_eq!(finish("stop_sequence").await.unwrap().finish, Some(FinishReason::Stop));
    assert_eq!(finish("max_tokens").await.unwrap().finish, Some(FinishReason::Length));
    assert_eq!(finish("model_context_window_exceeded").await.unwrap().finish, Some(FinishReason::Length));
    assert_eq!(finish("pause_turn").await.unwrap().finish, Some(FinishReason::Other("pause_turn".into())));
    let (before, error) = finish("refusal").await.unwrap_err();
    assert_eq!(before.text, "Well.");
    assert!(error.to_string().contains("declined to answer: not that") && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn each_error_is_what_it_says() {
    let http = |status, kind: &str, message: &str| Reply {
        status: Some(status),
        error: Some(json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})),
        ..Reply::default()
    };
    let inside = |kind: &str, message: &str| {
        let error = json!({"type": "error", "error": {"type": kind, "message": message}});
        Reply::text("I be").fault(Fault::ErrorMidStream(error))
    };
    let error = |reply| async move { ask(HERE, reply).await.unwrap_err().1 };
    for reply in [http(529, "overloaded_error", "Overloaded"), inside("overloaded_error", "Overloaded")] {
        let error = error(reply).await;
        assert!(matches!(error, ModelError::Server { status: 529, .. }) && error.is_retryable(), "{error:?}");
    }
    let slow = error(http(429, "rate_limit_error", "too fast").header("retry-after", "7")).await;
    assert_eq!(slow.retry_after().map(|wait| wait.as_secs()), Some(7));
    for reply in [http(400, "invalid_request_error", "no such field"), inside("invalid_request_error", "no such field")]
    {
        let error = error(reply).await;
        assert!(matches!(error, ModelError::Server { status: 400, .. }) && !error.is_retryable(), "{error:?}");
    }
    let unknown = error(http(401, "authentication_error", "invalid x-api-key")).await;
    assert!(matches!(unknown, ModelError::Unauthorized { status: 401, .. }), "{unknown:?}");
    let long = error(http(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")).await;
    assert!(
        matches!(long, ModelError::ContextOverflow { prompt_tokens: Some(210_000), limit: Some(200_000), .. }),
        "{long:?}"
    );
    let large = error(http(413, "request_too_large", "Request exceeds the maximum size")).await;
    assert!(matches!(large, ModelError::ContextOverflow { .. }), "{large:?}");
    let moved = error(Reply::redirect("https://example.com")).await;
    assert!(moved.to_string().contains("not followed"), "{moved}");
}

#[tokio::test]
async fn garbage_and_floods_cost_their_reply() {
    let error = |text: String| async move { ask(HERE, Reply::raw([text])).await.unwrap_err().1 };
    let delta = json!({"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "x"}});
    for text in ["data: {oops\n\n".to_string(), "data: {\"hello\": 1}\n\n".into(), events(&[delta])] {
        let error = error(text).await;
        assert!(matches!(error, ModelError::Protocol { .. }), "{error:?}");
    }
    let calls: Vec<_> = (0..200).map(|at| block(at, json!({"type": "tool_use", "name": "x"}), &[])).collect();
    assert!(error(reply(&calls, "tool_use")).await.to_string().contains("more than 128 calls"));
    let blocks: Vec<_> = (0..2_000).map(|at| block(at, json!({"type": "what"}), &[])).collect();
    assert!(error(reply(&blocks, "end_turn")).await.to_string().contains("blocks in one reply"));
    let page = Reply::raw(["<html><h1>Welcome</h1>"]).fault(Fault::ContentType("text/html"));
    assert!(ask(HERE, page).await.unwrap_err().1.to_string().contains("is it the right url?"));
    // Fields of the wrong kind are as good as none.
    let odd = json!({"type": "message_start", "message": {"usage": {"input_tokens": "many"}}});
    let stop = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": null});
    let whole = ask(HERE, Reply::raw([events(&[odd, json!({"type": "content_block_start"}), stop])])).await.unwrap();
    assert_eq!((whole.text.as_str(), whole.usage), ("", Usage::default()));
}

#[tokio::test]
async fn what_the_model_refuses_by_name_is_left_out_from_then_on() {
    let refusal = |message: &str| Reply {
        status: Some(400),
        error: Some(json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}})),
        ..Reply::default()
    };
    let server = Server::anthropic(vec![
        refusal("cache_control: Extra inputs are not permitted"),
        refusal("adaptive thinking is not supported on this model"),
        Reply::text("Well."),
        Reply::text("Again."),
    ]);
    let model = connect(Endpoint { think: Some(true), ..endpoint(HERE, &server.url()) }).unwrap();
    assert_eq!(collect(&*model, request()).await.unwrap().text, "Well.");
    assert_eq!(collect(&*model, request()).await.unwrap().text, "Again.");
    let sent: Vec<Value> = server.requests().iter().map(|request| request.json()).collect();
    let thinking = |at: usize| sent[at]["thinking"]["type"].as_str().unwrap();
    assert_eq!([thinking(0), thinking(1), thinking(2), thinking(3)], ["adaptive", "adaptive", "enabled", "enabled"]);
    let marks = |at: usize| sent[at].to_string().matches("cache_control").count();
    assert_eq!([marks(0), marks(1), marks(3)], [2, 0, 0]);
}

#[tokio::test]
async fn what_a_reply_took_is_told_however_it_ends() {
    let whole = reply(&[block(0, json!({"type": "text", "text": "Well"}), &[])], "refusal");
    let cut = whole[..whole.find("event: message_delta").unwrap()].to_string();
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    let check = async |sent: String, written: u64| {
        let (had, error) = ask(HERE, Reply::raw([sent])).await.unwrap_err();
        assert_eq!((had.usage.prompt_tokens, had.usage.completion_tokens), (Some(95), Some(written)), "{error}");
    };
    check(whole, 40).await;
    check(cut.clone(), 1).await;
    check(cut + &events(&[error]), 1).await;
}

#[tokio::test]
async fn the_server_is_asked_what_the_model_takes() {
    let model = json!({"type": "model", "id": "test", "max_input_tokens": 200_000, "max_tokens": 64_000,
        "capabilities": {"thinking": {"types": {"adaptive": {"supported": false}}}}});
    let pages = vec![("/v1/models/test", 200, model.clone()), ("/v1/models", 200, json!({"data": [model, {"id": 7}]}))];
    let server = Server::with_pages(HERE, vec![Reply::text("Well.")], pages);
    let endpoint = Endpoint { api_key: Some(Secret::new("sk-1")), think: Some(true), ..endpoint(HERE, &server.url()) };
    let found = probe(&endpoint).await;
    assert_eq!(
        found.models.iter().map(|model| (model.name.as_str(), model.context_length)).collect::<Vec<_>>(),
        [("test", Some(200_000))]
    );
    let model = connect(endpoint).unwrap();
    assert_eq!(model.window().await, Some(200_000));
    collect(&*model, request()).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(
        (request.header("x-api-key"), request.header("anthropic-version"), request.header("authorization")),
        (Some("sk-1"), Some("2023-06-01"), None)
    );
    let body = request.json();
    assert_eq!(
        (&body["max_tokens"], &body["thinking"]),
        (&json!(32_000), &json!({"type": "enabled", "budget_tokens": 16_000}))
    );
    assert_eq!(
        body["tools"],
        json!([{"name": "read_file", "description": "Reads.", "input_schema": {"type": "object"}}])
    );
}

#[tokio::test]
async fn a_reply_that_is_not_streamed_is_read_too() {
    let message = json!({"type": "message", "stop_reason": "tool_use", "usage": {"input_tokens": 3, "output_tokens": 4}, "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "a"}},
    ]});
    let whole =
        ask(HERE, Reply::raw([message.to_string()]).fault(Fault::ContentType("application/json"))).await.unwrap();
    assert_eq!((whole.text.as_str(), whole.reasoning.as_str()), ("I look.", "hm"));
    assert_eq!(
        whole.calls,
        [RawCall { id: Some("toolu_1".into()), name: "read_file".into(), arguments: "{\"path\":\"a\"}".into() }]
    );
    assert_eq!(whole.kept.unwrap().blocks[0], json!({"type": "thinking", "thinking": "hm", "signature": "s"}));
}

#[test]
fn where_a_model_is_follows_from_its_server() {
    let check = |provider: Provider, url: &str, local: Option<bool>, allow_remote: bool, expected: (bool, &str)| {
        let endpoint = Endpoint { local, allow_remote, ..Endpoint::new(provider, url, "m") };
        let model = connect(endpoint).unwrap();
        assert_eq!((model.is_local(), model.address().as_str()), expected, "{provider:?} {url} {local:?}");
    };
    let here = "http://127.0.0.1:8080";
    for provider in [Provider::OpenAi, Provider::Anthropic, Provider::Ollama] {
        check(provider, "127.0.0.1:8080/v1", None, false, (true, here));
        check(provider, here, Some(false), false, (false, here));
        check(provider, "http://10.0.0.7:80/v1", None, false, (false, "http://10.0.0.7"));
        check(provider, "http://10.0.0.7", Some(true), false, (true, "http://10.0.0.7"));
    }
    check(Provider::Ollama, here, None, true, (false, here));
    check(Provider::Ollama, here, Some(true), true, (false, here));
    check(
        Provider::Anthropic,
        "https://api.anthropic.com/v1/messages",
        None,
        false,
        (false, "https://api.anthropic.com"),
    );
}

#[tokio::test]
async fn a_model_that_ollama_runs_elsewhere_is_not_local() {
    for (show, expected) in [
        (json!({"capabilities": ["completion"]}), true),
        (json!({"capabilities": ["completion"], "remote_host": "https://ollama.com"}), false),
    ] {
        let server = Server::with_pages(Dialect::Ollama, vec![], vec![("/api/show", 200, show)]);
        let model = connect(Endpoint { allow_remote: true, ..endpoint(Dialect::Ollama, &server.url()) }).unwrap();
        assert!(!model.is_local(), "nobody knows yet");
        model.window().await;
        assert_eq!(model.is_local(), expected);
    }
}
