//! Plugin files that come, change and go, as the plugins of a session take them in: which are used, which wait, which are
//! problems, and what stays meanwhile. Nothing here watches: each test says when to look.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use garth::plugins::{Accepted, Consents, Live, Lock, Locked, Options, Place, Roots, Spot, Writing, digest};
use garth::policy::Grant;
use garth::sandbox::{Protection, Sandbox};
use tempfile::TempDir;

use crate::plugin_file::Made;

pub struct Yard {
    folder: TempDir,
    pub roots: Roots,
    pub consents: Consents,
}

impl Yard {
    pub fn new() -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        for name in ["project", "config", "state/p"] {
            std::fs::create_dir_all(top.join(name)).unwrap();
        }
        let roots = Roots::new(&top.join("project"), &top.join("config"), &top.join("state/p"));
        let consents = Consents::open(top.join("state/p/plugins.json"), top.join("state/plugins.json"));
        Yard { folder, roots, consents }
    }

    pub fn top(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub fn open(&self) -> Live {
        let top = self.top();
        let home = crate::agent::home();
        let settings =
            garth::sandbox::Settings { cache_dir: Some(home.join("cache/native")), key_dir: home.join("state") };
        Live::open(Options {
            roots: self.roots.clone(),
            consents: self.consents.clone(),
            sandbox: Sandbox::new(settings).unwrap(),
            workspace: top.join("project"),
            protection: Arc::new(Protection::new(&[], &[".env*".into()]).unwrap()),
            limits: Default::default(),
            state: top.join("state/p/plugins"),
            enabled: Box::new(|name| name != "off" && name != "git"),
            grant: Box::new(|_, _| Grant::default()),
            reserved: vec!["skill".into(), "call_tool".into()],
            signed: Box::new(|file, bytes, key| match garth::registry::read_signature(file) {
                Ok(Some(signature)) => {
                    garth::registry::verify(bytes, &signature, key).map_err(|error| error.to_string())
                }
                _ => Err("its signature is missing".into()),
            }),
            question: Box::new(|question| match question.signed_by {
                Some(key) => format!("use {}, signed {key}?", question.shown),
                None => format!("use {}?", question.shown),
            }),
        })
        .unwrap()
    }

    pub fn path(&self, spot: Spot, file: &str) -> PathBuf {
        let folder = self.roots.folder(spot);
        std::fs::create_dir_all(&folder).unwrap();
        folder.join(file)
    }

    pub fn put(&self, spot: Spot, made: &Made) -> String {
        let bytes = made.file();
        std::fs::write(self.path(spot, &format!("{}.wasm", made.name)), &bytes).unwrap();
        digest(&bytes)
    }

    /// The user's word for just these bytes, as `garth plugin accept` gives it.
    pub fn accept(&self, place: Place, made: &Made) {
        let file = garth::plugins::PluginFile::parse(made.file(), garth::plugins::Origin::Builtin).unwrap();
        self.consents.accept(place, made.name, Accepted::of(&file, None)).unwrap();
    }

    fn lock(&self, place: Place, name: &str, sha256: &str) {
        self.lock_with(place, name, sha256, |_| {});
    }

    fn lock_with(&self, place: Place, name: &str, sha256: &str, change: impl FnOnce(&mut Locked)) {
        let mut locked = Locked {
            source: "https://example.org/x.wasm".into(),
            version: "0.1.0".into(),
            sha256: sha256.into(),
            manifest: None,
            wit: "0.1".into(),
            signed_by: None,
            ceiling: [("lint".to_string(), Default::default())].into(),
            grants: Default::default(),
        };
        change(&mut locked);
        let lock = Lock { plugins: [(name.to_string(), locked)].into() };
        lock.write(&self.roots.lock(place)).unwrap();
    }
}

const PROJECT: Spot = Spot::Installed(Place::Project);
const USER: Spot = Spot::Installed(Place::User);
/// Longer than something takes to settle.
const SETTLED: Duration = Duration::from_millis(600);

/// All that is no built-in: `name version state`, sorted.
fn listed(live: &Live) -> Vec<String> {
    let all = live.list();
    let files = all.iter().filter(|plugin| plugin.file != "built in");
    let mut lines: Vec<String> =
        files.map(|plugin| format!("{} {} {}", plugin.name, plugin.version, plugin.state)).collect();
    lines.sort();
    lines
}

fn detail(live: &Live, state: &str) -> String {
    let all = live.list();
    let found = all.iter().find(|plugin| plugin.state == state);
    found.unwrap_or_else(|| panic!("nothing is {state} in {all:#?}")).detail.clone()
}

/// What stands for the question about the file of this name.
fn token(live: &Live, name: &str) -> String {
    live.list().into_iter().find(|plugin| plugin.name == name).and_then(|plugin| plugin.token).unwrap_or_default()
}

fn settle(live: &Live) {
    assert!(live.unsettled().is_some(), "something has to settle: {:?}", listed(live));
    std::thread::sleep(SETTLED);
    live.settle();
    assert_eq!(live.unsettled(), None);
}

#[test]
fn a_file_waits_until_just_these_bytes_are_accepted() {
    let yard = Yard::new();
    let reading = || Made { capabilities: "{ workspace = \"read\" }", ..Made::default() };
    let (one, two) = (reading(), Made { version: "0.2.0", answer: "two", ..reading() });
    let digest = yard.put(PROJECT, &one);
    let live = yard.open();
    assert_eq!(listed(&live), ["lint 0.1.0 waiting"]);
    assert!(live.current().find("lint").is_none(), "its tools are not there");
    assert!(live.list().iter().any(|plugin| plugin.question.as_deref() == Some("use .garth/plugins/lint.wasm?")));

    let asked = token(&live, "lint");
    for (name, word) in [("lint", &digest[..]), ("lint", ""), ("lint", &asked[..31]), ("other", &asked[..])] {
        let refused = live.accept(name, word).unwrap_err();
        assert!(refused.contains("waits that was shown so"), "{refused}");
    }
    // What the lock would grant belongs to what is shown.
    let reads: garth::policy::Capabilities = serde_json::from_str(r#"{"workspace": "read"}"#).unwrap();
    yard.lock_with(Place::Project, "lint", &digest, |locked| {
        locked.ceiling.insert("lint".into(), reads.clone());
        locked.grants.insert("lint".into(), reads.clone());
    });
    live.accept("lint", &asked).unwrap_err();
    assert_eq!(yard.consents.accepted(Place::Project, "lint"), None);
    std::fs::remove_file(yard.roots.lock(Place::Project)).unwrap();
    let before = live.current();
    live.accept("lint", &asked).unwrap();
    assert_eq!(listed(&live), ["lint 0.1.0 live"]);
    assert!(before.find("lint").is_none() && live.current().find("lint").is_some(), "snapshots stay as they are");
    assert_eq!(listed(&yard.open()), ["lint 0.1.0 live"], "and so it is in the next session");

    // Another version waits, and the accepted one stays for this session, not for the next.
    yard.put(PROJECT, &two);
    live.rescan();
    assert_eq!(listed(&live), ["lint 0.1.0 live"], "not told at once: it may be half of a file");
    settle(&live);
    assert_eq!(listed(&live), ["lint 0.1.0 live", "lint 0.2.0 waiting"]);
    assert_eq!(detail(&live, "waiting"), "it is not the version that you accepted");
    assert_eq!(listed(&yard.open()), ["lint 0.2.0 waiting"]);

    // Accepted from elsewhere, it is live at the next look.
    yard.accept(Place::Project, &two);
    live.rescan();
    assert_eq!(listed(&live), ["lint 0.2.0 live"]);

    // A word that is taken back counts at once, also for what is in memory.
    yard.consents.forget(garth::plugins::Holder::Installed(Place::Project), "lint").unwrap();
    live.rescan();
    assert!(live.current().find("lint").is_none());
    assert_eq!(live.current().gone("lint"), Some("the plugin 'lint' waits for the user's word"));
}

#[test]
fn what_is_gone_is_never_served_again() {
    let yard = Yard::new();
    let one = Made::default();
    yard.put(PROJECT, &one);
    yard.accept(Place::Project, &one);
    let live = yard.open();
    let path = yard.path(PROJECT, "lint.wasm");
    std::fs::remove_file(&path).unwrap();
    live.rescan();
    assert_eq!(listed(&live), [""; 0]);
    assert_eq!(live.current().gone("lint"), Some("the plugin 'lint' was removed"));
    // A broken file in its place does not bring the last good one back.
    std::fs::write(&path, b"\0asm\x0d\0\x01\0\x01").unwrap();
    live.rescan();
    settle(&live);
    assert_eq!(listed(&live), ["lint  broken"]);
    assert!(live.current().find("lint").is_none());
    yard.put(PROJECT, &one);
    live.rescan();
    assert_eq!(listed(&live), ["lint 0.1.0 live"]);
    assert_eq!(live.current().gone("lint"), None);
}

#[test]
fn a_broken_file_leaves_the_last_good_version_and_no_other_plugin_is_touched() {
    let yard = Yard::new();
    let (one, other) = (Made::default(), Made { name: "other", tools: &["other"], ..Made::default() });
    for made in [&one, &other] {
        yard.put(USER, made);
        yard.accept(Place::User, made);
    }
    let live = yard.open();
    let before = live.current();
    let whole = one.file();
    for length in [0, 8, whole.len() / 2, whole.len() - 1] {
        std::fs::write(yard.path(USER, "lint.wasm"), &whole[..length]).unwrap();
        live.rescan();
        assert_eq!(listed(&live), ["lint 0.1.0 live", "other 0.1.0 live"], "{length}");
    }
    settle(&live);
    assert_eq!(listed(&live), ["lint  broken", "lint 0.1.0 live", "other 0.1.0 live"]);
    std::fs::write(yard.path(USER, "lint.wasm"), &whole).unwrap();
    live.rescan();
    assert_eq!(listed(&live), ["lint 0.1.0 live", "other 0.1.0 live"]);
    let same = |name: &str| {
        let of = |plugins: &garth::plugins::Plugins| plugins.find(name).unwrap().plugin.clone();
        Arc::ptr_eq(&of(&before), &of(&live.current()))
    };
    assert!(same("lint") && same("other"), "the same bytes are not loaded twice");
}

#[test]
fn what_does_not_load_is_a_problem_and_is_not_remembered() {
    let yard = Yard::new();
    // Packed well, but the component is none of the contract.
    let made = Made::default();
    let other = wat::parse_str("(component (import \"wasi:other/thing@0.1.0\" (instance)))").unwrap();
    let sections = garth::plugins::pack::read_sections(&made.file()).unwrap();
    let file = garth::plugins::pack::pack(&other, &sections).unwrap();
    std::fs::write(yard.path(PROJECT, "lint.wasm"), &file).unwrap();
    let live = yard.open();
    let refused = live.accept("lint", &token(&live, "lint")).unwrap_err();
    assert!(refused.contains("wasi:other/thing@0.1.0"), "{refused}");
    assert_eq!(yard.consents.accepted(Place::Project, "lint"), None);
    assert_eq!(listed(&live), ["lint 0.1.0 waiting"]);
}

#[test]
fn who_lies_in_the_catalogue_is_not_accepted() {
    let yard = Yard::new();
    let file = crate::registry::plugin::liar("liar");
    std::fs::write(yard.path(PROJECT, "liar.wasm"), &file).unwrap();
    let live = yard.open();
    assert_eq!(listed(&live), ["liar 0.1.0 waiting"]);
    let refused = live.accept("liar", &token(&live, "liar")).unwrap_err();
    assert!(refused.contains("other things of its tools than the catalogue"), "{refused}");
    assert_eq!(yard.consents.accepted(Place::Project, "liar"), None);
    assert!(live.current().find("lie").is_none());
}

#[test]
fn what_the_lock_says_of_a_file_is_checked_before_anybody_is_asked() {
    let yard = Yard::new();
    let digest = yard.put(PROJECT, &Made::default());
    let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let check = |change: &dyn Fn(&mut Locked), expected: &str| {
        yard.lock_with(Place::Project, "lint", &digest, change);
        let live = yard.open();
        assert_eq!(listed(&live), ["lint 0.1.0 broken"], "{expected}");
        assert!(detail(&live, "broken").contains(expected), "{expected}: {}", detail(&live, "broken"));
        assert!(live.list().iter().all(|plugin| plugin.question.is_none()), "nobody is asked about a claim");
        live.accept("lint", &token(&live, "lint")).unwrap_err();
        assert_eq!(yard.consents.accepted(Place::Project, "lint"), None);
    };
    let signed = |locked: &mut Locked| locked.signed_by = Some(keys.pk.to_base64());
    check(&signed, "its signature is missing");
    let sign = |bytes: &[u8]| {
        let made = minisign::sign(Some(&keys.pk), &keys.sk, std::io::Cursor::new(bytes), None, None).unwrap();
        std::fs::write(yard.path(PROJECT, "lint.wasm.minisig"), made.into_string()).unwrap();
    };
    sign(b"other bytes");
    check(&signed, "does not fit the file");
    check(&|locked| locked.version = "9.9.9".into(), "garth.lock says 9.9.9");
    let writes: garth::policy::Capabilities = serde_json::from_str(r#"{"workspace": "write"}"#).unwrap();
    check(
        &|locked| drop(locked.ceiling.insert("lint".into(), Clone::clone(&writes))),
        "other capabilities than garth.lock says",
    );

    sign(&Made::default().file());
    yard.lock_with(Place::Project, "lint", &digest, signed);
    let live = yard.open();
    let asked = format!("use .garth/plugins/lint.wasm, signed {}?", keys.pk.to_base64());
    assert!(live.list().iter().any(|plugin| plugin.question.as_ref() == Some(&asked)), "{:#?}", live.list());
    live.accept("lint", &token(&live, "lint")).unwrap();
    assert_eq!(listed(&live), ["lint 0.1.0 live"]);
}

#[test]
fn what_the_lock_names_and_is_not_there_is_said() {
    let yard = Yard::new();
    yard.lock(Place::Project, "lint", &"ab".repeat(32));
    assert!(
        detail(&yard.open(), "broken").contains("'lint', whose file is not here; `garth plugin install` brings it")
    );
    std::fs::write(yard.roots.lock(Place::Project), "version = 1\n<<<<<<< HEAD\n").unwrap();
    assert!(detail(&yard.open(), "broken").contains("garth.lock:2"), "{}", detail(&yard.open(), "broken"));
}

#[test]
fn a_name_that_is_taken_is_told_before_the_word_is_given() {
    let yard = Yard::new();
    yard.put(PROJECT, &Made::default());
    yard.accept(Place::Project, &Made::default());
    for (tool, owner) in [
        ("Read_File", "of the built-in plugin 'files'"),
        ("LINT", "of the plugin 'lint'"),
        ("skill", "of Garth itself"),
    ] {
        let tools: &'static [&'static str] = Box::leak(Box::new([tool]));
        yard.put(PROJECT, &Made { name: "a", tools, ..Made::default() });
        let live = yard.open();
        let refused = live.accept("a", &token(&live, "a")).unwrap_err();
        assert!(refused.contains(owner), "{refused}");
        assert_eq!(yard.consents.accepted(Place::Project, "a"), None);
    }
}

#[test]
fn places_count_in_order_and_names_cannot_be_taken() {
    let yard = Yard::new();
    let at = |version: &'static str| Made { version, ..Made::default() };
    yard.put(USER, &at("0.0.1"));
    yard.accept(Place::User, &at("0.0.1"));
    yard.put(PROJECT, &at("0.0.2"));
    let live = yard.open();
    assert_eq!(listed(&live), ["lint 0.0.1 live", "lint 0.0.2 waiting"], "a project takes nothing away unasked");
    yard.accept(Place::Project, &at("0.0.2"));
    live.rescan();
    assert_eq!(listed(&live), ["lint 0.0.1 hidden", "lint 0.0.2 live"]);
    let writing = Writing::begin(&yard.roots, "lint").unwrap();
    yard.put(Spot::Dev, &at("0.0.3"));
    live.rescan();
    assert_eq!(listed(&live), ["lint 0.0.1 hidden", "lint 0.0.2 hidden", "lint 0.0.3 live"], "no question for `dev`");
    assert!(live.unsettled().is_some(), "it is looked whether it still runs");
    drop(writing);
    live.settle();
    assert_eq!(listed(&live), ["lint 0.0.1 hidden", "lint 0.0.2 live"], "nobody writes it now");
    settle(&live);
    assert!(detail(&live, "broken").contains("left over from a `garth plugin dev` that was killed"));
    std::fs::remove_file(yard.path(Spot::Dev, "lint.wasm")).unwrap();
    live.rescan();
    assert_eq!(listed(&live), ["lint 0.0.1 hidden", "lint 0.0.2 live"]);

    for (made, part) in [
        (Made { name: "files", tools: &["x"], ..Made::default() }, "is the name of a built-in plugin"),
        (Made { name: "git", tools: &["x"], ..Made::default() }, "is the name of a built-in plugin"),
        (Made { name: "a", tools: &["x", "Read_File"], ..Made::default() }, "of the built-in plugin 'files'"),
        (Made { name: "a", tools: &["git_log"], ..Made::default() }, "of the built-in plugin 'git'"),
        (Made { name: "a", tools: &["call_tool"], ..Made::default() }, "of Garth itself"),
    ] {
        yard.put(PROJECT, &made);
        yard.accept(Place::Project, &made);
        let live = yard.open();
        let detail = detail(&live, "broken");
        assert!(detail.contains(part), "{detail}");
        assert_eq!(live.current().find("lint").unwrap().plugin.version, "0.0.2");
        std::fs::remove_file(yard.path(PROJECT, &format!("{}.wasm", made.name))).unwrap();
    }
    let late = Made { name: "a", tools: &["lint"], ..Made::default() };
    yard.put(PROJECT, &late);
    yard.accept(Place::Project, &late);
    live.rescan();
    assert!(detail(&live, "broken").contains("of the plugin 'lint'"), "who came first has the name");
    let off = Made { name: "off", tools: &["x"], ..Made::default() };
    yard.put(Spot::Dev, &off);
    live.rescan();
    assert!(listed(&live).contains(&"off 0.1.0 off".to_string()), "{:?}", listed(&live));
}

#[test]
fn the_lock_has_its_say() {
    let yard = Yard::new();
    let one = Made::default();
    let digest = yard.put(PROJECT, &one);
    yard.accept(Place::Project, &one);
    yard.lock(Place::Project, "lint", &"0".repeat(64));
    let live = yard.open();
    assert_eq!(listed(&live), ["lint 0.1.0 broken"]);
    let said = detail(&live, "broken");
    assert!(said.contains("garth plugin update lint") && said.contains("00000000 … there"), "{said}");
    yard.lock(Place::Project, "lint", &digest);
    live.rescan();
    assert_eq!(listed(&live), ["lint 0.1.0 live"]);
    std::fs::write(yard.roots.lock(Place::Project), "version = 99\n").unwrap();
    let live = yard.open();
    assert!(detail(&live, "broken").contains("its version is 99"), "{}", detail(&live, "broken"));
}

#[test]
fn a_name_or_a_link_that_leads_elsewhere_is_no_plugin() {
    let yard = Yard::new();
    let one = Made::default();
    std::fs::write(yard.path(PROJECT, "other.wasm"), one.file()).unwrap();
    std::fs::write(yard.path(PROJECT, ".lint.wasm"), one.file()).unwrap();
    std::fs::write(yard.path(PROJECT, "lint.wasm.tmp"), one.file()).unwrap();
    let outside = yard.top().join("outside.wasm");
    std::fs::write(&outside, one.file()).unwrap();
    std::os::unix::fs::symlink(&outside, yard.path(PROJECT, "lint.wasm")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        yard.path(PROJECT, "pipe.wasm"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let live = yard.open();
    let list = live.list();
    let said: Vec<(&str, &str)> = list
        .iter()
        .filter(|plugin| plugin.file != "built in")
        .map(|plugin| (plugin.name.as_str(), plugin.detail.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("lint", "leads out of the project; put the file itself there"),
            ("other", "the plugin in it is called 'lint'; name the file lint.wasm"),
            ("pipe", "is not a regular file"),
        ]
    );
    std::fs::remove_dir_all(yard.roots.folder(PROJECT)).unwrap();
    std::os::unix::fs::symlink(yard.top(), yard.roots.folder(PROJECT)).unwrap();
    live.rescan();
    assert!(detail(&live, "broken").contains("leads out of the project"), "{:?}", live.list());
}

#[test]
fn the_same_bytes_with_another_manifest_are_another_plugin() {
    let yard = Yard::new();
    // A component with a plain function: its manifest lies beside it.
    let wasm = wat::parse_str(
        "(component (core module $m (func (export \"f\") (result i32) (i32.const 7)))
           (core instance $i (instantiate $m))
           (func (export \"seven\") (result u32) (canon lift (core func $i \"f\"))))",
    )
    .unwrap();
    let manifest = |more: &str| {
        let head = "name = \"plain\"\nversion = \"1.0.0\"\ndescription = \"Counts.\"\nwit = \"0.1\"\n[tools.seven]\n";
        std::fs::write(yard.path(PROJECT, "plain.toml"), format!("{head}{more}")).unwrap();
    };
    std::fs::write(yard.path(PROJECT, "plain.wasm"), &wasm).unwrap();
    manifest("");
    let live = yard.open();
    assert_eq!(listed(&live), ["plain 1.0.0 waiting"]);
    live.accept("plain", &token(&live, "plain")).unwrap();
    assert_eq!(listed(&live), ["plain 1.0.0 live"]);
    manifest("capabilities = { workspace = \"write\" }\n");
    live.rescan();
    settle(&live);
    assert_eq!(listed(&live), ["plain 1.0.0 live", "plain 1.0.0 waiting"]);
    assert_eq!(detail(&live, "waiting"), "its manifest is not the one that you accepted");
    let had = live.current().find("seven").unwrap().capabilities.clone();
    assert!(had.is_nothing(), "{had:?}");
}
