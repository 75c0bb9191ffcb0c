//! Programs in the sandbox: what they reach and what they do not, in every tier that this machine has. A tier that it
//! lacks is covered by the assertion that the runner falls back as documented.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use garth::policy::{Access as Level, PathGrant, Workspace};
use garth::process::{Access, Command, Outcome, Protected, RunError, Runner, Settings, Tier};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A workspace with a bit of everything, in a temporary folder, and a runner.
pub struct Yard {
    dir: TempDir,
    pub settings: Settings,
    pub access: Access,
    pub env: Vec<(String, String)>,
    pub stdin: Option<String>,
}

const FILES: &[(&str, &str)] = &[
    ("src/main.txt", "code"),
    ("conf/.env", "SECRET=deep"),
    (".env", "SECRET=top"),
    (".git/config", "[core]\n"),
    (".git/hooks/pre-commit", "#!/bin/sh\n"),
    (".garth/config.toml", "x = 1\n"),
    ("garth.lock", "lock"),
    ("nested/.git/config", "[core]\n"),
    ("docs/page.md", "PAGE"),
    ("outside-only/x", "x"),
];

impl Yard {
    pub fn new(max_tier: Tier) -> Yard {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, content) in FILES {
            let file = root.join("work").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        fs::create_dir_all(root.join("home/.ssh")).unwrap();
        fs::write(root.join("home/.ssh/id_ed25519"), "SECRET=key").unwrap();
        let settings = Settings {
            time: Duration::from_secs(60),
            protection: Protected { readonly: vec!["docs/**".into()], secret: vec![".env*".into()] },
            helper: env!("CARGO_BIN_EXE_garth").into(),
            home: Some(root.join("home")),
            max_tier,
            ..Settings::default()
        };
        let access = Access {
            workspace: root.join("work"),
            files: Workspace::All(Level::Write),
            secrets: false,
            git: false,
            network: false,
        };
        Yard { dir, settings, access, env: Vec::new(), stdin: None }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Yard)) -> Yard {
        change(&mut self);
        self
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.access.workspace.join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.file(path)).unwrap_or_default()
    }

    pub async fn try_run(&self, words: &[&str]) -> Result<Outcome, RunError> {
        let command = Command {
            program: words[0].into(),
            args: words[1..].iter().map(|w| w.to_string()).collect(),
            env: self.env.clone(),
            stdin: self.stdin.clone(),
            ..Command::default()
        };
        Runner::new(self.settings.clone()).run(&command, &self.access, CancellationToken::new()).await
    }

    pub async fn run(&self, words: &[&str]) -> Outcome {
        self.try_run(words).await.unwrap()
    }

    pub async fn sh(&self, script: &str) -> Outcome {
        self.run(&["sh", "-c", script]).await
    }
}

/// The tiers that work here, strongest first.
pub fn tiers() -> Vec<Tier> {
    let mut tiers: Vec<Tier> =
        [Tier::Full, Tier::Landlock].map(|t| Runner::new(Yard::new(t).settings).tier()).into_iter().collect();
    tiers.dedup();
    tiers.retain(|t| *t != Tier::None);
    tiers
}

/// Runs `script` and expects all of `said` in its output (both streams) and nothing of `unsaid`.
async fn check(yard: &Yard, script: &str, said: &[&str], unsaid: &[&str]) -> Outcome {
    let outcome = yard.sh(script).await;
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    for expected in said {
        assert!(text.contains(expected), "{script:?} in {:?} should say {expected:?}: {outcome:#?}", outcome.tier);
    }
    for unexpected in unsaid {
        assert!(
            !text.contains(unexpected),
            "{script:?} in {:?} should not say {unexpected:?}: {outcome:#?}",
            outcome.tier
        );
    }
    outcome
}

#[test]
fn the_tier_is_tried_out_and_explained() {
    let mut last = Tier::Full;
    for max in [Tier::Full, Tier::Landlock, Tier::None] {
        let runner = Runner::new(Yard::new(max).settings);
        let tier = runner.tier();
        assert!(rank(tier) <= rank(max) && rank(tier) <= rank(last), "{max:?} gave {tier:?}");
        assert_eq!(runner.reasons().is_empty(), tier == Tier::Full, "{:?}", runner.reasons());
        assert!(!garth::process::explain(tier).is_empty());
        last = tier;
    }
    let broken = Settings { helper: "/nonexistent/garth".into(), ..Yard::new(Tier::Full).settings };
    let runner = Runner::new(broken);
    assert_eq!(runner.tier(), Tier::None);
    assert!(runner.reasons()[0].contains("/nonexistent/garth"), "{:?}", runner.reasons());
}

fn rank(tier: Tier) -> u8 {
    match tier {
        Tier::Full => 2,
        Tier::Landlock => 1,
        Tier::None => 0,
    }
}

#[tokio::test]
async fn without_a_sandbox_programs_are_refused_unless_allowed() {
    let yard = Yard::new(Tier::None);
    let refused = yard.try_run(&["true"]).await.unwrap_err();
    assert!(matches!(refused, RunError::Refused { .. }) && refused.to_string().contains("process.allow_unsandboxed"));
    let yard = yard.with(|y| y.settings.allow_unsandboxed = true);
    let outcome = check(&yard, "cat \"$PWD/.env\"", &["SECRET=top"], &[]).await;
    assert_eq!((outcome.tier, outcome.exit_code), (Tier::None, Some(0)));
}

#[tokio::test]
async fn runs_and_reports() {
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| y.stdin = Some("given\n".into()));
        let outcome = yard.sh("pwd; cat; echo err >&2; exit 3").await;
        assert_eq!(outcome.stdout, format!("{}\ngiven\n", yard.access.workspace.display()));
        assert_eq!((outcome.stderr.as_str(), outcome.exit_code, outcome.tier), ("err\n", Some(3), tier));
        let outcome = yard.sh("kill -9 $$").await;
        assert_eq!((outcome.exit_code, outcome.timed_out), (None, false));
        let yard = yard.with(|y| y.stdin = None);
        assert_eq!(yard.run(&["cat"]).await.stdout, "");
        // The call's arguments are no shell's business.
        assert_eq!(yard.run(&["echo", "$HOME", "; ls"]).await.stdout, "$HOME ; ls\n");
    }
}

#[tokio::test]
async fn a_large_input_and_output_do_not_block_each_other() {
    for tier in tiers() {
        let text = "0123456789abcde\n".repeat(200_000);
        let yard = Yard::new(tier).with(|y| y.stdin = Some(text.clone()));
        let outcome = yard.run(&["cat"]).await;
        assert_eq!(outcome.exit_code, Some(0));
        let kept = outcome.stdout.len() as u64;
        assert!(kept <= yard.settings.output && kept > yard.settings.output / 2, "{kept}");
        assert!(outcome.stdout.starts_with("0123") && outcome.stdout.ends_with("abcde\n"));
        assert!(outcome.stdout.contains(&format!("[{} bytes in", outcome.stdout_dropped)));
        assert_eq!(outcome.stdout.lines().filter(|l| !l.starts_with("0123456789abcde")).count(), 1);
    }
}

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

#[tokio::test]
async fn the_rest_of_the_machine_is_out_of_reach() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        let root = yard.root();
        let home = root.join("home");
        fs::write(root.join("sibling"), "SECRET=sibling").unwrap();
        let script = format!(
            "cat {home}/.ssh/id_ed25519 {root}/sibling; cat /etc/shadow; ls {home}; echo x > {home}/planted; \
             echo x > /usr/planted; echo x > /etc/planted; cat ../sibling; cat /proc/1/environ /proc/$PPID/environ",
            home = home.display(),
            root = root.display()
        );
        let unsaid = ["SECRET", "root:", "PATH="];
        check(&yard, &script, &["cat: "], &unsaid).await;
        assert!(!home.join("planted").exists());
        check(&yard, "cat /etc/passwd", &["root:"], &[]).await;
        // A link out of the workspace is followed to where nothing is.
        std::os::unix::fs::symlink(&home, yard.file("link")).unwrap();
        check(&yard, "cat link/.ssh/id_ed25519; cat src/../link/.ssh/id_ed25519", &["cat: "], &["SECRET"]).await;
        let yard = yard.with(|y| y.settings.readable = vec![home.join(".ssh")]);
        check(&yard, &format!("cat {}/.ssh/id_ed25519", home.display()), &["SECRET=key"], &[]).await;
    }
}

#[tokio::test]
async fn temporary_files_are_private() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        let outcome = check(
            &yard,
            "echo x > \"$TMPDIR/t\" && echo y > ~/u && cat \"$TMPDIR/t\" ~/u; echo $TMPDIR",
            &["x\ny\n"],
            &[],
        )
        .await;
        let temp = outcome.stdout.lines().last().unwrap().to_string();
        assert!(!Path::new(&temp).join("t").exists(), "{temp} outlives the run");
    }
}

/// Connects to a dead port: refused means that the packet got out of the sandbox's socket layer.
const DIAL: &str = "import socket,sys\ntry:\n s=socket.socket(); s.settimeout(3); s.connect((sys.argv[1],int(sys.argv[2])))\n \
                    print('connected')\nexcept OSError as e: print(type(e).__name__, e.errno)\n";

#[tokio::test]
async fn the_network_is_out_of_reach_unless_granted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for tier in tiers() {
        let yard = Yard::new(tier);
        let dial = async |yard: &Yard| yard.run(&["python3", "-c", DIAL, "127.0.0.1", &port]).await.stdout;
        let denied = if tier == Tier::Full { "ConnectionRefusedError 111\n" } else { "PermissionError 13\n" };
        assert_eq!(dial(&yard).await, denied, "{tier:?}");
        if tier == Tier::Full {
            let far = yard.run(&["python3", "-c", DIAL, "192.0.2.1", "9"]).await.stdout;
            assert_eq!(far, "OSError 101\n", "no route leads out");
            let inside = "import socket\na=socket.create_server(('127.0.0.1',0))\n\
                          b=socket.create_connection(a.getsockname()); print('loopback')";
            assert_eq!(yard.run(&["python3", "-c", inside]).await.stdout, "loopback\n");
        }
        let yard = yard.with(|y| y.access.network = true);
        assert_eq!(dial(&yard).await, "connected\n", "{tier:?}");
    }
}

#[tokio::test]
async fn sockets_of_the_outside_are_out_of_reach() {
    let connect = "import socket,sys\ntry:\n s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n print('connected')\n\
                   except OSError as e: print('failed')\n";
    for tier in tiers() {
        for network in [false, true] {
            let yard = Yard::new(tier).with(|y| y.access.network = network);
            let abstract_name = format!("garth-test-{}-{network}", std::process::id());
            let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
            let paths =
                [yard.file("src/socket"), yard.root().join("home/socket"), std::env::temp_dir().join(&abstract_name)];
            let _listeners: Vec<_> = paths.iter().map(|p| UnixListener::bind(p).unwrap()).collect();
            let _abstract = UnixListener::bind_addr(&address).unwrap();
            for path in &paths {
                let outcome = yard.run(&["python3", "-c", connect, path.to_str().unwrap()]).await;
                assert_eq!(outcome.stdout, "failed\n", "{} in {tier:?}", path.display());
            }
            let code = connect.replace("sys.argv[1]", "'\\0'+sys.argv[1]");
            assert_eq!(
                yard.run(&["python3", "-c", &code, &abstract_name]).await.stdout,
                "failed\n",
                "abstract, {tier:?}"
            );
            fs::remove_file(&paths[2]).unwrap();
        }
        let pair = "import socket; a,b=socket.socketpair(); a.send(b'x'); print(b.recv(1))";
        assert_eq!(Yard::new(tier).run(&["python3", "-c", pair]).await.stdout, "b'x'\n");
    }
}

#[tokio::test]
async fn dangerous_system_calls_are_refused() {
    let call = "import ctypes,os,errno,sys\nc=ctypes.CDLL(None,use_errno=True)\n\
                for n in map(int,sys.argv[1:]):\n r=c.syscall(n,0,0,0,0,0)\n print(n, r, errno.errorcode.get(ctypes.get_errno()))\n";
    // ptrace, mount, unshare, keyctl, bpf, perf_event_open, userfaultfd: the same in every process.
    let numbers: &[&str] = match std::env::consts::ARCH {
        "x86_64" => &["101", "165", "272", "250", "321", "298", "323"],
        _ => &["117", "40", "97", "219", "280", "241", "282"],
    };
    for tier in tiers() {
        let yard = Yard::new(tier);
        let outcome = yard.run(&[&["python3", "-c", call], numbers].concat()).await;
        let refused = outcome.stdout.lines().filter(|l| l.ends_with("-1 EPERM")).count();
        assert_eq!(refused, numbers.len(), "{outcome:#?}");
        let uring = yard.run(&["python3", "-c", call, "425", "435"]).await;
        assert!(uring.stdout.lines().all(|l| l.ends_with("-1 ENOSYS")), "{uring:#?}");
        if cfg!(target_arch = "x86_64") {
            // The x32 twin of `mount`.
            let twin = (165 | 0x4000_0000).to_string();
            assert!(yard.run(&["python3", "-c", call, &twin]).await.stdout.contains("ENOSYS"));
        }
        check(&yard, "unshare -U true || echo no", &["no"], &[]).await;
        check(&yard, "cp /bin/true src/t && chmod 755 src/t && ! chmod 4755 src/t && echo refused", &["refused"], &[])
            .await;
        check(
            &yard,
            "grep -E 'CapEff|CapPrm|CapBnd|NoNewPrivs' /proc/self/status",
            &["NoNewPrivs:\t1", "CapEff:\t0000000000000000"],
            &[],
        )
        .await;
    }
}

#[tokio::test]
async fn the_environment_is_clean() {
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| {
            y.settings.env = vec!["MY_*".into(), "LD_PRELOAD".into(), "GIT_DIR".into()];
            y.env = [("MY_A", "1"), ("LD_PRELOAD", "/x.so"), ("GIT_DIR", "/x"), ("OTHER", "2")]
                .map(|(n, v)| (n.into(), v.into()))
                .into();
        });
        let outcome = yard.run(&["env"]).await;
        let mut names: Vec<_> = outcome.stdout.lines().filter_map(|l| l.split_once('=')).map(|(n, _)| n).collect();
        names.sort_unstable();
        let toolchains = [
            "CARGO_", "RUSTUP_", "PYENV_", "PYTHON", "NVM_", "VOLTA_", "BUN_", "DENO_", "GO", "RBENV_", "ASDF_",
            "SDKMAN_", "OPAM", "ELAN_", "npm_",
        ];
        names.retain(|n| !toolchains.iter().any(|t| n.starts_with(t)));
        assert_eq!(names, ["HOME", "LANG", "MY_A", "PAGER", "PATH", "SHELL", "TERM", "TMPDIR"], "{outcome:#?}");
    }
}

#[tokio::test]
async fn programs_are_found_outside_the_workspace_only() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        let evil = yard.file("bin/true");
        fs::create_dir_all(evil.parent().unwrap()).unwrap();
        fs::write(&evil, "#!/bin/sh\necho hijacked\n").unwrap();
        fs::set_permissions(&evil, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let yard = yard.with(|y| {
            y.settings.path = vec![y.file("bin"), ".".into()];
            y.settings.env = vec!["PATH".into()];
            y.env = vec![("PATH".into(), y.file("bin").display().to_string())];
        });
        assert_eq!(yard.run(&["true"]).await.stdout, "");
        check(&yard, "true; env true", &[], &["hijacked"]).await;
        let missing = yard.try_run(&["garth-no-such-program"]).await.unwrap_err();
        assert!(matches!(&missing, RunError::NotFound { searched, .. } if !searched.is_empty()), "{missing}");
        for word in ["/bin/true", "./bin/true", "bin/true", "", ".."] {
            assert!(matches!(yard.try_run(&[word]).await, Err(RunError::BadCommand(_))), "{word}");
        }
    }
}

#[tokio::test]
async fn the_directory_is_inside_the_workspace() {
    let yard = Yard::new(Tier::Full);
    std::os::unix::fs::symlink("/etc", yard.file("etc")).unwrap();
    let runner = Runner::new(Settings { allow_unsandboxed: true, ..yard.settings.clone() });
    let run = async |directory: &str| {
        let command = Command { program: "pwd".into(), directory: Some(directory.into()), ..Command::default() };
        runner.run(&command, &yard.access, CancellationToken::new()).await
    };
    assert_eq!(run("src").await.unwrap().stdout, format!("{}\n", yard.file("src").display()));
    for bad in ["..", "/etc", "etc", "src/../..", "missing", "garth.lock"] {
        assert!(matches!(run(bad).await, Err(RunError::BadDirectory(_))), "{bad}");
    }
    let access = Access { workspace: "/".into(), ..yard.access.clone() };
    let command = Command { program: "pwd".into(), ..Command::default() };
    let result = runner.run(&command, &access, CancellationToken::new()).await;
    assert!(matches!(result, Err(RunError::BadDirectory(_))), "{result:?}");
}

#[tokio::test]
async fn cargo_builds_and_tests_offline() {
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| {
            y.settings.home = std::env::home_dir();
            y.settings.time = Duration::from_secs(300);
            y.settings.processes = 2048;
        });
        let package = "[package]\nname = \"scratch\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
        fs::write(yard.file("Cargo.toml"), package).unwrap();
        fs::write(yard.file("Cargo.lock"), "version = 3\n[[package]]\nname = \"scratch\"\nversion = \"0.1.0\"\n")
            .unwrap();
        // The other tier takes no new entries at the top.
        fs::create_dir(yard.file("target")).unwrap();
        fs::write(yard.file("src/lib.rs"), "#[test]\nfn adds() { assert_eq!(1 + 1, 2); }\n").unwrap();
        let outcome = yard.run(&["cargo", "test"]).await;
        assert_eq!(outcome.exit_code, Some(0), "{outcome:#?}");
        assert!(outcome.stdout.contains("test adds ... ok"), "{outcome:#?}");
    }
}
