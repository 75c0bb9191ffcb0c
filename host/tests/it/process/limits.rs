//! Programs that do not end by themselves, or take too much: what ends them, and that nothing is left.

use std::time::{Duration, Instant};

use garth::process::{Command, RunError, Runner, Tier};
use tokio_util::sync::CancellationToken;

use super::{Yard, tiers};

fn command(script: &str) -> Command {
    Command { program: "sh".into(), args: vec!["-c".into(), script.into()], ..Command::default() }
}

/// A number of seconds that no other process on the machine sleeps.
fn marker() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}.{}", 10_000 + std::process::id() % 100_000, 100 + NEXT.fetch_add(1, Ordering::Relaxed))
}

fn alive(marker: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = entries.filter_map(|e| std::fs::read_to_string(e.path().join("cmdline")).ok());
    lines.any(|line| line.starts_with("sleep\0") && line.contains(marker))
}

async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Starts processes that try to outlive their parent: in the background, in their own session, orphaned twice.
fn leavers(marker: &str) -> String {
    format!("sleep {marker} & setsid sleep {marker} & (setsid sh -c '(sleep {marker}; true) & true' &); sleep 0.2;")
}

fn all_tiers() -> Vec<Tier> {
    tiers().into_iter().chain([Tier::None]).collect()
}

fn yard(tier: Tier) -> Yard {
    Yard::new(tier).with(|y| y.settings.allow_unsandboxed = true)
}

#[tokio::test]
async fn what_a_program_leaves_behind_dies_with_it_and_holds_nothing_up() {
    for tier in all_tiers() {
        let marker = marker();
        let started = Instant::now();
        let outcome = yard(tier).sh(&format!("{} echo started", leavers(&marker))).await;
        assert_eq!((outcome.stdout.as_str(), outcome.exit_code), ("started\n", Some(0)), "{outcome:#?}");
        assert!(started.elapsed() < Duration::from_secs(30));
        assert!(!alive(&marker), "{tier:?}");
    }
}

#[tokio::test]
async fn a_deadline_ends_everything() {
    for tier in all_tiers() {
        let (marker, yard) = (marker(), yard(tier));
        let runner = Runner::new(yard.settings.clone());
        let script = format!("{} echo begun; trap '' TERM INT HUP; sleep {marker}; sleep {marker}", leavers(&marker));
        let command = Command { timeout: Some(Duration::from_secs(1)), ..command(&script) };
        let outcome = runner.run(&command, &yard.access, CancellationToken::new()).await.unwrap();
        assert!(outcome.timed_out && outcome.exit_code.is_none(), "{outcome:#?}");
        assert_eq!(outcome.stdout, "begun\n");
        assert!(!alive(&marker), "{tier:?}");
    }
}

#[tokio::test]
async fn cancelling_ends_everything() {
    for tier in all_tiers() {
        let (marker, yard, token) = (marker(), yard(tier), CancellationToken::new());
        let runner = Runner::new(yard.settings.clone());
        let command = command(&format!("{} sleep {marker}", leavers(&marker)));
        let (result, ()) = tokio::join!(runner.run(&command, &yard.access, token.clone()), async {
            wait_until("it starts", || alive(&marker)).await;
            token.cancel();
        });
        assert!(matches!(result, Err(RunError::Cancelled)), "{result:?}");
        assert!(!alive(&marker), "{tier:?}");
        assert!(matches!(runner.run(&command, &yard.access, token).await, Err(RunError::Cancelled)), "at once");
    }
}

#[tokio::test]
async fn dropping_the_future_ends_everything() {
    for tier in all_tiers() {
        let (marker, yard) = (marker(), yard(tier));
        let runner = Runner::new(yard.settings.clone());
        let command = command(&format!("mkdir src/.git; {} sleep {marker}", leavers(&marker)));
        {
            let run = runner.run(&command, &yard.access, CancellationToken::new());
            tokio::select! {
                result = run => panic!("it should not end: {result:?}"),
                () = wait_until("it starts", || alive(&marker)) => {}
            }
        }
        wait_until("everything is dead", || !alive(&marker)).await;
        wait_until("what it planted is gone", || !yard.file("src/.git").exists()).await;
    }
}

#[tokio::test]
async fn a_fork_bomb_is_bounded() {
    let bomb = "import os,time\nn=0\ntry:\n while n<5000:\n  if os.fork()==0:\n   time.sleep(60); os._exit(0)\n  n+=1\n\
                except OSError: pass\nprint(n)\n";
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| y.settings.processes = 100);
        let outcome = yard.run(&["python3", "-c", bomb]).await;
        let stopped = outcome.notes.iter().any(|n| n.contains("process.processes"));
        let made: Option<u64> = outcome.stdout.trim().parse().ok();
        // Refused by the kernel near the limit (root: near the least highest PID), or noticed and ended.
        assert!(stopped || made.is_some_and(|n| n < 400), "{outcome:#?}");
        let fine = yard.sh("for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1 & done; wait; echo fine").await;
        assert_eq!(fine.stdout, "fine\n", "{fine:#?}");
    }
}

#[tokio::test]
async fn memory_is_bounded_alone_and_together() {
    let one = "try:\n b=bytearray(600<<20)\n print('got it')\nexcept MemoryError: print('MemoryError')";
    let many = "import os,time\nfor _ in range(6):\n if os.fork()==0:\n  b=bytearray(b'x'*(100<<20)); time.sleep(30); os._exit(0)\n\
                time.sleep(30)\nprint('got it')";
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| y.settings.memory = 300 << 20);
        let outcome = yard.run(&["python3", "-c", one]).await;
        assert!(outcome.exit_code.is_none() || outcome.stdout == "MemoryError\n", "{outcome:#?}");
        let outcome = yard.run(&["python3", "-c", many]).await;
        assert!(outcome.notes.iter().any(|n| n.contains("process.memory")), "{outcome:#?}");
        assert!(!outcome.stdout.contains("got it") && outcome.exit_code.is_none());
        assert_eq!(yard.run(&["python3", "-c", "print(len(bytearray(50<<20)))"]).await.stdout, "52428800\n");
    }
}

#[tokio::test]
async fn a_file_does_not_outgrow_its_limit() {
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| y.settings.file_size = 1 << 20);
        yard.sh("head -c 5000000 /dev/zero > src/big").await;
        assert_eq!(std::fs::metadata(yard.file("src/big")).unwrap().len(), 1 << 20);
    }
}

#[tokio::test]
async fn a_flood_of_output_is_counted_and_dropped() {
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| y.settings.output = 4096);
        let outcome = yard.sh("seq 1 300000; seq 1 10 >&2").await;
        assert!(
            outcome.stdout.len() <= 4096
                && outcome.stdout.starts_with("1\n2\n")
                && outcome.stdout.ends_with("\n300000\n")
        );
        assert!(outcome.stdout_dropped > 1_000_000 && outcome.stderr_dropped == 0);
        assert_eq!(outcome.stderr.lines().count(), 10);
    }
}
