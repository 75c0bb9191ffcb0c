//! The plugin's private directory: there when granted, with its size limit, and apart from the workspace.

use garth::policy::Access;
use garth::protocol::ByteSize;
use garth::sandbox::CallError;

use super::Yard;

fn with_state(limit: u64) -> Yard {
    let mut yard = Yard::new(Access::Write);
    let state = yard.outside.join("state");
    std::fs::create_dir(&state).unwrap();
    yard.state = Some(state);
    yard.capabilities.state = Some(ByteSize(limit));
    yard
}

#[tokio::test]
async fn state_lasts_between_calls_and_only_when_granted() {
    let mut yard = with_state(1 << 20);
    assert_eq!(yard.call("std", "write\n/state/note\nhello").await.result.unwrap().text, "done");
    let finished = yard.call("std", "read\n/state/note").await;
    assert_eq!(finished.result.unwrap().text, "hello");
    assert!(finished.used.written.is_empty());
    assert_eq!(yard.file("rename_to_state", &["x", "y"]).await, Err("cross-device".to_owned()));
    yard.capabilities.state = None;
    assert!(matches!(yard.call("std", "read\n/state/note").await.result, Err(CallError::Failed(_))));
}

#[tokio::test]
async fn state_has_a_size_limit_that_counts_what_was_there() {
    let yard = with_state(40_000);
    let write = |name: &str, size: usize| format!("write\n/state/{name}\n{}", "x".repeat(size));
    assert!(yard.call("std", &write("a", 20_000)).await.result.is_ok());
    let finished = yard.call("std", &write("b", 20_000)).await;
    assert!(matches!(finished.result, Err(CallError::Failed(_))), "{finished:?}");
    assert!(finished.used.denials[0].contains("/state is full"), "{finished:?}");
    // Replacing and removing give room back.
    for _ in 0..5 {
        assert!(yard.call("std", &write("a", 20_000)).await.result.is_ok());
    }
    assert!(yard.call("file", "unlink\n/state\na").await.result.is_ok());
    assert!(yard.call("std", &write("b", 20_000)).await.result.is_ok());
}
