//! Servers that fail, flood, hang and forget: each costs its reply and says what it was.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use garth::model::retry::{self, Attempt, Backoff};
use garth::model::{Delta, Endpoint, Model, ModelError, Request, connect};
use garth::protocol::Message;
use serde_json::json;

use crate::model::{BOTH, ask, collect, endpoint, request, start};
use crate::server::{Dialect, Fault, Reply, Server, nowhere};

async fn error_of(dialect: Dialect, reply: Reply) -> ModelError {
    ask(dialect, reply).await.expect_err("the reply is an error").1
}

#[tokio::test]
async fn errors_inside_a_reply_are_errors() {
    for dialect in BOTH {
        let (before, error) =
            ask(dialect, Reply::text("I be").fault(Fault::ErrorMidStream(json!("out of memory")))).await.unwrap_err();
        assert_eq!(before.text, "I be", "{dialect:?}");
        assert!(
            matches!(&error, ModelError::Server { message, .. } if message == "out of memory"),
            "{dialect:?} {error:?}"
        );
        assert!(error.is_retryable());
        let error = error_of(dialect, Reply::text("I be").fault(Fault::Garbage)).await;
        assert!(matches!(&error, ModelError::Protocol { what } if what.contains("not JSON")), "{dialect:?} {error:?}");
        for fault in [Fault::Break, Fault::EndEarly] {
            let error = error_of(dialect, Reply::text("I be").fault(fault)).await;
            assert!(matches!(error, ModelError::Interrupted { .. }), "{dialect:?} {error:?}");
        }
        let error = error_of(dialect, Reply::raw([""; 0])).await;
        assert!(matches!(error, ModelError::Interrupted { .. }), "{dialect:?} {error:?}");
        let page = Reply::raw(["<html><h1>Welcome</h1>"]).fault(Fault::ContentType("text/html"));
        assert!(error_of(dialect, page).await.to_string().contains("is it the right url?"), "{dialect:?}");
        let error = error_of(dialect, Reply::raw(["{\"hello\": 1}\n"])).await;
        assert!(matches!(error, ModelError::Protocol { .. }), "{dialect:?} {error:?}");
    }
}

#[tokio::test]
async fn a_flood_is_stopped() {
    for dialect in BOTH {
        let error = error_of(dialect, Reply::text("x").fault(Fault::GiantLine(9 << 20))).await;
        assert!(matches!(error, ModelError::TooLarge { .. }), "{dialect:?} {error:?}");
        let many = (0..200).fold(Reply::text("x"), |reply, _| reply.and_call("read_file", json!({})));
        let error = error_of(dialect, many).await;
        assert!(error.to_string().contains("more than 128 calls"), "{dialect:?} {error}");
    }
}

#[tokio::test]
async fn silence_is_endured_before_the_first_token_and_not_after() {
    for dialect in BOTH {
        let slow = Reply::text("late").delay(Duration::from_millis(600));
        let server = start(dialect, vec![slow, Reply::text("I be").fault(Fault::Hang)]);
        let endpoint = Endpoint { idle_timeout: Duration::from_millis(200), ..endpoint(dialect, &server.url()) };
        let model = connect(endpoint).unwrap();
        assert_eq!(collect(&*model, request()).await.unwrap().text, "late", "{dialect:?}");
        let (before, error) = collect(&*model, request()).await.unwrap_err();
        assert_eq!((before.text.as_str(), error), ("I be", ModelError::Idle { after: Duration::from_millis(200) }));
    }
}

#[tokio::test]
async fn a_context_that_is_too_small_is_recognised() {
    let llama = json!({"error": {"code": 400, "type": "exceed_context_size_error", "message": "the request exceeds the available context size",
        "n_prompt_tokens": 5000, "n_ctx": 4096}});
    let error = error_of(Dialect::OpenAi, Reply { status: Some(400), error: Some(llama), ..Reply::default() }).await;
    assert!(
        matches!(error, ModelError::ContextOverflow { prompt_tokens: Some(5000), limit: Some(4096), .. }),
        "{error:?}"
    );
    let error = error_of(Dialect::Ollama, Reply::status(400, "the input length exceeds the context length")).await;
    assert!(matches!(error, ModelError::ContextOverflow { .. }), "{error:?}");
    for dialect in BOTH {
        let error = error_of(dialect, Reply::text("I").finish("length").usage(4090, 6, 0)).await;
        assert!(matches!(error, ModelError::ContextOverflow { .. }), "{dialect:?} {error:?}");
    }
    // The server dropped most of a long conversation and said nothing.
    let server = Server::ollama(vec![Reply::text("What?").usage(3000, 40, 0)]);
    let model = connect(Endpoint { num_ctx: Some(4096), ..endpoint(Dialect::Ollama, &server.url()) }).unwrap();
    let long = Message::User { text: "word ".repeat(20_000) };
    let (_, error) = collect(&*model, Request { messages: vec![long], ..Request::default() }).await.unwrap_err();
    assert!(matches!(error, ModelError::ContextOverflow { limit: Some(4096), .. }), "{error:?}");
}

/// Everything that a stream with retries gives, shortened: `~n` for a retry.
async fn with_retries(model: Arc<dyn Model>, retries: u32) -> (String, Option<ModelError>) {
    let backoff = Backoff { retries, first: Duration::from_millis(1), longest: Duration::from_millis(5) };
    let mut attempts = retry::stream(model, Arc::new(request()), backoff);
    let mut seen = String::new();
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(Attempt::Delta(Delta::Text(text))) => seen.push_str(&text),
            Ok(Attempt::Delta(Delta::Finish(_))) => seen.push('.'),
            Ok(Attempt::Delta(_)) => {}
            Ok(Attempt::Retry { attempt, wait_ms, reason }) => {
                assert!(wait_ms <= 5 && !reason.is_empty());
                seen.push_str(&format!("~{attempt} "));
            }
            Err(error) => return (seen, Some(error)),
        }
    }
    (seen, None)
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_said() {
    for dialect in BOTH {
        let replies = vec![
            Reply::status(500, "oops"),
            Reply::status(429, "slow down").header("retry-after", "100"),
            Reply::text("I be").fault(Fault::Break),
            Reply::text("done"),
        ];
        let server = start(dialect, replies);
        let seen = with_retries(connect(endpoint(dialect, &server.url())).unwrap(), 4).await;
        assert_eq!(seen, ("~1 ~2 I be~3 done.".into(), None), "{dialect:?}");

        let server = start(dialect, vec![Reply::status(500, "a"), Reply::status(500, "b"), Reply::text("never")]);
        let (seen, error) = with_retries(connect(endpoint(dialect, &server.url())).unwrap(), 1).await;
        assert_eq!((seen.as_str(), server.left()), ("~1 ", 1), "{error:?}");

        let server = start(dialect, vec![Reply::status(400, "no"), Reply::text("never")]);
        let (seen, error) = with_retries(connect(endpoint(dialect, &server.url())).unwrap(), 4).await;
        assert!(matches!(error, Some(ModelError::Server { status: 400, .. })), "{error:?}");
        assert_eq!((seen.as_str(), server.left()), ("", 1));

        let (seen, error) = with_retries(connect(endpoint(dialect, &nowhere())).unwrap(), 2).await;
        assert_eq!(seen, "~1 ~2 ");
        assert!(error.unwrap().to_string().contains("refused"));
    }
}

#[tokio::test]
async fn dropping_the_stream_ends_the_request() {
    for dialect in BOTH {
        let server = start(dialect, vec![Reply::text("I be").fault(Fault::Hang), Reply::text("next")]);
        let model = connect(endpoint(dialect, &server.url())).unwrap();
        let mut deltas = model.stream(Arc::new(request()));
        deltas.next().await.unwrap().unwrap();
        drop(deltas);
        assert_eq!(collect(&*model, request()).await.unwrap().text, "next", "{dialect:?}");
    }
}
