//! Calls as such: fresh instances, the inert surroundings, many at once, what is reported about them.

use garth::policy::{Access, Limits};
use garth::protocol::Level;
use garth::sandbox::CallError;

use super::{Yard, shared};

#[tokio::test]
async fn a_call_sees_nothing_of_the_one_before_and_nothing_of_the_machine() {
    let yard = Yard::new(Access::None);
    for _ in 0..3 {
        assert_eq!(yard.call("count", "").await.result.unwrap().text, "1");
    }
    assert_eq!(yard.call("environment", "").await.result.unwrap().text, "env 0 args 0 preopens ");
    assert_eq!(yard.call("stdin", "").await.result.unwrap().text, "0 bytes");
    // A port where somebody listens, and one where nobody does: denied is not refused.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let ports = format!("{}\n1", listener.local_addr().unwrap().port());
    let network = yard.call("network", &ports).await.result.unwrap().text;
    let (sockets, lookup) = network.rsplit_once(' ').unwrap();
    assert_eq!(sockets, "PermissionDenied PermissionDenied PermissionDenied");
    assert_ne!(lookup, "done");
    assert!(listener.accept().is_err());
}

#[tokio::test]
async fn the_guests_answers_arrive_as_its_own() {
    let yard = Yard::new(Access::None);
    let text = || "why".to_owned();
    assert_eq!(yard.call("fail", "why").await.result, Err(CallError::Failed(text())));
    assert_eq!(yard.call("deny", "why").await.result, Err(CallError::Denied(text())));
    assert_eq!(yard.call("invalid", "why").await.result, Err(CallError::InvalidInput(text())));
    assert!(matches!(yard.call("no-such-tool", "").await.result, Err(CallError::InvalidInput(_))));
}

#[tokio::test]
async fn messages_and_printed_lines_reach_the_host() {
    let yard = Yard::new(Access::None);
    yard.call("progress", "2").await.result.unwrap();
    yard.call("print", "2").await.result.unwrap();
    let reports = yard.host.reports.lock().unwrap();
    assert_eq!(*reports, [("still here".to_owned(), Some(0.0)), ("still here".to_owned(), Some(1.0))]);
    let logs = yard.host.logs.lock().unwrap();
    let expected = [(Level::Info, "line 0"), (Level::Info, "line 1"), (Level::Warn, "no newline")];
    assert_eq!(*logs, expected.map(|(level, text)| (level, text.to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_calls_at_once_none_is_lost() {
    let yard = std::sync::Arc::new(Yard::new(Access::Read));
    yard.put("file", "content");
    let calls = (0..150).map(|n| {
        let yard = yard.clone();
        tokio::spawn(async move {
            match n % 3 {
                0 => yard.call("sleep", "20").await.result.unwrap().text == "slept",
                1 => yard.call("echo", &n.to_string()).await.result.unwrap().text == n.to_string(),
                _ => yard.file("read", &["file"]).await == Ok("content".to_owned()),
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
}

#[tokio::test]
async fn what_a_call_used_is_reported() {
    let yard = Yard::new(Access::Write);
    let finished = yard.call("std", "replace\n/workspace/a.txt\nnew").await;
    assert_eq!(finished.result.unwrap().text, "done");
    let used = finished.used;
    assert_eq!(used.written, ["a.txt", "a.txt.tmp"]);
    assert!(used.memory_peak >= 1 << 16 && used.host_calls > 3 && used.written_bytes == 3 + 2 * 4096, "{used:?}");
    assert!(used.cpu <= used.wall + std::time::Duration::from_millis(50), "{used:?}");
    let used = yard.file_finished("read", &["a.txt"]).await.used;
    assert!(used.written.is_empty() && used.written_bytes == 0 && used.denials.is_empty(), "{used:?}");
}

#[tokio::test]
async fn a_denial_says_what_and_which_setting() {
    let yard = Yard::new(Access::Read);
    yard.put(".env", "KEY=1");
    let denials = yard.file_finished("read", &[".env"]).await.used.denials;
    assert!(denials.len() == 1 && denials[0].contains("'.env'") && denials[0].contains("secret"), "{denials:?}");
    let denials = yard.file_finished("write", &["a", "b"]).await.used.denials;
    assert!(denials.len() == 1 && denials[0].contains("workspace"), "{denials:?}");
}

#[tokio::test]
async fn describing_grants_nothing_and_previewing_only_reads() {
    let (sandbox, component) = shared();
    let tools = sandbox.describe(component, &Limits::default()).await.unwrap();
    assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["spin", "file"]);

    let mut yard = Yard::new(Access::Write);
    yard.put("a.txt", "old");
    yard.capabilities.process = vec![vec!["tool".to_owned()]];
    let preview =
        |tool: &str, arguments: &str| sandbox.preview(component, yard.request(tool, arguments), yard.host.clone());
    let changes = preview("other", "a.txt").await.result.unwrap().unwrap();
    assert_eq!((changes[0].path.as_str(), changes[0].content.as_deref()), ("a.txt", Some(b"new".as_slice())));
    assert_eq!(preview("file", "read\n/workspace\na.txt").await.result, Ok(None));
    for (tool, arguments) in [("file", "write\n/workspace\na.txt\nnew"), ("file", "unlink\n/workspace\na.txt")] {
        assert!(matches!(preview(tool, arguments).await.result, Err(CallError::Failed(_))));
    }
    assert!(matches!(preview("run", "tool").await.result, Err(CallError::Denied(_))));
    assert!(yard.host.commands.lock().unwrap().is_empty());
    assert_eq!(yard.get("a.txt").as_deref(), Some("old"));
    assert!(matches!(preview("flood", "10").await.result, Err(CallError::Limit { limit: "output", .. })));
}
