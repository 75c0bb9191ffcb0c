//! What programs do not reach outside the workspace: the machine's other files, the network, sockets, system calls.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use garth::process::Tier;

use super::{Yard, check, tiers};

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
async fn a_secret_in_a_protected_folder_is_no_less_hidden() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        fs::create_dir(yard.file("docs/deep")).unwrap();
        fs::write(yard.file("docs/deep/.env"), "SECRET=inner").unwrap();
        check(&yard, "cat docs/page.md docs/deep/.env; true", &["PAGE"], &["SECRET"]).await;
    }
}
