//! A value that must not be seen: an API key. It has no `Display`, its `Debug` says nothing, and it does not serialise.

use std::fmt;

/// A key on its way from the user's environment to one server.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Surrounding white space (the newline of a file) is dropped.
    pub fn new(value: impl AsRef<str>) -> Secret {
        Secret(value.as_ref().trim().to_string())
    }

    /// Only for the header that carries it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// Replaces the secret in a text that is about to be shown; some servers echo a wrong key.
    pub(super) fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_string() } else { text.replace(&self.0, "[secret]") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("sk-123\n");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[secret] Some([secret])");
        assert_eq!(secret.expose(), "sk-123");
        assert_eq!(secret.redact("bad key sk-123!"), "bad key [secret]!");
    }
}
