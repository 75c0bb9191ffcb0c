//! The providers against a server over real HTTP, well behaved and badly.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use garth::model::{
    Delta, Endpoint, Model, ModelError, Provider, RawCall, Request, Script, Secret, connect, probe, scripted,
};
use garth::protocol::{FinishReason, Kept, Message, ToolCall, ToolSpec, Usage};
use serde_json::{Value, json};

use crate::server::{Dialect, Fault, Reply, Server, nowhere};

pub(crate) const BOTH: [Dialect; 2] = [Dialect::OpenAi, Dialect::Ollama];

pub(crate) fn start(dialect: Dialect, replies: Vec<Reply>) -> Server {
    match dialect {
        Dialect::OpenAi => Server::openai(replies),
        Dialect::Ollama => Server::ollama(replies),
        Dialect::Anthropic => Server::anthropic(replies),
    }
}

pub(crate) fn endpoint(dialect: Dialect, url: &str) -> Endpoint {
    let provider = match dialect {
        Dialect::OpenAi => Provider::OpenAi,
        Dialect::Ollama => Provider::Ollama,
        Dialect::Anthropic => Provider::Anthropic,
    };
    Endpoint { idle_timeout: Duration::from_secs(30), ..Endpoint::new(provider, url, "test") }
}

pub(crate) fn request() -> Request {
    let tool =
        ToolSpec { name: "read_file".into(), description: "Reads.".into(), input_schema: json!({"type": "object"}) };
    let messages = vec![Message::System { text: "You are.".into() }, Message::User { text: "Go.".into() }];
    Request { messages, tools: vec![tool], ..Request::default() }
}

/// A whole reply, put together.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Whole {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) kept: Option<Kept>,
    pub(crate) calls: Vec<RawCall>,
    pub(crate) usage: Usage,
    pub(crate) finish: Option<FinishReason>,
}

impl Whole {
    pub(crate) fn calls(&self) -> Vec<(&str, &str)> {
        self.calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect()
    }
}

pub(crate) async fn collect(model: &dyn Model, request: Request) -> Result<Whole, (Whole, ModelError)> {
    let mut whole = Whole::default();
    let mut deltas = model.stream(Arc::new(request));
    while let Some(delta) = deltas.next().await {
        match delta {
            Ok(Delta::Text(text)) => whole.text.push_str(&text),
            Ok(Delta::Reasoning(text)) => whole.reasoning.push_str(&text),
            Ok(Delta::Kept(kept)) => whole.kept = Some(kept),
            Ok(Delta::Call(call)) => whole.calls.push(call),
            Ok(Delta::Arguments(_) | Delta::CutCall(_)) => {}
            Ok(Delta::Usage(usage)) => whole.usage = usage,
            Ok(Delta::Finish(finish)) => assert!(whole.finish.replace(finish).is_none(), "it finished twice"),
            Err(error) => return Err((whole, error)),
        }
    }
    assert!(whole.finish.is_some(), "a stream without an error ends with a finish");
    Ok(whole)
}

/// One reply in one dialect.
pub(crate) async fn ask(dialect: Dialect, reply: Reply) -> Result<Whole, (Whole, ModelError)> {
    let server = start(dialect, vec![reply]);
    let model = connect(endpoint(dialect, &server.url())).unwrap();
    collect(&*model, request()).await
}

/// As ask, for SSE that is written out; `data: ` and line ends are added.
async fn ask_openai(documents: &[&str]) -> Result<Whole, (Whole, ModelError)> {
    ask(Dialect::OpenAi, Reply::raw(documents.iter().map(|document| format!("data: {document}\n\n")))).await
}

#[tokio::test]
async fn both_protocols_stream_text_reasoning_calls_and_usage() {
    for dialect in BOTH {
        let reply = Reply::text("I look 世界.").reasoning("Let me see.").and_call("read_file", json!({"path": "ä"}));
        let faults = [
            vec![],
            vec![Fault::Split(1)],
            vec![Fault::Split(7), Fault::Windows],
            vec![Fault::KeepAlive],
            vec![Fault::ContentType("text/plain")],
            vec![Fault::ContentType("application/json")],
            vec![Fault::NoDone],
        ];
        for faults in faults {
            let reply = Reply { faults, ..reply.clone().and_call("read_file", json!({})).usage(100, 20, 80) };
            let shown = format!("{dialect:?} {:?}", reply.faults);
            let whole = ask(dialect, reply).await.unwrap();
            assert_eq!((whole.text.as_str(), whole.reasoning.as_str()), ("I look 世界.", "Let me see."), "{shown}");
            assert_eq!(whole.calls(), [("read_file", r#"{"path":"ä"}"#), ("read_file", "{}")], "{shown}");
            assert_eq!((whole.usage.prompt_tokens, whole.usage.completion_tokens), (Some(100), Some(20)), "{shown}");
            assert_eq!(whole.finish, Some(FinishReason::ToolCalls), "{shown}");
        }
    }
}

#[tokio::test]
async fn text_arrives_before_the_reply_is_over() {
    for dialect in BOTH {
        let server = start(dialect, vec![Reply::text("first ").fault(Fault::Hang)]);
        let model = connect(endpoint(dialect, &server.url())).unwrap();
        let mut deltas = model.stream(Arc::new(request()));
        assert_eq!(deltas.next().await, Some(Ok(Delta::Text("first ".into()))), "{dialect:?}");
    }
}

#[tokio::test]
async fn the_finish_reason_is_what_the_calls_say() {
    for dialect in BOTH {
        let finish = |reply| async move { ask(dialect, reply).await.unwrap().finish.unwrap() };
        assert_eq!(finish(Reply::call("read_file", json!({})).finish("stop")).await, FinishReason::ToolCalls);
        assert_eq!(finish(Reply::text("x").finish("tool_calls")).await, FinishReason::Stop);
        assert_eq!(finish(Reply::text("x").finish("length")).await, FinishReason::Length);
        assert_eq!(
            finish(Reply::text("x").finish("content_filter")).await,
            FinishReason::Other("content_filter".into())
        );
    }
}

#[tokio::test]
async fn openai_chunks_of_every_kind_are_read() {
    // llama.cpp's timings, on a chunk without choices worth reading.
    let whole = ask_openai(&[
        r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"cache_n":90,"prompt_n":10,"predicted_n":3}}"#,
        "[DONE]",
    ])
    .await
    .unwrap();
    assert_eq!(
        whole.usage,
        Usage { prompt_tokens: Some(100), completion_tokens: Some(3), cached_tokens: Some(90), ..Usage::default() }
    );

    // `reasoning`, content as parts, a usage that is null until the end, neither finish reason nor [DONE] missing at once.
    let whole = ask_openai(&[
        r#"{"choices":[{"delta":{"reasoning":"a"}}],"usage":null}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"b"}]},{"type":"text","text":"c"}]}}]}"#,
        r#"{"choices":[{"delta":{"content":"d"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#,
    ])
    .await
    .unwrap();
    assert_eq!((whole.reasoning.as_str(), whole.text.as_str()), ("ab", "cd"));
    assert_eq!(whole.usage.prompt_tokens, Some(5));

    let whole = ask_openai(&[r#"{"choices":[{"delta":{"content":"x"}}]}"#, "[DONE]"]).await.unwrap();
    assert_eq!((whole.text.as_str(), whole.finish), ("x", Some(FinishReason::Stop)));

    // Calls with arguments as an object, without ids and indices, in one chunk.
    let whole = ask_openai(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"a","arguments":{"k":1}}},{"function":{"name":"b","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ])
    .await
    .unwrap();
    assert_eq!(whole.calls(), [("a", r#"{"k":1}"#), ("b", "{}")]);

    // A server that does not stream.
    let message = r#"{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"whole","tool_calls":[{"id":"c","type":"function","function":{"name":"a","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1}}"#;
    let whole =
        ask(Dialect::OpenAi, Reply::raw([message]).fault(Fault::ContentType("application/json"))).await.unwrap();
    assert_eq!((whole.text.as_str(), whole.calls()), ("whole", vec![("a", "{}")]));
}

#[tokio::test]
async fn the_key_goes_to_its_origin_only_and_is_never_shown() {
    for dialect in BOTH {
        let elsewhere = start(dialect, vec![Reply::text("gotcha")]);
        let replies = vec![Reply::text("ok"), Reply::redirect(&elsewhere.url()), Reply::status(401, "bad key sk-123")];
        let server = start(dialect, replies);
        let model =
            connect(Endpoint { api_key: Some(Secret::new("sk-123")), ..endpoint(dialect, &server.url()) }).unwrap();
        collect(&*model, request()).await.unwrap();
        assert_eq!(server.requests()[0].header("authorization"), Some("Bearer sk-123"));
        let (_, error) = collect(&*model, request()).await.unwrap_err();
        assert!(error.to_string().contains("not followed"), "{error}");
        assert!(elsewhere.all_requests().is_empty(), "the redirect was followed");
        let (_, error) = collect(&*model, request()).await.unwrap_err();
        assert!(matches!(error, ModelError::Unauthorized { status: 401, .. }), "{error:?}");
        assert!(!error.to_string().contains("sk-123") && error.to_string().contains("api_key_env"), "{error}");
    }
}

#[tokio::test]
async fn a_model_without_tools_gets_them_as_text_and_is_remembered() {
    for dialect in BOTH {
        let refused = Reply::status(400, "registry.ollama.ai/library/test does not support tools");
        let server = start(dialect, vec![refused, Reply::text("one"), Reply::text("two")]);
        let model = connect(endpoint(dialect, &server.url())).unwrap();
        assert_eq!(collect(&*model, request()).await.unwrap().text, "one");
        assert_eq!(collect(&*model, request()).await.unwrap().text, "two");
        let sent = server.requests();
        assert_eq!(sent.len(), 3, "{dialect:?}: tried once with tools, then never again");
        assert!(sent[0].json().get("tools").is_some());
        for again in &sent[1..] {
            assert!(again.json().get("tools").is_none());
            let system = again.json()["messages"][0]["content"].as_str().unwrap().to_string();
            assert!(
                system.starts_with("You are.") && system.contains("read_file") && system.contains("<tool_call>"),
                "{system}"
            );
        }
    }
    // Ollama says it before.
    let show = json!({"capabilities": ["completion"], "model_info": {}});
    let server = Server::with_pages(Dialect::Ollama, vec![Reply::text("one")], vec![("/api/show", 200, show)]);
    let model = connect(endpoint(Dialect::Ollama, &server.url())).unwrap();
    collect(&*model, request()).await.unwrap();
    assert!(server.requests()[0].json().get("tools").is_none());
}

#[tokio::test]
async fn ollama_is_asked_once_for_the_window() {
    let server = Server::ollama(vec![Reply::text("1"), Reply::text("2"), Reply::text("3")]);
    let url = server.url();
    let model = connect(endpoint(Dialect::Ollama, &url)).unwrap();
    collect(&*model, request()).await.unwrap();
    collect(&*model, request()).await.unwrap();
    let asked =
        server.all_requests().iter().filter(|request| request.method == "POST" && request.path == "/api/show").count();
    assert_eq!((asked, &server.requests()[0].json()["options"]["num_ctx"]), (1, &json!(32_768)));
    let small = Endpoint { num_ctx: Some(2048), keep_alive: Some("30m".into()), ..endpoint(Dialect::Ollama, &url) };
    collect(&*connect(small).unwrap(), request()).await.unwrap();
    let sent = server.requests()[2].json();
    assert_eq!((&sent["options"]["num_ctx"], &sent["keep_alive"]), (&json!(2048), &json!("30m")));
}

/// A server of this protocol, and what an Ollama behind it says: its version, and what the model is.
fn ollama_behind(dialect: Dialect, version: (u16, Value), show: (u16, Value)) -> Server {
    let pages = vec![("/api/version", version.0, version.1), ("/api/show", show.0, show.1)];
    Server::with_pages(dialect, vec![Reply::text("ok")], pages)
}

#[tokio::test]
async fn a_model_that_runs_elsewhere_is_refused_before_anything_is_sent() {
    let version = || (200, json!({"version": "0.13.0"}));
    let away =
        || (200, json!({"capabilities": ["tools"], "remote_host": "https://ollama.example", "remote_model": "big"}));
    for dialect in [Dialect::OpenAi, Dialect::Ollama, Dialect::Anthropic] {
        let check = async |server: Server, name: &str, expected: Option<&str>| {
            let endpoint = Endpoint { model: name.into(), ..endpoint(dialect, &server.url()) };
            let model = connect(endpoint.clone()).unwrap();
            let answered = collect(&*model, request()).await.map(|whole| whole.text).map_err(|(_, error)| error);
            match (&answered, expected) {
                (Ok(text), None) => assert!(text == "ok" && model.is_local(), "{dialect:?} {name}"),
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{dialect:?} {name}: {error}"),
                _ => panic!("{dialect:?} {name}: {answered:?}"),
            }
            assert_eq!(server.requests().len(), usize::from(expected.is_none()), "{dialect:?} {name}");
            let allowed = connect(Endpoint { allow_remote: true, ..endpoint }).unwrap();
            assert!(!allowed.is_local(), "not before it is known");
            if server.left() > 0 {
                let _ = allowed.window().await;
                let sent = collect(&*allowed, request()).await.is_ok();
                assert_eq!((sent, allowed.is_local()), (true, false), "{dialect:?} {name}");
            }
        };
        check(
            ollama_behind(dialect, version(), away()),
            "test",
            Some("sends what it is asked to https://ollama.example"),
        )
        .await;
        check(ollama_behind(dialect, version(), (200, json!({}))), "big:8b-cloud", Some("its maker's cloud")).await;
        check(ollama_behind(dialect, version(), (404, json!({"error": "no"}))), "big:cloud", Some("its maker's cloud"))
            .await;
        check(ollama_behind(dialect, version(), (500, json!({"error": "busy"}))), "test", Some("busy")).await;
        check(ollama_behind(dialect, version(), (200, json!({}))), "test", None).await;
    }
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        // Where nobody can say what the server is, nothing is sent; what is no Ollama passes nothing on.
        let broken = ollama_behind(dialect, (503, json!({"error": "loading"})), away());
        let asked = collect(&*connect(endpoint(dialect, &broken.url())).unwrap(), request()).await;
        assert!(asked.is_err() && broken.requests().is_empty(), "{dialect:?}: {asked:?}");
        for other in [(200, json!({"error": "Unexpected endpoint"})), (401, json!({"error": "no key"}))] {
            let server = ollama_behind(dialect, other, away());
            collect(&*connect(endpoint(dialect, &server.url())).unwrap(), request()).await.unwrap();
        }
    }
}

/// Ten steps, each one longer; what is sent always begins with what was sent before.
#[tokio::test]
async fn ten_steps_keep_the_prefix() {
    for dialect in BOTH {
        for native in [true, false] {
            let mut replies: Vec<Reply> =
                (0..10).map(|step| Reply::call("read_file", json!({ "step": step, "a": [1.0, null] }))).collect();
            if !native {
                replies.insert(0, Reply::status(400, "test does not support tools"));
            }
            let server = start(dialect, replies);
            let model = connect(endpoint(dialect, &server.url())).unwrap();
            let mut conversation = request();
            for step in 0..10 {
                let whole = collect(&*model, conversation.clone()).await.unwrap();
                let calls: Vec<ToolCall> = whole.calls.iter().map(|call| made(call, step)).collect();
                let results: Vec<Message> = calls
                    .iter()
                    .map(|call| Message::Tool {
                        call_id: call.id.clone(),
                        tool: call.name.clone(),
                        text: format!("result\n{step}"),
                    })
                    .collect();
                conversation.messages.push(Message::Assistant {
                    text: whole.text,
                    reasoning: Some("thought".into()),
                    calls,
                });
                conversation.messages.extend(results);
            }
            let sent = server.requests();
            let sent = if native { &sent[..] } else { &sent[1..] };
            assert_eq!(sent.len(), 10);
            for pair in sent.windows(2) {
                let shorter = pair[0].body.strip_suffix("]}").expect("the messages stand last");
                assert!(pair[1].body.starts_with(shorter), "{dialect:?}\n{}\n{}", pair[0].body, pair[1].body);
            }
        }
    }
}

fn made(call: &RawCall, step: usize) -> ToolCall {
    let arguments = serde_json::from_str(&call.arguments).unwrap();
    ToolCall { id: format!("c{step}"), name: call.name.clone(), arguments, recovered: None }
}

#[tokio::test]
async fn a_script_is_played_and_ends() {
    let script: Script = serde_json::from_value(json!({"name": "play", "turns": [
        {"reasoning": "hm", "text": ["a", "b"], "calls": [{"name": "ls", "arguments": {"p": 1}, "id": "x"}, {"name": "pwd"}],
         "usage": {"prompt_tokens": 3}, "delay_ms": 1, "chunk_delay_ms": 1},
        {"text": "I be", "error": {"status": 503, "message": "busy"}},
        {"text": "end", "finish": "length"},
    ]}))
    .unwrap();
    let model = scripted(script, "the test");
    assert_eq!((model.name(), model.provider()), ("play", "scripted"));
    let whole = collect(&*model, request()).await.unwrap();
    assert_eq!(
        (whole.text.as_str(), whole.reasoning.as_str(), whole.finish.clone()),
        ("ab", "hm", Some(FinishReason::ToolCalls))
    );
    assert_eq!((whole.calls(), whole.usage.prompt_tokens), (vec![("ls", r#"{"p":1}"#), ("pwd", "{}")], Some(3)));
    let (before, error) = collect(&*model, request()).await.unwrap_err();
    assert!(before.text == "I be" && matches!(error, ModelError::Server { status: 503, .. }), "{error:?}");
    assert_eq!(collect(&*model, request()).await.unwrap().finish, Some(FinishReason::Length));
    let (_, error) = collect(&*model, request()).await.unwrap_err();
    assert_eq!(error.to_string(), "the test: the script has 3 turns and was asked for turn 4; add one");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.json");
    std::fs::write(&file, r#"{"turns": [{"txet": "x"}]}"#).unwrap();
    let error = connect(Endpoint::new(Provider::Scripted, file.to_str().unwrap(), "")).err().unwrap();
    assert!(error.to_string().contains("script.json") && error.to_string().contains("txet"), "{error}");
}

#[tokio::test]
async fn a_probe_finds_what_servers_say() {
    let pages = vec![
        ("/api/version", 200, json!({"version": "0.12.6"})),
        (
            "/api/tags",
            200,
            json!({"models": [{"name": "a:latest"}, {"name": "big:cloud", "remote_host": "https://ollama.example"}]}),
        ),
        ("/api/ps", 200, json!({"models": [{"name": "a:latest", "context_length": 4096}]})),
        ("/api/show", 200, json!({"capabilities": ["tools"], "model_info": {"x.context_length": 40960}})),
    ];
    let server = Server::with_pages(Dialect::Ollama, vec![], pages);
    let found = probe(&endpoint(Dialect::Ollama, &server.url())).await;
    assert_eq!((found.server.as_deref(), found.error.as_deref()), (Some("Ollama 0.12.6"), None));
    let (a, big) = (found.model("a").unwrap(), found.model("big:cloud").unwrap());
    assert_eq!((a.tools, a.context_length, a.loaded, a.local), (Some(true), Some(4096), Some(true), Some(true)));
    assert_eq!((big.context_length, big.loaded, big.local), (Some(40_960), Some(false), Some(false)));

    let openai = |models: Value, more: Vec<(&'static str, u16, Value)>| {
        let pages = [vec![("/v1/models", 200, models)], more].concat();
        async move {
            let server = Server::with_pages(Dialect::OpenAi, vec![], pages);
            probe(&endpoint(Dialect::OpenAi, &format!("{}/v1", server.url()))).await
        }
    };
    let vllm = openai(json!({"data": [{"id": "q", "owned_by": "vllm", "max_model_len": 8192}]}), vec![]).await;
    assert_eq!(
        (vllm.server.as_deref(), vllm.models[0].context_length, vllm.models[0].tools),
        (Some("vLLM"), Some(8192), None)
    );
    let props =
        json!({"default_generation_settings": {"n_ctx": 16384}, "chat_template_caps": {"supports_tools": true}});
    let llama = openai(
        json!({"data": [{"id": "q", "owned_by": "llamacpp", "meta": {"n_ctx_train": 32768}}]}),
        vec![("/props", 200, props)],
    )
    .await;
    assert_eq!(
        (llama.models[0].context_length, llama.models[0].tools, llama.models[0].loaded),
        (Some(16_384), Some(true), Some(true))
    );
    let studio =
        json!({"data": [{"id": "q", "state": "not-loaded", "max_context_length": 4096, "capabilities": ["tool_use"]}]});
    let studio =
        openai(json!({"data": [{"id": "q", "owned_by": "organization_owner"}]}), vec![("/api/v0/models", 200, studio)])
            .await;
    assert_eq!(
        (studio.server.as_deref(), studio.models[0].loaded, studio.models[0].tools),
        (Some("LM Studio"), Some(false), Some(true))
    );

    for dialect in BOTH {
        let found = probe(&endpoint(dialect, &nowhere())).await;
        assert!(!found.reachable && found.error.unwrap().contains("refused"));
        let wrong = Server::with_pages(dialect, vec![], vec![]);
        let found = probe(&endpoint(dialect, &wrong.url())).await;
        assert!(found.reachable && found.error.unwrap().contains("404"), "{dialect:?}");
    }
}

#[tokio::test]
async fn a_proxy_is_for_other_machines_only() {
    let server = Server::openai(vec![Reply::text("direct")]);
    let proxy = Some(crate::server::nowhere());
    let near = Endpoint { proxy: proxy.clone(), ..endpoint(Dialect::OpenAi, &server.url()) };
    assert_eq!(collect(&*connect(near).unwrap(), request()).await.unwrap().text, "direct");
    let proxy_server = Server::openai(vec![Reply::text("by proxy")]);
    let far = Endpoint { proxy: Some(proxy_server.url()), ..endpoint(Dialect::OpenAi, "http://model.invalid") };
    assert_eq!(collect(&*connect(far).unwrap(), request()).await.unwrap().text, "by proxy");
}
