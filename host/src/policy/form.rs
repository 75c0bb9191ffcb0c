//! Lists in manifests and grants that people write in a shorter form than the one that counts: `process = ["git log"]`,
//! `http = ["api.example.org"]`. They are refused with the right form of just what was written; nothing is guessed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{HttpAccess, SecretUse};

/// Characters of what was written that are repeated.
const SHOWN: usize = 60;

/// What an entry of such a list is.
pub(super) trait Entry: Sized {
    /// The list's key.
    const KEY: &'static str;
    /// What it is, for people.
    const IS: &'static str;
    /// How this text is written as an entry.
    fn form(text: &str) -> String;
}

impl Entry for Vec<String> {
    const KEY: &'static str = "process";
    const IS: &'static str = "a list of words";
    fn form(text: &str) -> String {
        let words: Vec<String> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
        format!("[{}]", words.join(", "))
    }
}

impl Entry for HttpAccess {
    const KEY: &'static str = "http";
    const IS: &'static str = "a table with a host";
    fn form(text: &str) -> String {
        let host = text.split_once("://").map_or(text, |(_, rest)| rest);
        format!("{{ host = {:?} }}", host.split(['/', ':']).next().unwrap_or_default())
    }
}

impl Entry for SecretUse {
    const KEY: &'static str = "secrets";
    const IS: &'static str = "a table with name, host and header";
    fn form(text: &str) -> String {
        format!("{{ name = {text:?}, host = \"api.example.org\", header = \"authorization\" }}")
    }
}

/// Reads a list of entries.
pub(super) fn list<'de, T: Entry + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_any(List(PhantomData))
}

/// The same where there may be none.
pub(super) fn some_list<'de, T, D>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Entry + Deserialize<'de>,
    D: Deserializer<'de>,
{
    list(from).map(Some)
}

fn wrong<T: Entry, E: Error>(text: &str) -> E {
    let text: String = text.chars().take(SHOWN).collect();
    E::custom(format!("an entry of `{}` is {}: write `{} = [{}]` for {text:?}", T::KEY, T::IS, T::KEY, T::form(&text)))
}

struct List<T>(PhantomData<T>);

impl<'de, T: Entry + Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list, each entry of it {}", T::IS)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        Err(wrong::<T, E>(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(One(entry)) = entries.next_element()? {
            all.push(entry);
        }
        Ok(all)
    }
}

struct One<T>(T);

impl<'de, T: Entry + Deserialize<'de>> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<One<T>, D::Error> {
        from.deserialize_any(OneVisitor(PhantomData))
    }
}

struct OneVisitor<T>(PhantomData<T>);

impl<'de, T: Entry + Deserialize<'de>> Visitor<'de> for OneVisitor<T> {
    type Value = One<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::IS)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<One<T>, E> {
        Err(wrong::<T, E>(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<One<T>, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(words)).map(One)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<One<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(One)
    }
}
