//! What goes to a model that is not local: nothing private, and nothing unrecorded. A server on loopback counts as far away
//! here, since that can be set.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::project::Ran;
use super::{Project, home};
use crate::server::{Reply, Server};

const PLAN: &str = "attack at dawn";

fn project() -> Project {
    let project =
        Project::new(&[("notes.txt", "nothing much\n"), ("vault/plan.md", PLAN), ("src/lib.rs", "fn a() {}\n")]);
    project.write(".garth/config.toml", "[files]\nprivate = [\"vault\"]\n");
    project
}

/// A model on this machine, or one elsewhere.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Here,
    Away,
}

fn run(project: &Project, home: &Path, server: &Server, at: At, args: &[&str]) -> Ran {
    let url = server.url();
    let fixed = ["run", "--json", "--provider", "openai", "--url", &url, "--model", "test", "--approval", "auto"];
    let mut garth = project.garth(&[&fixed[..], args, &["do it"]].concat());
    garth.env("GARTH_HOME", home).env("GARTH_MODEL__LOCAL", if at == At::Away { "false" } else { "true" });
    project.finish(garth)
}

fn exposure(project: &Project, home: &Path, args: &[&str]) -> String {
    let mut garth = project.garth(&[&["exposure"], args].concat());
    let output = garth.env("GARTH_HOME", home).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn read(path: &str) -> Reply {
    Reply::call("read_file", json!({ "path": path }))
}

/// The file's content was in none of the requests.
fn kept(server: &Server) {
    server.requests().iter().for_each(|request| assert!(!request.body.contains(PLAN), "{}", request.body));
}

#[test]
fn what_a_private_file_holds_does_not_leave_and_the_session_remembers_it() {
    let (project, home) = (project(), home());
    let server = Server::openai(vec![read("notes.txt"), read("vault/plan.md"), Reply::text("not asked for")]);
    let ran = run(&project, home, &server, At::Away, &[]);
    ran.expect(1);
    assert_eq!((server.requests().len(), server.left()), (2, 1), "the third was not sent");
    kept(&server);
    for said in
        ["nothing was sent", "vault/plan.md", "files.private", "'test' at http://127.0.0.1", "model.local = true"]
    {
        assert!(ran.error().contains(said), "{said}: {}", ran.error());
    }
    assert_eq!(
        ran.all("private_opened").iter().map(|event| &event["files"]).collect::<Vec<_>>(),
        [&json!(["vault/plan.md"])]
    );
    // Going on with the session does not make it forget.
    let again = Server::openai(vec![Reply::text("not asked for")]);
    let ran = run(&project, home, &again, At::Away, &["--resume", "latest"]);
    assert!(ran.error().contains("vault/plan.md"), "{}", ran.error());
    assert!(again.requests().is_empty());
    // A local model may know.
    let local = Server::openai(vec![Reply::text("I know.")]);
    run(&project, home, &local, At::Here, &["--resume", "latest"]).expect(0);
    assert!(local.requests()[0].body.contains(PLAN));
    // A new session has seen nothing.
    let fresh = Server::openai(vec![Reply::text("Hello.")]);
    run(&project, home, &fresh, At::Away, &[]).expect(0);
}

#[test]
fn there_is_no_way_around() {
    let home = home();
    let check = |reply: Reply, spoil: &dyn Fn(&Project), named: &str| {
        let project = project();
        spoil(&project);
        let server = Server::openai(vec![reply, Reply::text("not asked for")]);
        let ran = run(&project, home, &server, At::Away, &[]);
        kept(&server);
        assert_eq!(server.requests().len(), 1, "{:?}", ran.results());
        assert!(ran.error().contains(named), "{named}: {}", ran.error());
    };
    let nothing = |_: &Project| {};
    check(Reply::call("grep", json!({"pattern": "dawn"})), &nothing, "vault/plan.md");
    check(
        Reply::call("edit_file", json!({"path": "vault/plan.md", "old_text": "dusk", "new_text": "noon"})),
        &nothing,
        "vault/plan.md",
    );
    let link = |project: &Project| std::os::unix::fs::symlink("vault/plan.md", project.root().join("link.md")).unwrap();
    check(read("link.md"), &link, "vault/plan.md");
}

#[test]
fn a_command_that_includes_one_is_not_sent() {
    let (project, home) = (project(), home());
    project.write(".garth/commands/look.md", "Look at @vault/plan.md.\n");
    let server = Server::openai(vec![Reply::text("not asked for")]);
    let url = server.url();
    let mut garth =
        project.garth(&["run", "--json", "--provider", "openai", "--url", &url, "--model", "test", "/look"]);
    let ran = project.finish({
        garth.env("GARTH_HOME", home).env("GARTH_MODEL__LOCAL", "false");
        garth
    });
    assert!(ran.error().contains("vault/plan.md"), "{}", ran.error());
    assert!(server.requests().is_empty());
}

#[test]
fn instructions_that_are_private_stay_out_of_the_prompt() {
    let (project, home) = (project(), home());
    project.write("AGENTS.md", "Be like water.\n");
    let sent = |private: &str| {
        project.write(".garth/config.toml", &format!("[files]\nprivate = [\"{private}\"]\n"));
        let server = Server::openai(vec![Reply::text("Hello.")]);
        run(&project, home, &server, At::Away, &[]).expect(0);
        server.requests()[0].body.clone()
    };
    assert!(sent("vault").contains("Be like water."));
    assert!(!sent("AGENTS.md").contains("Be like water."));
    // Under neither name, where one leads to the other.
    std::fs::rename(project.root().join("AGENTS.md"), project.root().join("CLAUDE.md")).unwrap();
    std::os::unix::fs::symlink("CLAUDE.md", project.root().join("AGENTS.md")).unwrap();
    assert!(sent("vault").contains("Be like water."));
    for private in ["CLAUDE.md", "AGENTS.md"] {
        assert!(!sent(private).contains("Be like water."), "{private}");
    }
}

#[test]
fn programs_and_git_show_nothing_private_where_anything_may_leave() {
    let (project, home) = (project(), home());
    let git = |args: &[&str]| {
        let fixed = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
        let done = Command::new("git").args(fixed).args(args).current_dir(project.root()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "all"]);
    project.write("rel.sh", "git log -p\ngit show HEAD:vault/plan.md\n");
    let blob = Command::new("git").args(["rev-parse", "HEAD:vault/plan.md"]).current_dir(project.root()).output();
    let blob = String::from_utf8(blob.unwrap().stdout).unwrap().trim().to_string();
    let cat = || Reply::call("run", json!({"command": "cat vault/plan.md notes.txt"}));
    let show = |revision: &str| Reply::call("git_show", json!({"revision": revision}));
    let script = Reply::call("run", json!({"command": "sh rel.sh; git cat-file -p HEAD:vault/plan.md; git branch"}));
    let object = Reply::call("read_file", json!({"path": ".git/HEAD"}));
    let server = Server::openai(vec![cat(), show("HEAD"), script, show(&blob), object, Reply::text("That was all.")]);
    let ran = run(&project, home, &server, At::Away, &[]);
    kept(&server);
    let results = ran.expect(0).results();
    assert!(results[0].1.contains("nothing much") && results[1].1.contains("fn a()"), "{results:?}");
    assert_eq!(server.requests().len(), 6);
    // What is read out of the history by its files is.
    let object = format!(".git/objects/{}/{}", &blob[..2], &blob[2..]);
    let server = Server::openai(vec![read(&object), Reply::text("not asked for")]);
    let ran = run(&project, home, &server, At::Away, &[]);
    assert!(ran.error().contains(&object), "{}", ran.error());
    // A local model's programs see all, so that nobody knows what they read.
    let server = Server::openai(vec![cat(), Reply::text("That was it.")]);
    run(&project, home, &server, At::Here, &[]).expect(0);
    assert!(server.requests()[1].body.contains(PLAN));
    let server = Server::openai(vec![Reply::text("not asked for")]);
    let ran = run(&project, home, &server, At::Away, &["--resume", "latest"]);
    assert!(ran.error().contains("vault by a program") && server.requests().is_empty(), "{}", ran.error());
}

#[test]
fn what_leaves_is_recorded_before_it_does() {
    let (project, home) = (project(), tempfile::tempdir().unwrap());
    let home = home.path();
    assert_eq!(exposure(&project, home, &[]), "Nothing has left this machine.\n");
    let local = Server::openai(vec![read("notes.txt"), Reply::text("Done.")]);
    run(&project, home, &local, At::Here, &[]).expect(0);
    assert_eq!(exposure(&project, home, &[]), "Nothing has left this machine.\n");
    let replies = vec![
        read("notes.txt").usage(100, 10, 0),
        Reply::call("grep", json!({"pattern": "fn a"})).usage(200, 10, 100),
        read("notes.txt").usage(300, 10, 200),
        Reply::text("Done.").usage(400, 10, 300),
    ];
    // The grep would open the vault.
    project.write(".garth/config.toml", "");
    let server = Server::openai(replies);
    run(&project, home, &server, At::Away, &[]).expect(0);
    let lines = exposure(&project, home, &["--json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let files: Vec<&Value> = lines.iter().map(|line| &line["files"]).collect();
    assert_eq!(files, [&json!([]), &json!(["notes.txt"]), &json!(["src/lib.rs"]), &json!([])]);
    assert!(lines.iter().all(|line| line["address"] == server.url() && line["model"] == "test" && line["turn"] == 1));
    assert_eq!(lines[1]["answered"]["usage"]["prompt_tokens"], 200);
    let text = exposure(&project, home, &["--since", "1d"]);
    let sum = format!("\n{}: 4 requests, 2 files, 1,000 tokens sent (600 from its cache), 40 back\n", server.url());
    assert!(text.ends_with(&sum), "{text}");
    assert_eq!(exposure(&project, home, &["--session", "none"]), "Nothing of that has left this machine.\n");
}

#[test]
fn files_that_came_with_prompts_are_in_the_record() {
    let (project, home) = (project(), tempfile::tempdir().unwrap());
    project.write("AGENTS.md", "Be like water.\n");
    project.write(".garth/commands/look.md", "Look at @notes.txt and @src/lib.rs.\n");
    let sent = |home: &Path, args: &[&str]| {
        let server = Server::openai(vec![Reply::text("Seen.")]);
        let url = server.url();
        let fixed = ["run", "--json", "--provider", "openai", "--url", &url, "--model", "test"];
        let mut garth = project.garth(&[&fixed[..], args].concat());
        garth.env("GARTH_HOME", home).env("GARTH_MODEL__LOCAL", "false");
        project.finish(garth).expect(0);
        let lines = exposure(&project, home, &["--json"]);
        serde_json::from_str::<Value>(lines.lines().last().unwrap()).unwrap()["files"].clone()
    };
    let all = json!([".garth/commands/look.md", "AGENTS.md", "notes.txt", "src/lib.rs"]);
    assert_eq!(sent(home.path(), &["/look"]), all);
    // To another address all of that goes with the resumed session.
    assert_eq!(sent(home.path(), &["--resume", "latest", "and now?"]), all);
}

#[test]
fn what_cannot_be_recorded_is_not_sent() {
    let (project, home) = (project(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(home.path().join("state")).unwrap();
    std::fs::write(home.path().join("state/exposure"), "in the way").unwrap();
    let server = Server::openai(vec![Reply::text("not asked for")]);
    let ran = run(&project, home.path(), &server, At::Away, &[]);
    assert!(ran.error().contains("recorded first"), "{}", ran.error());
    assert!(server.requests().is_empty());
    run(&project, home.path(), &server, At::Here, &[]).expect(0);
}
