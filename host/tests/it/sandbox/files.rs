//! The file policy: an allow and a deny for each way a path can lead somewhere. Cases are data: the operation, its
//! paths, and the text or the error code that the guest gets.

use std::os::unix::fs::{MetadataExt as _, symlink};

use garth::policy::{Access, PathGrant, Workspace};

use super::{Yard, exists};

const ACCESS: &str = "access";
const PERMITTED: &str = "not-permitted";

/// A workspace with everything that is worth attacking.
fn furnished(access: Access) -> Yard {
    let yard = Yard::new(access);
    for (path, content) in [
        ("a.txt", "inside"),
        ("sub/b.txt", "below"),
        (".git/config", "[core]"),
        ("nested/.git/HEAD", "ref"),
        (".garth/config.toml", "mode"),
        ("garth.lock", "lock"),
        ("config/fixed.toml", "fixed"),
        (".env", "KEY=1"),
        ("app/.env.local", "KEY=2"),
        ("vault/deep/key", "secret"),
        ("plain/vault2", "x"),
    ] {
        yard.put(path, content);
    }
    std::fs::create_dir(yard.workspace.join("empty")).unwrap();
    std::fs::write(yard.outside.join("secret.txt"), "outside").unwrap();
    std::fs::write(yard.outside.join("shared.txt"), "shared").unwrap();
    std::fs::hard_link(yard.outside.join("shared.txt"), yard.workspace.join("shared.txt")).unwrap();
    let link = |target: &str, name: &str| symlink(target, yard.workspace.join(name)).unwrap();
    link("a.txt", "in");
    link("sub", "sub_link");
    link("../outside/secret.txt", "out_rel");
    link(yard.outside.join("secret.txt").to_str().unwrap(), "out_abs");
    link("../outside", "out_dir");
    link(".git", "git_link");
    link(".env", "env_link");
    link("/proc/self/environ", "proc_link");
    link("/proc/self/root", "root_link");
    link("nowhere", "dangling");
    link("loop", "loop");
    fifo(&yard.workspace.join("pipe"));
    let _ = std::os::unix::net::UnixListener::bind(yard.workspace.join("socket")).unwrap();
    yard
}

fn fifo(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

async fn check(yard: &Yard, cases: &[(&str, &[&str], Result<&str, &str>)]) {
    for (operation, paths, expected) in cases {
        let got = yard.file(operation, paths).await;
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(got, expected, "{operation} {paths:?}");
    }
}

#[tokio::test]
async fn reading_stays_inside() {
    let yard = furnished(Access::Read);
    let absolute = yard.outside.join("secret.txt");
    let absolute = absolute.to_str().unwrap();
    check(
        &yard,
        &[
            ("read", &["a.txt"], Ok("inside")),
            ("read", &["./sub/../a.txt"], Ok("inside")),
            ("read", &["sub/b.txt"], Ok("below")),
            ("read", &["in"], Ok("inside")),
            ("read", &["sub_link/b.txt"], Ok("below")),
            ("read_in", &["sub", "b.txt"], Ok("below")),
            ("read_in", &["sub_link", "b.txt"], Ok("below")),
            ("read", &["shared.txt"], Ok("shared")),
            ("read", &[".git/config"], Ok("[core]")),
            ("read", &["git_link/config"], Ok("[core]")),
            ("read", &["plain/vault2"], Ok("x")),
            ("stat", &[".env"], Ok("DescriptorType::RegularFile 5")),
            ("readlink", &["in"], Ok("a.txt")),
            ("list", &["app"], Ok(".env.local")),
            ("read_nofollow", &["in"], Err("loop")),
            ("read", &["loop"], Err("loop")),
            ("read", &["missing"], Err("no-entry")),
            ("read", &["dangling"], Err("no-entry")),
            // Out by `..`, by links, by absolute paths, by /proc.
            ("read", &["../outside/secret.txt"], Err(PERMITTED)),
            ("read", &["sub/../../outside/secret.txt"], Err(PERMITTED)),
            ("read_in", &["sub", "../../outside/secret.txt"], Err(PERMITTED)),
            // A handle on a folder is a border of its own.
            ("read_in", &["sub", "../a.txt"], Err(PERMITTED)),
            ("read", &[absolute], Err(PERMITTED)),
            ("read", &["/etc/passwd"], Err(PERMITTED)),
            ("read", &["/proc/self/environ"], Err(PERMITTED)),
            ("read", &["out_rel"], Err(PERMITTED)),
            ("read", &["out_abs"], Err(PERMITTED)),
            ("read", &["out_dir/secret.txt"], Err(PERMITTED)),
            ("read", &["proc_link"], Err(PERMITTED)),
            ("read", &["root_link/etc/passwd"], Err(PERMITTED)),
            ("stat", &["../outside/secret.txt"], Err(PERMITTED)),
            ("stat", &["out_rel"], Err(PERMITTED)),
            ("list", &["out_dir"], Err(PERMITTED)),
            ("list", &[".."], Err(PERMITTED)),
            ("readlink", &["out_abs"], Err(PERMITTED)),
            // Secrets, under every name.
            ("read", &[".env"], Err(ACCESS)),
            ("read", &["env_link"], Err(ACCESS)),
            ("read", &["sub/../.env"], Err(ACCESS)),
            ("read", &["app/.env.local"], Err(ACCESS)),
            ("read_in", &["app", ".env.local"], Err(ACCESS)),
            ("read", &["vault/deep/key"], Err(ACCESS)),
            ("read_in", &["vault/deep", "key"], Err(ACCESS)),
            // What is no file does not block and is not opened.
            ("read", &["pipe"], Err(PERMITTED)),
        ],
    )
    .await;
    assert!(yard.file("read", &["socket"]).await.is_err());
    let finished = yard.call("std", "read_all\n/workspace/sub").await;
    assert_eq!(finished.result.unwrap().text, "5");
}

#[tokio::test]
async fn a_read_only_workspace_is_not_changed_in_any_way() {
    let yard = furnished(Access::Read);
    let before = std::fs::metadata(yard.workspace.join("a.txt")).unwrap();
    for (operation, paths) in [
        ("write", ["a.txt", "x"]),
        ("write", ["new.txt", "x"]),
        ("write_existing", ["a.txt", "x"]),
        ("append", ["a.txt", "x"]),
        ("create_new", ["new.txt", ""]),
        ("truncate_by_reading", ["a.txt", ""]),
        ("resize_by_reading", ["a.txt", ""]),
        ("write_by_reading", ["a.txt", ""]),
        ("stream_by_reading", ["a.txt", ""]),
        ("mkdir", ["made", ""]),
        ("rmdir", ["empty", ""]),
        ("unlink", ["a.txt", ""]),
        ("rename", ["a.txt", "b.txt"]),
        ("link", ["a.txt", "b.txt"]),
        ("symlink", ["link", "a.txt"]),
        ("times", ["a.txt", ""]),
        ("times_by_reading", ["a.txt", ""]),
    ] {
        assert!(yard.file(operation, &paths).await.is_err(), "{operation} {paths:?}");
    }
    let after = std::fs::metadata(yard.workspace.join("a.txt")).unwrap();
    assert_eq!((before.mtime_nsec(), before.ctime_nsec()), (after.mtime_nsec(), after.ctime_nsec()));
    assert_eq!(yard.get("a.txt").as_deref(), Some("inside"));
    assert!(exists(&yard.workspace.join("empty")) && !exists(&yard.workspace.join("new.txt")));
}

#[tokio::test]
async fn writing_works_inside() {
    let yard = furnished(Access::Write);
    check(
        &yard,
        &[
            ("write", &["new.txt", "new"], Ok("done")),
            ("write", &["a.txt", "changed"], Ok("done")),
            ("write_existing", &["in", "CH"], Ok("done")),
            ("read", &["a.txt"], Ok("CHanged")),
            ("append", &["a.txt", "!"], Ok("done")),
            ("read", &["a.txt"], Ok("CHanged!")),
            ("resize", &["a.txt", "2"], Ok("done")),
            ("read", &["a.txt"], Ok("CH")),
            ("write", &["in", "through the link"], Ok("done")),
            ("read", &["a.txt"], Ok("through the link")),
            ("truncate_by_reading", &["a.txt"], Ok("done")),
            ("read", &["a.txt"], Ok("")),
            ("create_new", &["a.txt"], Err("exist")),
            ("write_by_reading", &["a.txt"], Err("bad-descriptor")),
            ("mkdir", &["made/"], Ok("done")),
            ("mkdir", &["made"], Err("exist")),
            ("mkdir", &["made/deeper"], Ok("done")),
            ("rename", &["new.txt", "made/new.txt"], Ok("done")),
            ("rename", &["made", "kept"], Ok("done")),
            ("read", &["kept/new.txt"], Ok("new")),
            ("rmdir", &["kept"], Err("not-empty")),
            ("rmdir", &["kept/deeper"], Ok("done")),
            ("unlink", &["kept/new.txt"], Ok("done")),
            ("unlink", &["out_abs"], Ok("done")),
            ("symlink", &["here", "sub/b.txt"], Ok("done")),
            ("symlink", &["kept/up", "../sub"], Ok("done")),
            ("read", &["kept/up/b.txt"], Ok("below")),
            ("times", &["sub/b.txt"], Ok("done")),
            ("times", &["here"], Ok("done")),
            ("times_nofollow", &["here"], Ok("done")),
            ("write_in_renamed", &["plain", "renamed"], Ok("done")),
            ("write", &[".gitignore", "target"], Ok("done")),
            ("write", &["config/other.toml", "free"], Ok("done")),
        ],
    )
    .await;
    assert!(exists(&yard.outside.join("secret.txt")) && exists(&yard.workspace.join("renamed/late")));
    // A file with two names is replaced, not written in place.
    assert_eq!(yard.call("std", "replace\n/workspace/shared.txt\nmine").await.result.unwrap().text, "done");
    assert_eq!(std::fs::read_to_string(yard.outside.join("shared.txt")).unwrap(), "shared");
}

#[tokio::test]
async fn nothing_is_planted_where_it_would_count() {
    let yard = furnished(Access::Write);
    let snapshot = |path: &str| yard.get(path);
    let watched = [".git/config", "nested/.git/HEAD", ".garth/config.toml", "garth.lock", "config/fixed.toml", ".env"];
    let before: Vec<_> = watched.iter().map(|path| snapshot(path)).collect();
    check(
        &yard,
        &[
            ("write", &[".git/config", "x"], Err(ACCESS)),
            ("write_existing", &[".git/config", "x"], Err(ACCESS)),
            ("truncate_by_reading", &[".git/config"], Err(ACCESS)),
            ("write", &[".git/hooks", "x"], Err(ACCESS)),
            ("write", &["git_link/hooks", "x"], Err(ACCESS)),
            ("write", &["sub/../.git/config", "x"], Err(ACCESS)),
            ("write", &["nested/.git/HEAD", "x"], Err(ACCESS)),
            ("write", &["sub/.git", "gitdir: ../elsewhere"], Err(ACCESS)),
            ("write", &["garth.lock", "x"], Err(ACCESS)),
            ("write", &["sub/garth.lock", "x"], Err(ACCESS)),
            ("write", &["config/fixed.toml", "x"], Err(ACCESS)),
            ("append", &[".garth/config.toml", "x"], Err(ACCESS)),
            ("mkdir", &["sub/.git"], Err(ACCESS)),
            ("mkdir", &["sub/.GIT"], Err(ACCESS)),
            ("mkdir", &[".git/hooks"], Err(ACCESS)),
            ("unlink", &[".git/config"], Err(ACCESS)),
            ("unlink", &["garth.lock"], Err(ACCESS)),
            ("rmdir", &[".git"], Err(ACCESS)),
            ("times", &[".git/config"], Err(ACCESS)),
            ("times_by_reading", &[".git/config"], Err(ACCESS)),
            // Renames: out of it, into it, onto it, and with it inside.
            ("rename", &[".git", "old"], Err(ACCESS)),
            ("rename", &[".git/config", "config.txt"], Err(ACCESS)),
            ("rename", &["a.txt", ".git/hooks"], Err(ACCESS)),
            ("rename", &["a.txt", "git_link/hooks"], Err(ACCESS)),
            ("rename", &["sub", "empty/.git"], Err(ACCESS)),
            ("rename", &["empty", ".git"], Err(ACCESS)),
            ("rename", &["nested", "moved"], Err(ACCESS)),
            ("rename", &["config", "config2"], Err(ACCESS)),
            ("rename", &["a.txt", "garth.lock"], Err(ACCESS)),
            ("rename", &["a.txt", "../outside/a.txt"], Err(PERMITTED)),
            // Secrets do not get a readable name, and are not overwritten.
            ("rename", &[".env", "readable.txt"], Err(ACCESS)),
            ("rename", &["vault", "open"], Err(ACCESS)),
            ("rename", &["vault/deep", "open"], Err(ACCESS)),
            ("rename", &["a.txt", ".env"], Err(ACCESS)),
            ("link", &[".env", "readable.txt"], Err(PERMITTED)),
            ("link", &["a.txt", "b.txt"], Err(PERMITTED)),
            ("write", &[".env", "x"], Err(ACCESS)),
            ("unlink", &[".env"], Err(ACCESS)),
            // Links that others would follow.
            ("symlink", &["x", ".git/hooks"], Err(ACCESS)),
            ("symlink", &["x", ".git"], Err(ACCESS)),
            ("symlink", &["sub/x", "../.git/config"], Err(ACCESS)),
            ("symlink", &["x", "git_link/hooks/pre-commit"], Err(ACCESS)),
            ("symlink", &["x", "git_link"], Err(ACCESS)),
            ("symlink", &["x", "sub/../.git/new/file"], Err(ACCESS)),
            ("symlink", &["x", "dangling/y"], Err(PERMITTED)),
            ("symlink", &["x", "missing/../../outside"], Err(PERMITTED)),
            ("symlink", &["x", "/etc/passwd"], Err(PERMITTED)),
            ("symlink", &["x", "../outside/secret.txt"], Err(PERMITTED)),
            ("symlink", &["x", "out_dir/secret.txt"], Err(PERMITTED)),
            ("symlink", &["x", ".env"], Err(ACCESS)),
            ("symlink", &[".git", "sub"], Err(ACCESS)),
            // Through links and hard links to the outside.
            ("write", &["out_rel", "x"], Err(PERMITTED)),
            ("write", &["out_abs", "x"], Err(PERMITTED)),
            ("write", &["out_dir/new", "x"], Err(PERMITTED)),
            ("write", &["../outside/new", "x"], Err(PERMITTED)),
            ("write", &["dangling", "x"], Err(PERMITTED)),
            ("write", &["shared.txt", "x"], Err(PERMITTED)),
            ("append", &["shared.txt", "x"], Err(PERMITTED)),
            ("truncate_by_reading", &["shared.txt"], Err(PERMITTED)),
            ("times", &["shared.txt"], Err(PERMITTED)),
            ("mkdir", &["out_dir/new"], Err(PERMITTED)),
            ("unlink", &["out_dir/secret.txt"], Err(PERMITTED)),
            ("unlink", &["../outside/secret.txt"], Err(PERMITTED)),
        ],
    )
    .await;
    assert!(yard.file("write", &["pipe", "x"]).await.is_err());
    assert!(yard.file("unlink", &["."]).await.is_err() && yard.file("rename", &["..", "x"]).await.is_err());
    assert_eq!(watched.iter().map(|path| snapshot(path)).collect::<Vec<_>>(), before);
    assert_eq!(std::fs::read_to_string(yard.outside.join("secret.txt")).unwrap(), "outside");
    assert_eq!(std::fs::read_to_string(yard.outside.join("shared.txt")).unwrap(), "shared");
    assert_eq!(std::fs::read_dir(&yard.outside).unwrap().count(), 2);
    // Making a new secret gives nothing away, and a folder that holds one may move with it.
    check(
        &yard,
        &[
            ("write", &["sub/.env", "NEW=1"], Ok("done")),
            ("write", &["fresh", "NEW=2"], Ok("done")),
            ("rename", &["fresh", "sub/.env.test"], Ok("done")),
            ("read", &["sub/.env"], Err(ACCESS)),
            ("rename", &["app", "application"], Ok("done")),
            ("read", &["application/.env.local"], Err(ACCESS)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_link_does_not_become_dangerous_by_moving() {
    let yard = Yard::new(Access::Write);
    yard.put("config/fixed.toml", "fixed");
    yard.put("a/b/x", "");
    check(
        &yard,
        &[
            // Down here it leads nowhere; one folder up it would lead to the protected file.
            ("symlink", &["a/link", "config/fixed.toml"], Ok("done")),
            ("rename", &["a/link", "link"], Err(ACCESS)),
            ("symlink", &["a/b/up", "../config/fixed.toml"], Ok("done")),
            ("rename", &["a/b", "b"], Err(ACCESS)),
            ("rename", &["a/link", "a/b/link"], Ok("done")),
        ],
    )
    .await;
}

#[tokio::test]
async fn secrets_are_open_to_a_tool_that_has_them() {
    let mut yard = furnished(Access::Write);
    yard.capabilities.secret_files = true;
    check(
        &yard,
        &[
            ("read", &[".env"], Ok("KEY=1")),
            ("write", &[".env", "KEY=3"], Ok("done")),
            ("rename", &["vault", "open"], Ok("done")),
            ("write", &[".git/config", "x"], Err(ACCESS)),
        ],
    )
    .await;
}

#[tokio::test]
async fn parts_of_the_workspace_are_all_there_is() {
    let mut yard = furnished(Access::None);
    let grant = |path: &str, access| PathGrant { path: path.to_owned(), access };
    yard.capabilities.workspace = Workspace::Paths(vec![
        grant("sub", Access::Write),
        grant("plain", Access::Read),
        grant("a.txt", Access::Read),
        grant("made/later", Access::Write),
    ]);
    assert_eq!(
        yard.call("environment", "").await.result.unwrap().text,
        "env 0 args 0 preopens /workspace/sub,/workspace/plain,/workspace"
            .replace("/workspace/sub,/workspace/plain,/workspace", "/workspace,/workspace/sub,/workspace/plain")
    );
    check(
        &yard,
        &[
            ("read", &["a.txt"], Ok("inside")),
            ("list", &["."], Ok("a.txt,plain,sub")),
            ("write", &["a.txt", "x"], Err(ACCESS)),
            ("read", &["garth.lock"], Err(ACCESS)),
            ("stat", &["garth.lock"], Err(ACCESS)),
            ("list", &["app"], Err(ACCESS)),
            ("read", &["in"], Ok("inside")),
            ("mkdir", &["made"], Err(ACCESS)),
            ("mkdir", &["other"], Err(ACCESS)),
        ],
    )
    .await;
    for (arguments, expected) in [
        ("write\n/workspace/sub\nnew.txt\nnew", true),
        ("read\n/workspace/sub\nb.txt", true),
        ("read\n/workspace/plain\nvault2", true),
        ("write\n/workspace/plain\nvault2\nx", false),
        ("write\n/workspace/plain\nnew\nx", false),
        ("read\n/workspace/sub\n../a.txt", false),
        ("mkdir\n/workspace/sub\n.git", false),
    ] {
        let result = yard.call("file", arguments).await.result;
        assert_eq!(result.is_ok(), expected, "{arguments}: {result:?}");
    }
    assert_eq!(yard.call("std", "read\n/workspace/sub/b.txt").await.result.unwrap().text, "below");
    assert_eq!(yard.call("std", "read\n/workspace/a.txt").await.result.unwrap().text, "inside");
    yard.capabilities.workspace = Workspace::Paths(vec![grant("sub_link", Access::Read)]);
    let refused = yard.call("echo", "").await.result.unwrap_err().to_string();
    assert!(refused.contains("sub_link") && refused.contains("link"), "{refused}");
}
