//! Profiles of model families: how one samples, thinks and calls tools, as its makers publish it. The built-in ones are files
//! as users write them; a user's own, in `profiles/` beside `config.toml`, come first. Never a project's: what goes to a
//! model's server is the user's to say. Which model it is, and what becomes of a profile, is not known here.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::{Paths, file};
use crate::policy::name_set;
use crate::protocol::ToolSet;

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => { &[$(($name, include_str!(concat!("profiles/", $name, ".toml")))),+] };
}

const BUILT_IN: &[(&str, &str)] = built_in!(
    "codestral",
    "command-r",
    "deepseek",
    "deepseek-r1",
    "default",
    "devstral",
    "gemma3",
    "glm4",
    "glm4.7",
    "gpt-oss",
    "granite",
    "kimi",
    "kimi-thinking",
    "lfm2",
    "llama3",
    "llama3-large",
    "llama4",
    "magistral",
    "minimax",
    "minimax-m2",
    "mistral",
    "mistral-nemo",
    "nemotron3",
    "phi4",
    "phi4-reasoning",
    "qwen2.5",
    "qwen3",
    "qwen3-coder",
    "qwen3-coder-next",
    "qwen3-instruct",
    "qwen3-thinking",
    "qwq",
    "step3.5",
);

/// The longest text that a profile puts into the prompt, in characters.
const LONGEST_TEXT: usize = 400;
/// Tokens of a map of the code, which each request carries.
const LARGEST_MAP: u32 = 8_000;
/// More files are not read.
const MOST_FILES: usize = 500;

/// One file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(rename = "match")]
    matches: Vec<String>,
    #[serde(default)]
    calls: Calls,
    tools: Option<ToolSet>,
    window: Option<u32>,
    weak: Option<Spanned<String>>,
    map: Option<Spanned<u32>>,
    #[serde(default)]
    sampling: WrittenSampling,
    #[serde(default)]
    thinking: Thinking,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSampling {
    temperature: Option<Spanned<f64>>,
    top_p: Option<Spanned<f64>>,
    top_k: Option<u32>,
    min_p: Option<Spanned<f64>>,
    repeat_penalty: Option<Spanned<f64>>,
}

/// How the family calls tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Calls {
    /// By the server's protocol.
    #[default]
    Native,
    /// As text: the tools are described in the prompt.
    Text,
}

/// How the family thinks, and what switches it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thinking {
    /// On or off; `None` leaves it to the server.
    pub default: Option<bool>,
    /// The chat template begins the thought, so that a reply has only its end.
    #[serde(default)]
    pub opened: bool,
    /// The variable of the chat template that is true or false.
    pub switch: Option<String>,
    /// The effort to ask for, where thinking has degrees instead.
    pub effort: Option<String>,
}

/// What is known of a family.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub name: String,
    pub calls: Calls,
    pub tools: Option<ToolSet>,
    /// Tokens; the most to ask a server for.
    pub window: Option<u32>,
    /// What the model has to be told because it is bad at it.
    pub weak: String,
    /// Tokens of a map of the code that stands in its prompt; 0: none.
    pub map: u32,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u32>,
    pub min_p: Option<f64>,
    pub repeat_penalty: Option<f64>,
    pub thinking: Thinking,
    /// The patterns of names that it is for, in lower case.
    matches: Vec<String>,
    /// The user's file; `None`: built in.
    pub file: Option<PathBuf>,
}

/// All profiles, and what was wrong with files.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    all: Vec<Profile>,
    /// A line each, with file and line.
    pub problems: Vec<String>,
}

/// A profile that was chosen, and by which of its patterns.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    pub profile: Profile,
    pattern: String,
}

impl Profiles {
    /// The built-in ones and the user's. A file that cannot be used is a problem and nothing else.
    pub fn load(paths: &Paths) -> Profiles {
        let mut profiles = Profiles::default();
        for (name, text) in BUILT_IN {
            profiles.add(text.as_bytes(), Path::new(name), None);
        }
        let folder = paths.profiles();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return profiles,
            Err(error) => {
                profiles.problems.push(format!("{}: {error}; no profile of yours is used", folder.display()));
                return profiles;
            }
        };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        for path in files.into_iter().take(MOST_FILES) {
            match file::bytes(&path) {
                Ok(Some(content)) => profiles.add(&content, &path, Some(path.clone())),
                Ok(None) => {}
                Err(error) => profiles.problems.push(error.to_string()),
            }
        }
        profiles
    }

    fn add(&mut self, content: &[u8], shown: &Path, file: Option<PathBuf>) {
        match read(content) {
            Ok(profile) => self.all.push(Profile { file, ..profile }),
            Err((line, problem)) => {
                self.problems.push(format!("{}:{line}: {problem}; this profile is not used", shown.display()));
            }
        }
    }

    /// The profile for a model: a user's before a built-in one, then the one whose pattern says most.
    pub fn of(&self, model: &str) -> Chosen {
        let plain = plain(model);
        // `Qwen_Qwen3-4B-GGUF`: some who publish files name the maker as well.
        let chosen = self.fitting(&plain);
        match plain.split_once('_') {
            Some((_, rest)) if chosen.pattern == "*" => self.fitting(rest),
            _ => chosen,
        }
    }

    fn fitting(&self, plain: &str) -> Chosen {
        let all = || self.all.iter().flat_map(|profile| profile.matches.iter().map(move |pattern| (profile, pattern)));
        let fitting = name_set(all().map(|(_, pattern)| pattern)).map_or_else(|_| Vec::new(), |set| set.matches(plain));
        let literal = |pattern: &str| pattern.chars().filter(|c| *c != '*').count();
        let candidates =
            all().enumerate().filter(|(number, _)| fitting.contains(number)).map(|(_, candidate)| candidate);
        let best = candidates.max_by_key(|(profile, pattern)| (profile.file.is_some(), literal(pattern)));
        best.map_or_else(
            || Chosen { profile: Profile { name: "default".into(), ..Profile::default() }, pattern: "*".into() },
            |(profile, pattern)| Chosen { profile: profile.clone(), pattern: pattern.clone() },
        )
    }
}

impl Chosen {
    /// `qwen3 (built in, for names like 'qwen3*')`.
    pub fn shown(&self) -> String {
        let origin = self.profile.file.as_ref().map_or("built in".to_string(), |file| file.display().to_string());
        format!("{} ({origin}, for names like '{}')", self.profile.name, self.pattern)
    }
}

/// What names of the same model have in common: the part behind the last separator of a path, in lower case.
fn plain(model: &str) -> String {
    let name = model.trim().to_lowercase();
    let name = name.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or_default();
    name.strip_suffix(":latest").unwrap_or(name).to_string()
}

/// The line, from 1, and what is wrong there.
fn read(content: &[u8]) -> Result<Profile, (usize, String)> {
    let text = std::str::from_utf8(content).map_err(|_| (1, "this is not UTF-8".to_string()))?;
    let line = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let written: Written = toml::from_str(text).map_err(|error| {
        (line(error.span().map_or(0, |span| span.start)), error.message().trim().replace('\n', ", "))
    })?;
    let within = |value: Option<Spanned<f64>>, name: &str, most: f64| match value {
        Some(value) if (0.0..=most).contains(value.get_ref()) => Ok(Some(value.into_inner())),
        Some(value) => Err((
            line(value.span().start),
            format!("sampling.{name} is {}; write a number from 0 to {most}", value.get_ref()),
        )),
        None => Ok(None),
    };
    let weak = match written.weak {
        Some(weak) if weak.get_ref().chars().count() > LONGEST_TEXT => {
            return Err((
                line(weak.span().start),
                format!("weak is longer than {LONGEST_TEXT} characters, which each request would carry"),
            ));
        }
        weak => weak.map_or(String::new(), |weak| weak.into_inner().trim().to_string()),
    };
    let map = match written.map {
        Some(map) if *map.get_ref() > LARGEST_MAP => {
            return Err((
                line(map.span().start),
                format!("map is {}; write a number up to {LARGEST_MAP}", map.get_ref()),
            ));
        }
        map => map.map_or(0, Spanned::into_inner),
    };
    if written.matches.is_empty() {
        return Err((1, "match has no pattern; write for example match = [\"my-model*\"]".into()));
    }
    if let Some(wrong) = written.matches.iter().find_map(|pattern| name_set([pattern.to_lowercase()]).err()) {
        return Err((1, format!("match: {wrong}")));
    }
    let sampling = written.sampling;
    Ok(Profile {
        name: written.name,
        calls: written.calls,
        tools: written.tools,
        window: written.window,
        weak,
        map,
        temperature: within(sampling.temperature, "temperature", 2.0)?,
        top_p: within(sampling.top_p, "top_p", 1.0)?,
        top_k: sampling.top_k,
        min_p: within(sampling.min_p, "min_p", 1.0)?,
        repeat_penalty: within(sampling.repeat_penalty, "repeat_penalty", 2.0)?,
        thinking: written.thinking,
        matches: written.matches.iter().map(|pattern| pattern.to_lowercase()).collect(),
        file: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Profiles {
        let mut profiles = Profiles::default();
        BUILT_IN.iter().for_each(|(name, text)| profiles.add(text.as_bytes(), Path::new(name), None));
        assert_eq!(profiles.problems, Vec::<String>::new());
        profiles
    }

    #[test]
    fn names_as_servers_write_them_find_their_family() {
        let profiles = built_in();
        for (model, expected) in [
            ("qwen2.5-coder:7b", "qwen2.5"),
            ("Qwen/Qwen2.5-Coder-7B-Instruct-GGUF", "qwen2.5"),
            ("qwen3:4b", "qwen3"),
            ("qwen3-coder:30b", "qwen3-coder"),
            ("Qwen3-Coder-Next", "qwen3-coder-next"),
            ("unsloth/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M", "qwen3-instruct"),
            ("Qwen3-Coder-30B-A3B-Instruct", "qwen3-coder"),
            ("llama3.2:latest", "llama3"),
            ("Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "llama3"),
            ("llama3.1:70b-instruct-q4_K_M", "llama3-large"),
            ("meta-llama/Meta-Llama-3.1-405B-Instruct", "llama3-large"),
            ("llama3.3", "llama3-large"),
            ("Llama-4-Scout-17B", "llama4"),
            ("mistral-small3.2", "mistral"),
            ("mistral-nemo", "mistral-nemo"),
            ("devstral:24b", "devstral"),
            ("codestral", "codestral"),
            ("deepseek-r1:8b", "deepseek-r1"),
            ("DeepSeek-R1-Distill-Qwen-7B", "deepseek-r1"),
            ("deepseek-v3.1", "deepseek"),
            ("gemma3:4b", "gemma3"),
            ("gemma-3-12b-it", "gemma3"),
            ("glm-4.6", "glm4"),
            ("gpt-oss:20b", "gpt-oss"),
            ("openai/gpt-oss-20b", "gpt-oss"),
            ("phi4-mini", "phi4"),
            ("phi4-mini-reasoning", "phi4-reasoning"),
            ("granite4:micro", "granite"),
            ("kimi-k2", "kimi"),
            ("Kimi-K2-Thinking", "kimi-thinking"),
            ("MiniMax-M2", "minimax-m2"),
            ("minimax-m1:40k", "minimax"),
            ("MiniMax-M3", "minimax"),
            ("glm-4.7-flash:latest", "glm4.7"),
            ("qwq:32b", "qwq"),
            ("Qwen/QwQ-32B-GGUF", "qwq"),
            ("Qwen3-4B-Thinking-2507", "qwen3-thinking"),
            ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "nemotron3"),
            ("nemotron-3-nano:30b", "nemotron3"),
            ("NVIDIA-Nemotron-Nano-9B-v2", "default"),
            ("stepfun-ai/Step-3.5-Flash", "step3.5"),
            ("command-r7b", "command-r"),
            ("LFM2-1.2B", "lfm2"),
            ("Qwen_Qwen3-4B-Q4_K_M.gguf", "qwen3"),
            ("hf.co/bartowski/google_gemma-3-4b-it-GGUF:Q4_K_M", "gemma3"),
            ("C:\\models\\qwen3-8b.gguf", "qwen3"),
            ("something-new", "default"),
            ("", "default"),
        ] {
            assert_eq!(profiles.of(model).profile.name, expected, "{model}");
        }
    }

    #[test]
    fn a_template_that_begins_the_thought_is_known() {
        let profiles = built_in();
        let check =
            |model: &str, opened: bool| assert_eq!(profiles.of(model).profile.thinking.opened, opened, "{model}");
        for model in [
            "deepseek-r1:8b",
            "qwq",
            "MiniMax-M2.1",
            "glm-4.7-flash",
            "nemotron-3-nano",
            "step-3.5-flash",
            "qwen3:4b-thinking",
        ] {
            check(model, true);
        }
        for model in ["deepseek-v3.1", "qwen3:4b", "MiniMax-M1", "MiniMax-M3", "glm-4.6", "nemotron-nano-v2", "step3"] {
            check(model, false);
        }
    }

    #[test]
    fn a_users_profile_comes_first() {
        let mut profiles = built_in();
        let own = b"name = \"mine\"\nmatch = [\"qwen*\"]\n[sampling]\ntemperature = 0.1\n";
        profiles.add(own, Path::new("/c/mine.toml"), Some("/c/mine.toml".into()));
        let chosen = profiles.of("qwen3-coder:30b");
        assert_eq!((chosen.profile.name.as_str(), chosen.profile.temperature), ("mine", Some(0.1)));
        assert_eq!(chosen.shown(), "mine (/c/mine.toml, for names like 'qwen*')");
        assert_eq!(profiles.of("qwen").profile.name, "mine");
        assert_eq!(profiles.of("llama3").shown(), "llama3 (built in, for names like 'llama3*')");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let check = |text: &str, expected: &str| {
            let mut profiles = Profiles::default();
            profiles.add(text.as_bytes(), Path::new("p.toml"), None);
            let problem = profiles.problems.join("\n");
            assert!(problem.starts_with(expected) && problem.ends_with("; this profile is not used"), "{problem}");
        };
        let head = "name = \"x\"\nmatch = [\"x*\"]\n";
        check("name = \"x\"\n", "p.toml:1: missing field `match`");
        check(&format!("{head}nonsense = 1\n"), "p.toml:3: unknown field `nonsense`");
        check(&format!("{head}tools = \"tiny\"\n"), "p.toml:3: unknown variant `tiny`");
        check(
            &format!("{head}[sampling]\ntemperature = 3.0\n"),
            "p.toml:4: sampling.temperature is 3; write a number from 0 to 2",
        );
        check(&format!("{head}map = 9000\n"), "p.toml:3: map is 9000; write a number up to 8000");
        check(&format!("{head}weak = \"{}\"\n", "x".repeat(500)), "p.toml:3: weak is longer than 400 characters");
        check("name = \"x\"\nmatch = []\n", "p.toml:1: match has no pattern");
        check("name = \"x\"\nmatch = [\"a[\"]\n", "p.toml:1: match: ");
        check("= 1", "p.toml:1: ");
    }
}
