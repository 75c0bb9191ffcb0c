//! Files among the plugins that are never looked at, since no plugin has such a name: capitals, spaces, a second dot. Each is
//! told, with the name that it should have. What editors and downloads leave while they write is not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::installed::inside;
use super::roots::{Roots, Spot};
use super::{Place, plain};

/// Of one folder. More are hardly a slip of the hand.
const MOST: usize = 16;
const UNFINISHED: [&str; 6] = ["part", "partial", "tmp", "temp", "download", "crdownload"];

/// One such file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    pub place: Place,
    /// As people write its path.
    pub shown: String,
    pub reason: String,
}

/// What was found by the last look.
#[derive(Default)]
pub struct Misnamed {
    strays: Vec<Stray>,
    /// What the plugin in a file is called, by path, as long as the file is as it was.
    known: BTreeMap<PathBuf, (Stamp, String)>,
}

type Stamp = (u64, Option<SystemTime>);

impl Misnamed {
    /// Files that are as they were are not read again.
    pub fn look(&mut self, roots: &Roots) {
        let mut known = std::mem::take(&mut self.known);
        self.strays.clear();
        for place in [Place::Project, Place::User] {
            let spot = Spot::Installed(place);
            for path in roots.strays(spot, is_finished).into_iter().take(MOST) {
                let Ok(metadata) = path.metadata() else { continue };
                let stamp = (metadata.len(), metadata.modified().ok());
                let before = known.remove(&path).filter(|(then, _)| *then == stamp);
                let (_, name) = before.unwrap_or_else(|| (stamp, name(roots, spot, &path)));
                self.strays.push(Stray { place, shown: roots.shown(&path), reason: reason(roots, spot, &name) });
                self.known.insert(path, (stamp, name));
            }
        }
    }

    pub fn strays(&self) -> &[Stray] {
        &self.strays
    }
}

/// Named like a component, and not like a file that is being written.
fn is_finished(file: &str) -> bool {
    let Some((stem, end)) = file.rsplit_once('.') else { return false };
    let unfinished = |part: &str| UNFINISHED.contains(&part.to_lowercase().as_str());
    end.eq_ignore_ascii_case("wasm")
        && !stem.starts_with(['.', '~', '#'])
        && !stem.ends_with('~')
        && !stem.split('.').skip(1).any(unfinished)
}

/// What the plugin in it calls itself, else what the file's name comes to.
fn name(roots: &Roots, spot: Spot, path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    inside(roots, spot, path).unwrap_or_else(|| plain::name(&stem))
}

fn reason(roots: &Roots, spot: Spot, name: &str) -> String {
    let there = match roots.file(spot, name).symlink_metadata() {
        Ok(_) => format!(", or remove it: there is a {name}.wasm"),
        Err(_) => String::new(),
    };
    format!(
        "it is not used, since no plugin has such a name: lower-case letters, digits, - and _, then .wasm; rename it to \
         {name}.wasm{there}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_written_is_not_told() {
        for (file, finished) in [
            ("Lint.wasm", true),
            ("x y.wasm", true),
            ("x.WASM", true),
            ("x.plugin.wasm", true),
            (".x.wasm", false),
            ("~x.wasm", false),
            ("x~.wasm", false),
            ("x.wasm~", false),
            ("X.part.wasm", false),
            ("X.wasm.part", false),
            ("X.wasm.minisig", false),
            ("X.toml", false),
            ("wasm", false),
        ] {
            assert_eq!(is_finished(file), finished, "{file}");
        }
    }

    #[test]
    fn a_file_is_told_with_the_name_that_it_should_have() {
        let scratch = tempfile::tempdir().unwrap();
        let project = scratch.path().canonicalize().unwrap();
        let roots = Roots::new(&project, &project.join("c"), &project.join("s"));
        let folder = roots.folder(Spot::Installed(Place::Project));
        std::fs::create_dir_all(folder.join("A Folder.wasm")).unwrap();
        let mut misnamed = Misnamed::default();
        let mut check = |expected: &[(&str, &str)]| {
            misnamed.look(&roots);
            let told: Vec<_> = misnamed.strays().iter().map(|stray| (stray.shown.clone(), &stray.reason)).collect();
            assert_eq!(told.len(), expected.len(), "{told:?}");
            for ((shown, reason), (file, said)) in told.iter().zip(expected) {
                assert!(*shown == format!(".garth/plugins/{file}") && reason.contains(said), "{told:?}");
            }
        };
        check(&[]);
        std::fs::write(folder.join("a.wasm"), "").unwrap();
        std::fs::write(folder.join("A.wasm"), "").unwrap();
        std::fs::write(folder.join("My Lint.wasm"), "").unwrap();
        check(&[("A.wasm", "there is a a.wasm"), ("My Lint.wasm", "rename it to my-lint.wasm")]);
        let calls = wat::parse_str(
            "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) \
             (func (export \"go\") (canon lift (core func $i \"f\"))))",
        );
        std::fs::write(folder.join("My Lint.wasm"), calls.unwrap()).unwrap();
        check(&[("A.wasm", "there is a a.wasm"), ("My Lint.wasm", "rename it to my-lint.wasm")]);
        std::fs::remove_file(folder.join("A.wasm")).unwrap();
        check(&[("My Lint.wasm", "rename it to my-lint.wasm")]);
    }
}
