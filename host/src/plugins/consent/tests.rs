//! Which word of the user counts where, what other processes see of it, and what becomes of broken files.

use super::*;
use crate::policy::{Access, HttpAccess, Workspace};

fn capabilities(json: &str) -> Capabilities {
    serde_json::from_str(json).unwrap()
}

fn reads() -> Capabilities {
    Capabilities { workspace: Workspace::All(Access::Read), ..Capabilities::default() }
}

const PROJECTS: Holder = Holder::Installed(Place::Project);
const USERS: Holder = Holder::Installed(Place::User);

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    /// As another process opens them.
    fn open(&self) -> Consents {
        let at = |name: &str| self.0.path().join(name).join("plugins.json");
        Consents::open(at("project"), at("user"))
    }
}

fn accepted(sha256: &str, lock_grants: ByTool) -> Accepted {
    Accepted { sha256: sha256.into(), lock_grants, ..Accepted::default() }
}

#[test]
fn nothing_is_granted_or_accepted_at_first() {
    let consents = Home::new().open();
    assert!(consents.granted(USERS, "a", "t").is_nothing());
    assert_eq!((consents.accepted(Place::User, "a"), consents.list(), consents.problems()), (None, vec![], vec![]));
}

#[test]
fn grants_add_up_and_are_seen_by_other_processes() {
    let home = Home::new();
    let (one, other) = (home.open(), home.open());
    one.grant(Place::Project, USERS, "a", "t", &reads()).unwrap();
    other.grant(Place::User, USERS, "a", "t", &capabilities(r#"{"process": [["git", "log"]]}"#)).unwrap();
    one.grant_for_session(USERS, "a", "t", &capabilities(r#"{"state": "1MiB"}"#));
    assert_eq!(
        one.granted(USERS, "a", "t").describe(),
        "reads the workspace, runs git log, keeps up to 1MiB of its own"
    );
    assert_eq!(other.granted(USERS, "a", "t").describe(), "reads the workspace, runs git log");
    assert!(one.granted(USERS, "a", "u").is_nothing() && one.granted(USERS, "b", "t").is_nothing());
    let by: Vec<GrantedBy> = one.list().into_iter().map(|granted| granted.by).collect();
    assert_eq!(by, [GrantedBy::User(Place::Project), GrantedBy::User(Place::User), GrantedBy::Session]);
    one.end_session();
    assert_eq!(one.granted(USERS, "a", "t").describe(), "reads the workspace, runs git log");
    assert!(other.revoke(Place::User, "a", Some("t")).unwrap());
    assert!(!other.revoke(Place::User, "a", None).unwrap());
    assert_eq!(one.granted(USERS, "a", "t").describe(), "reads the workspace");
    one.forget(USERS, "a").unwrap();
    assert!(other.granted(USERS, "a", "t").is_nothing());
}

#[test]
fn exactly_one_content_is_accepted_and_brings_the_lock_s_grants() {
    let home = Home::new();
    let consents = home.open();
    let lock = ByTool::from([("t".to_string(), reads())]);
    consents.accept(Place::Project, "a", accepted("aa", lock.clone())).unwrap();
    assert_eq!(home.open().accepted(Place::Project, "a").unwrap().sha256, "aa");
    assert_eq!(consents.accepted(Place::User, "a"), None);
    assert_eq!(consents.granted(PROJECTS, "a", "t"), reads());
    consents.accept(Place::Project, "a", accepted("bb", ByTool::new())).unwrap();
    assert_eq!(consents.accepted(Place::Project, "a").unwrap().sha256, "bb");
    assert!(consents.granted(PROJECTS, "a", "t").is_nothing(), "the lock's grants go with their content");
    consents.accept(Place::Project, "a", accepted("aa", lock)).unwrap();
    assert!(consents.revoke(Place::Project, "a", None).unwrap());
    assert!(consents.granted(PROJECTS, "a", "t").is_nothing());
    assert_eq!(consents.accepted(Place::Project, "a").unwrap().sha256, "aa", "its bytes stay accepted");
}

/// A grant is for one plugin: another of its name, wherever it comes from, has nothing of it.
#[test]
fn plugins_of_one_name_share_no_grants() {
    let holders = [Holder::Builtin, Holder::Dev, PROJECTS, USERS];
    type Grant = fn(&Consents, Holder);
    let ways: [Grant; 3] = [
        |consents, holder| consents.grant(Place::Project, holder, "a", "t", &reads()).unwrap(),
        |consents, holder| consents.grant_for_session(holder, "a", "t", &reads()),
        |consents, holder| {
            let Holder::Installed(place) = holder else {
                return consents.grant_for_session(holder, "a", "t", &reads());
            };
            consents.accept(place, "a", accepted("aa", ByTool::from([("t".to_string(), reads())]))).unwrap();
        },
    ];
    for (way, granted) in ways.into_iter().flat_map(|way| holders.map(|holder| (way, holder))) {
        let consents = Home::new().open();
        way(&consents, granted);
        for holder in holders {
            assert_eq!(consents.granted(holder, "a", "t") == reads(), holder == granted, "{granted} {holder}");
        }
        assert_eq!(consents.list().into_iter().map(|it| it.holder).collect::<Vec<_>>(), [granted]);
    }
    let consents = Home::new().open();
    consents.grant(Place::User, PROJECTS, "a", "t", &reads()).unwrap();
    assert!(consents.granted(PROJECTS, "a", "t").is_nothing(), "nothing in all projects is for one project's plugin");
}

/// Each is granted in one process for its session, and revoked in another.
#[test]
fn what_sessions_have_is_taken_back_from_elsewhere() {
    for (place, tool, ends) in [
        (Place::Project, Some("t"), true),
        (Place::Project, None, true),
        (Place::User, Some("t"), true),
        (Place::Project, Some("u"), false),
    ] {
        let home = Home::new();
        let (session, other) = (home.open(), home.open());
        session.grant_for_session(USERS, "a", "t", &reads());
        assert!(!other.revoke(place, "b", None).unwrap());
        assert_eq!(session.granted(USERS, "a", "t"), reads());
        assert!(!other.revoke(place, "a", tool).unwrap(), "nothing was kept");
        assert_eq!(session.granted(USERS, "a", "t").is_nothing(), ends, "{place} {tool:?}");
        assert_eq!(session.list().is_empty(), ends);
        // What is granted after it holds again, and brings nothing of before.
        session.grant_for_session(USERS, "a", "t", &capabilities(r#"{"state": "1MiB"}"#));
        let now = session.granted(USERS, "a", "t").describe();
        assert_eq!(now == "keeps up to 1MiB of its own", ends, "{now}");
    }
    let home = Home::new();
    let (session, other) = (home.open(), home.open());
    session.grant_for_session(PROJECTS, "a", "t", &reads());
    other.forget(PROJECTS, "a").unwrap();
    assert!(session.granted(PROJECTS, "a", "t").is_nothing());
}

#[test]
fn a_plugin_that_is_removed_leaves_the_grants_of_others() {
    let consents = Home::new().open();
    for (place, holder) in [(Place::Project, PROJECTS), (Place::Project, USERS), (Place::User, USERS)] {
        consents.grant(place, holder, "a", "t", &reads()).unwrap();
    }
    consents.accept(Place::Project, "a", accepted("aa", ByTool::from([("t".to_string(), reads())]))).unwrap();
    consents.forget(USERS, "a").unwrap();
    assert!(consents.granted(USERS, "a", "t").is_nothing());
    assert_eq!(consents.list().len(), 2, "{:?}", consents.list());
    consents.forget(PROJECTS, "a").unwrap();
    assert_eq!(consents.list(), []);
}

#[test]
fn any_host_is_never_stored() {
    let consents = Home::new().open();
    let access =
        |host: &str| HttpAccess { host: host.into(), methods: vec!["GET".into()], ports: vec![443], private: false };
    let all = Capabilities { http: vec![access("*"), access("example.org")], ..Capabilities::default() };
    consents.grant(Place::User, USERS, "a", "t", &all).unwrap();
    consents.grant_for_session(USERS, "a", "t", &all);
    assert_eq!(consents.granted(USERS, "a", "t").http, [access("example.org")]);
}

#[test]
fn a_file_that_cannot_be_read_counts_as_nothing_is_said_and_is_kept() {
    for text in [
        "",
        "{",
        r#"{"grants": {"user": {"a": {"t": {"workspace": "all"}}}}}"#,
        r#"{"grants": {"nobody": {}}}"#,
        r#"{"given": {}}"#,
        "3",
    ] {
        let home = Home::new();
        let consents = home.open();
        consents.grant(Place::User, USERS, "a", "t", &reads()).unwrap();
        std::fs::write(consents.file(Place::User), text).unwrap();
        assert!(consents.granted(USERS, "a", "t").is_nothing(), "{text}");
        let [problem] = consents.problems().try_into().unwrap();
        assert!(problem.to_string().contains("plugins.json: nothing in it counts"), "{problem}");
        assert_eq!(consents.grant(Place::User, USERS, "a", "t", &reads()).unwrap_err(), problem);
        assert_eq!(std::fs::read_to_string(consents.file(Place::User)).unwrap(), text);
        consents.grant(Place::Project, USERS, "a", "t", &reads()).unwrap();
        assert_eq!(consents.granted(USERS, "a", "t"), reads(), "the other file is as good as before");
    }
}

#[test]
fn what_several_processes_grant_at_once_is_all_kept() {
    let home = Home::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let consents = home.open();
            scope.spawn(move || {
                for tool in 0..10 {
                    consents.grant(Place::User, USERS, &format!("p{number}"), &format!("t{tool}"), &reads()).unwrap();
                }
            });
        }
    });
    assert_eq!(home.open().list().len(), 80);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let consents = home.open();
    consents.grant(Place::User, USERS, "a", "t", &reads()).unwrap();
    let file = consents.file(Place::User);
    for path in [file.to_path_buf(), file.with_extension("json.lock")] {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}
