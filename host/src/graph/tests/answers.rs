//! What the questions answer: which of several definitions a call means, what may be seen, what fits a budget.

use super::super::{Asker, Error, Kind};
use super::{Project, all, with_lacks};

const SHOP: &[(&str, &str)] = &[
    (
        "src/main.rs",
        "mod shop;\nuse shop::Shop;\n\nfn main() {\n    let shop = Shop::open();\n    shop.total();\n    helper();\n}\n\nfn helper() {}\n",
    ),
    (
        "src/shop.rs",
        "/// What is sold.\npub struct Shop;\n\nimpl Shop {\n    /// Opens it.\n    #[must_use]\n    pub fn open() -> Shop {\n        read_stock();\n        Shop\n    }\n\n    pub fn total(&self) -> u32 {\n        helper() + nested(1)\n    }\n}\n\nfn helper() -> u32 {\n    0\n}\n\nfn nested(x: u32) -> u32 {\n    fn inner(x: u32) -> u32 {\n        helper() + x\n    }\n    inner(x)\n}\n",
    ),
    ("src/stock.rs", "pub fn read_stock() {}\n\npub struct Lock;\n\nimpl Lock {\n    pub fn open() {}\n}\n"),
    ("tools/shop.py", "class Shop:\n    def open(self):\n        helper()\n\n\ndef helper():\n    pass\n"),
    ("secret/keys.rs", "pub fn secret_key() {\n    read_stock();\n}\n"),
];

#[test]
fn an_outline_has_the_shape_of_the_file() {
    let project = Project::new(SHOP);
    let outline = project.graph.outline("./src/shop.rs", &all).unwrap();
    let lines: Vec<String> = outline
        .lines
        .iter()
        .map(|one| format!("{}{} {}-{} {}", "  ".repeat(one.depth), one.kind.name(), one.line, one.last, one.signature))
        .collect();
    assert_eq!(
        lines,
        [
            "class 2-2 pub struct Shop",
            "block 4-15 impl Shop",
            "  method 7-10 pub fn open() -> Shop",
            "  method 12-14 pub fn total(&self) -> u32",
            "function 17-19 fn helper() -> u32",
            "function 21-26 fn nested(x: u32) -> u32",
            "  function 22-24 fn inner(x: u32) -> u32",
        ]
    );
}

#[test]
fn a_symbol_is_found_by_its_name_its_container_and_its_path() {
    let project = Project::new(SHOP);
    #[track_caller]
    fn check(project: &Project, name: &str, within: Option<&str>, expected: &[&str]) {
        let symbols = project.graph.symbol(name, within, &all).unwrap();
        let found: Vec<String> =
            symbols.found.iter().map(|one| format!("{}:{} {}", one.path, one.line, one.name)).collect();
        assert_eq!(found, expected, "{name} {within:?}");
    }
    check(&project, "Shop", None, &["src/shop.rs:1 Shop", "tools/shop.py:1 Shop"]);
    check(&project, "Shop::open", None, &["src/shop.rs:5 Shop.open", "tools/shop.py:2 Shop.open"]);
    check(&project, "crate::stock::Lock::open()", None, &["src/stock.rs:6 Lock.open"]);
    check(&project, "shop.helper", None, &["src/shop.rs:17 helper", "tools/shop.py:6 helper"]);
    check(&project, "open", Some("tools"), &["tools/shop.py:2 Shop.open"]);
    check(&project, "open", Some("tool"), &[]);
    check(&project, "Nothing::open", None, &[]);
    let symbols = project.graph.symbol("Shop::open", Some("src/"), &all).unwrap();
    assert_eq!(
        symbols.found[0].code,
        "    /// Opens it.\n    #[must_use]\n    pub fn open() -> Shop {\n        read_stock();\n        Shop\n    }"
    );
    assert_eq!((symbols.found[0].kind, symbols.found[0].line, symbols.found[0].last), (Kind::Method, 5, 10));
    let symbols = project.graph.symbol("STOCK", None, &all).unwrap();
    assert_eq!((symbols.found.len(), symbols.near), (0, vec!["read_stock".to_string()]));
}

#[test]
fn the_code_of_an_answer_has_a_bound() {
    let long = format!("fn long() {{\n{}}}\n", "    one_more_line();\n".repeat(10_000));
    let project = Project::new(&[("a.rs", &long), ("b.rs", &long), ("c.rs", "fn long() {}\n")]);
    let symbols = project.graph.symbol("long", None, &all).unwrap();
    let bytes: usize = symbols.found.iter().map(|one| one.code.len()).sum();
    assert!(bytes < 256 << 10 && !symbols.found.is_empty(), "{bytes}");
    assert_eq!(symbols.found.len() + symbols.more, 3);
}

#[test]
fn a_call_means_the_nearest_definition() {
    let project = Project::new(SHOP);
    for (name, within, expected) in [
        ("helper", Some("src/main.rs"), &["src/main.rs in main"][..]),
        ("helper", Some("src/shop.rs"), &["src/shop.rs in Shop.total", "src/shop.rs in nested.inner"]),
        ("helper", Some("tools"), &["tools/shop.py in Shop.open"]),
        // `main.rs` imports `shop`, so that is the one that it opens.
        ("Shop::open", Some("src"), &["src/main.rs in main"]),
        ("Lock::open", None, &[]),
        ("read_stock", None, &["secret/keys.rs in secret_key", "src/shop.rs in Shop.open"]),
        // A type is named, not called.
        ("Shop", Some("src"), &["src/main.rs in main", "src/shop.rs in Shop.open"]),
        ("nobody", None, &[]),
    ] {
        assert_eq!(project.callers(name, within), expected, "{name} {within:?}");
    }
}

#[test]
fn what_a_definition_calls_includes_what_is_inside_of_it() {
    let project = Project::new(SHOP);
    let callees = project.graph.callees("nested", None, &all).unwrap();
    let [nested] = &callees[..] else { panic!("{callees:?}") };
    let names: Vec<String> = nested
        .callees
        .iter()
        .map(|one| {
            let places: Vec<String> = one.definitions.iter().map(|one| format!("{}:{}", one.path, one.line)).collect();
            format!("{} {:?} {}", one.name, one.lines, places.join(" "))
        })
        .collect();
    assert_eq!(names, ["helper [23] src/shop.rs:17", "inner [25] src/shop.rs:22"]);
}

#[test]
fn what_a_caller_may_not_see_is_in_no_answer() {
    let project = Project::new(SHOP);
    let visible = |path: &str| !path.starts_with("secret/");
    let graph = &project.graph;
    let outline = graph.outline("secret/keys.rs", &visible);
    assert!(matches!(&outline, Err(Error::NotIndexed { reason, .. }) if reason.contains("hidden")), "{outline:?}");
    let symbols = graph.symbol("secret_key", None, &visible).unwrap();
    assert!(symbols.found.is_empty() && symbols.near.is_empty(), "{symbols:?}");
    assert!(graph.symbol("secret", None, &visible).unwrap().near.is_empty());
    let callers = graph.callers("read_stock", None, &visible).unwrap();
    assert_eq!(callers.callers.iter().map(|one| &*one.path).collect::<Vec<_>>(), ["src/shop.rs"]);
    assert!(graph.callees("secret_key", None, &visible).unwrap().is_empty());
    let related = graph.related("what is the secret_key for", &[], 500, &visible).unwrap();
    assert!(related.files.iter().all(|file| !file.path.starts_with("secret/")), "{related:?}");
    assert!(graph.related("secret_key", &[], 500, &all).unwrap().files[0].path.starts_with("secret/"));
}

#[test]
fn what_is_related_fits_the_budget() {
    let many: Vec<(String, String)> = (0..40)
        .map(|number| (format!("src/part_{number}.rs"), format!("pub fn stock_part_{number}() {{ stock_total(); }}\n")))
        .chain([("src/total.rs".to_string(), "pub fn stock_total() {}\n".to_string())])
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (&**path, &**text)).collect();
    let project = Project::new(&many);
    for tokens in [0, 10, 60, 300, 100_000] {
        let related = project.graph.related("how is the stock total made", &[], tokens, &all).unwrap();
        let size: usize = related
            .files
            .iter()
            .map(|file| file.path.len() + file.lines.iter().map(|(_, line)| line.len()).sum::<usize>())
            .sum();
        assert!(size <= tokens * 4, "{tokens}: {related:?}");
        assert_eq!(related.files.is_empty(), tokens <= 10, "{tokens}: {related:?}");
        if tokens > 10 {
            assert_eq!(related.files[0].path, "src/total.rs", "{related:?}");
        }
    }
    // A file in play leads to what it uses.
    let files = ["src/part_7.rs".to_string()];
    let related = project.graph.related("", &files, 60, &all).unwrap();
    let paths: Vec<&str> = related.files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths[..2], ["src/part_7.rs", "src/total.rs"], "{related:?}");
}

#[test]
fn what_is_used_too_often_is_never_said_to_be_used_nowhere() {
    let files =
        [("a.py", "def f():\n    pass\n\nf()\n"), ("b.rs", "pub fn f() {}\n"), ("c.rs", "fn g() {\n    f();\n}\n")];
    let project = Project::new(&files);
    let ask = || {
        let (found, lacks) = with_lacks(|asker| project.graph.callers("f", Some("b.rs"), asker).unwrap());
        let paths: Vec<String> = found.callers.into_iter().map(|caller| caller.path).collect();
        (paths, found.more, lacks)
    };
    assert_eq!(ask(), (vec!["c.rs".to_string()], 0, vec![]));
    let many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 50000)
         INSERT INTO uses SELECT f.id, n.x, names.id, 1, 1, X'01000000' FROM n, files f, names
         WHERE f.path = 'a.py' AND names.text = 'f'";
    rusqlite::Connection::open(project.database()).unwrap().execute_batch(many).unwrap();
    let lacks = vec!["f is used so often that only 50000 places were looked at".to_string()];
    assert_eq!(ask(), (vec![], 1, lacks));
}

#[test]
fn nothing_more_is_done_once_nobody_waits() {
    let project = Project::new(SHOP);
    let asker = Asker { stopped: &|| true, ..(&all).into() };
    let graph = &project.graph;
    assert!(matches!(graph.symbol("helper", None, asker), Err(Error::Stopped)));
    assert!(matches!(graph.callers("helper", None, asker), Err(Error::Stopped)));
    assert!(matches!(graph.callees("helper", None, asker), Err(Error::Stopped)));
}
