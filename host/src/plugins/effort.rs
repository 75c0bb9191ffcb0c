//! How much work a schema makes of given arguments, counted before it is done. A schema of a few lines can refer to itself so
//! that checking takes longer than the universe lasts; it comes from a stranger, and the check runs in the host.
//!
//! Checking goes through pairs of a place in the schema and a place in the arguments. Their number is small; how often each
//! is gone through is what grows. So each pair is counted once and remembered. What a keyword would skip is counted all the
//! same: the count is never too low.

use std::collections::HashMap;

use serde_json::Value;

/// Visits of a check that is still done: some tenths of a second.
const MOST: u64 = 1_000_000;
/// How deep references and nesting may lead.
const DEEPEST: usize = 256;
/// What a regular expression of one byte costs on so many bytes of text is one visit; none costs more than one of
/// `WIDEST` bytes, because the compiled size is limited.
const BYTES_A_VISIT: u64 = 16;
const WIDEST: u64 = 16 << 10;

/// Refuses references that are not plain pointers into the schema itself: what they mean depends on more than the schema
/// says, and nothing is fetched.
pub fn plain_references(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Object(all) => all.iter().try_for_each(|(key, value)| match (key.as_str(), value) {
            ("$ref", Value::String(target)) if target != "#" && !target.starts_with("#/") => Err(format!(
                "it refers to '{}'; only references such as \"#/$defs/NAME\" are followed",
                target.escape_debug()
            )),
            ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                Err(format!("it uses `{key}`; only `$ref` is followed"))
            }
            _ => plain_references(value),
        }),
        Value::Array(all) => all.iter().try_for_each(plain_references),
        _ => Ok(()),
    }
}

/// Whether the arguments can be checked in a reasonable time.
pub fn is_bounded(schema: &Value, arguments: &Value) -> bool {
    let mut names = HashMap::new();
    collect_names(arguments, &mut names);
    Count { root: schema, names: &names, seen: HashMap::new(), depth: 0 }.visits(schema, arguments) <= MOST
}

/// Names of members as the values that `propertyNames` looks at.
fn collect_names<'a>(place: &'a Value, names: &mut HashMap<&'a str, Value>) {
    match place {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            names.entry(name).or_insert_with(|| Value::from(name.as_str()));
            collect_names(member, names);
        }),
        Value::Array(all) => all.iter().for_each(|one| collect_names(one, names)),
        _ => {}
    }
}

/// Visits that matching takes at most: the regular expression as long as its repetitions write it out, on each byte.
fn matching(pattern: &str, text: &str) -> u64 {
    let mut width = pattern.len() as u64;
    for repeated in pattern.split('{').skip(1) {
        let most =
            repeated.split('}').next().unwrap_or_default().split(',').filter_map(|number| number.parse().ok()).max();
        width = width.saturating_mul(most.unwrap_or(1_u64).max(1));
    }
    1 + (width.min(WIDEST) * text.len() as u64) / BYTES_A_VISIT
}

struct Count<'a> {
    root: &'a Value,
    names: &'a HashMap<&'a str, Value>,
    /// By the addresses of both places; neither value changes meanwhile. `None`: it is being counted.
    seen: HashMap<(*const Value, *const Value), Option<u64>>,
    depth: usize,
}

impl<'a> Count<'a> {
    fn visits(&mut self, schema: &'a Value, place: &'a Value) -> u64 {
        let Value::Object(keywords) = schema else { return 1 };
        let pair = (std::ptr::from_ref(schema), std::ptr::from_ref(place));
        match self.seen.get(&pair) {
            Some(Some(count)) => return *count,
            // It leads back to where it stands without going deeper, which means nothing.
            Some(None) => return u64::MAX,
            None => {}
        }
        if self.depth >= DEEPEST {
            return u64::MAX;
        }
        self.depth += 1;
        self.seen.insert(pair, None);
        let count =
            keywords.iter().fold(1_u64, |sum, (key, value)| sum.saturating_add(self.keyword(key, value, place)));
        self.depth -= 1;
        self.seen.insert(pair, Some(count));
        count
    }

    fn keyword(&mut self, key: &str, value: &'a Value, place: &'a Value) -> u64 {
        match key {
            "$ref" => match value.as_str().and_then(|target| target.strip_prefix('#')) {
                Some(pointer) => match self.root.pointer(&decoded(pointer)) {
                    Some(target) => self.visits(target, place),
                    None => 1,
                },
                None => 1,
            },
            "not" | "if" | "then" | "else" => self.visits(value, place),
            "allOf" | "anyOf" | "oneOf" => self.each(value, |count, one| count.visits(one, place)),
            "dependentSchemas" => self.each(value, |count, one| count.visits(one, place)),
            "properties" => match (value, place) {
                (Value::Object(properties), Value::Object(members)) => members.iter().fold(0, |sum, (name, member)| {
                    let count = properties.get(name).map_or(0, |property| self.visits(property, member));
                    sum.saturating_add(count)
                }),
                _ => 0,
            },
            "pattern" => match (value, place) {
                (Value::String(pattern), Value::String(text)) => matching(pattern, text),
                _ => 0,
            },
            "patternProperties" => {
                let (Value::Object(patterns), Value::Object(members)) = (value, place) else { return 0 };
                let both = patterns.keys().flat_map(|pattern| members.keys().map(move |name| matching(pattern, name)));
                both.fold(0, u64::saturating_add).saturating_add(self.each(value, |count, one| count.below(one, place)))
            }
            "additionalProperties" | "unevaluatedProperties" | "items" | "unevaluatedItems" | "contains" => {
                self.below(value, place)
            }
            "prefixItems" => self.each(value, |count, one| count.below(one, place)),
            "propertyNames" => {
                let (all, members) = (self.names, place.as_object().into_iter().flatten());
                let names = members.filter_map(|(name, _)| all.get(name.as_str()));
                names.fold(0, |sum: u64, name| sum.saturating_add(self.visits(value, name)))
            }
            _ => 0,
        }
    }

    /// Every schema of an array, or of an object's values.
    fn each(&mut self, value: &'a Value, mut visit: impl FnMut(&mut Self, &'a Value) -> u64) -> u64 {
        match value {
            Value::Array(all) => all.iter().fold(0, |sum: u64, one| sum.saturating_add(visit(self, one))),
            Value::Object(all) => all.values().fold(0, |sum: u64, one| sum.saturating_add(visit(self, one))),
            _ => 0,
        }
    }

    /// The schema on everything directly in the place.
    fn below(&mut self, schema: &'a Value, place: &'a Value) -> u64 {
        match place {
            Value::Array(all) => all.iter().fold(0, |sum: u64, one| sum.saturating_add(self.visits(schema, one))),
            Value::Object(all) => all.values().fold(0, |sum: u64, one| sum.saturating_add(self.visits(schema, one))),
            _ => 0,
        }
    }
}

/// A pointer in a reference is written as in a URL.
fn decoded(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let escaped = more.get(..2).and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `deep` objects in each other.
    fn nested(deep: usize) -> Value {
        (0..deep).fold(json!({}), |inner, _| json!({"a": inner}))
    }

    /// Each definition asks twice for the next.
    fn doubling(count: usize) -> Value {
        let twice =
            |next: usize| json!({"allOf": [{"$ref": format!("#/$defs/{next}")}, {"$ref": format!("#/$defs/{next}")}]});
        let mut definitions: serde_json::Map<String, Value> =
            (0..count).map(|at| (at.to_string(), twice(at + 1))).collect();
        definitions.insert(count.to_string(), json!({}));
        json!({"type": "object", "$defs": definitions, "$ref": "#/$defs/0"})
    }

    #[test]
    fn what_would_take_for_ever_is_told_before_it_begins() {
        let tree = json!({"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}});
        let full = (0..10).fold(json!({}), |inner, _| json!({"left": inner, "right": inner}));
        let twice = json!({"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}});
        let names =
            json!({"$defs": {"a/b c": {"type": "string"}}, "additionalProperties": {"$ref": "#/$defs/a~1b%20c"}});
        for (schema, arguments, bounded) in [
            (doubling(10), json!({}), true),
            (doubling(40), json!({}), false),
            (json!({"allOf": [{"$ref": "#"}]}), json!({}), false),
            (tree, full, true),
            (twice.clone(), nested(10), true),
            (twice, nested(60), false),
            (json!({"additionalProperties": {"$ref": "#"}}), nested(100), true),
            (names, json!({"x": "y"}), true),
            (json!({"propertyNames": doubling(10)["$defs"]["9"]}), json!({"x": "y"}), true),
            (json!({"$defs": doubling(40)["$defs"], "propertyNames": {"$ref": "#/$defs/0"}}), json!({"x": 1}), false),
            (json!({"properties": {"a": {"pattern": "^[a-z-]+$"}}}), json!({"a": "a".repeat(100_000)}), true),
            (json!({"properties": {"a": {"pattern": "[^a]{400}x"}}}), json!({"a": "a".repeat(1_000)}), true),
            (json!({"properties": {"a": {"pattern": "[^a]{400}x"}}}), json!({"a": "a".repeat(100_000)}), false),
            (json!({"propertyNames": {"pattern": "[^a]{400}x"}}), json!({"a".repeat(100_000): 1}), false),
            (json!({"patternProperties": {"[^a]{400}x": {}}}), json!({"a".repeat(100_000): 1}), false),
        ] {
            assert_eq!(is_bounded(&schema, &arguments), bounded, "{schema}");
        }
    }

    #[test]
    fn references_stay_in_the_schema() {
        for (schema, said) in [
            (json!({"$ref": "#/$defs/x"}), None),
            (json!({"properties": {"$ref": {"type": "string"}}}), None),
            (json!({"allOf": [{"$ref": "file:///etc/passwd"}]}), Some("'file:///etc/passwd'")),
            (json!({"$ref": "#name"}), Some("#/$defs/NAME")),
            (json!({"not": {"$dynamicRef": "#x"}}), Some("`$dynamicRef`")),
        ] {
            let refused = plain_references(&schema).err();
            assert_eq!(refused.is_some(), said.is_some(), "{schema}: {refused:?}");
            assert!(refused.unwrap_or_default().contains(said.unwrap_or_default()), "{schema}");
        }
    }
}
