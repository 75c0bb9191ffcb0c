//! Names of sessions: short, sortable by time, distinct. Nine digits of milliseconds since 1970 and three random ones, in
//! base 32 without letters that are read as another.

use std::time::{SystemTime, UNIX_EPOCH};

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 12;
const RANDOM: usize = 3;

/// A new name.
pub(super) fn new() -> std::io::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut random = [0u8; RANDOM];
    getrandom::fill(&mut random).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(encode(now.as_millis() as u64, random))
}

/// Whether a directory's name can be that of a session.
pub(super) fn is_id(name: &str) -> bool {
    name.len() == LENGTH && name.bytes().all(|byte| DIGITS.contains(&byte))
}

fn encode(millis: u64, random: [u8; RANDOM]) -> String {
    let time = (0..LENGTH - RANDOM).rev().map(|place| (millis >> (5 * place)) as usize);
    let random = random.into_iter().map(usize::from);
    time.chain(random).map(|digit| char::from(DIGITS[digit & 31])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time() {
        let names: Vec<String> = [0, 1, 31, 32, 1_700_000_000_000, 1_700_000_000_001, 30_000_000_000_000]
            .map(|ms| encode(ms, [255; 3]))
            .into();
        assert!(names.is_sorted() && names.iter().all(|name| is_id(name)), "{names:?}");
        assert_ne!(new().unwrap(), new().unwrap());
        assert!(!is_id("../journal00") && !is_id(""));
    }
}
