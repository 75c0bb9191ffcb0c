//! Which characters people cannot see, or a terminal would act on: who shows text escapes them, who takes names and
//! descriptions from strangers refuses them. Sources: ECMA-48 (control functions), Unicode's Default_Ignorable_Code_Point
//! and Bidi_Control.

/// Whether a character would act on a terminal, change the reading direction or be invisible.
/// Newline and tab are not hidden. The emoji and text presentation selectors (U+FE0E, U+FE0F) are let through.
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        _ if c.is_control() => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fe00}'..='\u{fe0d}' | '\u{fff0}'..='\u{fffb}' => true,
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// The same for text on one line, where newline and tab are out of place as well.
pub fn is_hidden_in_line(c: char) -> bool {
    is_hidden(c) || matches!(c, '\n' | '\t')
}
