//! What is taken out and what must come through. The keys are made up: drawn by lot in the shapes that the services
//! publish, and put together here so that no file holds one whole.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const VALUE: &str = "s3cr3t+/v=\"al\\ue/~9";

fn redactor(values: &[(&str, &str)]) -> Redactor {
    let values: Vec<_> = values.iter().map(|(name, value)| (*name, Value::new(value).unwrap())).collect();
    Redactor::new(values.iter().map(|(name, value)| (*name, value)))
}

/// Base64 by the book, to check ours against.
fn base64(bytes: &[u8], last: &str) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(last.chars()).collect();
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().chain(&[0, 0]).take(3).fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        for index in 0..=group.len() {
            text.push(alphabet[(number >> (18 - 6 * index) & 63) as usize]);
        }
        text.push_str(&"=".repeat(3 - group.len()));
    }
    text
}

fn percent(text: &str, kept: &str) -> String {
    let one = |byte: u8| match byte.is_ascii_alphanumeric() || kept.contains(char::from(byte)) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[test]
fn a_known_value_is_found_however_it_is_written() {
    let redactor = redactor(&[("api", VALUE), ("short", "1234567")]);
    let check = |text: &str, expected: &str| assert_eq!(redactor.text(text, Look::Known), expected, "{text}");
    check(&format!("it is {VALUE}!"), "it is [secret api]!");
    check(&format!("{VALUE}{VALUE}ü{VALUE}"), "[secret api][secret api]ü[secret api]");
    check("s3cr3t+/v 1234567", "s3cr3t+/v 1234567");
    check(&format!("q={}&r=%zz%", percent(VALUE, "")), "q=[secret api]&r=%zz%");
    check(&format!("q={}&r=1", percent(VALUE, "~/+").to_lowercase()), "q=[secret api]&r=1");
    check(&format!("{{\"a\": {}}}", json!(VALUE)), "{\"a\": \"[secret api]\"}");
    let escaped: String = VALUE.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    check(&format!("\\ud83d\\q{escaped}\\"), "\\ud83d\\q[secret api]\\");
    for last in ["+/", "-_"] {
        for before in ["", "u", "us", "user:", "ü"] {
            let encoded = base64(format!("{before}{VALUE}, and more").as_bytes(), last);
            let clean = redactor.text(&encoded, Look::Known).into_owned();
            let kept = clean.replace("[secret api]", "");
            assert!(clean.contains("[secret api]") && encoded.len() - kept.len() >= VALUE.len(), "{encoded}: {clean}");
            let escaped = percent(&encoded, "");
            assert!(redactor.text(&escaped, Look::Known).contains("[secret api]"), "{escaped}");
        }
    }
}

#[test]
fn one_value_within_another_is_told_by_the_longer() {
    let redactor = redactor(&[("part", "longer-value"), ("whole", "a-longer-value-2")]);
    assert_eq!(redactor.text("x a-longer-value-2 longer-value", Look::Known), "x [secret whole] [secret part]");
}

#[test]
fn every_string_of_a_result_is_looked_at() {
    let mut data = json!({"a": ["x", {VALUE: 1}], "n": 12345678, "b": format!("={VALUE}"), "z": null});
    redactor(&[("api", VALUE), ("number", "12345678")]).json(&mut data, Look::Known);
    assert_eq!(data, json!({"a": ["x", {"[secret api]": 1}], "n": 12345678, "b": "=[secret api]", "z": null}));
    assert_eq!(data.as_object().unwrap().keys().collect::<Vec<_>>(), ["a", "n", "b", "z"], "the order is kept");
}

/// Characters drawn by lot, the same in every run.
fn lot(alphabet: &str, length: usize) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        alphabet[(state % alphabet.len() as u64) as usize]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn keys_of_services_are_taken_out() {
    let capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let name = format!("{letters}-_");
    let base64 = format!("{letters}+/");
    let hex = "0123456789abcdef";
    let token = |first: &str| format!("eyJ{}.{first}{}.{}", lot(&name, 33), lot(&name, 60), lot(&name, 43));
    let lines = [lot(&base64, 64), lot(&base64, 64), lot(&base64, 40)].join("\n");
    let pem = |kind: &str, body: &str| format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----");
    for (key, what) in [
        (format!("AKIA{}", lot(capitals, 16)), "an AWS access key"),
        (format!("ASIA{}", lot(capitals, 16)), "an AWS access key"),
        (format!("ghp_{}", lot(letters, 36)), "a GitHub token"),
        (format!("github_pat_{}_{}", lot(letters, 22), lot(letters, 59)), "a GitHub token"),
        (format!("glpat-{}", lot(&name, 20)), "a GitLab token"),
        (format!("sk-{}T3BlbkFJ{}", lot(letters, 20), lot(letters, 20)), "an API key"),
        (format!("sk-proj-{}", lot(&name, 120)), "an OpenAI key"),
        (format!("sk-ant-api03-{}AA", lot(&name, 93)), "an Anthropic key"),
        (format!("sk-or-v1-{}", lot(hex, 64)), "an OpenAI key"),
        (format!("sk_live_{}", lot(letters, 24)), "a Stripe key"),
        (format!("xoxb-2048125604-{}-{}", lot("0123456789", 12), lot(letters, 24)), "a Slack token"),
        (format!("AIza{}", lot(&name, 35)), "a Google key"),
        (format!("npm_{}", lot(letters, 36)), "an npm token"),
        (format!("hf_{}", lot(letters, 34)), "a Hugging Face token"),
        (format!("SG.{}.{}", lot(letters, 22), lot(letters, 43)), "a SendGrid key"),
        (format!("dop_v1_{}", lot(hex, 64)), "a DigitalOcean token"),
        (format!("AGE-SECRET-KEY-1{}", lot(capitals, 58)), "an age key"),
        (token("eyJ"), "a JSON Web Token"),
        (pem("RSA PRIVATE KEY", &lines), "a private key"),
        (pem("OPENSSH PRIVATE KEY", &lines), "a private key"),
        (
            pem("EC PRIVATE KEY", &format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,1F\n\n{lines}")),
            "a private key",
        ),
        (pem("PGP PRIVATE KEY BLOCK", &lines), "a private key"),
        (pem("PRIVATE KEY", &lines).replace('\n', "\\n"), "a private key"),
    ] {
        let clean = |text: &str| Redactor::default().text(text, Look::KnownAndKeys).into_owned();
        let instead = format!("[redacted: {what}]");
        for (before, after) in [("", ""), ("key = \"", "\"\n"), ("--key=", " --more"), ("(", ")."), ("ü", "")] {
            let text = format!("{before}{key}{after}");
            let expected = if before == "ü" && what != "a private key" {
                text.clone()
            } else {
                format!("{before}{instead}{after}")
            };
            assert_eq!(clean(&text), expected);
        }
        assert_eq!(Redactor::default().text(&key, Look::Known), key.as_str());
        // Letters before the prefix make it another word.
        if what != "a private key" {
            let other = format!("x{key}");
            assert_eq!(clean(&other), other);
        }
    }
}

#[test]
fn only_the_secret_part_of_a_header_or_an_assignment_goes() {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let (token, secret) = (lot(letters, 32), lot(&format!("{letters}+/"), 40));
    let check = |text: String, expected: &str| {
        assert_eq!(Redactor::default().text(&text, Look::KnownAndKeys), expected);
    };
    check(format!("Authorization: Bearer {token}\r\n"), "Authorization: Bearer [redacted: credentials]\r\n");
    check(
        format!("curl -H 'authorization: bearer {token}'"),
        "curl -H 'authorization: bearer [redacted: credentials]'",
    );
    check(format!("Authorization: Basic {token}=="), "Authorization: Basic [redacted: credentials]");
    check(format!("aws_secret_access_key = {secret}\n"), "aws_secret_access_key = [redacted: an AWS secret key]\n");
    check(format!("\"SecretAccessKey\": \"{secret}\","), "\"SecretAccessKey\": \"[redacted: an AWS secret key]\",");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\nand so on", lot(letters, 64));
    assert!(Redactor::default().text(&pem, Look::KnownAndKeys).starts_with("[redacted: a private key]"));
}

#[test]
fn ordinary_text_comes_through_as_it_is() {
    for text in [
        "AKIA is the prefix of a key; AKIAIOSFODNN7 is too short, MAKIA0123456789ABCDEF is another word",
        ".sk-fading-circle-container-wrapper-element-1 { color: red }",
        "sk-learn, task-0123456789abcdef0123456789abcdef, sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "export OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "Authorization: Bearer YOUR_ACCESS_TOKEN_GOES_HERE_PLEASE",
        "Authorization: Bearer <token>; Bearer ${process.env.GITHUB_TOKEN}; bearer token authentication",
        "the bearer of/this/path/to/some1/file2/name3.txt",
        "let header = format!(\"Bearer {}\", token);",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEabcdefghijklmnopqrstuvwxyz0123\n-----END PUBLIC KEY-----",
        "if line.startswith('-----BEGIN RSA PRIVATE KEY-----'):\n    return parse(line)\n# -----END RSA PRIVATE KEY-----",
        "format!(\"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\\n\")",
        "eyJhbGciOiJIUzI1NiJ9 is a header; eyJ.eyJ.x and eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. have no signature",
        "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY']",
        "commit 6a540f0c1d2e3f405162738495a6b7c8d9e0f1a2b3, sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c",
        "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "npm_config_registry=x npm_package_name hf_hub_download ghp_import xoxo-kisses SG.1.2",
        "github_pat_ and glpat- begin tokens; AIza does too; \u{1F511} ya29.",
    ] {
        let clean = Redactor::default().text(text, Look::KnownAndKeys).into_owned();
        assert_eq!(clean, text);
    }
}

/// What people work on is mostly code, and this project's own is at hand. Here alone keys are made up.
#[test]
fn nothing_in_this_projects_source_is_taken_for_a_key() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("host"), root.join("plugins"), root.join("commands"), root.join("wit")];
    let mut files = vec![root.join("Cargo.lock"), root.join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.file_name().is_some_and(|name| name == "target" || name == "node_modules") => {}
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    let mut looked_at = 0;
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        looked_at += 1;
        if let Some((range, what)) = keys::find(&text).into_iter().next() {
            panic!("{}: {} is taken for {what}", file.display(), &text[range]);
        }
    }
    assert!(looked_at > 300, "{looked_at} files");
}

/// Texts made to be looked at again and again.
#[test]
fn hostile_text_takes_no_longer_than_its_length_allows() {
    let redactor = redactor(&[("api", VALUE), ("a", "aaaaaaaaaaaa")]);
    for piece in [
        "eyJ",
        "eyJ-",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "sk-",
        "Bearer ",
        "AKIA",
        "%",
        "\\u",
        "aws_secret_key=",
        "a",
        "aB3",
    ] {
        let text = piece.repeat((1 << 20) / piece.len());
        let started = std::time::Instant::now();
        let length = redactor.text(&text, Look::KnownAndKeys).len();
        assert!(length <= text.len());
        assert!(started.elapsed().as_secs() < 20, "{piece}: {:?}", started.elapsed());
    }
}

proptest! {
    #[test]
    fn any_text_is_survived_and_no_value_is_left(text in "\\PC{0,40}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
        let redactor = redactor(&[("api", VALUE)]);
        let hidden = format!("{before}{VALUE}{after}");
        prop_assert!(!redactor.text(&hidden, Look::KnownAndKeys).contains(VALUE));
        let escaped = json!(hidden).to_string();
        prop_assert!(redactor.text(&escaped, Look::Known).contains("[secret api]"));
        redactor.text(&text, Look::KnownAndKeys);
        let again = redactor.text(&text, Look::Known).into_owned();
        prop_assert_eq!(redactor.text(&again, Look::Known), again.as_str());
    }
}
