//! Every limit ends the call that crosses it, says which it was and its value, and costs no other call.

use std::time::{Duration, Instant};

use garth::policy::{Access, Limits};
use garth::protocol::{ByteSize, Span};
use garth::sandbox::CallError;

use super::Yard;

fn span(ms: u64) -> Span {
    Span(Duration::from_millis(ms))
}

async fn check(tool: &str, arguments: &str, set: impl Fn(&mut Limits), limit: &'static str, value: &str) {
    let mut yard = Yard::new(Access::Write);
    yard.put("file", "content");
    set(&mut yard.limits);
    let finished = yard.call(tool, arguments).await;
    let expected = CallError::Limit { limit, value: value.to_owned() };
    assert_eq!(finished.result, Err(expected), "{tool} {arguments}");
    // The sandbox is as good as before.
    yard.limits = Limits::default();
    assert_eq!(yard.call("echo", "still here").await.result.unwrap().text, "still here");
}

#[tokio::test]
async fn each_limit_stops_the_guest_that_crosses_it() {
    check("spin", "", |l| l.cpu = span(50), "cpu", "50ms").await;
    check("spin", "", |l| l.time = span(50), "time", "50ms").await;
    check("sleep", "600000", |l| l.time = span(50), "time", "50ms").await;
    check("clock_calls", "0", |l| l.host_calls = 1000, "host_calls", "1000").await;
    check("allocate", "", |l| l.memory = ByteSize(16 << 20), "memory", "16MiB").await;
    check("output_text", "2000", |l| l.output = ByteSize(1999), "output", "1999B").await;
    check("output_attachments", "10\n200", |l| l.output = ByteSize(2000), "output", "2000B").await;
    check("fail_flood", "2000", |l| l.output = ByteSize(1999), "output", "1999B").await;
    check("log", "11\n10", |l| l.log_lines = 10, "log_lines", "10").await;
    check("print", "11", |l| l.log_lines = 10, "log_lines", "10").await;
    check("progress", "11", |l| l.progress_reports = 10, "progress_reports", "10").await;
    check("write_bomb", "/workspace/big\n3", |l| l.written = ByteSize(2 << 20), "written", "2MiB").await;
    check("file_bomb", "100", |l| l.written = ByteSize(64 << 10), "written", "64KiB").await;
    check("file", "write_at_far\n/workspace\nhole", |l| l.written = ByteSize(1 << 20), "written", "1MiB").await;
    check("file", "resize\n/workspace\nfile\n99999999", |l| l.written = ByteSize(1 << 20), "written", "1MiB").await;
    check("descriptor_bomb", "/workspace/file", |l| l.descriptors = 20, "descriptors", "20").await;
    check("echo", "", |l| l.instances = 1, "instances", "1").await;
    check("echo", "", |l| l.table_elements = 3, "table_elements", "3").await;
}

#[tokio::test]
async fn just_within_the_limit_is_fine() {
    let mut yard = Yard::new(Access::Write);
    yard.put("file", "content");
    yard.limits.output = ByteSize(2000);
    yard.limits.log_lines = 11;
    yard.limits.progress_reports = 10;
    yard.limits.written = ByteSize((3 << 20) + 4096);
    for (tool, arguments) in [
        ("output_text", "2000"),
        ("output_attachments", "10\n197"),
        ("log", "11\n10"),
        ("print", "10"),
        ("progress", "10"),
        ("write_bomb", "/workspace/big\n3"),
    ] {
        let finished = yard.call(tool, arguments).await;
        assert!(finished.result.is_ok(), "{tool} {arguments}: {finished:?}");
    }
}

/// A list of attachments that are all the same bytes: small in the guest, large once the host has copied it.
#[tokio::test]
async fn a_result_that_grows_while_it_is_copied_is_stopped() {
    let mut yard = Yard::new(Access::None);
    yard.limits.memory = ByteSize(1 << 30);
    yard.limits.output = ByteSize(1 << 20);
    let finished = yard.call("output_attachments", "100\n1000000").await;
    assert_eq!(finished.result, Err(CallError::Limit { limit: "output", value: "1MiB".to_owned() }));
}

#[tokio::test]
async fn long_messages_are_cut_on_a_character_boundary() {
    let mut yard = Yard::new(Access::None);
    yard.limits.message = ByteSize(5);
    yard.call("log", "1\n1000").await.result.unwrap();
    let logs = yard.host.logs.lock().unwrap();
    assert_eq!(logs[0].1, "éé… (996B more)");
}

#[tokio::test]
async fn crashes_are_told_apart_from_limits_and_carry_what_the_guest_said() {
    let yard = Yard::new(Access::None);
    for (tool, expected) in [
        ("recurse", "call stack"),
        ("trap", "panicked or aborted"),
        ("panic", "the fixture was told to panic"),
        ("exit", "exit code"),
        ("random\n", "it panicked"),
    ] {
        let (tool, arguments) = tool.split_once('\n').map_or((tool, ""), |(tool, _)| (tool, "99999999"));
        match yard.call(tool, arguments).await.result {
            Err(CallError::Trapped(text)) if tool == "random" || text.contains(expected) => {}
            other => panic!("{tool}: {other:?}"),
        }
        assert!(yard.call("echo", "x").await.result.is_ok());
    }
    assert!(yard.call("pollables", "100000").await.result.is_err());
}

#[tokio::test]
async fn waiting_for_approval_is_not_held_against_the_clock_but_the_program_is() {
    let mut yard = Yard::new(Access::None);
    yard.capabilities.process = vec![vec!["tool".to_owned()]];
    yard.limits.time = span(200);
    yard.host = std::sync::Arc::new(super::Recorder { wait: Duration::from_millis(500), ..Default::default() });
    assert!(yard.call("run", "tool\nx").await.result.is_ok());
    yard.host = std::sync::Arc::new(super::Recorder {
        wait: Duration::from_millis(500),
        duration: Duration::from_millis(450),
        ..Default::default()
    });
    let finished = yard.call("run", "tool\nx").await;
    assert!(matches!(finished.result, Err(CallError::Limit { limit: "time", .. })), "{finished:?}");
}

#[tokio::test]
async fn a_dropped_call_is_stopped() {
    let yard = Yard::new(Access::None);
    for (tool, arguments) in [("spin", ""), ("sleep", "600000")] {
        let call = yard.call(tool, arguments);
        assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    }
    // Both threads and slots come back: more calls than there are slots get through.
    let started = Instant::now();
    for _ in 0..100 {
        assert!(yard.call("echo", "x").await.result.is_ok());
    }
    assert!(started.elapsed() < Duration::from_secs(60));
}
