//! A page as Markdown, without what surrounds its text.

use garth_plugin::http::Url;
use htmd::element_handler::Handlers;
use htmd::options::{BulletListMarker, HrStyle, LinkStyle, Options};
use htmd::{Element, HtmlToMarkdown};

use crate::tree;

/// Characters of a title that are shown.
const TITLE: usize = 200;

/// What there is to read.
pub struct Page {
    pub title: Option<String>,
    pub text: String,
}

/// From HTML, which may be as broken as it likes; `url` is where it came from.
pub fn read(html: &str, url: &Url) -> Result<Page, String> {
    let converter = converter();
    let document = converter.html_to_tree(html).map_err(|error| format!("the page cannot be read: {error}"))?;
    let title = tree::title(&document).map(|title| title.chars().take(TITLE).collect());
    let base = tree::base(&document, url);
    let part = tree::main_part(&document);
    tree::clean(&part, &base);
    Ok(Page { title, text: tidy(&converter.tree_to_markdown(&part)) })
}

fn converter() -> HtmlToMarkdown {
    let options = Options {
        bullet_list_marker: BulletListMarker::Dash,
        hr_style: HrStyle::Dashes,
        link_style: LinkStyle::InlinedPreferAutolinks,
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    let picture = |_: &dyn Handlers, element: Element| {
        let alt = element.attrs.iter().find(|attribute| &*attribute.name.local == "alt")?;
        let words = alt.value.split_whitespace().collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then(|| format!("[picture: {words}]").into())
    };
    // The title is told apart from the text.
    HtmlToMarkdown::builder().options(options).skip_tags(vec!["title"]).add_handler(vec!["img"], picture).build()
}

/// Without white space at the ends of lines, and at most one empty line in a row; code stays as it is.
fn tidy(markdown: &str) -> String {
    let (mut text, mut empty, mut code) = (String::with_capacity(markdown.len()), 0, false);
    for line in markdown.lines() {
        code ^= line.trim_start().starts_with("```");
        let line = line.trim_end();
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty <= 1 || code {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markdown(html: &str) -> String {
        read(html, &Url::parse("https://a.example/docs/x.html?q=1").unwrap()).unwrap().text
    }

    #[test]
    fn a_page_becomes_what_there_is_to_read_in_it() {
        let page = "<!doctype html><html><head><title> The \n Title </title><style>p{}</style><script>alert(1)</script>\
            <meta name=description content=no></head><body><nav><a href=/>Home</a></nav>\
            <header><h1>Heading<a href='#heading'>¶</a></h1></header>\
            <p>Some <em>words</em> &amp; a <a href='../other#part' title=no>link</a>,<br>a \
            <a href='javascript:alert(1)'>bad</a> and a <a href='#top'>near</a> one. snake_case 2 * 3 &lt;T&gt;</p>\
            <ul><li>one<li>two<ul><li>three</ul></ul><ol start=3><li>c<li>d</ol>\
            <pre><code class=language-rust>fn main() {\n\n\n    let a_b = 1;\n}\n</code></pre>\
            <table><tr><th>A<th>B<tr><td>1<td>2</table>\
            <img src=a.png alt='A cat'><img src=b.png><svg><text>no</text></svg>\
            <div hidden>no</div><div style='display: none'>no</div><div role=navigation>no</div><noscript>no</noscript>\
            <blockquote>Said.</blockquote><hr><details><summary>More</summary>Inside.</details>\
            <form><input value=no><button>no</button>Form text.</form><footer>no</footer></body></html>";
        let read = read(page, &Url::parse("https://a.example/docs/x.html").unwrap()).unwrap();
        assert_eq!(read.title.as_deref(), Some("The Title"));
        println!("{}", read.text);
        let expected = "# Heading\n\nSome *words* & a [link](https://a.example/other#part),\na bad and a near one.";
        assert!(read.text.starts_with(expected), "{}", read.text);
        for part in [
            "- one\n- two\n",
            "3. c\n4. d",
            "```rust\nfn main() {\n\n\n    let a_b = 1;\n}\n```",
            "> Said.",
            "[picture: A cat]",
            "Inside.",
            "Form text.",
            "- - -",
        ] {
            assert!(read.text.contains(part), "{part}: {}", read.text);
        }
        assert!(!read.text.contains("no") && !read.text.contains("alert"), "{}", read.text);
    }

    #[test]
    fn the_main_part_is_taken_where_there_is_one() {
        let words = "many words here ".repeat(20);
        let check = |html: String, has: &str, lacks: &str| {
            let text = markdown(&html);
            assert!(text.contains(has) && !text.contains(lacks), "{text}");
        };
        check(format!("<div>around</div><main>{words}</main>"), "many words", "around");
        check(format!("<div>around</div><div role=main>{words}</div>"), "many words", "around");
        check(format!("<div>around</div><article>{words}</article>"), "many words", "around");
        check(format!("<article>first {words}</article><article>second</article>"), "second", "nothing");
        check("<div>around</div><main>short</main>".into(), "around", "nothing");
    }

    #[test]
    fn links_are_relative_to_what_the_page_says() {
        let check = |base: &str, expected: &str| {
            let text = markdown(&format!("<base href='{base}'><a href=x>to</a>"));
            assert_eq!(text, format!("[to]({expected})"));
        };
        check("/elsewhere/", "https://a.example/elsewhere/x");
        check("https://b.example/", "https://b.example/x");
        check("javascript:alert(1)//", "https://a.example/docs/x");
        check("", "https://a.example/docs/x");
    }

    #[test]
    fn hostile_pages_are_survived() {
        let deep = |tag: &str| format!("<{tag}>").repeat(5_000) + "bottom";
        assert!(markdown(&deep("div")).contains("bottom"));
        assert!(markdown(&deep("blockquote")).contains("bottom"));
        assert!(markdown(&deep("span")).contains("bottom"));
        for html in [
            "<table><tr><td colspan=4294967295>a<td rowspan=999999999>b</table>",
            "<a href='https://[bad'>x</a><a href='//'>y</a>",
            "<",
            "\0<p>\0",
            "<p>&#x1b;[2J&#0;&#xd800;&#x110000;",
            "<title></title><ol start=99999999999999999999><li>x</ol><ol start=-1><li>y</ol>",
            "<select><option>a<table><frameset>",
            "```\n~~~\n<pre>```</pre>",
            "",
        ] {
            markdown(html);
        }
    }
}
