//! What a call may use of the network, and servers that are slow, endless or broken: each costs its own call only.

use std::time::{Duration, Instant};

use garth::policy::Limits;
use garth::protocol::{ByteSize, Span};
use garth::sandbox::CallError;

use super::{Server, Web};

async fn check(request: &str, set: impl Fn(&mut Limits), limit: &'static str, value: &str) {
    let mut web = Web::new();
    set(&mut web.limits);
    let stopped = web.call(request).await;
    assert_eq!(stopped.finished.result, Err(CallError::Limit { limit, value: value.to_owned() }), "{request}");
    let untouched = Web::new().call("GET http a.example /").await;
    assert_eq!(untouched.told(), "200");
}

#[tokio::test]
async fn each_limit_stops_the_call_that_crosses_it() {
    check("GET http a.example /\ntimes 4", |l| l.http_requests = 3, "http_requests", "3").await;
    check("GET http a.example /", |l| l.http_requests = 0, "http_requests", "0").await;
    check("GET http b.example /\ntogether 9", |l| l.http_requests = 3, "http_requests", "3").await;
    check("POST http a.example /\nbody 100000", |l| l.http_sent = ByteSize(50_000), "http_sent", "50000B").await;
    check("POST http a.example /\nbody 300\ntimes 3", |l| l.http_sent = ByteSize(1000), "http_sent", "1000B").await;
    let long = format!("GET http a.example /{}", "x".repeat(2000));
    check(&long, |l| l.http_sent = ByteSize(1000), "http_sent", "1000B").await;
    check("GET http a.example /endless", |l| l.http_received = ByteSize(1 << 20), "http_received", "1MiB").await;
    check("GET http a.example /informational", |l| l.http_received = ByteSize(1 << 20), "http_received", "1MiB").await;
    check("GET http a.example /\ntimes 20", |l| l.http_received = ByteSize(1000), "http_received", "1000B").await;
    check("GET http a.example /silent", |l| l.time = Span(Duration::from_millis(100)), "time", "100ms").await;
    check("GET http a.example /endless", |l| l.memory = ByteSize(2 << 20), "http_received", "64MiB").await;
}

#[tokio::test]
async fn just_within_the_limits_is_fine() {
    let mut web = Web::new();
    web.limits.http_requests = 3;
    assert_eq!(web.call("GET http a.example /\ntimes 3").await.told(), "200");
    assert_eq!(web.call("GET http a.example /\ntogether 3").await.told(), "200 200 200");
    // A guest that has enough of an endless body just stops reading.
    let some = web.call("GET http a.example /endless\nread 10000").await;
    assert!(some.text().contains("\n10000 bytes\nzzz"), "{}", some.text());
    assert!(some.finished.used.http[0].received < 2 << 20, "no more is taken in: {:?}", some.finished.used.http);
}

#[tokio::test]
async fn waiting_has_an_end_and_the_guest_goes_on() {
    let short = Span(Duration::from_millis(150));
    for (request, told, noted) in [
        ("GET http a.example /silent", "ErrorCode::HttpResponseTimeout", "no answer within 150ms; `limits.http_time`"),
        ("GET http a.example /stall", "after 10 bytes: connection read timeout", ""),
        ("GET http a.example /extensions", "after 0 bytes: connection read timeout", ""),
        ("POST http a.example /\nheader content-length 5", "ErrorCode::HttpRequestBodySize", ""),
    ] {
        let mut web = Web::new();
        web.limits.http_time = short;
        let started = Instant::now();
        let waited = web.call(request).await;
        assert!(waited.told().starts_with(told), "{request}: {}", waited.told());
        assert!(waited.finished.used.denials.concat().contains(noted), "{:?}", waited.finished.used.denials);
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    // Slow all together, never for long.
    let mut web = Web::new();
    web.limits.http_time = Span(Duration::from_millis(1500));
    assert_eq!(web.call("GET http a.example /slow").await.told(), "200");
    // What the guest itself wants is shorter, and no setting's fault.
    let wanted = Web::new().call("GET http a.example /silent\nfirst 50").await;
    assert_eq!(wanted.told(), "ErrorCode::HttpResponseTimeout");
    assert_eq!(wanted.finished.used.denials, [""; 0]);
    let wanted = Web::new().call("GET http a.example /stall\nbetween 50").await;
    assert!(wanted.told().starts_with("after 10 bytes: connection read timeout"), "{}", wanted.told());
}

#[tokio::test]
async fn a_broken_answer_is_told_as_what_it_is() {
    for (path, told) in [
        ("/short", "after 10 bytes: incomplete HTTP response"),
        ("/close", "ErrorCode::HttpResponseIncomplete"),
        ("/garbage", "ErrorCode::HttpProtocolError"),
        ("/big-head", "ErrorCode::HttpResponseHeaderSectionSize"),
        ("/many-headers", "ErrorCode::HttpResponseHeaderSectionSize"),
    ] {
        let broken = Web::new().call(&format!("GET http a.example {path}")).await;
        assert!(broken.told().starts_with(told), "{path}: {}", broken.told());
    }
    let upgrade = Web::new().call("GET http a.example /upgrade").await;
    assert!(upgrade.told().starts_with("101") || upgrade.told().starts_with("ErrorCode"), "{}", upgrade.told());
}

#[tokio::test]
async fn a_cancelled_call_and_a_dropped_request_close_the_connection() {
    let web = Web::new();
    let server = Server::plain().await;
    let closes = async |count: usize| {
        let started = Instant::now();
        while *server.closed.lock().unwrap() < count {
            assert!(started.elapsed() < Duration::from_secs(20), "the connection stays open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let call = web.call_at(&server, "GET http a.example /endless");
    assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
    closes(1).await;
    // The guest lets go of its request, and the call ends well.
    let let_go = web.call_at(&server, "GET http a.example /silent\nlet_go").await;
    assert_eq!(let_go.told(), "let go");
    let read = web.call_at(&server, "GET http a.example /endless\nread 100").await;
    assert_eq!(read.told(), "200");
    closes(server.seen().len()).await;
}

/// Requests that are never sent are kept by the host.
#[tokio::test]
async fn what_a_guest_hoards_is_bounded() {
    let yard = super::Yard::new(garth::policy::Access::None);
    for (what, kept) in [
        ("authority\n3\n500", true),
        ("authority\n3\n1000000", false),
        ("method\n3\n30", true),
        ("method\n3\n1000000", false),
        ("scheme\n3\n1000000", false),
        ("path\n3\n8000", true),
        ("path\n3\n1000000", false),
        ("headers\n3\n8000", true),
        ("headers\n3\n64000", false),
        ("headers\n1000\n8000", true),
        ("headers\n3000\n8000", false),
        ("path\n3000\n8000", false),
    ] {
        let finished = yard.call("http_hoard", what).await;
        assert_eq!(finished.result.is_ok(), kept, "{what:?}: {finished:?}");
    }
}

#[tokio::test]
async fn a_call_has_a_few_connections_at_a_time() {
    let mut web = Web::new();
    web.limits.time = Span(Duration::from_millis(500));
    let many = web.call("GET http a.example /silent\ntogether 40").await;
    assert!(matches!(many.finished.result, Err(CallError::Limit { limit: "time", .. })));
    assert!((1..=16).contains(&many.seen.len()), "{}", many.seen.len());
    assert_eq!(Web::new().call("GET http a.example /x\ntogether 40").await.told(), ["200"; 40].join(" "));
}

#[tokio::test]
async fn the_users_time_is_not_the_calls() {
    let mut web = Web::new();
    web.limits.time = Span(Duration::from_millis(400));
    web.wait = Duration::from_millis(900);
    let waited = web.call("GET http a.example /").await;
    assert_eq!(waited.told(), "200");
    assert!(waited.finished.used.wall > Duration::from_millis(800));
    // Several at once, and still the clock goes on afterwards.
    assert_eq!(web.call("GET http a.example /\ntogether 3").await.told(), "200 200 200");
    let after = web.call("GET http a.example /silent").await;
    assert_eq!(after.finished.result, Err(CallError::Limit { limit: "time", value: "400ms".to_owned() }));
}
