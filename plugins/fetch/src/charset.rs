//! Which text the bytes of an answer are: by its byte order mark, its content type, what the page says of itself, and at
//! last by whether it is UTF-8 (the encoding sniffing of the HTML standard, without guessing at languages).

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// How far a page may say what it is written in.
const PRESCAN: usize = 1_024;
/// A NUL in so many bytes at the beginning makes it no text.
const SNIFF: usize = 8 << 10;

/// What a content type says: `("text/html", Some("utf-8"))`, both in lower case.
pub fn content_type(header: &str) -> (String, Option<String>) {
    let mut parts = header.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']).to_ascii_lowercase())
    });
    (kind, charset)
}

/// The text; `None` when the bytes are none.
pub fn decode(bytes: &[u8], charset: Option<&str>) -> Option<String> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Some(encoding.decode(bytes).0.into_owned());
    }
    let named = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    let wide = named.is_some_and(|encoding| !encoding.is_ascii_compatible());
    if !wide && bytes[..bytes.len().min(SNIFF)].contains(&0) {
        return None;
    }
    let encoding = named.or_else(|| declared(bytes)).unwrap_or(match std::str::from_utf8(bytes) {
        Ok(_) => UTF_8,
        // The beginning of a longer text may end within a character.
        Err(error) if error.error_len().is_none() => UTF_8,
        Err(_) => WINDOWS_1252,
    });
    Some(encoding.decode_without_bom_handling(bytes).0.into_owned())
}

/// `<meta charset="…">`, or the same in a `<meta http-equiv="content-type" …>`.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let beginning: String = bytes.iter().take(PRESCAN).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    beginning.match_indices("<meta").find_map(|(at, _)| {
        let tag = &beginning[at..];
        let tag = &tag[..tag.find('>').unwrap_or(tag.len())];
        let value = tag[tag.find("charset")? + "charset".len()..].trim_start().strip_prefix('=')?;
        let value = value.trim_start().trim_start_matches(['"', '\'']);
        let label = value.split(['"', '\'', ';', ' ', '/']).next()?;
        // A page that could be read so far is not UTF-16, whatever it says.
        Encoding::for_label(label.as_bytes())
            .map(|encoding| if encoding.is_ascii_compatible() { encoding } else { UTF_8 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_in_what_it_is_written_in() {
        let check = |bytes: &[u8], charset: Option<&str>, expected: Option<&str>| {
            assert_eq!(decode(bytes, charset).as_deref(), expected, "{bytes:?} {charset:?}");
        };
        check("grün".as_bytes(), None, Some("grün"));
        check(b"gr\xfcn", None, Some("grün"));
        check(b"gr\xfcn", Some("iso-8859-1"), Some("grün"));
        check("grün".as_bytes(), Some("no-such-thing"), Some("grün"));
        check(b"<meta charset='windows-1251'>\xe6", None, Some("<meta charset='windows-1251'>ж"));
        check(
            b"<META http-equiv=Content-Type content=\"text/html; charset=koi8-r\">\xc0",
            None,
            Some("<META http-equiv=Content-Type content=\"text/html; charset=koi8-r\">ю"),
        );
        check("<meta charset=utf-16>ü".as_bytes(), None, Some("<meta charset=utf-16>ü"));
        check(b"\x82\xa0", Some("shift_jis"), Some("あ"));
        check(b"\xff\xfea\0", None, Some("a"));
        check(b"a\0b\0", Some("utf-16le"), Some("ab"));
        check(b"\xef\xbb\xbfa", Some("shift_jis"), Some("a"));
        check(b"\x89PNG\r\n\x1a\n\0\0", None, None);
        check("gr\u{fc}".as_bytes().split_last().map_or(&[][..], |(_, rest)| rest), None, Some("gr\u{fffd}"));
        check(b"", None, Some(""));
    }

    #[test]
    fn content_types_are_read_as_servers_write_them() {
        for (header, kind, charset) in [
            ("text/html", "text/html", None),
            ("Text/HTML; Charset=\"UTF-8\"", "text/html", Some("utf-8")),
            ("application/json;a=b; charset = latin1", "application/json", Some("latin1")),
            ("", "", None),
            (";;=", "", None),
        ] {
            assert_eq!(content_type(header), (kind.to_owned(), charset.map(str::to_owned)), "{header}");
        }
    }
}
