//! Git in the sandbox: it does its work, and runs nothing that a repository names.

use std::fs;
use std::path::Path;

use garth::policy::{Access as Level, Workspace};
use garth::process::{RunError, Tier};

use super::{Yard, tiers};

/// Runs git outside the sandbox, to lay the trap.
fn outside(dir: &Path, args: &[&str]) {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(dir)
        .env_remove("GIT_DIR")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A repository with one commit, a changed file, and every way to have something run that leaves a mark.
fn hostile(tier: Tier) -> Yard {
    let yard = Yard::new(tier).with(|y| y.access.git = true);
    let root = yard.access.workspace.clone();
    for path in [".git", "nested", "docs"] {
        fs::remove_dir_all(root.join(path)).unwrap();
    }
    outside(&root, &["init", "-q"]);
    outside(&root, &["add", "src/main.txt"]);
    outside(&root, &["commit", "-q", "-m", "first"]);
    fs::write(
        yard.root().join("home/.gitconfig"),
        "[user]\nname = Ann Example\nemail = ann@example.org\n[alias]\nst = !x\n",
    )
    .unwrap();
    // Somewhere that every program may write.
    let evil = |name: &str| format!("sh -c 'echo {name} >> {}; cat'", root.join("src/mark").display());
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = \"{f}\"\n\thooksPath = ../src/hooks\n\tpager = \"{p}\"\n\
         \teditor = \"{e}\"\n\tsshCommand = \"{s}\"\n\
         [filter \"evil\"]\n\tclean = \"{c}\"\n\tsmudge = \"{m}\"\n\trequired = true\n\
         [filter \"E.v il\"]\n\tprocess = \"{r}\"\n\
         [diff]\n\texternal = \"{x}\"\n[diff \"evil\"]\n\ttextconv = \"{t}\"\n\tcommand = \"{d}\"\n\
         [merge \"evil\"]\n\tdriver = \"{g}\"\n[alias]\n\tlog = \"!{a}\"\n\tpwn = \"!{a}\"\n[commit]\n\tgpgSign = true\n\
         [gpg]\n\tprogram = \"{g}\"\n[log]\n\tshowSignature = true\n[pager]\n\tlog = \"{p}\"\n\
         [include]\n\tpath = ../src/included\n",
        f = evil("fsmonitor"),
        p = evil("pager"),
        e = evil("editor"),
        s = evil("ssh"),
        c = evil("clean"),
        m = evil("smudge"),
        r = evil("process"),
        x = evil("external"),
        t = evil("textconv"),
        d = evil("command"),
        g = evil("gpg"),
        a = evil("alias"),
    );
    fs::write(root.join(".git/config"), &config).unwrap();
    fs::write(root.join("src/included"), format!("[filter \"more\"]\n\tclean = \"{}\"\n", evil("included"))).unwrap();
    fs::create_dir_all(root.join(".git/info")).unwrap();
    fs::write(root.join(".gitattributes"), "*.txt filter=evil diff=evil merge=evil\n*.dat filter=more\n").unwrap();
    fs::write(root.join(".git/info/attributes"), "*.md filter=\"E.v il\"\n").unwrap();
    fs::create_dir_all(root.join("src/hooks")).unwrap();
    for hook in
        ["pre-commit", "post-commit", "commit-msg", "prepare-commit-msg", "post-index-change", "reference-transaction"]
    {
        for dir in ["src/hooks", ".git/hooks"] {
            let file = root.join(dir).join(hook);
            fs::write(&file, format!("#!/bin/sh\necho hook >> {}\n", root.join("src/mark").display())).unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
    }
    fs::write(root.join("src/main.txt"), "changed\n").unwrap();
    fs::write(root.join("src/more.dat"), "data\n").unwrap();
    yard
}

async fn check(yard: &Yard, words: &[&str], expected: &str) {
    let outcome = yard.run(&[&["git"], words].concat()).await;
    assert_eq!(outcome.exit_code, Some(0), "git {words:?}: {outcome:#?}");
    assert!(outcome.stdout.contains(expected), "git {words:?}: {outcome:#?}");
    assert_eq!(yard.read("src/mark"), "", "git {words:?} ran something in {:?}", outcome.tier);
}

#[tokio::test]
async fn reading_a_hostile_repository_runs_nothing() {
    for tier in tiers() {
        let yard = hostile(tier);
        check(&yard, &["status", "--short"], "src/main.txt").await;
        check(&yard, &["diff"], "+changed").await;
        check(&yard, &["log", "-p"], "+code").await;
        check(&yard, &["show", "HEAD"], "+code").await;
        check(&yard, &["blame", "src/main.txt"], "changed").await;
        check(&yard, &["grep", "changed"], "src/main.txt").await;
        let yard = yard.with(|y| y.access.files = Workspace::All(Level::Read));
        check(&yard, &["status"], "src/main.txt").await;
        check(&yard, &["diff", "--stat"], "main.txt").await;
    }
}

#[tokio::test]
async fn the_trap_works_outside() {
    let yard = hostile(Tier::Full);
    let status = std::process::Command::new("git")
        .arg("diff")
        .current_dir(&yard.access.workspace)
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .output();
    assert!(status.is_ok());
    assert_ne!(yard.read("src/mark"), "", "a trap that cannot spring proves nothing");
}

#[tokio::test]
async fn commits_without_hooks_and_without_touching_the_configuration() {
    for tier in tiers() {
        let yard = hostile(tier);
        let config = yard.read(".git/config");
        if tier == Tier::Full {
            check(&yard, &["add", "src/main.txt", "src/more.dat", ".gitattributes"], "").await;
            check(&yard, &["commit", "-m", "second"], "second").await;
            check(&yard, &["log", "-1", "--format=%an <%ae> %s"], "Ann Example <ann@example.org> second").await;
            check(&yard, &["show", "HEAD:src/main.txt"], "changed").await;
            check(&yard, &["checkout", "-q", "-b", "side"], "").await;
            check(&yard, &["branch", "--show-current"], "side").await;
        } else {
            // Documented: this tier cannot tell git's data from its configuration, so nothing of it is written.
            let outcome = yard.run(&["git", "commit", "-am", "second"]).await;
            assert_ne!(outcome.exit_code, Some(0), "{outcome:#?}");
        }
        let outcome = yard.run(&["git", "config", "core.hooksPath", "evil"]).await;
        assert_ne!(outcome.exit_code, Some(0), "{outcome:#?}");
        assert_eq!((yard.read(".git/config"), yard.read("src/mark")), (config, String::new()));
        assert!(!yard.file(".git/config.lock").exists());
    }
}

#[tokio::test]
async fn git_s_own_access_reaches_no_further() {
    for tier in tiers() {
        let yard = hostile(tier);
        let config = yard.read(".git/config");
        let script = "echo evil > .git/commondir; mkdir .git/worktrees; echo evil > .git/config.worktree; mv .git src/g; \
                      echo evil >> .git/config; mv .git/config .git/c; echo evil > .git/hooks/pre-push; mkdir .git/modules; \
                      mv .git/hooks .git/h; echo evil > .git/info/exclude; true";
        let outcome = yard.sh(script).await;
        for path in
            [".git/commondir", ".git/worktrees", ".git/config.worktree", ".git/modules", ".git/hooks/pre-push", "src/g"]
        {
            assert!(!yard.file(path).exists(), "{path} in {tier:?}: {outcome:#?}");
        }
        assert_eq!(yard.read(".git/config"), config);
        // Without git's access all of it is closed.
        let yard = yard.with(|y| y.access.git = false);
        let before = yard.read(".git/HEAD");
        yard.sh("echo evil > .git/HEAD; echo evil > .git/index; git commit -qam x").await;
        assert_eq!(yard.read(".git/HEAD"), before);
    }
}

#[tokio::test]
async fn a_hostile_submodule_runs_nothing() {
    for tier in tiers() {
        let yard = hostile(tier);
        let root = yard.access.workspace.clone();
        let sub = root.join("sub");
        fs::create_dir(&sub).unwrap();
        outside(&sub, &["init", "-q"]);
        fs::write(sub.join("a.txt"), "a\n").unwrap();
        outside(&sub, &["add", "a.txt"]);
        outside(&sub, &["commit", "-q", "-m", "sub"]);
        fs::write(root.join(".gitmodules"), "[submodule \"sub\"]\n\tpath = sub\n\turl = ./sub\n\tignore = none\n")
            .unwrap();
        outside(
            &root,
            &[
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "core.fsmonitor=false",
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("160000,{},sub", head(&sub)),
            ],
        );
        fs::write(sub.join(".gitattributes"), "*.txt filter=inner\n").unwrap();
        let config = fs::read_to_string(sub.join(".git/config")).unwrap();
        let mark = root.join("src/mark");
        let evil = format!("sh -c 'echo inner >> {}; cat'", mark.display());
        fs::write(sub.join(".git/config"), format!("{config}[filter \"inner\"]\n\tclean = \"{evil}\"\n")).unwrap();
        fs::write(sub.join("a.txt"), "b\n").unwrap();
        let _ = fs::remove_file(&mark);
        check(&yard, &["status", "--short"], "").await;
        check(&yard, &["diff"], "").await;
        if tier == Tier::Full {
            check(&yard, &["commit", "-m", "with submodule"], "").await;
        }
    }
}

fn head(repository: &Path) -> String {
    fs::read_to_string(repository.join(".git/refs/heads/main")).unwrap().trim().to_string()
}

#[tokio::test]
async fn options_that_run_or_write_are_refused() {
    let yard = hostile(Tier::Full);
    for words in
        [vec!["log", "--output=x"], vec!["diff", "--ext-diff"], vec!["-c", "alias.x=!id", "x"], vec!["-C", "/", "log"]]
    {
        let result = yard.try_run(&[&["git"], words.as_slice()].concat()).await;
        assert!(
            matches!(result, Err(RunError::BadCommand(_)) | Err(RunError::Refused { .. })),
            "{words:?}: {result:?}"
        );
    }
    if tiers().contains(&Tier::Full) {
        let outcome = yard.run(&["git", "pwn"]).await;
        assert_ne!(outcome.exit_code, Some(0));
        assert_eq!(yard.read("src/mark"), "");
    }
}

/// A hostile repository whose second commit has a secret beside another file; the secret has changed since.
fn with_secret(tier: Tier) -> Yard {
    let yard = hostile(tier);
    let root = yard.access.workspace.clone();
    // The trap must not spring here: nothing of it is in force outside.
    let config = fs::read(root.join(".git/config")).unwrap();
    fs::write(root.join(".git/config"), "[core]\n\trepositoryformatversion = 0\n").unwrap();
    fs::write(root.join(".env"), "API_KEY=committed\n").unwrap();
    outside(&root, &["-c", "core.hooksPath=/dev/null", "add", "-f", ".env", "src/main.txt"]);
    outside(&root, &["-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "with a secret"]);
    fs::write(root.join(".git/config"), config).unwrap();
    fs::write(root.join(".env"), "API_KEY=modified\n").unwrap();
    fs::write(root.join("src/main.txt"), "changed again\n").unwrap();
    yard
}

#[tokio::test]
async fn git_shows_no_secrets_unless_granted() {
    for tier in tiers() {
        let yard = with_secret(tier);
        for (words, expected) in [
            (&["show", "HEAD"][..], "+changed"),
            (&["show", "HEAD", "--"], "with a secret"),
            (&["diff"], "+changed again"),
            (&["diff", "HEAD", "--"], "+changed again"),
            (&["diff", "src/main.txt"], "+changed again"),
            (&["log", "-p"], "with a secret"),
            (&["status", "--short"], "src/main.txt"),
            (&["grep", "-h", "e", "HEAD"], "changed"),
            (&["show", "HEAD:src/main.txt", "--"], "changed"),
        ] {
            check(&yard, words, expected).await;
            let outcome = yard.run(&[&["git"], words].concat()).await;
            assert!(!outcome.stdout.contains("API_KEY"), "git {words:?}: {outcome:#?}");
        }
        for object in ["HEAD:.env", "HEAD:./.env", ":.env", ":0:.ENV"] {
            let result = yard.try_run(&["git", "show", object, "--"]).await;
            assert!(
                matches!(&result, Err(RunError::BadCommand(why)) if why.contains("secrets")),
                "{object}: {result:?}"
            );
        }
        let yard = yard.with(|y| y.access.secrets = true);
        check(&yard, &["show", "HEAD"], "+API_KEY=committed").await;
        check(&yard, &["show", "HEAD:.env", "--"], "API_KEY=committed").await;
        check(&yard, &["diff"], "+API_KEY=modified").await;
    }
}

#[tokio::test]
async fn a_modified_secret_does_not_stop_a_commit() {
    if !tiers().contains(&Tier::Full) {
        return;
    }
    let yard = with_secret(Tier::Full);
    check(&yard, &["add", "--all"], "").await;
    check(&yard, &["commit", "--no-verify", "--message", "all", "--"], "all").await;
    check(&yard, &["show", "HEAD"], "+changed again").await;
    fs::write(yard.file("src/main.txt"), "once more\n").unwrap();
    check(&yard, &["add", "--", ":(literal)src/main.txt"], "").await;
    check(&yard, &["commit", "--no-verify", "--message", "one", "--", ":(literal)src/main.txt"], "one").await;
    assert_eq!(yard.read(".env"), "API_KEY=modified\n");
    let yard = yard.with(|y| y.access.secrets = true);
    check(&yard, &["show", "HEAD:.env", "--"], "API_KEY=committed").await;
    check(&yard, &["add", "--all"], "").await;
    check(&yard, &["diff", "--cached"], "+API_KEY=modified").await;
}

#[tokio::test]
async fn programs_see_no_history_where_it_is_hidden_and_git_does() {
    const TELL: &str = "for g in .git src/copy; do git --git-dir=$g log -p --all; git --git-dir=$g show HEAD:.env; done; \
        cat .hg/store/data; find .git/objects src/copy/objects -type f -exec cat {} + | wc -c; cat .git/HEAD";
    for tier in tiers() {
        let yard = with_secret(tier);
        let root = yard.access.workspace.clone();
        fs::create_dir_all(root.join(".hg/store")).unwrap();
        fs::create_dir(root.join("src/copy")).unwrap();
        fs::write(root.join(".hg/store/data"), "API_KEY=older\n").unwrap();
        let entries = ["HEAD", "objects", "refs"].map(|name| root.join(".git").join(name));
        let copied = std::process::Command::new("cp").arg("-r").args(entries).arg(root.join("src/copy")).status();
        assert!(copied.unwrap().success());
        let blob = yard.run(&["git", "rev-parse", "HEAD:.env"]).await.stdout.trim().to_string();
        let told = yard.sh(TELL).await.stdout;
        for part in ["+API_KEY=committed", "API_KEY=older", "ref: refs/heads/main"] {
            assert!(told.contains(part), "{tier:?}: {part}: {told}");
        }
        let yard = yard.with(|y| y.settings.protection.hide_history = true);
        let told = yard.sh(TELL).await.stdout;
        assert_eq!(told.trim(), "0\nref: refs/heads/main", "{tier:?}");
        // The shell's git was not guarded; what it runs is in the sandbox too.
        let _ = fs::remove_file(root.join("src/mark"));
        check(&yard, &["show", "HEAD"], "+changed").await;
        for words in [["show", &blob], ["show", &format!("{blob}^{{blob}}")], ["diff", &format!("{blob}..{blob}")]] {
            let outcome = yard.run(&[&["git"], &words[..]].concat()).await;
            assert!(!outcome.stdout.contains("API_KEY"), "git {words:?}: {outcome:?}");
        }
        let granted = yard.with(|y| y.access.secrets = true);
        assert!(granted.sh(TELL).await.stdout.contains("API_KEY=older"), "{tier:?}");
    }
}
