//! The table of checks reads what the programs print. The samples are their own words.

use std::collections::BTreeMap;

use garth::check::{Checks, Definition, Finding, How};
use garth::config::Settings;

/// Of the check that fits `file`: each finding as `file:line:column message`.
fn findings(file: &str, output: &str) -> Vec<String> {
    let table: BTreeMap<String, Definition> = Settings::default().checks;
    let checks = Checks::new(&table).unwrap();
    let programs = checks.of(file).filter_map(|check| match &check.how {
        How::Program(program) => Some(program.clone()),
        How::Syntax(_) => None,
    });
    let program = programs.last().unwrap_or_else(|| panic!("no program for {file}"));
    let shown = |finding: Finding| {
        let place = [finding.file, Some(finding.line.to_string()), finding.column.map(|column| column.to_string())];
        let place: Vec<String> = place.into_iter().flatten().collect();
        format!("{} {}", place.join(":"), finding.message)
    };
    program.findings(output).into_iter().map(shown).collect()
}

#[test]
fn each_program_in_its_own_words() {
    let check = |file: &str, output: &str, expected: &[&str]| {
        assert_eq!(findings(file, output), expected, "{file}\n{output}");
    };
    check(
        "a.rs",
        "src/main.rs:1:25: error[E0308]: mismatched types: expected `i32`, found `&str`\nsrc/a.rs:2:1: warning: unused\n\
         src/a.rs:9:3: error: expected item\nerror: could not compile `a` (bin \"a\") due to 2 previous errors\n",
        &[
            "src/main.rs:1:25 error[E0308]: mismatched types: expected `i32`, found `&str`",
            "src/a.rs:9:3 error: expected item",
        ],
    );
    check(
        "a.py",
        "Traceback (most recent call last):\n  File \"<string>\", line 1, in <module>\n    import sys; compile(1)\n  \
         File \"a.py\", line 7\n    def f(\n         ^\nSyntaxError: '(' was never closed\n",
        &["a.py:7 SyntaxError: '(' was never closed"],
    );
    check(
        "a.js",
        "/home/me/a.js:2\n  foo(\n  ^^^\n\nSyntaxError: missing ) after argument list\n    at wrapSafe (node:internal:1)\n\n\
         Node.js v20.20.2\n",
        &["/home/me/a.js:2 SyntaxError: missing ) after argument list"],
    );
    check("a.js", "/w/a.js:1\nimport x from 'y'\n^\nSyntaxError: Cannot use import statement outside a module\n", &[]);
    check(
        "a.ts",
        "src/a.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.\n",
        &["src/a.ts:3:7 error TS2322: Type 'string' is not assignable to type 'number'."],
    );
    check(
        "a.go",
        "# example.com/m\nvet: ./a.go:4:2: undefined: x\n./b.go:5:1: syntax error: unexpected }\n",
        &["./a.go:4:2 undefined: x", "./b.go:5:1 syntax error: unexpected }"],
    );
    check(
        "a.c",
        "a.c: In function 'main':\na.c:1:20: error: 'x' undeclared\na.c:1:20: note: each\nb.h:1:10: fatal error: no.h\n",
        &["a.c:1:20 error: 'x' undeclared"],
    );
    check(
        "A.java",
        "A.java:1: error: illegal start of expression\nclass A { int x = ; }\n                  ^\n1 error\n",
        &["A.java:1 error: illegal start of expression"],
    );
    check(
        "a.sh",
        "a.sh: line 3: syntax error: unexpected end of file\n",
        &["a.sh:3 syntax error: unexpected end of file"],
    );
    check("a.rb", "a.rb:2: syntax error, unexpected end-of-input\n", &["a.rb:2 syntax error, unexpected end-of-input"]);
    check(
        "a.php",
        "PHP Parse error:  syntax error, unexpected token \"}\" in a.php on line 3\nErrors parsing a.php\n",
        &["a.php:3 Parse error:  syntax error, unexpected token \"}\""],
    );
    check(
        "a.html",
        "line 3 column 5 - Error: <x-a> is not recognized!\nline 9 column 1 - Error: missing quote mark for attribute value\n",
        &["9:1 Error: missing quote mark for attribute value"],
    );
}
