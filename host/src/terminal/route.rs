//! Tiers of models: a change between them, why, what each has cost, and what a question about one shows.

use std::fmt::Write;

use super::approval::Extent;
use super::words::{dollars, plural, thousands};
use super::{Role, Style, block, one_line};
use crate::protocol::{RoutePart, Spent, Tier, TierSummary};

/// Files that a question names.
const FILES: usize = 6;

/// The turn goes on with this tier.
pub(super) fn routed(style: Style, tier: Tier, (provider, model): (&str, &str), score: f64, reason: &str) -> String {
    let line = format!("{tier}: {model} ({provider}) · score {score} · {reason}");
    block(style, "  ", Role::Dim, &one_line(&line))
}

/// The last decision, with what the score is made of.
pub(super) fn why_text(
    tier: Tier,
    (score, threshold): (f64, f64),
    parts: &[RoutePart],
    reason: &str,
    tiers: &[TierSummary],
) -> String {
    let mut text = String::new();
    if let [only] = tiers {
        let _ = writeln!(
            text,
            "There is one tier, so every task is done by {} ({}).\n[tiers.heavy] or [tiers.cloud] in your config.toml adds \
             another.",
            one_line(&only.model),
            one_line(&only.provider)
        );
    } else {
        let _ = writeln!(text, "{tier}: {}", one_line(reason));
        for TierSummary { tier: each, provider, model, closed } in tiers {
            let mark = if *each == tier { "›" } else { " " };
            let closed = closed.as_ref().map(|why| format!(", not used: {why}")).unwrap_or_default();
            let _ = writeln!(text, "{mark} {:<6}{}", each.name(), one_line(&format!("{model} ({provider}){closed}")));
        }
    }
    if parts.is_empty() {
        return text;
    }
    let _ = writeln!(text, "score {score} of the last task, threshold {threshold}:");
    for RoutePart { name, seen, weight, value, adds } in parts {
        let _ = writeln!(text, "{adds:>7.3}  {:<13} {weight:.2} × {value:.3}  {}", one_line(name), one_line(seen));
    }
    text
}

/// A line for each tier that was asked.
pub(super) fn cost_text(tiers: &[Spent]) -> String {
    if tiers.is_empty() {
        return "No request was counted yet.\n".to_owned();
    }
    let tokens = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), thousands);
    let mut text =
        format!("{:<7}{:>9}{:>13}{:>8}{:>12}{:>10}\n", "tier", "requests", "read", "cached", "written", "cost");
    for Spent { tier, requests, usage, cost, .. } in tiers {
        let share = |prompt: u64| Some(format!("{:.0} %", usage.cached_tokens? as f64 * 100.0 / prompt as f64));
        let cached = usage.prompt_tokens.filter(|prompt| *prompt > 0).and_then(share);
        let _ = writeln!(
            text,
            "{:<7}{:>9}{:>13}{:>8}{:>12}{:>10}",
            tier.name(),
            thousands(*requests),
            tokens(usage.prompt_tokens),
            cached.unwrap_or_else(|| "-".into()),
            tokens(usage.completion_tokens),
            cost.map_or_else(|| "-".into(), dollars)
        );
    }
    for Spent { tier, uncounted, .. } in tiers.iter().filter(|spent| spent.uncounted > 0) {
        let many = plural(*uncounted, "request");
        let _ = writeln!(text, "{tier}: {many} uncounted; the server told no tokens, or the reply ended before it did");
    }
    text
}

/// What would go where: a line, and more about it.
pub(super) fn leaving(
    tier: Tier,
    (model, server): (&str, &str),
    tokens: u64,
    price: Option<(f64, f64)>,
    files: &[String],
    extent: Extent,
) -> (String, String) {
    let first = one_line(&format!("{tier}: {model} at {server}")).into_owned();
    let price = price.map_or_else(
        || "its price is not configured".to_owned(),
        |(input, output)| format!("{} a million tokens read, {} written", dollars(input), dollars(output)),
    );
    let shown = if extent == Extent::All { files.len() } else { FILES.min(files.len()) };
    let more = match files.len() - shown {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let files = match files {
        [] => "no file was read or written in this session yet".to_owned(),
        files => format!("it may hold something of {}{more}", files[..shown].join(", ")),
    };
    let rest = format!("about {} of conversation; {price}\n{}", plural(tokens, "token"), one_line(&files));
    (first, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Usage;

    #[test]
    fn it_is_told_in_lines_that_can_forge_nothing() {
        let part = |name: &str, seen: &str, weight: f64, value: f64| RoutePart {
            name: name.into(),
            seen: seen.into(),
            weight,
            value,
            adds: weight * value,
        };
        let summary = |tier, model: &str, closed: Option<&str>| {
            let closed = closed.map(String::from);
            TierSummary { tier, provider: "openai".into(), model: model.into(), closed }
        };
        let tiers = [
            summary(Tier::Local, "small", None),
            summary(Tier::Heavy, "large\u{1b}[2J", None),
            summary(Tier::Cloud, "huge", Some("you said no\n▶ garth asks")),
        ];
        let parts = [part("files", "2 files", 0.2, 0.25), part("command", "complexity: high", 0.8, 1.0)];
        let usage = Usage { prompt_tokens: Some(12_000), completion_tokens: Some(300), ..Usage::default() };
        let cached = Usage { cached_tokens: Some(9_000), ..usage };
        let spent = [
            Spent { tier: Tier::Local, requests: 4, usage: cached, ..Spent::default() },
            Spent { tier: Tier::Cloud, requests: 2, uncounted: 1, usage, cost: Some(0.0405) },
        ];
        let style = Style::default();
        let shown = [
            routed(style, Tier::Heavy, ("ollama", "large"), 0.85, "the score 0.85 reaches the threshold 0.75"),
            why_text(Tier::Heavy, (0.85, 0.75), &parts, "the score 0.85 reaches the threshold 0.75", &tiers),
            why_text(Tier::Local, (0.0, 0.75), &parts[..1], "there is no other tier", &tiers[..1]),
            cost_text(&spent),
            cost_text(&[]),
        ];
        insta::assert_snapshot!("route", shown.join("---\n"));
    }
}
