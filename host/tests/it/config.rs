//! Settings through all layers: each test has its own home and project, and reads what `load` and `render` say.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use garth::config::{self, Colour, ConfigError, Layer, Loaded, Overrides, Paths, Settings, settings::Provider};
use garth::policy::{Access, Limits};
use garth::protocol::{ApprovalMode, ByteSize, Span};

/// A user and a project in a scratch directory.
pub struct World {
    pub dir: tempfile::TempDir,
    pub env: BTreeMap<String, String>,
    pub flags: Overrides,
}

impl World {
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("work/project/.git")).unwrap();
        let home = dir.path().join("home").display().to_string();
        let env = [("GARTH_HOME", home.as_str()), ("HOME", "/home/me")];
        let env = env.map(|(name, value)| (name.to_string(), value.to_string())).into();
        World { dir, env, flags: Overrides::default() }
    }

    pub fn paths(&self) -> Paths {
        Paths::find(&self.env, &self.dir.path().join("work/project")).unwrap()
    }

    pub fn user(self, text: impl AsRef<[u8]>) -> World {
        write(&self.paths().user_file(), text.as_ref());
        self
    }

    pub fn project(self, text: impl AsRef<[u8]>) -> World {
        write(&self.paths().project_file(), text.as_ref());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> World {
        self.env.insert(name.into(), value.into());
        self
    }

    pub fn trusted(self) -> World {
        let content = config::project_content(&self.paths()).unwrap().unwrap();
        config::trust(&self.paths(), &content).unwrap();
        self
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        config::load(&self.paths(), &self.env, &self.flags)
    }

    #[track_caller]
    pub fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn error(&self) -> String {
        self.load().map(|loaded| loaded.notices).unwrap_err().to_string()
    }
}

pub fn write(file: &Path, text: &[u8]) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

#[test]
fn the_default_file_says_what_the_types_say() {
    let settings = Settings::default();
    assert_eq!(settings.limits, Limits::default());
    assert_eq!((settings.agent.max_steps, settings.agent.loop_repeats), (40, 3));
    assert_eq!(settings.model.url().as_deref(), Some("http://127.0.0.1:11434"));
    assert_eq!(settings.approval.mode, ApprovalMode::Ask);
    assert!(!settings.process.allow_unsandboxed && !settings.process.network && !settings.model.allow_remote);
    assert!(garth::policy::glob_set(&settings.files.secrets).unwrap().is_match("src/.env.local"));
    assert!(garth::policy::glob_set(&settings.files.all_readonly()).unwrap().is_match("sub/.git/config"));
    assert!(settings.limits.time.0 > settings.process.time.0, "a program's own limit speaks first");
    assert_eq!(World::new().loaded().settings, settings);
}

#[test]
fn every_key_is_in_the_default_file_with_a_comment() {
    let uncommented: String = config::DEFAULT
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n");
    for name in ["endpoints", "approval.rules", "plugins.git.enabled", "plugins.git.tools.git_log.workspace"] {
        let table: toml::Table = toml::from_str(&uncommented).unwrap();
        let found =
            name.split('.').try_fold(&toml::Value::Table(table.clone()), |value, part| value.get(part)).is_some();
        assert!(found, "{name}");
    }
    let world = World::new().user(&uncommented);
    world.loaded(); // the examples are valid too
    World::new().user(config::CHECKS).loaded();
    for line in
        config::DEFAULT.lines().filter(|line| line.contains(" = ") && !line.starts_with('#') && !line.contains("= ["))
    {
        assert!(line.contains(" # "), "no comment: {line}");
    }
    // What can be set and what is listed are the same.
    for section in ["model", "router", "agent", "limits", "process", "files", "session", "ui"] {
        let help = World::new().user(format!("[{section}]\nzzzzzzzz = 1")).error();
        let names = help.split("there are ").nth(1).unwrap_or_else(|| panic!("{help}"));
        for name in names.split(", ") {
            assert!(config::DEFAULT.lines().any(|line| line.starts_with(&format!("{name} = "))), "{section}.{name}");
        }
    }
}

#[test]
fn the_table_of_checks_is_explained_and_can_be_used() {
    let help = World::new().user("[checks.mine]\nzzzzzzzz = 1").error();
    let names = help.split("there are ").nth(1).unwrap_or_else(|| panic!("{help}"));
    for name in names.split(", ") {
        let explained = config::CHECKS.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ']);
            line.starts_with(&format!("{name} ")) || line.contains(&format!("`{name}`"))
        });
        assert!(explained, "{name}");
    }
    let settings = World::new().loaded().settings;
    let checks = garth::check::Checks::new(&settings.checks).unwrap();
    let names = |path: &str| checks.of(path).map(|check| check.name.clone()).collect::<Vec<_>>();
    for (path, expected) in [
        ("src/main.rs", "rust"),
        ("a/b.py", "python"),
        ("package.json", "json"),
        ("x.yml", "yaml"),
        ("x.svg", "xml"),
        ("Main.java", "java"),
        ("run.sh", "shell"),
    ] {
        assert_eq!(names(path), [expected], "{path}");
    }
    assert_eq!(names("Cargo.toml"), ["rust", "toml"]);
    assert!(names("tsconfig.json").is_empty() && names("README.md").is_empty());
    let off = World::new().project("[checks.rust]\nenabled = false\n").loaded();
    assert!(off.notices.is_empty() && !off.settings.checks["rust"].enabled, "{:?}", off.notices);
}

#[test]
fn higher_layers_win_and_say_so() {
    let mut world = World::new()
        .user("[model]\nname = \"from-user\"\nmax_tokens = 100\n[agent]\nmax_steps = 30\nloop_repeats = 5\n")
        .project("[agent]\nmax_steps = 20\nloop_repeats = 4\n")
        .env("GARTH_AGENT__MAX_STEPS", "10")
        .env("GARTH_MODEL__TOP_P", "0.5")
        .env("GARTH_MODEL__KEEP_ALIVE", "")
        .env("NO_COLOR", "1");
    world.flags = Overrides {
        model: Some("from-flag".into()),
        temperature: Some(0.0),
        timeout: Some("10m".into()),
        ..Overrides::default()
    };
    let Loaded { settings, origins, notices, .. } = world.loaded();
    assert_eq!(settings.model.name.as_deref(), Some("from-flag"));
    assert_eq!((settings.agent.max_steps, settings.agent.loop_repeats), (10, 4));
    assert_eq!(
        (settings.model.max_tokens, settings.model.top_p, settings.model.temperature),
        (Some(100), Some(0.5), Some(0.0))
    );
    assert_eq!(settings.agent.timeout, Some(Span(Duration::from_secs(600))));
    assert_eq!((settings.ui.colour, settings.model.keep_alive.as_deref()), (Colour::Never, Some("30m")));
    for (path, layer) in [
        ("model.name", Layer::Flag),
        ("agent.max_steps", Layer::Environment),
        ("agent.loop_repeats", Layer::Project),
        ("model.max_tokens", Layer::User),
        ("model.url", Layer::Default),
    ] {
        assert_eq!(origins.layer(path), layer, "{path}");
    }
    let user = world.paths().user_file().display().to_string();
    assert_eq!(origins.get("model.max_tokens").unwrap().to_string(), format!("user ({user}:3)"));
    assert_eq!(notices, Vec::<String>::new());
    assert_eq!(world.env("GARTH_UI__COLOUR", "always").loaded().settings.ui.colour, Colour::Always);
}

#[test]
fn what_cannot_be_read_is_named_with_its_place_and_the_way_out() {
    for (text, line, says) in [
        ("\n[model]\nnam = 1", "3", "there is no setting 'model.nam'; did you mean 'model.name'?"),
        ("[modell]", "1", "did you mean 'model'?"),
        ("max_steps = 3", "1", "did you mean 'agent.max_steps'?"),
        ("[xyzzy]", "1", "the sections are model, tiers, router, endpoints, agent"),
        ("model = 3", "1", "this is a section; write [model]"),
        (
            "[agent]\nmax_steps = \"forty\"",
            "2",
            "agent.max_steps: expected a whole number, without quotes, found a string",
        ),
        ("[tiers.heavy]\nmodel = \"x\"", "2", "there is no setting 'tiers.heavy.model'"),
        ("[tiers.huge]\nname = \"x\"", "1", "in [tiers] there are heavy, cloud"),
        ("[tiers.cloud]\nprice = 3", "2", "expected { input = 3.0, output = 15.0 }"),
        ("[tiers.cloud]\nprice = { input = -1, output = 1 }", "2", "input is no price"),
        ("[tiers.cloud]\nprice = { input = 1 }", "2", "missing field `output`"),
        ("[router]\nthreshold = 2", "2", "2 is out of range; write 0 to 1"),
        ("[router]\ncloud = \"yes\"", "2", "'yes' is not one of \"auto\", \"ask\" or \"never\""),
        ("[agent]\nmax_steps = 0", "2", "0 is out of range; write 1 to"),
        ("[agent]\nmax_steps = -1", "2", "out of range"),
        ("[agent]\nmax_steps = 99999999999999999999", "2", "too large"),
        ("[agent]\nmax_steps = 1979-05-27", "2", "found a date"),
        (
            "[model]\nprovider = \"olama\"",
            "2",
            "'olama' is not one of \"ollama\", \"openai\", \"anthropic\" or \"scripted\"",
        ),
        ("[model]\ntemperature = nan", "2", "out of range"),
        ("[model]\ntop_p = 1.5", "2", "out of range; write 0 to 1"),
        ("[model]\nnum_ctx = \"many\"", "2", "a whole number or \"auto\""),
        ("[limits]\nmemory = \"64 parsecs\"", "2", "a size such as \"64MiB\""),
        ("[limits]\nmemory = -1", "2", "a size such as"),
        ("[limits]\ntime = true", "2", "a time such as \"30s\""),
        ("[agent]\ntimeout = \"soon\"", "2", "\"none\" may also stand here"),
        ("[files]\nsecrets = \"*.pem\"", "2", "expected a list of patterns"),
        ("[files]\nsecrets = [\n\"a\", \"[x\"]", "2", "the pattern '[x' cannot be read"),
        ("[process]\nreadable = [\"sdk\"]", "2", "'sdk' is not absolute"),
        ("[process]\nenv = [\"A=B\"]", "2", "not the name of an environment variable"),
        ("[[approval.rules]]\neffect = \"deny\"", "1", "needs a condition"),
        ("[[approval.rules]]\ntool = \"x\"", "1", "'effect' is missing"),
        ("[[approval.rules]]\neffect = \"deny\"\n\ntol = \"x\"", "4", "did you mean 'approval.rules.tool'?"),
        ("[[approval.rules]]\neffect = \"forbid\"\ntool = \"x\"", "2", "\"allow\", \"ask\" or \"deny\""),
        ("[approval]\nrules = 3", "2", "expected tables, each under a line [[approval.rules]]"),
        ("[approval]\nrules = [3]", "2", "[[approval.rules]]"),
        ("[[endpoints]]\nname = \"x\"", "1", "'provider' is missing"),
        ("[plugins]\ngit = false", "2", "this is a section; write [plugins.git]"),
        ("[plugins.git]\nenabeld = false", "2", "did you mean 'plugins.git.enabled'?"),
        ("[plugins.git.tools.log]\nworkspace = \"all\"", "2", "\"write\""),
        ("[plugins.git.tools.log]\nworkspace = [{ path = \"../x\", access = \"read\" }]", "2", "'..'"),
        ("[plugins.git.tools.log]\nprocess = [[]]", "2", "names no program"),
        ("[checks.mine]\nmessages = '('", "2", "checks.mine.messages: "),
        ("[checks.mine]\nignore = '['", "2", "checks.mine.ignore: "),
    ] {
        for (world, file) in
            [(World::new().user(text), "home/config/config.toml"), (World::new().project(text), ".garth/config.toml")]
        {
            let error = world.error();
            assert!(error.contains(&format!("{file}:{line}: ")), "{text}: {error}");
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}

#[test]
fn a_tier_is_another_model() {
    let error = World::new().user("[tiers.heavy]\nnum_ctx = 4096").error();
    assert!(error.contains("config.toml:2: tiers.heavy.name: this is the model of [model] once more"), "{error}");
    World::new().user("[tiers.heavy]\nname = \"large\"").loaded();
    World::new().user("[tiers.heavy]\nurl = \"http://10.0.0.7:11434\"").loaded();
}

#[test]
fn broken_files_have_line_and_column_and_nothing_panics() {
    for (text, place) in [
        (&b"[model\nname = 1"[..], ":1:7: "),
        (b"[ui]\n\ncolour = ", ":3:10: "),
        (b"[ui]\n# \xc3\xa4\xc3\xb6\xc3\xbc \xff", ":2:7: "),
        (b"a = 1\na = 2", ":2:1: "),
        ("[model]\nname = \"ä\" x".as_bytes(), ":2:12: "),
    ] {
        let error = World::new().user(text).error();
        assert!(error.contains(place) && error.contains("this is not TOML"), "{error}");
    }
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(World::new().project(deep).error().contains("not TOML"));
    assert!(World::new().project(vec![b'#'; 2 << 20]).error().contains("longer than 1 MiB"));
    World::new().user(b"\xef\xbb\xbf[agent]\r\nmax_steps = 3\r\n").loaded();
    let world = World::new();
    std::fs::create_dir_all(world.paths().user_file()).unwrap();
    assert!(world.error().contains("this is not a file"));
}

#[cfg(unix)]
#[test]
fn a_pipe_planted_as_a_project_configuration_does_not_block() {
    let world = World::new();
    std::fs::create_dir(world.paths().project.join(".garth")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(world.paths().project_file()).status().unwrap();
    assert!(made.success());
    assert!(world.error().contains("this is not a file"));
}

#[test]
fn variables_and_flags_are_checked_alike() {
    for (name, value, says) in [
        ("GARTH_MODEL__NAMME", "x", "did you mean GARTH_MODEL__NAME?"),
        ("GARTH_MODEL_NAME", "x", "did you mean GARTH_MODEL__NAME?"),
        ("GARTH_XYZZY", "x", "GARTH_SECTION__KEY"),
        ("GARTH_AGENT__MAX_STEPS", "many", "GARTH_AGENT__MAX_STEPS: agent.max_steps: expected a whole number"),
        ("GARTH_PROCESS__NETWORK", "maybe", "true or false"),
        ("GARTH_APPROVAL__RULES", "x", "in a configuration file only"),
        ("GARTH_FILES__SECRETS", "[x", "write [\"a\", \"b\"] or a,b"),
        ("GARTH_MODEL", "x", "there is no setting"),
    ] {
        let error = World::new().env(name, value).error();
        assert!(error.contains(says), "{name}={value}: {error}");
    }
    let set = World::new()
        .env("GARTH_PROCESS__NETWORK", "TRUE")
        .env("GARTH_FILES__SECRETS", "a, b*")
        .env("GARTH_PROCESS__ENV", "[\"A\", \"B\"]")
        .env("GARTH_PROCESS__READABLE", "~/sdk")
        .env("GARTH_PLUGINS__GIT__ENABLED", "0")
        .env("GARTH_PLUGINS__GIT__TOOLS__GIT_LOG__WORKSPACE", "[{ path = \"a\", access = \"read\" }]")
        .env("GARTH_LIMITS__MEMORY", "1048576")
        .env("GARTHLIKE", "x")
        .loaded()
        .settings;
    assert!(set.process.network && !set.plugins["git"].enabled);
    assert_eq!(set.files.secrets, ["a", "b*"]);
    assert_eq!(set.process.env, ["A", "B"]);
    assert_eq!(set.process.readable, [Path::new("/home/me/sdk")]);
    assert_eq!(set.limits.memory, ByteSize(1 << 20));
    assert_eq!(set.plugins["git"].grant("git_log").workspace.unwrap().access("a/b"), Access::Read);

    let mut world = World::new();
    world.flags.temperature = Some(3.0);
    assert!(world.error().contains("--temperature: model.temperature: 3 is out of range"));
    world.flags = Overrides { provider: Some("llama".into()), ..Overrides::default() };
    assert!(world.error().contains("--provider: model.provider: 'llama' is not one of"));
    world.flags = Overrides { provider: Some("openai".into()), ..Overrides::default() };
    let model = world.loaded().settings.model;
    assert_eq!((model.provider, model.url().as_deref()), (Provider::OpenAi, Some("http://127.0.0.1:8080")));
}

#[test]
fn a_secret_in_the_wrong_place_is_refused_and_never_shown() {
    for text in [
        "api_key_env = \"sk-very-secret\"",
        "url = \"http://me:sk-very-secret@host/v1\"",
        "proxy = \"http://sk-very-secret@x\"",
    ] {
        let error = World::new().user(format!("[model]\n{text}")).error();
        assert!(error.contains("api_key_env") && !error.contains("sk-very"), "{error}");
    }
    let error = World::new().env("GARTH_MODEL__API_KEY_ENV", "sk-very-secret").error();
    assert!(!error.contains("sk-very"), "{error}");
    let loaded = World::new().user("[model]\nurl = \"http://host/v1?key=sk-very-secret\"").loaded();
    assert!(!config::render(&loaded).contains("sk-very"));
    let project = World::new().project("[model]\nurl = \"http://host/v1?key=sk-very-secret\"").loaded();
    assert!(!project.notices[0].contains("sk-very"), "{:?}", project.notices);
}

#[test]
fn every_setting_is_shown_with_its_layer() {
    let world = World::new()
        .user("[agent]\nmax_steps = 7\n[[approval.rules]]\neffect = \"deny\"\nargv = [\"rm\"]\n")
        .env("GARTH_MODEL__NAME", "m");
    let shown = config::render(&world.loaded());
    let user = world.paths().user_file().display().to_string();
    for line in [
        "model.provider = \"ollama\"  # default".to_string(),
        "model.name = \"m\"  # environment (GARTH_MODEL__NAME)".into(),
        format!("agent.max_steps = 7  # user ({user}:2)"),
        format!("approval.rules[0] = {{ effect = \"deny\", argv = [\"rm\"] }}  # user ({user}:3)"),
        "endpoints = []  # default".into(),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in\n{shown}");
    }
    let is_setting = |line: &&str| !line.starts_with('#') && line.split(' ').nth(1) == Some("=");
    let settings = config::DEFAULT.lines().chain(config::CHECKS.lines()).filter(is_setting).count();
    assert_eq!(shown.lines().count(), settings + 2, "all of them, one rule, no endpoints: {shown}");
    assert!(shown.lines().all(|line| line.contains("  # ")), "{shown}");
}

#[test]
fn the_project_is_the_nearest_marked_directory() {
    let world = World::new();
    let root = world.paths().project;
    for (make, from, expected) in [("a/b", "a/b", ""), ("c/.garth", "c", "c"), ("c/d", "c/d", "c")] {
        std::fs::create_dir_all(root.join(make)).unwrap();
        assert_eq!(
            Paths::find(&world.env, &root.join(from)).unwrap().project,
            root.join(expected).components().collect::<std::path::PathBuf>()
        );
    }
    let unmarked = world.dir.path().canonicalize().unwrap().join("work");
    assert_eq!(Paths::find(&world.env, &unmarked).unwrap().project, unmarked);
    assert!(Paths::find(&world.env, &root.join("missing")).is_err());
    let relative = BTreeMap::from([("GARTH_HOME".to_string(), "home".to_string())]);
    assert!(Paths::find(&relative, &root).unwrap_err().to_string().contains("GARTH_HOME"));
    let ids: Vec<String> =
        ["/a/x", "/b/x", "/"].map(|path| Paths { project: path.into(), ..world.paths() }.project_id()).into();
    assert!(ids[0].starts_with("x-") && ids[1].starts_with("x-") && ids[2].starts_with("root-") && ids[0] != ids[1]);
}
