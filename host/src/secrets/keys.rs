//! What keys of well-known services look like, from the prefixes that these services publish so that they can be found. A
//! word counts only where its whole shape fits: ordinary code and prose must come through as they are. What was looked at
//! is not looked at again, or no further than a key is long, so that no text takes longer than its length allows.

use std::ops::Range;

/// A key that is one word: a prefix, and characters of a kind.
struct Word {
    what: &'static str,
    prefixes: &'static [&'static str],
    kind: Kind,
    /// Characters after the prefix.
    length: (usize, usize),
    /// Whether it must look drawn by lot: figures among letters of both cases, or a long row of hexadecimal.
    drawn: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Capital letters and figures.
    Capitals,
    Alphanumeric,
    /// And `-`, `_`.
    Name,
    /// And `.`, `~`, `+`, `/`, `=`.
    Token,
}

/// How far what has no length of its own is followed: tokens with much in them.
const LONGEST: usize = 4_096;

const WORDS: &[Word] = &[
    word("an AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], Kind::Capitals, (16, 16)),
    word("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], Kind::Alphanumeric, (36, 255)),
    word("a GitHub token", &["github_pat_"], Kind::Name, (40, 255)),
    word("a GitLab token", &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-"], Kind::Token, (20, 300)),
    drawn("an OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-v1-"], Kind::Name, (20, 300)),
    drawn("an Anthropic key", &["sk-ant-"], Kind::Name, (20, 300)),
    drawn("an API key", &["sk-"], Kind::Alphanumeric, (32, 128)),
    drawn("a Stripe key", &["sk_live_", "rk_live_", "sk_test_", "rk_test_", "whsec_"], Kind::Alphanumeric, (16, 255)),
    drawn("a Slack token", &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"], Kind::Name, (24, 300)),
    drawn("a Google key", &["AIza"], Kind::Name, (35, 35)),
    drawn("a Google token", &["ya29."], Kind::Name, (30, 2_048)),
    drawn("a Google secret", &["GOCSPX-"], Kind::Name, (28, 28)),
    drawn("an npm token", &["npm_"], Kind::Alphanumeric, (36, 36)),
    drawn("a PyPI token", &["pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"], Kind::Name, (50, 500)),
    drawn("a Hugging Face token", &["hf_"], Kind::Alphanumeric, (34, 40)),
    drawn("a SendGrid key", &["SG."], Kind::Token, (66, 66)),
    drawn("a DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], Kind::Alphanumeric, (64, 64)),
    drawn("a Docker token", &["dckr_pat_", "dckr_oat_"], Kind::Name, (27, 64)),
    drawn("a Vault token", &["hvs.", "hvb."], Kind::Name, (24, 300)),
    word("an age key", &["AGE-SECRET-KEY-1"], Kind::Capitals, (58, 58)),
];

const fn word(what: &'static str, prefixes: &'static [&'static str], kind: Kind, length: (usize, usize)) -> Word {
    Word { what, prefixes, kind, length, drawn: false }
}

const fn drawn(what: &'static str, prefixes: &'static [&'static str], kind: Kind, length: (usize, usize)) -> Word {
    Word { what, prefixes, kind, length, drawn: true }
}

/// Where there are keys, and what each is; in no order, and they may overlap.
pub(super) fn find(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    words(text, &mut found);
    each(text, "eyJ", |at| json_web_token(text, at), "a JSON Web Token", &mut found);
    each(text, "-----BEGIN ", |at| private_key(text, at), "a private key", &mut found);
    let lower = text.to_ascii_lowercase();
    for scheme in ["bearer ", "authorization: basic ", "authorization: token "] {
        each(&lower, scheme, |at| credentials(text, at, scheme), "credentials", &mut found);
    }
    for name in ["aws_secret_access_key", "secretaccesskey", "aws_secret_key"] {
        each(&lower, name, |at| assigned(text, at + name.len()), "an AWS secret key", &mut found);
    }
    found
}

/// Looks at each beginning of a word.
fn words(text: &str, found: &mut Vec<(Range<usize>, &'static str)>) {
    let firsts = WORDS.iter().flat_map(|word| word.prefixes).filter_map(|prefix| prefix.bytes().next());
    let mut is_first = [false; 256];
    firsts.for_each(|byte| is_first[usize::from(byte)] = true);
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        let inside = before.is_ascii_alphanumeric() || before == b'_';
        before = byte;
        if inside || !is_first[usize::from(byte)] || !begins_a_word(text, at) {
            continue;
        }
        let rest = &text[at..];
        let fits = |word: &Word| {
            let prefix = word.prefixes.iter().find(|prefix| rest.starts_with(**prefix))?;
            Some((word.find(text, at, at + prefix.len())?, word.what))
        };
        found.extend(WORDS.iter().filter_map(fits));
    }
}

/// What a candidate comes to, and up to where the text needs no second look.
type Looked = (Option<Range<usize>>, usize);

/// Looks at every place where `anchor` stands.
fn each(
    text: &str,
    anchor: &str,
    look: impl Fn(usize) -> Looked,
    what: &'static str,
    found: &mut Vec<(Range<usize>, &'static str)>,
) {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(anchor)).map(|step| from + step) {
        let (range, until) = look(at);
        found.extend(range.map(|range| (range, what)));
        from = until.max(at + anchor.len());
    }
}

impl Word {
    fn find(&self, text: &str, start: usize, body: usize) -> Option<Range<usize>> {
        let end = run(text, body, self.length.1 + 8, |byte| self.kind.holds(byte));
        let drawn = text[body..end].trim_end_matches(['.', '-', '=', '/', '+', '~']);
        let fits = (self.length.0..=self.length.1).contains(&drawn.len()) && (!self.drawn || looks_drawn(drawn));
        fits.then_some(start..body + drawn.len())
    }
}

impl Kind {
    fn holds(self, byte: u8) -> bool {
        match self {
            Kind::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Kind::Alphanumeric => byte.is_ascii_alphanumeric(),
            Kind::Name => byte.is_ascii_alphanumeric() || b"-_".contains(&byte),
            Kind::Token => byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte),
        }
    }
}

/// The end of the characters of a kind. ASCII only, so that it is the boundary of a character.
fn run(text: &str, from: usize, longest: usize, holds: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes()[from..].iter().take(longest);
    from + rest.take_while(|byte| byte.is_ascii() && holds(**byte)).count()
}

fn begins_a_word(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Figures among letters, and none of the words with which examples say what to fill in.
fn looks_drawn(body: &str) -> bool {
    let count = |holds: fn(&u8) -> bool| body.bytes().filter(holds).count();
    let (figures, upper, lower) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let varied = figures >= 3 && upper + lower >= 3 && (upper > 0 && lower > 0 || figures * 8 >= body.len());
    let different: std::collections::BTreeSet<u8> = body.bytes().collect();
    varied && different.len() >= 10
}

/// Three parts of base64, of which the first two are JSON (RFC 7519).
fn json_web_token(text: &str, at: usize) -> Looked {
    let end = run(text, at, LONGEST, |byte| Kind::Name.holds(byte) || byte == b'.');
    let token = text[at..end].trim_end_matches('.');
    let mut parts = token.split('.');
    let long = |part: Option<&str>| part.is_some_and(|part| part.len() >= 16);
    let fits = begins_a_word(text, at)
        && long(parts.next())
        && parts.next().is_some_and(|claims| claims.starts_with("eyJ") && claims.len() >= 16)
        && long(parts.next())
        && parts.next().is_none();
    (fits.then_some(at..at + token.len()), end)
}

/// `-----BEGIN … PRIVATE KEY-----` up to its end, when something like a key stands between (RFC 7468).
fn private_key(text: &str, at: usize) -> Looked {
    const DASHES: &str = "-----";
    let head = at + "-----BEGIN ".len();
    let label = run(text, head, LONGEST, |byte| byte == b' ' || Kind::Capitals.holds(byte));
    let names = ["PRIVATE KEY", "PRIVATE KEY BLOCK"];
    if !text[label..].starts_with(DASHES) || !names.iter().any(|name| text[head..label].ends_with(name)) {
        return (None, label);
    }
    let body = label + DASHES.len();
    let dashes = text[body..].find(DASHES).map(|step| body + step);
    let end = match dashes.filter(|dashes| text[*dashes..].starts_with("-----END ")) {
        Some(dashes) => {
            let label =
                run(text, dashes + "-----END ".len(), LONGEST, |byte| byte == b' ' || Kind::Capitals.holds(byte));
            if text[label..].starts_with(DASHES) { label + DASHES.len() } else { label }
        }
        // Cut off: as far as lines of base64 go, also where a program's text writes them with `\n`.
        None => run(text, body, LONGEST, |byte| Kind::Token.holds(byte) || b" \t\r\n\\\"',:".contains(&byte)),
    };
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let longest = text[body..end].split(|c| !base64(c)).map(str::len).max().unwrap_or(0);
    ((longest >= 40).then_some(at..end), end)
}

/// What follows the name of a scheme in a header: only that, so that the text still says what it was.
fn credentials(text: &str, at: usize, scheme: &str) -> Looked {
    let body = at + scheme.len();
    let end = run(text, body, LONGEST, |byte| Kind::Token.holds(byte));
    let token = text[body..end].trim_end_matches('.');
    let path = token.split('/').count() > 4;
    let fits = begins_a_word(text, at) && token.len() >= 20 && !path && looks_drawn(token);
    (fits.then_some(body..body + token.len()), end)
}

/// Forty characters of base64 after a name and what assigns to it.
fn assigned(text: &str, from: usize) -> Looked {
    let body = run(text, from, LONGEST, |byte| b" \t\"'`:=>".contains(&byte));
    let end = run(text, body, LONGEST, |byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
    let fits = body > from && body - from <= 12 && end - body == 40 && looks_drawn(&text[body..end]);
    (fits.then_some(body..end), end)
}
