//! Whether to colour, how wide the screen is, and which colour a role has. Only SGR sequences, always closed.

use std::str::FromStr;

/// The `ui.colour` setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Where the stream is a terminal that can, and `NO_COLOR` is not set.
    #[default]
    Auto,
    Always,
    Never,
}

impl FromStr for Colour {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Colour::Auto),
            "always" => Ok(Colour::Always),
            "never" => Ok(Colour::Never),
            other => Err(format!("colour is '{other}'; it can be auto, always or never")),
        }
    }
}

/// How to write on one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    /// Columns; `None` where the stream is not a terminal, and nothing is wrapped or cut.
    pub width: Option<usize>,
}

/// What a piece of text is; the terminal's own palette decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Plain,
    Dim,
    Strong,
    /// What only Garth prints: its questions.
    Marker,
    Call,
    Good,
    Bad,
    Warn,
    Added,
    Removed,
    Hunk,
}

impl Style {
    /// `term` and `no_color` are the environment's `TERM` and `NO_COLOR` (set and not empty counts, see no-color.org).
    pub fn detect(setting: Colour, width: Option<usize>, term: Option<&str>, no_color: Option<&str>) -> Style {
        let colour = match setting {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => width.is_some() && no_color.is_none_or(str::is_empty) && term != Some("dumb"),
        };
        Style { colour, width }
    }

    /// The text in the role's colour; it must be harmless already.
    pub fn paint(&self, role: Role, text: &str) -> String {
        let code = match role {
            Role::Plain => return text.to_owned(),
            Role::Dim => "2",
            Role::Strong => "1",
            Role::Marker => "1;35",
            Role::Call => "36",
            Role::Good | Role::Added => "32",
            Role::Bad | Role::Removed => "31",
            Role::Warn => "33",
            Role::Hunk => "36",
        };
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Columns of the terminal behind this stream; `None` when it is none. 80 where the terminal does not say.
pub fn screen_width(stream: &impl Screen) -> Option<usize> {
    stream.is_terminal().then(|| stream.columns().filter(|columns| *columns > 0).unwrap_or(80))
}

/// A stream that may be a terminal.
pub trait Screen: std::io::IsTerminal {
    fn columns(&self) -> Option<usize>;
}

#[cfg(unix)]
impl<T: std::io::IsTerminal + std::os::fd::AsFd> Screen for T {
    fn columns(&self) -> Option<usize> {
        rustix::termios::tcgetwinsize(self).ok().map(|size| usize::from(size.ws_col))
    }
}

#[cfg(not(unix))]
impl<T: std::io::IsTerminal> Screen for T {
    fn columns(&self) -> Option<usize> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_setting_then_the_terminal_and_the_environment() {
        use Colour::{Always, Auto, Never};
        for (setting, width, term, no_color, expected) in [
            (Auto, Some(80), Some("xterm"), None, true),
            (Auto, Some(80), None, Some(""), true),
            (Auto, None, Some("xterm"), None, false),
            (Auto, Some(80), Some("dumb"), None, false),
            (Auto, Some(80), Some("xterm"), Some("1"), false),
            (Always, None, Some("dumb"), Some("1"), true),
            (Never, Some(80), Some("xterm"), None, false),
        ] {
            let style = Style::detect(setting, width, term, no_color);
            assert_eq!(style.colour, expected, "{setting:?} {width:?} {term:?} {no_color:?}");
        }
    }
}
