//! Sizes and durations as people write them in configuration: `"64MiB"`, `"30s"`. Shared by configuration, manifests
//! and messages, so that a limit reads the same wherever it is shown.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes. Written as an integer or with `B`, `KiB`, `MiB` or `GiB` (`KB`, `MB`, `GB` are read as powers of 1000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A duration. Written with `ms`, `s`, `m` or `h`: `"1500ms"`, `"30s"`; a bare number counts seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

const BYTES: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
    ("", 1),
];
const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("", 1_000)];

/// No wait, limit or timeout is longer than a year; deadlines can be computed from any [`Span`] without overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Splits `12.5MiB` into the number and its factor. Whole numbers are exact; fractions are rounded to the nearest unit.
fn scaled(text: &str, units: &[(&str, u64)], example: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let wrong = || format!("'{text}' is not {example}");
    let too_large = || format!("'{text}' is too large; write {example}");
    let factor = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, f)| *f).ok_or_else(wrong)?;
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.parse::<u64>().ok().and_then(|whole| whole.checked_mul(factor)).ok_or_else(too_large);
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let product = (number * factor as f64).round();
    // 2^64 as a float is exact; everything below it fits.
    if product.is_finite() && (0.0..18_446_744_073_709_551_616.0).contains(&product) {
        Ok(product as u64)
    } else {
        Err(too_large())
    }
}

impl FromStr for ByteSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        scaled(text, &BYTES, "a size such as \"64MiB\" or a number of bytes").map(ByteSize)
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let ms = scaled(text, &TIMES, "a time such as \"30s\", \"1500ms\" or \"2m\"")?;
        let span = Duration::from_millis(ms);
        if span > LONGEST {
            return Err(format!("'{}' is longer than a year; write a time such as \"30s\" or \"2h\"", text.trim()));
        }
        Ok(Span(span))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = BYTES[..3].iter().rev().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        match exact {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1000 == 0 => write!(f, "{}s", ms / 1000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

/// Accepts a string or a whole number that is not negative, and says so otherwise.
struct Written<T>(PhantomData<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for Written<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string with a unit, or a whole number that is not negative")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        u64::try_from(number)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            .and_then(|number| self.visit_u64(number))
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Written(PhantomData))
            }
        }
    };
}
as_text!(ByteSize);
as_text!(Span);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_as_people_write_them() {
        let bytes = |text: &str| text.parse::<ByteSize>().map(|size| size.0);
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("1.5 kib"), Ok(1536));
        assert_eq!(bytes("12"), Ok(12));
        assert!(bytes("12 parsecs").unwrap_err().contains("64MiB"));
        assert_eq!("1500ms".parse::<Span>().unwrap().0, Duration::from_millis(1500));
        assert_eq!("2m".parse::<Span>().unwrap().to_string(), "120s");
        assert_eq!(ByteSize(16 << 20).to_string(), "16MiB");
        assert_eq!(ByteSize(1025).to_string(), "1025B");
    }

    #[test]
    fn what_is_negative_no_number_or_too_large_is_refused() {
        for text in
            ["-1", "-5s", "NaN", "inf", "", ".", "1.2.3", "1e9", "99999999999999999999GiB", "18446744073709551616"]
        {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        for text in ["-1", "-5s", "NaN", "", "9999999h", "18446744073709551615s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!("18446744073709551615".parse::<ByteSize>().map(|size| size.0), Ok(u64::MAX));
        assert_eq!("9007199254740993".parse::<ByteSize>().map(|size| size.0), Ok(9007199254740993), "exact above 2^53");
    }

    #[test]
    fn numbers_and_strings_are_read_from_json() {
        let size = |json: &str| serde_json::from_str::<ByteSize>(json).map_err(|error| error.to_string());
        assert_eq!(size("12"), Ok(ByteSize(12)));
        assert_eq!(size("\"12KiB\""), Ok(ByteSize(12 << 10)));
        assert!(size("-12").unwrap_err().contains("not negative"));
        assert!(size("1.5").unwrap_err().contains("whole number"));
        assert!(size("true").unwrap_err().contains("a string with a unit"));
    }

    #[test]
    fn display_can_be_read_back() {
        for bytes in [0, 1, 1023, 1024, 1 << 20, (1 << 30) + 1, u64::MAX] {
            assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
        for ms in [0, 1, 999, 1000, 1500, 3_600_000] {
            let span = Span(Duration::from_millis(ms));
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
