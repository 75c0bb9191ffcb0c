//! Finds the links of a Markdown text that lead to files: `[text](target)` and `[name]: target`, outside of code. It reads
//! line by line and knows no more of Markdown than that.

/// A link to a file beside the text.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// From 1.
    pub line: usize,
    /// Without a fragment.
    pub target: String,
}

/// In the order of the text.
pub fn relative_links(text: &str) -> Vec<Link> {
    let (mut links, mut fence) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let marker = ["```", "~~~"].into_iter().find(|marker| start.starts_with(marker));
        match (fence, marker) {
            (Some(open), Some(marker)) if open == marker => fence = None,
            (None, Some(marker)) => fence = Some(marker),
            (None, None) => {
                let targets = inline(line).into_iter().chain(reference(start));
                let targets = targets.filter_map(|target| relative(&target));
                links.extend(targets.map(|target| Link { line: number + 1, target }));
            }
            _ => {}
        }
    }
    links
}

fn inline(line: &str) -> Vec<String> {
    // What stands between back-ticks is code.
    let text: Vec<&str> = line.split('`').step_by(2).collect();
    let text = text.join(" ");
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

fn reference(line: &str) -> Option<String> {
    let (name, target) = line.strip_prefix('[')?.split_once("]:")?;
    (!name.contains(']') && !name.starts_with('^')).then(|| target.to_owned())
}

/// The path of a target, when it is one: neither a URL nor a place in the same file.
fn relative(target: &str) -> Option<String> {
    let target = target.trim();
    let target = match target.strip_prefix('<') {
        Some(rest) => rest.split('>').next()?,
        None => target.split_whitespace().next()?,
    };
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let scheme =
        path.split_once(':').is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    (!path.is_empty() && !scheme && !path.starts_with('/')).then(|| path.replace("%20", " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_others_are_not() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<String> = relative_links(text).into_iter().map(|link| link.target).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("[a](x.md) and ![b](img/y.png \"title\")", &["x.md", "img/y.png"]);
        check("[a](x.md#part) [b](#here) [c](https://example.org/z.md) [d](mailto:a@b)", &["x.md"]);
        check("[a](<with space.md>) [b](with%20space.md)", &["with space.md", "with space.md"]);
        check("[ref]: other.md\n[^note]: text", &["other.md"]);
        check("`[a](x.md)`\n```\n[b](y.md)\n```\n[c](z.md)", &["z.md"]);
        check("[open](never", &[]);
    }
}
