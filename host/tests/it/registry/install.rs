//! From a file or a folder to a plugin that is used, updated and removed; and every way in which a file that nobody accepted
//! stays unused.

use garth::config::Paths;

use super::plugin::{liar, plugin, with_words};
use super::world::{World, without_digests};

const READS: (&str, &str) = ("look", r#"{ workspace = "read" }"#);
const SENDS: (&str, &str) = ("tell", r#"{ http = [{ host = "api.example.org" }], state = "1MiB" }"#);
const FILE: &str = ".garth/plugins/weather.wasm";

#[test]
fn a_plugin_is_asked_about_and_then_used() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS, SENDS]));
    let asked = world.refused(&["add", "weather.wasm"], 4, "--yes accepts it");
    insta::assert_snapshot!("plugin_question", without_digests(&asked));
    assert!(!world.has(FILE) && !world.has("garth.lock"), "nothing is written without a yes");

    let done = world.done(&["add", "weather.wasm", "--yes"]);
    insta::assert_snapshot!("plugin_added", done);
    insta::assert_snapshot!("plugin_lock", without_digests(&world.project.read("garth.lock")));
    assert_eq!(world.status("weather"), ("used".into(), String::new()));
    insta::assert_snapshot!("plugin_list", world.done(&["list"]));
    assert!(world.done(&["verify"]).contains("nothing is wrong"));
    assert!(world.done(&["add", "weather.wasm"]).starts_with("Is here already"), "and is not asked about again");

    let gone = world.done(&["remove", "weather"]);
    assert!(gone.contains("Removed weather"), "{gone}");
    assert!(!world.has(FILE) && !world.project.read("garth.lock").contains("weather"));
    world.refused(&["remove", "weather"], 1, "there is no plugin 'weather' for this project");
    world.refused(&["remove", "../weather"], 1, "there is no plugin");
    world.refused(&["add", "weather.wasm"], 4, "nobody can be asked");
}

#[test]
fn a_users_own_is_there_in_every_project() {
    let world = World::new();
    world.put(
        "x/plugin.toml",
        b"name = \"weather\"\nversion = \"1.0.0\"\ndescription = \"d\"\nwit = \"0.1\"\n[tools.look]\n",
    );
    world.refused(&["add", "x", "--user", "--yes"], 1, "it is not built yet; `garth plugin build");
    world.put("x/weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    let added = world.json(&["add", "x", "--user", "--yes"]);
    assert_eq!((&added[0]["place"], &added[0]["source"]), (&"user".into(), &"PROJECT/x".into()));
    assert!(world.home().join("config/plugins/weather.wasm").is_file() && !world.has("garth.lock"));
    assert_eq!(world.status("weather").0, "used");
    world.done(&["remove", "weather", "--user"]);
    assert_eq!(world.status("weather").0, "");
}

#[test]
fn bytes_that_changed_are_not_used() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    world.done(&["add", "weather.wasm", "--yes"]);
    world.put(FILE, &plugin("weather", "1.0.1", &[READS]));
    let (status, reason) = world.status("weather");
    assert!(status == "problem" && reason.contains("not the version that garth.lock names"), "{status}: {reason}");
    let verified = world.garth(&["verify"]);
    assert_eq!(verified.code, 1);
    assert!(verified.out.contains("`garth plugin install` brings that one back"), "{}", verified.out);

    // The lock and the file agree, as after a pull; the user has not said yes to it.
    world.put("weather.wasm", &plugin("weather", "1.0.1", &[READS]));
    let lock = world.project.read("garth.lock");
    let other = World::new();
    other.put("weather.wasm", &plugin("weather", "1.0.1", &[READS]));
    other.done(&["add", "weather.wasm", "--yes"]);
    world.project.write("garth.lock", &other.project.read("garth.lock"));
    let (status, reason) = world.status("weather");
    assert!(status == "waits" && reason.contains("garth plugin accept weather"), "{status}: {reason}");
    world.refused(&["install"], 4, "Compared with the version before it");
    world.done(&["install", "--yes"]);
    assert_eq!(world.status("weather").0, "used");

    world.project.write("garth.lock", &lock);
    world.put(FILE, b"\0asm");
    assert_eq!(world.status("weather").0, "problem");
    assert_eq!(world.garth(&["verify"]).code, 1);
    std::fs::remove_file(world.project.root().join(FILE)).unwrap();
    assert_eq!(world.status("weather").0, "missing");
    world.refused(&["install", "--yes"], 1, "is not what was asked for: its SHA-256 is");
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    world.done(&["install", "--yes"]);
    assert_eq!(world.status("weather").0, "used");
}

#[test]
fn an_update_shows_what_it_asks_for_beyond_the_old_version() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS, ("old", "{}")]));
    world.done(&["add", "weather.wasm", "--yes"]);
    assert!(world.done(&["update", "weather"]).contains("1.0.0 is what its source has"));
    let more = ("look", r#"{ workspace = "write", process = [["git", "log"]] }"#);
    world.put("weather.wasm", &plugin("weather", "1.1.0", &[more, SENDS]));
    let asked = world.refused(&["update"], 4, "all is as it was");
    let difference = asked.split_once("Compared with").unwrap().1;
    insta::assert_snapshot!("plugin_difference", without_digests(difference));
    assert_eq!(world.status("weather"), ("used".into(), String::new()), "the old one");
    assert!(world.done(&["list"]).contains("weather 1.0.0"));
    assert!(world.done(&["update", "--yes"]).contains("Updated weather 1.1.0"));
    assert!(world.done(&["list"]).contains("weather 1.1.0"));

    world.put("weather.wasm", &plugin("impostor", "1.2.0", &[READS]));
    world.refused(&["update"], 1, "is called 'impostor' now");
    world.refused(&["update", "nobody"], 1, "does not name 'nobody'");
}

#[test]
fn nobody_takes_the_name_of_another() {
    let world = World::new();
    let refused = |name: &str, tool: &str, said: &str| {
        world.put("x.wasm", &plugin(name, "1.0.0", &[(tool, "{}")]));
        world.refused(&["add", "x.wasm", "--yes"], 1, said);
        assert!(!world.has(&format!(".garth/plugins/{name}.wasm")), "{name}");
    };
    refused("git", "look", "'git' is the name of a built-in plugin");
    refused("skills2", "skill", "has the name of a tool of Garth itself");
    refused("files2", "read_file", "has the name of a tool of the built-in plugin 'files'");
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    world.done(&["add", "weather.wasm", "--yes"]);
    refused("other", "look", "of the plugin 'weather', which `garth plugin remove weather` takes away");
}

#[test]
fn who_lies_about_its_tools_is_not_installed() {
    let world = World::new();
    world.put("liar.wasm", &liar("liar"));
    world.refused(&["add", "liar.wasm", "--yes"], 1, "other things of its tools than the catalogue");
    assert!(!world.has(".garth/plugins/liar.wasm") && !world.has("garth.lock"));
    let mut broken = plugin("weather", "1.0.0", &[READS]);
    let at = broken.windows(4).position(|bytes| bytes == b"\0asm").unwrap() + 200;
    broken[at] ^= 0xff;
    world.put("broken.wasm", &broken);
    let ended = world.garth(&["add", "broken.wasm", "--yes"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(!world.has(".garth/plugins/weather.wasm"));
}

#[test]
fn a_plugins_words_cannot_pass_for_ours() {
    let world = World::new();
    let words = "Nice.\nUse this, for this project? y(es) / n(o) y\n\nfile      .garth/plugins/git.wasm";
    world.put("weather.wasm", &with_words("weather", "1.0.0", &[READS], words, words));
    let asked = world.refused(&["add", "weather.wasm"], 4, "--yes");
    let lines: Vec<&str> = asked.lines().filter(|line| line.contains("y(es)")).collect();
    assert!(lines.iter().all(|line| line.trim_start().starts_with('“')), "{lines:?}");
    assert_eq!(asked.lines().filter(|line| line.starts_with("  file ")).count(), 1);
}

#[test]
fn where_it_stops_nothing_is_trusted() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    let env = [("GARTH_HOME".to_string(), world.home().display().to_string())].into();
    let state = Paths::find(&env, world.project.root()).unwrap().project_state();
    let consents = state.join("plugins.json");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::create_dir(&consents).unwrap(); // so the last step fails
    assert_eq!(world.garth(&["add", "weather.wasm", "--yes"]).code, 1);
    assert!(world.has(FILE) && world.has("garth.lock"));
    std::fs::remove_dir(&consents).unwrap();
    assert_eq!(world.status("weather").0, "waits");
    world.done(&["add", "weather.wasm", "--yes"]);
    assert_eq!(world.status("weather").0, "used");
}

#[test]
fn a_project_cannot_lead_the_files_elsewhere() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    let outside = world.project.outside();
    std::os::unix::fs::symlink(&outside, world.project.root().join(".garth/plugins")).unwrap();
    world.refused(&["add", "weather.wasm", "--yes"], 1, "leads out of");
    assert!(!outside.join("weather.wasm").exists());
    std::fs::remove_file(world.project.root().join(".garth/plugins")).unwrap();
    std::fs::create_dir(world.project.root().join(".garth/plugins")).unwrap();
    std::fs::write(outside.join("weather.wasm"), plugin("weather", "1.0.0", &[READS])).unwrap();
    std::os::unix::fs::symlink(outside.join("weather.wasm"), world.project.root().join(FILE)).unwrap();
    let (status, reason) = world.status("weather");
    assert!(status == "problem" && reason.contains("leads out of the project"), "{status}: {reason}");
    world.project.write("garth.lock", "version = 1\n[plugins.x]\nsource = \"\\u001b[2J\"\n");
    world.refused(&["add", "weather.wasm", "--yes"], 1, "garth.lock:2: missing field");
    let verified = world.garth(&["verify"]);
    assert_eq!(verified.code, 1);
    assert!(verified.out.contains("garth.lock"), "{}", verified.out);
    assert!(!world.garth(&["list"]).out.contains('\u{1b}'));
}

/// A component of plain functions carries no manifest: the one beside it counts, and the user's word is for both.
#[test]
fn a_component_of_plain_functions_comes_with_the_manifest_beside_it() {
    let world = World::new();
    let component = r#"(component
        (core module $m (func (export "f") (result i32) (i32.const 7)))
        (core instance $i (instantiate $m))
        (func (export "lucky") (result u32) (canon lift (core func $i "f"))))"#;
    const PLACED: &str = ".garth/plugins/lucky-number.toml";
    let bytes = wat::parse_str(component).unwrap();
    world.put("made/lucky-number.wasm", &bytes);
    world.done(&["add", "made/lucky-number.wasm", "--yes"]);
    assert_eq!(world.status("lucky-number").0, "used");
    assert!(world.done(&["list"]).contains("lucky                touches nothing"));
    assert!(world.done(&["verify"]).contains("nothing is wrong"));

    let manifest = "name = \"lucky-number\"\nversion = \"1.0.0\"\ndescription = \"d\"\nwit = \"0.1\"\n\
                    [tools.lucky.capabilities]\nworkspace = \"read\"\n";
    world.put("made/lucky-number.toml", manifest.as_bytes());
    let asked = world.refused(&["add", "made/lucky-number.wasm"], 4, "lucky  reads the workspace");
    assert!(asked.contains("lucky-number 1.0.0"), "{asked}");
    world.done(&["add", "made/lucky-number.wasm", "--yes"]);
    assert!(world.done(&["list"]).contains("asks first: reads the workspace"));
    assert!(world.done(&["verify"]).contains("nothing is wrong"));

    // Every byte of the manifest counts, also what no ceiling shows.
    let changed = [("read", "write"), ("\"d\"", "\"e\""), ("[tools", "[limits]\ntime = \"60s\"\n[tools")];
    for (from, to) in changed {
        world.put(PLACED, manifest.replacen(from, to, 1).as_bytes());
        let (status, reason) = world.status("lucky-number");
        assert!(
            status == "problem" && reason.contains("its manifest is not the one that garth.lock names"),
            "{to}: {status} {reason}"
        );
        let verified = world.garth(&["verify"]);
        assert!(
            verified.code == 1 && verified.out.contains("SHA-256 of the manifest beside it is"),
            "{}",
            verified.out
        );
        world.refused(&["accept", "lucky-number", "--yes"], 1, "cannot be accepted: its manifest is not the one");
        world.done(&["install"]);
        assert_eq!(world.status("lucky-number").0, "used", "{to}: it is brought back");
    }
    world.put("made/lucky-number.toml", manifest.replace("\"d\"", "\"e\"").as_bytes());
    std::fs::remove_file(world.project.root().join(PLACED)).unwrap();
    world.refused(&["install", "--yes"], 1, "not the one that garth.lock names");
    assert!(world.refused(&["update"], 4, "lucky-number 1.0.0: e").contains("reads the workspace"));
    world.done(&["update", "--yes"]);
    assert!(world.done(&["verify"]).contains("nothing is wrong"));

    // A signature of the component says nothing about its manifest.
    let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let signature = minisign::sign(Some(&keys.pk), &keys.sk, bytes.as_slice(), None, None).unwrap().into_string();
    world.put("made/lucky-number.wasm.minisig", signature.as_bytes());
    let key = keys.pk.to_base64();
    let add = ["add", "made/lucky-number.wasm", "--yes", "--key", &key];
    world.refused(&add, 1, "`garth plugin pack lucky-number.wasm --manifest lucky-number.toml` makes one file of both");
    world.refused(&["push", add[1], "oci://registry.example.org/x:1"], 1, "nobody has signed the manifest");
    std::fs::create_dir(world.project.root().join("packed")).unwrap();
    let packed = ["--manifest", "made/lucky-number.toml", "--output", "packed/lucky-number.wasm"];
    world.done(&[&["pack", "made/lucky-number.wasm"], &packed[..]].concat());
    world.done(&["add", "packed/lucky-number.wasm", "--yes"]);
    assert!(world.done(&["verify"]).contains("nothing is wrong"));
    world.done(&["remove", "lucky-number"]);
    assert!(!world.has(".garth/plugins/lucky-number.toml"));
}

/// Somebody with access to the project writes them into the lock; only the user's word makes them count.
#[test]
fn the_locks_grants_count_only_once_they_were_asked_about() {
    const GRANTED: &str = "Granted with your yes, since garth.lock asks for it:\n  look  reads the workspace";
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS, SENDS]));
    world.done(&["add", "weather.wasm", "--yes"]);
    let lock = world.project.read("garth.lock");
    let grants = |world: &World| world.done(&["grants"]);
    let asked_again = |after: &str| {
        for missing in [false, true] {
            if missing {
                std::fs::remove_file(world.project.root().join(FILE)).unwrap();
            }
            world.refused(&["install"], 4, GRANTED);
            assert!(grants(&world).starts_with("Nothing is granted"), "{after}");
            assert_eq!(world.has(FILE), !missing, "all is as it was");
            world.put(FILE, &plugin("weather", "1.0.0", &[READS, SENDS]));
        }
        world.refused(&["add", "weather.wasm"], 4, GRANTED);
        world.refused(&["accept", "weather"], 4, GRANTED);
        assert_eq!(world.status("weather").0, "used", "without the grant");
    };
    world.project.write("garth.lock", &format!("{lock}\n[plugins.weather.grants.look]\nworkspace = \"read\"\n"));
    asked_again("what the lock asks for since");
    world.done(&["install", "--yes"]);
    assert!(grants(&world).contains("look  reads the workspace (by the project's garth.lock, which you accepted)"));
    assert!(world.done(&["install"]).starts_with("Is here already"), "and is not asked about again");
    world.done(&["revoke", "weather"]);
    asked_again("what was taken back");
    // What the lock asks for no longer goes without a question.
    world.done(&["accept", "weather", "--yes"]);
    world.project.write("garth.lock", &lock);
    world.done(&["install"]);
    assert!(grants(&world).starts_with("Nothing is granted"));
}

#[test]
fn the_lock_is_told_what_to_ask_for() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS, SENDS]));
    let grant = ["grant", "weather", "--lock", "--tool", "tell", "--http", "api.example.org"];
    world.refused(&grant, 1, "there is no plugin 'weather' of this project");
    world.put(FILE, &plugin("weather", "1.0.0", &[READS, SENDS]));
    world.refused(
        &grant,
        1,
        "garth.lock does not name 'weather' as it is; `garth plugin add .garth/plugins/weather.wasm`",
    );
    world.done(&["add", "weather.wasm", "--yes"]);
    world.refused(&["grant", "weather", "--lock", "--workspace", "write"], 1, "no tool of it declares: writes");
    world.refused(&["grant", "weather", "--lock", "--user", "--all"], 2, "--user");
    insta::assert_snapshot!(world.done(&grant), @r"
    garth.lock asks to grant to 'weather':
      tell  sends GET/HEAD api.example.org
    It counts for each user, you too, once they have accepted it: `garth plugin install` shows it and asks.
    ");
    assert!(world.done(&["grants"]).starts_with("Nothing is granted"));
    assert!(world.done(&["verify"]).contains("nothing is wrong"));
    world.refused(&["install"], 4, "since garth.lock asks for it:\n  tell  sends GET/HEAD api.example.org");
    let lock = world.project.read("garth.lock");
    assert!(lock.contains("[[plugins.weather.grants.tell.http]]") && !lock.contains("grants.look"), "{lock}");
    world.refused(&["revoke", "weather", "--lock", "--tool", "look"], 1, "asks for nothing to be granted to 'look'");
    assert!(
        world.done(&["revoke", "weather", "--lock"]).contains("no longer asks for anything to be granted to 'weather'")
    );
    assert!(!world.project.read("garth.lock").contains("grants."));
    world.done(&["install"]);
}

/// A repository brings a plugin with the name of one that the user has and trusts.
#[test]
fn a_projects_twin_has_nothing_of_the_users_plugin() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &[READS]));
    world.done(&["add", "weather.wasm", "--user", "--yes"]);
    world.done(&["grant", "weather", "--all"]);
    world.done(&["grant", "weather", "--all", "--user"]);
    assert!(world.done(&["why", "look"]).contains("all of it is granted"));
    world.put(FILE, &plugin("weather", "1.0.0", &[READS]));
    // As long as it waits, a grant is for the one that is used.
    for flags in [&["--all"][..], &["--all", "--user"]] {
        let given = world.done(&[&["grant", "weather"], flags].concat());
        assert!(given.starts_with("Granted to 'weather' (yours, in all projects) in"), "{given}");
    }
    let asked = world.refused(&["accept", "weather"], 4, "--yes");
    assert!(!asked.contains("granted it already"), "{asked}");
    world.done(&["accept", "weather", "--yes"]);
    assert!(world.done(&["why", "look"]).contains("not granted yet: reads the workspace"));
    insta::assert_snapshot!(world.done(&["grants"]), @r"
    weather (yours, in all projects)
      look  reads the workspace (in this project)
      look  reads the workspace (in all projects)
    ");

    // What it has itself is shown with the next version.
    world.done(&["grant", "weather", "--all"]);
    world.put(FILE, &plugin("weather", "1.1.0", &[READS]));
    world.refused(&["accept", "weather"], 4, "You have granted it already:\n  look  reads the workspace");
    world.done(&["remove", "weather"]);
    assert!(world.done(&["why", "look"]).contains("all of it is granted"), "the user's own again");
    world.done(&["remove", "weather", "--user"]);
    assert!(world.done(&["grants"]).starts_with("Nothing is granted"), "in this project neither");
}

#[test]
fn a_path_that_others_do_not_have_is_said() {
    let world = World::new();
    let bytes = plugin("weather", "1.0.0", &[READS]);
    std::fs::write(world.project.outside().join("weather.wasm"), &bytes).unwrap();
    let outside = world.project.outside().join("weather.wasm").display().to_string();
    let said = "OUTSIDE/weather.wasm is outside the project: others who have its garth.lock will not have this path";
    let added = world.garth(&["add", &outside, "--yes"]);
    assert!(added.code == 0 && world.steady(&added.err).contains(said), "{}", added.err);
    for inside in ["made/weather.wasm", &world.project.root().join("made/weather.wasm").display().to_string()] {
        world.put("made/weather.wasm", &bytes);
        let added = world.garth(&["add", inside, "--yes"]);
        assert!(added.code == 0 && !added.err.contains("outside the project"), "{}", added.err);
        assert!(world.project.read("garth.lock").contains("source = \"made/weather.wasm\""));
    }
    std::fs::remove_file(world.project.root().join(FILE)).unwrap();
    world.done(&["install"]);
    assert!(world.done(&["update"]).contains("is what its source has"));
    std::fs::write(world.project.outside().join("yours.wasm"), plugin("yours", "1.0.0", &[("own", "{}")])).unwrap();
    let yours = world.project.outside().join("yours.wasm").display().to_string();
    let added = world.garth(&["add", &yours, "--user", "--yes"]);
    assert!(added.code == 0 && !added.err.contains("outside the project"), "nobody shares that one: {}", added.err);
}
