//! Programs: inside the prefixes they reach the host as they are, outside they never do.

use garth::policy::Access;
use garth::sandbox::CallError;

use super::Yard;

async fn check(arguments: &str, allowed: bool) {
    let mut yard = Yard::new(Access::Read);
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    yard.capabilities.process = vec![words("git log"), words("cargo test")];
    let finished = yard.call("run", arguments).await;
    let commands = yard.host.commands.lock().unwrap();
    match allowed {
        true => {
            assert_eq!(finished.result.unwrap().text, arguments.replace('\n', " "));
            assert!(commands[0].timeout.unwrap() <= yard.limits.time.0);
        }
        false => {
            let denied = matches!(&finished.result, Err(CallError::Denied(text)) if text.starts_with("denied: "));
            assert!(denied && commands.is_empty(), "{arguments}: {finished:?}");
            assert_eq!(finished.used.denials.len(), 1);
        }
    }
}

#[tokio::test]
async fn only_the_granted_prefixes_reach_the_host() {
    for arguments in ["git\nlog", "git\nlog\n-3\n--\n; rm -rf /", "cargo\ntest\n$(reboot)"] {
        check(arguments, true).await;
    }
    for arguments in [
        "git",
        "git\npush",
        "git log",
        "git\nlog; sh",
        "sh\n-c\ngit log",
        "/usr/bin/git\nlog",
        "../git\nlog",
        "git\n-c\nalias.log=!sh\nlog",
        "git\nlog\n--output=.git/hooks/pre-commit",
        "git\nlog\n--ext-diff",
        "cargo\ntesty",
    ] {
        check(arguments, false).await;
    }
    check("git\nlog\ndir=..", false).await;
    check("git\nlog\ndir=/etc", false).await;
}

#[tokio::test]
async fn without_the_capability_the_import_answers_denied() {
    let yard = Yard::new(Access::Write);
    let finished = yard.call("run", "git\nlog").await;
    assert!(matches!(&finished.result, Err(CallError::Denied(text)) if text.contains("no programs")), "{finished:?}");
}
