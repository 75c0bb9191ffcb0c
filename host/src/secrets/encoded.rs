//! The ways in which a value may be written in a text: as it is, inside base64 at any position, percent-encoded, escaped
//! as JSON. What is compressed, encrypted, reversed or cut into pieces is not found: who holds a value and wants to get it
//! out can; the host sees to it that a plugin does not hold one.

use std::ops::Range;

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// One spelling of a value.
pub(super) struct Needle {
    bytes: Vec<u8>,
    /// The characters of base64 at both ends hold bits of the value and of its neighbours.
    shares_its_ends: bool,
}

/// All spellings that can be searched for as they are. The value is ASCII.
pub(super) fn needles(value: &str) -> Vec<Needle> {
    let mut needles = vec![Needle { bytes: value.as_bytes().to_vec(), shares_its_ends: false }];
    for before in 0..3 {
        for base64 in [&BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE_NO_PAD] {
            let bytes = base64_core(value.as_bytes(), before, base64);
            if !needles.iter().any(|needle| needle.bytes == bytes) {
                needles.push(Needle { bytes, shares_its_ends: true });
            }
        }
    }
    needles
}

/// The characters of base64 that depend on nothing but the value, when `before` bytes (modulo 3) stand before it (RFC
/// 4648).
fn base64_core(value: &[u8], before: usize, base64: &GeneralPurpose) -> Vec<u8> {
    let bytes = [vec![0; before], value.to_vec()].concat();
    let whole = base64.encode(&bytes).into_bytes();
    whole[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_vec()
}

/// A text with one kind of escape undone, and where each byte of it comes from.
pub(super) struct View {
    bytes: Vec<u8>,
    /// Of each byte, and the end of the text. Empty when nothing was undone.
    origins: Vec<usize>,
    blank_plus: bool,
}

impl View {
    /// The text as it is, and what its escapes stand for where it has any.
    pub fn all(text: &str) -> Vec<View> {
        let mut views = vec![View { bytes: text.as_bytes().to_vec(), origins: Vec::new(), blank_plus: false }];
        if text.contains('%') {
            views.push(View { blank_plus: true, ..View::undone(text.as_bytes(), percent) });
        }
        if text.contains('\\') {
            views.push(View::undone(text.as_bytes(), json));
        }
        views
    }

    /// `undo` tells what stands at the beginning and how long it is.
    fn undone(text: &[u8], undo: fn(&[u8]) -> (u8, usize)) -> View {
        let (mut bytes, mut origins, mut at) = (Vec::with_capacity(text.len()), Vec::with_capacity(text.len() + 1), 0);
        while at < text.len() {
            let (byte, length) = undo(&text[at..]);
            bytes.push(byte);
            origins.push(at);
            at += length.max(1);
        }
        origins.push(text.len());
        View { bytes, origins, blank_plus: false }
    }

    /// Where the value stands, as ranges of the text.
    pub fn find(&self, needle: &Needle, found: &mut Vec<Range<usize>>) {
        // In a form `+` is a space, in a path it is itself.
        let wanted: Vec<u8> = match self.blank_plus {
            true => needle.bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect(),
            false => needle.bytes.clone(),
        };
        let Some(first) = wanted.first() else { return };
        let mut at = 0;
        while let Some(step) = self.bytes[at..].iter().position(|byte| byte == first) {
            at += step;
            if !self.bytes[at..].starts_with(&wanted) {
                at += 1;
                continue;
            }
            let mut range = at..at + wanted.len();
            at = range.end;
            if needle.shares_its_ends {
                let base64 = |index: usize| {
                    self.bytes.get(index).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte))
                };
                range.start -= usize::from(range.start.checked_sub(1).is_some_and(base64));
                range.end += usize::from(base64(range.end));
            }
            found.push(self.origin(range.start)..self.origin(range.end));
        }
    }

    fn origin(&self, index: usize) -> usize {
        self.origins.get(index).copied().unwrap_or(index)
    }
}

/// RFC 3986, and the `+` of HTML forms.
fn percent(text: &[u8]) -> (u8, usize) {
    let digit = |index: usize| text.get(index).and_then(|byte| char::from(*byte).to_digit(16));
    let (byte, length) = match (text[0], digit(1), digit(2)) {
        (b'%', Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
        (byte, ..) => (byte, 1),
    };
    (if byte == b'+' { b' ' } else { byte }, length)
}

/// RFC 8259. An escape that stands for no ASCII character is none that a value can have.
fn json(text: &[u8]) -> (u8, usize) {
    let (b'\\', Some(escaped)) = (text[0], text.get(1)) else { return (text[0], 1) };
    match escaped {
        b'"' | b'\\' | b'/' => (*escaped, 2),
        b'u' => {
            let digits = text.get(2..6).and_then(|digits| std::str::from_utf8(digits).ok());
            let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            match number {
                Some(number) => (u8::try_from(number).ok().filter(u8::is_ascii).unwrap_or(0), 6),
                None => (b'\\', 1),
            }
        }
        _ => (b'\\', 1),
    }
}
