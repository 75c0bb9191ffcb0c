//! What a conversation takes of the model's window, as a bar and a table. Counts come with the event; nothing is counted here.

use std::fmt::Write;

use super::words::thousands;
use super::{Role, Style, one_line};
use crate::protocol::WindowPart;

/// Columns of the bar.
const BAR: usize = 40;

/// The bar with its figures, then a line for each part, and one for what is free.
pub fn window_text(style: Style, window: u64, parts: &[WindowPart]) -> String {
    let used: u64 = parts.iter().map(|part| part.tokens).sum();
    let share = used as f64 / window.max(1) as f64;
    let full = ((share * BAR as f64).round() as usize).clamp(usize::from(used > 0), BAR);
    let role = if share < 0.75 { Role::Good } else { Role::Warn };
    let bar = style.paint(role, &"█".repeat(full)) + &style.paint(Role::Dim, &"░".repeat(BAR - full));
    let figures = format!("{} of {} tokens, {:.0} %", thousands(used), thousands(window), share * 100.0);
    let mut text = format!("{bar} {figures}\n");
    for part in parts {
        let _ = writeln!(text, "{:>9}  {}", thousands(part.tokens), one_line(&part.name));
    }
    let _ = writeln!(text, "{:>9}  free", thousands(window.saturating_sub(used)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_the_share() {
        let part = |name: &str, tokens| WindowPart { name: name.into(), tokens };
        let style = Style::default();
        let text = window_text(style, 8_192, &[part("tools", 1_457), part("results\u{1b}[2J", 2_639)]);
        let bar = format!("{}{} 4,096 of 8,192 tokens, 50 %\n", "█".repeat(20), "░".repeat(20));
        assert_eq!(text, format!("{bar}    1,457  tools\n    2,639  results\\u{{1b}}[2J\n    4,096  free\n"));
        let over = window_text(style, 100, &[part("tools", 250)]);
        assert!(over.starts_with(&format!("{} 250 of 100 tokens, 250 %\n", "█".repeat(BAR))), "{over}");
        assert!(window_text(style, 0, &[]).contains("0 of 0 tokens, 0 %"));
    }
}
