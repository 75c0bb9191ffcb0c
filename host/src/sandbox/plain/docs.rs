//! The doc comments of a component's WIT: JSON in its custom section `package-docs`, behind a byte for the version of
//! the format (0 or 1; both are read). The format is that of the crate `wit-parser`, which other tools write as well:
//! what is not as expected is no description, and nothing worse.

use serde_json::Value;

use crate::protocol::is_hidden_in_line;

/// Bytes of the section; a larger one is not read.
const MAX_SECTION: usize = 1 << 20;
/// Characters of one description.
const MAX_DESCRIPTION: usize = 1_024;

/// What the section says; nothing without one.
#[derive(Default)]
pub struct Docs(Value);

impl Docs {
    pub const SECTION: &'static str = "package-docs";

    pub fn read(section: &[u8]) -> Docs {
        match section {
            [0 | 1, json @ ..] if json.len() <= MAX_SECTION => Docs(serde_json::from_slice(json).unwrap_or_default()),
            _ => Docs::default(),
        }
    }

    /// What the package or its world says about itself.
    pub fn package(&self) -> Option<String> {
        let worlds = self.worlds().map(|world| &world["docs"]);
        std::iter::once(&self.0["docs"]).chain(worlds).find_map(text)
    }

    /// What a function says, `interface` being the bare name of the interface that exports it.
    pub fn function(&self, interface: Option<&str>, name: &str) -> Option<String> {
        let function = |owner: &Value, key: &str| text(&owner[key][name]);
        match interface {
            None => {
                self.worlds().find_map(|world| function(world, "func_exports").or_else(|| function(world, "funcs")))
            }
            Some(interface) => {
                let inline = self
                    .worlds()
                    .flat_map(|world| ["interface_exports", "interfaces"].map(|key| &world[key][interface]));
                std::iter::once(&self.0["interfaces"][interface])
                    .chain(inline)
                    .find_map(|owner| function(owner, "funcs"))
            }
        }
    }

    fn worlds(&self) -> impl Iterator<Item = &Value> {
        self.0["worlds"].as_object().into_iter().flat_map(|worlds| worlds.values())
    }
}

/// The text of an entry, which is a string, or an object that has it as `docs`: what can be seen of it, bounded.
fn text(entry: &Value) -> Option<String> {
    let raw = entry.as_str().or_else(|| entry["docs"].as_str())?;
    let hidden = |c: &char| *c != '\n' && is_hidden_in_line(*c);
    let mut text: String = raw.chars().filter(|c| !hidden(c)).take(MAX_DESCRIPTION + 1).collect();
    if text.chars().count() > MAX_DESCRIPTION {
        text = text.chars().take(MAX_DESCRIPTION - 1).chain(['…']).collect();
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docs(json: &str) -> Docs {
        Docs::read(&[&[1], json.as_bytes()].concat())
    }

    #[test]
    fn functions_are_found_where_they_are_exported() {
        let docs = docs(
            r#"{"docs": "A package.", "interfaces": {"text": {"funcs": {"count": {"docs": " Counts.\n"}, "cut": "Cuts."}}},
                "worlds": {"w": {"docs": "A world.", "funcs": {"imported": "In."}, "func_exports": {"run": "Runs."},
                                 "interface_exports": {"inline": {"funcs": {"f": "Inline."}}}}}}"#,
        );
        let check = |interface: Option<&str>, name: &str, said: Option<&str>| {
            assert_eq!(docs.function(interface, name).as_deref(), said, "{interface:?} {name}");
        };
        check(Some("text"), "count", Some("Counts."));
        check(Some("text"), "cut", Some("Cuts."));
        check(Some("text"), "other", None);
        check(Some("inline"), "f", Some("Inline."));
        check(None, "run", Some("Runs."));
        check(None, "imported", Some("In."));
        check(None, "count", None);
        assert_eq!(docs.package().as_deref(), Some("A package."));
    }

    #[test]
    fn hostile_docs_are_bounded_or_nothing() {
        for section in
            [&b""[..], b"\x01", b"\x02{}", b"\x01[1,2]", b"\x01{\"worlds\": 3}", b"\x01{\"worlds\": {\"a\": 1}}"]
        {
            assert_eq!(Docs::read(section).function(None, "f"), None);
        }
        assert_eq!(docs(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))).package(), None);
        assert_eq!(docs(&format!("{{\"docs\": \"{}\"}}", "x".repeat(MAX_SECTION))).package(), None, "too large");
        let long = docs(&format!("{{\"docs\": \"{}\"}}", "é".repeat(50_000))).package().unwrap();
        assert!(long.chars().count() == MAX_DESCRIPTION && long.ends_with("é…"));
        let hostile = docs(r#"{"docs": "a\u001b[2J\u202eb\u0000c\n\td"}"#).package().unwrap();
        assert_eq!(hostile, "a[2Jbc\nd");
        assert_eq!(docs(r#"{"docs": " \u200b\n "}"#).package(), None);
    }
}
