//! The tree of a page before it becomes Markdown: what is there for browsers and for getting about goes, links become
//! absolute, and what is nested deeper than any page has reason to be becomes plain text. No step calls itself, so that
//! no page can exhaust the stack.

use std::rc::Rc;

use garth_plugin::http::Url;
use html5ever::tendril::StrTendril;
use markup5ever_rcdom::{Node, NodeData};

/// Elements that go with all that is in them.
const DROPPED: [&str; 24] = [
    "script", "style", "noscript", "template", "nav", "footer", "iframe", "frame", "object", "embed", "svg", "canvas",
    "video", "audio", "map", "button", "input", "select", "textarea", "dialog", "datalist", "link", "meta", "math",
];
const DROPPED_ROLES: [&str; 5] = ["navigation", "search", "banner", "contentinfo", "dialog"];
/// How deep elements may be nested.
const DEEPEST: usize = 100;
/// Letters of a main part below which the whole page is taken.
const MAIN_PART: usize = 200;
/// How wide a cell of a table may say that it is.
const WIDEST: u32 = 50;

/// What the page calls itself.
pub fn title(document: &Rc<Node>) -> Option<String> {
    let title = find(document, |node| name(node) == "title")?;
    let words = text(&title);
    let title = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (!title.is_empty()).then_some(title)
}

/// What links are relative to.
pub fn base(document: &Rc<Node>, url: &Url) -> Url {
    let stated = find(document, |node| name(node) == "base" && attribute(node, "href").is_some());
    let joined = stated.and_then(|node| url.join(&attribute(&node, "href")?).ok());
    joined.filter(|base| matches!(base.scheme(), "http" | "https")).unwrap_or_else(|| url.clone())
}

/// The part that the page is about: its `main`, or its only `article`; the whole of it when these hold next to nothing.
pub fn main_part(document: &Rc<Node>) -> Rc<Node> {
    let is_main = |node: &Rc<Node>| name(node) == "main" || attribute(node, "role").as_deref() == Some("main");
    let part = find(document, is_main).or_else(|| {
        let mut articles = every(document).filter(|node| name(node) == "article");
        articles.next().filter(|_| articles.next().is_none())
    });
    part.filter(|part| text(part).split_whitespace().map(str::len).sum::<usize>() >= MAIN_PART)
        .unwrap_or_else(|| document.clone())
}

/// Takes out and mends everything below this node.
pub fn clean(root: &Rc<Node>, base: &Url) {
    let mut waiting = vec![(root.clone(), 0)];
    while let Some((node, depth)) = waiting.pop() {
        node.children.borrow_mut().retain(|child| !is_noise(child));
        mend(&node, base);
        if depth == DEEPEST {
            let words = text(&node);
            let flat = Node::new(NodeData::Text { contents: StrTendril::from(words).into() });
            *node.children.borrow_mut() = vec![flat];
            continue;
        }
        waiting.extend(node.children.borrow().iter().map(|child| (child.clone(), depth + 1)));
    }
}

/// Whether it is not for reading.
fn is_noise(node: &Rc<Node>) -> bool {
    let NodeData::Element { .. } = node.data else { return matches!(node.data, NodeData::Comment { .. }) };
    let hidden = attribute(node, "hidden").is_some()
        || attribute(node, "aria-hidden").as_deref() == Some("true")
        || attribute(node, "style").is_some_and(|style| style.replace(' ', "").contains("display:none"));
    let role = attribute(node, "role").is_some_and(|role| DROPPED_ROLES.contains(&role.as_str()));
    DROPPED.contains(&name(node).as_str()) || hidden || role || is_permalink(node)
}

/// The sign beside a heading that links to it.
fn is_permalink(node: &Rc<Node>) -> bool {
    name(node) == "a"
        && attribute(node, "href").is_some_and(|href| href.starts_with('#'))
        && matches!(text(node).trim(), "" | "#" | "¶" | "§" | "🔗" | "\u{f0c1}")
}

/// Makes a link absolute. One that leads nowhere from here keeps its text only.
fn mend(node: &Rc<Node>, base: &Url) {
    let NodeData::Element { attrs, .. } = &node.data else { return };
    let target = |href: &str| {
        let url = base.join(href.trim()).ok()?;
        let leads = matches!(url.scheme(), "http" | "https" | "mailto") && !href.trim_start().starts_with('#');
        leads.then(|| StrTendril::from(url.as_str()))
    };
    attrs.borrow_mut().retain_mut(|attribute| match &*attribute.name.local {
        "href" => match target(&attribute.value) {
            Some(url) => {
                attribute.value = url;
                true
            }
            None => false,
        },
        "colspan" | "rowspan" => attribute.value.parse().is_ok_and(|wide: u32| (1..=WIDEST).contains(&wide)),
        "alt" | "class" | "start" | "align" => true,
        _ => false,
    });
}

pub fn name(node: &Rc<Node>) -> String {
    match &node.data {
        NodeData::Element { name, .. } => name.local.to_string(),
        _ => String::new(),
    }
}

fn attribute(node: &Rc<Node>, name: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else { return None };
    attrs.borrow().iter().find(|attribute| &*attribute.name.local == name).map(|found| found.value.to_string())
}

/// All text below it, in order.
fn text(node: &Rc<Node>) -> String {
    let mut words = String::new();
    for node in every(node) {
        if let NodeData::Text { contents } = &node.data {
            words.push_str(&contents.borrow());
        }
    }
    words
}

fn find(root: &Rc<Node>, wanted: impl Fn(&Rc<Node>) -> bool) -> Option<Rc<Node>> {
    every(root).find(|node| wanted(node))
}

/// The node and all below it, in the order of the page.
fn every(root: &Rc<Node>) -> impl Iterator<Item = Rc<Node>> {
    let mut waiting = vec![root.clone()];
    std::iter::from_fn(move || {
        let node = waiting.pop()?;
        waiting.extend(node.children.borrow().iter().rev().cloned());
        Some(node)
    })
}
