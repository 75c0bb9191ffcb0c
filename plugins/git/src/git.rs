//! Runs git and turns its failures into errors that help.

use garth_plugin::process::{Command, Outcome};
use garth_plugin::text::head_and_tail;
use garth_plugin::workspace::Path;
use garth_plugin::{Error, failed, invalid};

/// What a diff or a file may take in a result.
pub const MAX_TEXT: usize = 12 << 10;
const MAX_ERROR: usize = 1 << 10;

/// Runs `git` with these arguments.
pub fn git(args: &[&str]) -> Result<Outcome, Error> {
    let outcome = Command::new(["git"].iter().chain(args).copied()).run()?;
    if outcome.succeeded() {
        return Ok(outcome);
    }
    let said = format!("{}{}", outcome.stderr, outcome.stdout);
    let hint = match said.as_str() {
        said if said.contains("not a git repository") => "the workspace is not a git repository",
        said if said.contains("Please tell me who you are") || said.contains("unable to auto-detect email") => {
            "git does not know who commits; the user can set it for this repository: \
             git config user.name '…' and git config user.email '…'"
        }
        said if said.contains("does not have any commits yet") || said.contains("bad default revision") => {
            "there are no commits yet"
        }
        said if ["nothing to", "nothing added to", "no changes added to"]
            .iter()
            .any(|start| said.contains(&format!("{start} commit"))) =>
        {
            "nothing has changed, so there is nothing to commit"
        }
        _ => "",
    };
    match hint.is_empty() {
        true => Err(failed(format!("git {} failed: {}", args[0], head_and_tail(said.trim(), MAX_ERROR)))),
        false => Err(failed(hint)),
    }
}

/// A revision as a model writes it: `HEAD~2`, `main`, `v1..v2`. Refused where git would read it as something else.
pub fn revision(written: &str) -> Result<&str, Error> {
    let written = written.trim();
    let fits = !written.is_empty()
        && !written.starts_with('-')
        && !written.contains(|c: char| c.is_control() || c.is_whitespace())
        && !written.contains(':');
    match fits {
        true => Ok(written),
        false => Err(invalid(format!("'{written}' is not a revision; write for example HEAD~1, main or abc1234"))),
    }
}

/// A path for git's command line, taken literally.
pub fn literal(path: &Path) -> String {
    format!(":(literal){}", path.name())
}

/// A note about what the host dropped of a program's output.
pub fn dropped(outcome: &Outcome) -> String {
    match outcome.stdout_dropped {
        0 => String::new(),
        bytes => format!("\n[{bytes} bytes of git's output were dropped; ask for less, for example one path]"),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    /// A repository with one commit.
    pub fn repository() -> Scratch {
        let scratch = Scratch::new(&[("a.txt", "one\n"), ("dir/b.txt", "two\n")]);
        for args in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["config", "user.name", "Ann"],
            &["config", "user.email", "ann@example.org"],
            &["config", "commit.gpgsign", "false"],
            &["add", "."],
            &["commit", "--quiet", "--message", "First"],
        ] {
            git(args).unwrap();
        }
        scratch
    }

    #[test]
    fn revisions_are_never_options() {
        for good in ["HEAD~1", "main", "v1..v2", "abc^", "HEAD@{1}"] {
            assert_eq!(revision(good), Ok(good));
        }
        for bad in ["", "--output=x", "-p", "a b", "HEAD:file", "a\nb"] {
            assert!(matches!(revision(bad), Err(Error::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn failures_say_what_to_do() {
        let _scratch = Scratch::new::<&str>(&[]);
        let error = git(&["status", "--porcelain=v2", "--branch", "-z"]).unwrap_err();
        assert_eq!(error, failed("the workspace is not a git repository"));
    }
}
