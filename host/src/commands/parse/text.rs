//! Bytes to text, whatever editor wrote them: UTF-8 with or without a mark, UTF-16 with one, any line ends, broken bytes.
//! Nothing is refused. Line numbers are those of the result, in which every line ends with `\n`.

use std::borrow::Cow;

use super::notes::Notes;

pub(super) fn decode(bytes: &[u8], notes: &mut Notes) -> String {
    let text: Cow<'_, str> = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes, notes).into(),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes, notes).into(),
        _ => {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            let text = String::from_utf8_lossy(bytes);
            if let (Cow::Owned(text), Err(error)) = (&text, std::str::from_utf8(bytes)) {
                let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
                let count = text.matches('\u{FFFD}').count();
                notes
                    .warning(line, format!("not UTF-8; {count} broken characters from here on are read as `\u{FFFD}`"));
            }
            text
        }
    };
    let text = match text.find('\0') {
        Some(at) => {
            let line = text[..at].matches('\n').count() as u32 + 1;
            notes.warning(line, "contains NUL characters; read as `\u{FFFD}`");
            text.replace('\0', "\u{FFFD}").into()
        }
        None => text,
    };
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.into_owned() }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, notes: &mut Notes) -> String {
    notes.info(0, "the file is UTF-16; it is read, but other agents expect UTF-8");
    let units = bytes.chunks(2).map(|pair| unit([pair[0], pair.get(1).copied().unwrap_or_default()]));
    char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
