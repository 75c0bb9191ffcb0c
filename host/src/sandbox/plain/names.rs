//! Names: a function of a component → the name of a tool, and the parts of an interface's name.

/// What a tool's name may have.
const MAX_NAME: usize = 64;

/// The parts of `namespace:package/interface@version`; a plain name is an interface without a package.
pub struct Words<'a> {
    pub package: Option<&'a str>,
    pub interface: &'a str,
}

pub fn words(name: &str) -> Words<'_> {
    let unversioned = name.split_once('@').map_or(name, |(path, _)| path);
    match unversioned.split_once('/') {
        Some((package, interface)) => {
            let package = package.rsplit_once(':').map_or(package, |(_, package)| package);
            Words { package: Some(package), interface }
        }
        None => Words { package: None, interface: unversioned },
    }
}

/// `interface_function`, else `package_interface_function`, else with a number: the first that `taken` does not know.
pub fn unique(interface: Option<&str>, function: &str, taken: impl Fn(&str) -> bool) -> String {
    let Words { package, interface } = interface.map_or(Words { package: None, interface: "" }, words);
    let short = joined(&[interface, function]);
    let long = joined(&[package.unwrap_or_default(), interface, function]);
    let numbered = (2..).map(|number| {
        let end = format!("_{number}");
        format!("{}{end}", cut(&short, MAX_NAME - end.len()))
    });
    let mut names = [cut(&short, MAX_NAME).to_owned(), cut(&long, MAX_NAME).to_owned()].into_iter().chain(numbered);
    names.find(|name| !taken(name)).unwrap_or(short)
}

fn joined(parts: &[&str]) -> String {
    let plain = |part: &&&str| !part.is_empty();
    let letters = |part: &&str| part.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    parts.iter().filter(plain).map(letters).collect::<Vec<_>>().join("_")
}

fn cut(name: &str, length: usize) -> &str {
    name.get(..length).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_named_after_its_interface_and_function() {
        let check = |interface: Option<&str>, function: &str, taken: &[&str], name: &str| {
            assert_eq!(unique(interface, function, |name| taken.contains(&name)), name);
        };
        check(None, "list-directory", &[], "list_directory");
        check(Some("text"), "word-count", &[], "text_word_count");
        check(Some("my:pkg/text@0.1.0-rc.1"), "word-count", &[], "text_word_count");
        check(Some("my:pkg/text"), "count", &["text_count"], "pkg_text_count");
        check(Some("my:pkg/text"), "count", &["text_count", "pkg_text_count"], "text_count_2");
        check(None, "count", &["count", "count_2"], "count_3");
        check(Some("ns:a/b/c@1.0.0"), "f", &[], "b_c_f");
        let long = "x".repeat(80);
        check(None, &long, &[], &"x".repeat(64));
        check(None, &long, &[&"x".repeat(64)], &format!("{}_2", "x".repeat(62)));
    }
}
