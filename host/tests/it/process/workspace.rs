//! What programs may do with the files of the workspace: grants, protected entries, secrets.

use std::fs;

use garth::policy::{Access as Level, PathGrant, Workspace};

use super::{FILES, Yard, check, tiers};

#[tokio::test]
async fn the_workspace_is_as_writable_as_granted() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        check(&yard, "echo new > src/new && mkdir src/d && mv src/new src/d/ && cat src/d/new", &["new"], &[]).await;
        assert_eq!(yard.read("src/d/new"), "new\n");
        let yard = yard.with(|y| y.access.files = Workspace::All(Level::Read));
        check(&yard, "cat src/main.txt; echo x > src/other; echo x >> src/main.txt", &["code", "sh: "], &[]).await;
        assert!(!yard.file("src/other").exists() && yard.read("src/main.txt") == "code");
        let yard = yard.with(|y| y.access.files = Workspace::All(Level::None));
        check(&yard, &format!("cat '{}'", yard.file("src/main.txt").display()), &["cat: "], &["code"]).await;
    }
}

#[tokio::test]
async fn sub_paths_are_all_that_is_granted() {
    let grant = |path: &str, access| PathGrant { path: path.into(), access };
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| {
            y.access.files = Workspace::Paths(vec![
                grant("src", Level::Write),
                grant("outside-only", Level::Read),
                grant("missing", Level::Read),
                grant(".git", Level::Write),
            ])
        });
        let script = "cat src/main.txt outside-only/x; echo new > src/new";
        check(&yard, script, &["codex"], &["sh: "]).await;
        assert_eq!(yard.read("src/new"), "new\n");
        check(&yard, "cat nested/.git/config docs/page.md conf/.env", &["cat: "], &["PAGE", "[core]", "SECRET"]).await;
        let outcome = check(&yard, "echo evil >> outside-only/x; echo evil >> .git/config", &["sh: "], &[]).await;
        assert_eq!(outcome.notes, Vec::<String>::new(), "nothing that was there before is set aside");
        assert_eq!((yard.read("outside-only/x"), yard.read(".git/config")), ("x".into(), "[core]\n".into()));
    }
}

#[tokio::test]
async fn what_is_protected_stays_as_it_is() {
    let attacks = [
        "echo evil >> {}",
        "echo evil > {}",
        "rm -rf {}",
        "mv {} src/moved",
        "truncate -s 0 {}",
        "ln -sf src/main.txt {}",
        "cp src/main.txt {}",
        "python3 -c \"open('{}','r+').write('evil')\"",
        "ln {} src/alias && echo evil > src/alias",
    ];
    let targets = [
        ".git/config",
        ".git/hooks/pre-commit",
        ".garth/config.toml",
        "garth.lock",
        "nested/.git/config",
        "docs/page.md",
        ".git",
        ".garth",
        "docs",
        "nested/.git",
    ];
    for tier in tiers() {
        let yard = Yard::new(tier);
        let script: Vec<_> = targets.iter().flat_map(|t| attacks.iter().map(|a| a.replace("{}", t))).collect();
        check(&yard, &format!("{}; echo done", script.join("; ")), &["done"], &[]).await;
        for (path, content) in FILES.iter().filter(|(p, _)| targets.contains(p)) {
            assert_eq!(yard.read(path), *content, "{path} in {tier:?}");
        }
        assert!(!yard.file(".git/hooks/moved").exists());
        // Readable all the same.
        check(&yard, "cat docs/page.md garth.lock", &["PAGElock"], &[]).await;
    }
}

#[tokio::test]
async fn nothing_protected_can_be_planted() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        let script = "mkdir -p src/a src/.git src/a/.garth; echo evil > src/.git/config; echo x > src/a/garth.lock; \
                      mv nested renamed; mkdir -p nested/.git; echo evil > nested/.git/config; mkdir -p src/deep/er; \
                      ln -s /etc src/deep/er/.git; echo fine > src/deep/er/file";
        let outcome = check(&yard, script, &[], &[]).await;
        for planted in ["src/.git", "src/a/garth.lock", "src/a/.garth", "src/deep/er/.git"] {
            assert!(yard.file(planted).symlink_metadata().is_err(), "{planted} in {tier:?}: {:?}", outcome.notes);
            assert!(outcome.notes.iter().any(|n| n.contains(planted)), "{planted} in {:?}", outcome.notes);
        }
        assert_ne!(yard.read("nested/.git/config"), "evil\n", "{tier:?}");
        let moved = yard.read("renamed/.git/config") + &yard.read("nested/.git/config");
        assert_eq!(moved, "[core]\n", "what was there before stays, in {tier:?}: {:?}", outcome.notes);
        assert_eq!(yard.read("src/deep/er/file"), "fine\n");
        // At the top, where the first run could not have made anything else.
        let bare = Yard::new(tier);
        for path in [".git", ".garth"] {
            fs::remove_dir_all(bare.file(path)).unwrap();
        }
        bare.sh("mkdir .git .garth; echo evil > .git/config").await;
        assert!(!bare.file(".git").exists() && !bare.file(".garth").exists(), "{tier:?}");
    }
}

#[tokio::test]
async fn what_lies_in_a_secret_folder_is_not_taken_for_planted() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        fs::create_dir_all(yard.file("src/.env.d/.git")).unwrap();
        fs::write(yard.file("src/.env.d/.git/config"), "mine").unwrap();
        let outcome = yard.sh("touch src/new").await;
        assert_eq!(yard.read("src/.env.d/.git/config"), "mine", "{tier:?}: {:?}", outcome.notes);
    }
}

#[tokio::test]
async fn what_the_user_replaces_while_a_program_runs_stays() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        let (lock, new) = (yard.file("garth.lock"), yard.file("garth.lock.new"));
        let edit = async {
            tokio::time::sleep(std::time::Duration::from_millis(700)).await;
            fs::write(&new, "edited").unwrap();
            fs::rename(&new, &lock).unwrap();
        };
        let (outcome, ()) = tokio::join!(yard.sh("sleep 1.5"), edit);
        assert_eq!(yard.read("garth.lock"), "edited", "{tier:?}: {:?}", outcome.notes);
        assert!(outcome.notes.iter().any(|note| note.contains("replaced from outside")), "{:?}", outcome.notes);
    }
}

#[tokio::test]
async fn secrets_are_masked_unless_granted() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        let script =
            "cat .env conf/.env; cp conf/.env src/copy; ln conf/.env src/hard; cat src/copy src/hard; grep -r SECRET .";
        check(&yard, script, &["cat: "], &["SECRET=top", "SECRET=deep"]).await;
        let yard = yard.with(|y| y.access.secrets = true);
        check(&yard, "cat .env conf/.env", &["SECRET=top", "SECRET=deep"], &[]).await;
    }
}
