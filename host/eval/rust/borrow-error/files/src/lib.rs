use std::collections::BTreeMap;

/// The words of a text by their first letter, each once, in the order in which they come.
pub fn by_letter(text: &str) -> BTreeMap<char, Vec<&str>> {
    let mut groups: BTreeMap<char, Vec<&str>> = BTreeMap::new();
    for word in text.split_whitespace() {
        let letter = word.chars().next();
        let group = groups.entry(letter).or_default();
        if !group.contains(word) {
            group.push(word);
        }
    }
    groups
}

/// The longer of two texts; the first when they are equally long.
pub fn longer(first: &str, second: &str) -> &str {
    if second.len() > first.len() { second } else { first }
}
