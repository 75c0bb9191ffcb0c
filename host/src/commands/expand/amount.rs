//! Tells an amount of money from a numbered placeholder: `$1,500`, `$5k`, `$8/user/month`, `$2-5 per task`. In the prompts
//! that people keep, most numbers after a dollar are amounts. Where neither says more, it is a placeholder.

/// What an amount is paid for, after a slash.
const UNITS: &[&str] = &[
    "call", "click", "day", "gb", "hour", "hr", "kg", "kwh", "lb", "lead", "m", "mb", "min", "minute", "mo", "month",
    "request", "seat", "tb", "token", "tokens", "unit", "user", "week", "wk", "year", "yr",
];

/// What follows an amount after a space.
const WORDS: &[&str] =
    &["per", "k", "million", "billion", "trillion", "thousand", "usd", "dollars", "eur", "gbp", "bucks"];

/// Whether `$` with one digit, between `before` and `after`, is money, a longer number, a name or a cell of a table.
pub(super) fn is_amount(before: &str, after: &str) -> bool {
    let mut follows = after.chars();
    let (first, second) = (follows.next(), follows.next());
    match first {
        None => false,
        Some(c) if c.is_alphanumeric() || c == '_' || c == '+' => true,
        Some('.' | ',' | '-' | '–') if second.is_some_and(|c| c.is_ascii_digit()) => true,
        Some('–' | '-') if second == Some('$') => false,
        Some('/') => UNITS.contains(&word(&after[1..]).as_str()),
        Some(' ') => WORDS.contains(&word(&after[1..]).as_str()),
        Some(_) => is_cell(before),
    }
}

/// `$B` before `$6`.
fn is_cell(before: &str) -> bool {
    let column = before.bytes().rev().take(4).take_while(u8::is_ascii_uppercase).count();
    (1..=3).contains(&column) && before[..before.len() - column].ends_with('$')
}

fn word(rest: &str) -> String {
    rest.bytes().take(12).take_while(u8::is_ascii_alphabetic).map(|b| char::from(b.to_ascii_lowercase())).collect()
}

/// Whether what follows a `$` makes it an amount that can be nothing else. Where a file has one and declares no arguments,
/// its other numbers are amounts too.
pub(super) fn is_certain(rest: &str) -> bool {
    let rest = rest.as_bytes();
    let digits = rest.iter().take(12).take_while(|b| b.is_ascii_digit()).count();
    let (next, after) = (rest.get(digits), rest.get(digits + 1));
    match next {
        _ if digits > 1 => true,
        Some(b'k' | b'K' | b'm' | b'M' | b'b' | b'B') => digits == 1 && !after.is_some_and(u8::is_ascii_alphanumeric),
        Some(b',' | b'.') => digits == 1 && after.is_some_and(u8::is_ascii_digit),
        _ => false,
    }
}
