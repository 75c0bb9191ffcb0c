//! What commands print for programs, for every command that takes `--json`; and what is told of versions that go back, of files
//! with names that no plugin has, and of names that Garth has itself.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::plugin::plugin;
use super::world::World;

const READS: (&str, &str) = ("look", r#"{ workspace = "read" }"#);

#[test]
fn with_json_every_command_prints_json() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    world.put("tests/a.toml", b"[[case]]\nname = \"a\"\ntool = \"look\"\narguments = {}\nexpect = { text = \"\" }\n");
    // The command, the exit code, and a key that a line of the answer has; none: nothing is printed.
    let lines: &[(&str, i32, &str)] = &[
        ("plugin new notes --lang python", 0, "folder"),
        ("plugin build notes", 1, ""),
        ("plugin inspect weather.wasm", 0, "sha256"),
        ("plugin inspect files", 0, "plugin"),
        ("plugin doctor weather.wasm", 0, "usable"),
        ("plugin doctor files", 0, "usable"),
        ("plugin test weather.wasm --cases tests", 0, "passed"),
        ("plugin call weather.wasm look", 0, "text"),
        ("plugin install", 0, ""),
        ("plugin update", 0, ""),
        ("plugin add weather.wasm --yes", 0, "sha256"),
        ("plugin update weather", 0, "reason"),
        ("plugin install", 0, "source"),
        ("plugin accept weather", 0, "accepted"),
        ("plugin verify", 0, "ok"),
        ("plugin list", 0, "status"),
        ("plugin grant weather --all", 0, "granted"),
        ("plugin grants", 0, "grants"),
        ("plugin why look {}", 0, "findings"),
        ("plugin revoke weather", 0, "revoked"),
        ("plugin grant weather --all --lock", 0, "granted"),
        ("plugin revoke weather --lock", 0, "revoked"),
        ("plugin pack weather.wasm --manifest none.toml", 1, ""),
        ("plugin push weather.wasm nowhere", 1, ""),
        ("plugin remove weather", 0, "removed"),
        ("plugin dev nowhere", 1, ""),
        ("plugin", 0, "status"),
        ("secret set token", 0, "kept"),
        ("secret list", 0, "secrets"),
        ("secret remove token", 0, "removed"),
        ("secret remove token", 1, ""),
        ("audit", 0, ""),
    ];
    let mut wrong = Vec::new();
    for (line, code, key) in lines {
        let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let mut command = world.project.garth(&words);
        command.env("GARTH_HOME", world.home()).env("PATH", "").stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Most of them end without reading it.
        let _ = child.stdin.take().unwrap().write_all(b"a long secret value\n");
        let output = child.wait_with_output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
        let values: Result<Vec<Value>, _> = out.lines().map(serde_json::from_str).collect();
        let has = |values: &Vec<Value>| match *key {
            "" => values.is_empty(),
            key => !values.is_empty() && values.iter().all(|value| !value[key].is_null()),
        };
        if output.status.code() != Some(*code) || !values.as_ref().is_ok_and(has) {
            wrong.push(format!("{line}: {:?}\n{out}{err}", output.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Whoever adds a command adds its line here.
    let help = world.garth(&["--help"]).out;
    let commands =
        help.lines().skip_while(|line| !line.starts_with("Commands")).skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   ")).collect();
    assert!(commands.len() > 15, "{help}");
    for command in commands {
        let name = command.split_whitespace().next().unwrap();
        let there = lines.iter().any(|(line, ..)| line.split(' ').nth(1) == Some(name));
        assert!(there || name == "help", "plugin {name}");
    }
}

#[test]
fn a_version_that_goes_back_is_said() {
    let world = World::new();
    let put = |version: &str, tools: &[(&str, &str)]| world.put("weather.wasm", &plugin("weather", version, tools));
    put("1.2.0", &[READS]);
    world.done(&["add", "weather.wasm", "--yes"]);
    put("1.10.0", &[READS]);
    let newer = world.garth(&["update", "--yes", "--json"]);
    assert!(!newer.err.contains("downgrade") && !newer.err.contains("other bytes"), "{}", newer.err);
    let line: Value = serde_json::from_str(&newer.out).unwrap();
    assert_eq!((&line["change"], &line["before"]["version"]), (&"newer".into(), &"1.2.0".into()));
    put("1.9.0", &[READS]);
    world.refused(&["update"], 4, "this is a downgrade: weather 1.9.0 is older than 1.10.0");
    assert_eq!(world.json(&["update", "--yes"])[0]["change"], "older");
    put("1.9.0", &[READS, ("tell", "{}")]);
    world.refused(&["update"], 4, "weather says that it is 1.9.0, as the one before it, and has other bytes");
    assert_eq!(world.json(&["add", "weather.wasm", "--yes"])[0]["change"], "same version");
    assert_eq!(world.json(&["add", "weather.wasm", "--yes"])[0]["change"], Value::Null);
}

#[test]
fn a_misnamed_file_is_told() {
    let world = World::new();
    for name in [".x.wasm", "x~.wasm", "X.wasm.part", "X.part.wasm"] {
        world.put(&format!(".garth/plugins/{name}"), b"");
    }
    assert!(!world.done(&["list"]).contains("This project's"), "what is being written is not told");
    world.put(".garth/plugins/My Weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    world.put(".garth/plugins/other.wasm", &plugin("climate", "1.0.0", &[READS]));
    let (status, reason) = world.status("My Weather.wasm");
    assert!(status == "problem" && reason.contains("rename it to weather.wasm"), "{status}: {reason}");
    let (status, reason) = world.status("other");
    assert!(status == "problem" && reason.contains("name the file climate.wasm"), "{status}: {reason}");
    insta::assert_snapshot!("plugin_misnamed", world.done(&["list"]).split_once("This project's").unwrap().1);
}

#[test]
fn names_that_garth_has_are_refused_before_anything_is_built() {
    let world = World::new();
    let manifest = |name: &str, tools: &str| {
        format!("name = \"{name}\"\nversion = \"1.0.0\"\ndescription = \"d\"\nwit = \"0.1\"\n{tools}")
    };
    world.put("p/Cargo.toml", b"broken");
    world.put("p/plugin.toml", manifest("git", "[tools.x]\n").as_bytes());
    for command in ["build", "dev"] {
        world.put("p/plugin.toml", manifest("git", "[tools.x]\n").as_bytes());
        world.refused(&[command, "p"], 1, "'git' is the name of a built-in plugin");
        world.put("p/plugin.toml", manifest("p", "[tools.Skill.capabilities]\n").as_bytes());
        let said = world.refused(&[command, "p"], 1, "its tool 'Skill' has the name of a tool of Garth itself");
        assert!(said.contains("[tools.p_Skill]\nfunction = \"Skill\"\n"), "{said}");
    }
    let doctor = |name: &str, tool: &str, said: &str| {
        world.put("x.wasm", &plugin(name, "1.0.0", &[(tool, "{}")]));
        let ended = world.garth(&["doctor", "x.wasm"]);
        assert!(ended.code == 1 && ended.out.contains(said), "{}", ended.out);
    };
    doctor("git", "x", "'git' is the name of a built-in plugin");
    doctor("x", "grep", "[tools.x_grep]");
    world.refused(&["inspect", "nobody"], 1, "there is no plugin 'nobody', and no such file");
}
