use std::collections::BTreeMap;

/// The words of a text by their first letter, each once, in the order in which they come.
pub fn by_letter(text: &str) -> BTreeMap<char, Vec<&str>> {
    let mut groups: BTreeMap<char, Vec<&str>> = BTreeMap::new();
    for word in text.split_whitespace() {
        let Some(letter) = word.chars().next() else { continue };
        let group = groups.entry(letter).or_default();
        if !group.contains(&word) {
            group.push(word);
        }
    }
    groups
}

/// The longer of two texts; the first when they are equally long.
pub fn longer<'a>(first: &'a str, second: &'a str) -> &'a str {
    if second.len() > first.len() { second } else { first }
}
