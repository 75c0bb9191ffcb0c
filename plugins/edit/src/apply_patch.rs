//! `apply_patch`: several files in one call, all or nothing. Context lines come out as the file has them, whatever
//! white space the patch has there.

use garth_plugin::change::{self, Action, Edit, MAX_FILE, Written};
use garth_plugin::workspace::Path;
use garth_plugin::{Change, Error, Output, Tool, elide, failed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::find::{self, At, Place, Way};
use crate::lines::{self, Line, Strictness};
use crate::nearest;
use crate::patch::{self, FilePatch, Hunk, HunkLine, Kind, Mark};
use crate::weave::{self, Weave};

pub struct ApplyPatch;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    patch: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    pub files: Vec<Written>,
}

impl Tool for ApplyPatch {
    const NAME: &'static str = "apply_patch";
    const DESCRIPTION: &'static str = include_str!("apply_patch.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let (edits, notes) = plan(&args.patch)?;
        let files = change::apply(&edits)?;
        let text = files.iter().map(Written::line).chain(notes).collect::<Vec<_>>().join("\n");
        let files = files.into_iter().filter(|file| file.action != Action::Unchanged).collect();
        Ok(Output::new(text, Data { files }))
    }

    fn preview(args: Args) -> Result<Option<Vec<Change>>, Error> {
        Ok(Some(change::preview(&plan(&args.patch)?.0)))
    }
}

/// The edits of a patch, one a file, however often the patch names it; and what to tell of the places.
fn plan(text: &str) -> Result<(Vec<Edit>, Vec<String>), Error> {
    let (mut edits, mut notes): (Vec<Edit>, Vec<String>) = Default::default();
    for file in patch::parse(text)? {
        let at = edit_of(&mut edits, &file.path)?;
        let name = edits[at].path.name().to_owned();
        let now = edits[at].after.take();
        edits[at].after = match (&file.kind, now) {
            (Kind::Add, Some(_)) => {
                return Err(failed(format!("{name} exists already: update it instead of adding it")));
            }
            (Kind::Add, None) => Some(patched(&[], &file, &name, &mut notes)?),
            (_, None) => return Err(failed(format!("{name} does not exist"))),
            (Kind::Delete, Some(now)) => {
                if !file.hunks.is_empty() && !patched(&now, &file, &name, &mut notes)?.is_empty() {
                    return Err(failed(format!("{name}: the patch deletes the file, but not all of its lines")));
                }
                None
            }
            (Kind::Update { move_to: None }, Some(now)) => Some(patched(&now, &file, &name, &mut notes)?),
            (Kind::Update { move_to: Some(to) }, Some(now)) => {
                let moved = patched(&now, &file, &name, &mut notes)?;
                let target = edit_of(&mut edits, to)?;
                if target == at {
                    Some(moved)
                } else if edits[target].after.is_some() {
                    return Err(failed(format!("{name} cannot be moved to {to}, which exists already")));
                } else {
                    edits[target].after = Some(moved);
                    None
                }
            }
        };
    }
    Ok((edits, notes))
}

fn edit_of(edits: &mut Vec<Edit>, written: &str) -> Result<usize, Error> {
    let path = Path::parse(written)?;
    if let Some(at) = edits.iter().position(|edit| edit.path == path) {
        return Ok(at);
    }
    let before = path.read_if_exists(MAX_FILE)?;
    edits.push(Edit { path, after: before.clone(), before });
    Ok(edits.len() - 1)
}

/// A file with its hunks applied, in order. What was found in another way than written is noted.
fn patched(file: &[u8], patch: &FilePatch, name: &str, notes: &mut Vec<String>) -> Result<Vec<u8>, Error> {
    let lines = lines::split(file);
    let mut output = Weave::new(&lines);
    let mut next = 0;
    // How far the hunk before was from where it said.
    let mut moved = 0;
    for (index, hunk) in patch.hunks.iter().enumerate() {
        let number = if patch.hunks.len() > 1 { format!("hunk {} of ", index + 1) } else { String::new() };
        let located =
            locate(&lines, hunk, next, moved).map_err(|problem| failed(format!("{number}{name}: {problem}")))?;
        let shown = &hunk.lines[..hunk.lines.len() - located.without];
        output.keep(&lines[next..located.start]);
        next = located.start;
        match &located.place {
            Some(place) => {
                output.hunk(&lines, shown, place);
                next = place.end();
                if let Some(said) = hunk.said() {
                    moved = place.start() as isize - said as isize;
                }
                let differing = weave::differing(&lines, shown, place);
                notes.extend(place.told().map(|told| format!("{number}{name}: {told}{differing}")));
            }
            None => output.hunk(&lines, shown, &Place { at: At::Lines(0..0), way: Way::Lines(Strictness::Exact) }),
        }
    }
    output.keep(&lines[next..]);
    let content = output.finish();
    if patch.kind != Kind::Add {
        change::refuse_marks(file, &content, name)?;
    }
    Ok(content)
}

/// Where a hunk goes.
struct Located {
    /// The index of its first line.
    start: usize,
    /// `None`: it only adds.
    place: Option<Place>,
    /// How many empty lines of context at its end were no part of it.
    without: usize,
}

fn wanted(hunk: &Hunk) -> impl Iterator<Item = &HunkLine> {
    hunk.lines.iter().filter(|line| line.mark != Mark::Add)
}

fn locate(file: &[Line<'_>], hunk: &Hunk, next: usize, moved: isize) -> Result<Located, String> {
    let all: Vec<&[u8]> = wanted(hunk).map(|line| line.text.as_bytes()).collect();
    let mut anchored = None;
    if let Some(anchor) = &hunk.anchor {
        let levels = lines::ALL.iter();
        let found = levels.flat_map(|level| lines::find(file, &[anchor.as_bytes()], next, *level)).next();
        anchored = Some(found.ok_or_else(|| not_there(file, &[anchor.as_bytes()], "the line after @@"))?);
    }
    // The anchor may be repeated as the first line of the hunk, so the search begins at it and not behind it.
    let from = anchored.unwrap_or(next);
    let choose = |found| choose(file, hunk, found, anchored, moved);
    if all.is_empty() {
        let start = match (hunk.start, &hunk.anchor) {
            _ if hunk.at_end => file.len(),
            (Some(start), _) => start.saturating_add_signed(moved).clamp(next, file.len()),
            (None, Some(_)) => from + 1,
            (None, None) => file.len(),
        };
        return Ok(Located { start, place: None, without: 0 });
    }
    let blank = |line: &&HunkLine| line.mark == Mark::Keep && line.text.is_empty();
    let spare = hunk.lines.iter().rev().take_while(blank).count().min(all.len() - 1);
    let located = |place: Place, without| Located { start: place.start(), place: Some(place), without };
    let mut lengths = vec![0];
    lengths.extend((spare > 0).then_some(spare));
    for without in lengths {
        let found = find::strict(file, &all[..all.len() - without], from);
        if let Some(place) = choose(found)? {
            return Ok(located(place, without));
        }
    }
    let found = find::loose(file, &all[..all.len() - spare], from);
    let found = found.map_err(|spent| format!("{}\n{spent}", not_there(file, &all, "this text")))?;
    let place = choose(found)?.ok_or_else(|| not_there(file, &all, "this text"))?;
    if place.way == Way::Elided {
        refuse_open_ends(&wanted(hunk).take(all.len() - spare).collect::<Vec<_>>())?;
        refuse_bare(hunk)?;
    }
    Ok(located(place, spare))
}

/// Refuses to remove what a mark at an end of a hunk stands for: it does not say how far that goes.
fn refuse_open_ends(wanted: &[&HunkLine]) -> Result<(), String> {
    let ends = [wanted.first(), wanted.last()];
    let open = |line: &&&HunkLine| line.mark == Mark::Remove && elide::is_mark(line.text.as_bytes());
    match ends.into_iter().flatten().find(open) {
        Some(line) => Err(format!(
            "'-{}' at an end of a hunk does not say how far the lines go that it stands for: write the line there",
            garth_plugin::text::clip_line(&line.text, 100)
        )),
        None => Ok(()),
    }
}

/// Refuses to remove what a bare mark stands for while something else stays or comes: it may be meant as code.
fn refuse_bare(hunk: &Hunk) -> Result<(), String> {
    let bare = |line: &&HunkLine| line.mark == Mark::Remove && elide::is_bare(line.text.as_bytes());
    match hunk.lines.iter().find(bare) {
        Some(line) if hunk.lines.iter().any(|line| line.mark != Mark::Remove) => Err(format!(
            "'-{0}' stands for lines of the file: write ' {0}' if they stay, or write the lines if they go",
            line.text
        )),
        _ => Ok(()),
    }
}

/// One of the places that match, in the block of the anchor if there is one: the one at the end if that is meant, the
/// one that is exactly where the hunk says, if need be moved as far as the hunk before, or the first below an anchor;
/// else there must be only one, and so always where lines are left out or only alike.
fn choose(
    file: &[Line<'_>],
    hunk: &Hunk,
    mut found: Vec<Place>,
    anchored: Option<usize>,
    moved: isize,
) -> Result<Option<Place>, String> {
    if let (Some(anchor), Some(first)) = (anchored, found.first().map(Place::start)) {
        found.retain(|place| in_block(file, anchor, place.start()));
        if found.is_empty() {
            return Err(format!(
                "its lines are at line {}, behind the block that the line after @@ begins (line {}): name a line above \
                 them there, or add lines of context",
                first + 1,
                anchor + 1
            ));
        }
    }
    let guessed = found.iter().any(|place| !matches!(place.way, Way::Lines(_)));
    if !guessed && hunk.at_end && found.last().is_some_and(|last| last.end() == file.len()) {
        return Ok(found.pop());
    }
    if let (false, Some(said)) = (guessed, hunk.said()) {
        let there = [Some(said), said.checked_add_signed(moved)];
        let mut exact = found.iter().filter(|place| there.contains(&Some(place.start())));
        if let (Some(place), None) = (exact.next(), exact.next()) {
            return Ok(Some(place.clone()));
        }
    }
    if found.len() > 1 && (guessed || hunk.anchor.is_none()) {
        let places: Vec<_> = found.iter().take(20).map(|place| (place.start() + 1).to_string()).collect();
        return Err(format!("its lines are at more than one place ({}); add lines of context", places.join(", ")));
    }
    Ok(found.into_iter().next())
}

/// Lines that are no deeper than the head of a block and yet do not end it begin with one of these.
const IN_BLOCK: [&str; 7] = ["{", "}", ")", "]", "#", "//", "where"];
/// Lines that stand in one column with the braces that they are in, and begin a block of their own.
const LABELS: [&str; 5] = ["public:", "private:", "protected:", "case ", "default:"];

/// Whether the line `at` is in the block that `anchor` begins: nothing between is as little indented as the anchor where
/// the line is deeper, or less than both where it is not.
fn in_block(file: &[Line<'_>], anchor: usize, at: usize) -> bool {
    let is_text = |line: &&Line<'_>| !line.text.trim_ascii().is_empty();
    let begins = |line: &Line<'_>, with: &[&str]| {
        let text = line.text.trim_ascii();
        with.iter().any(|begin| text.starts_with(begin.as_bytes()))
    };
    let opened = file[anchor].text.trim_ascii().ends_with(b"{")
        || file[anchor + 1..].iter().find(is_text).is_some_and(|line| begins(line, &["{"]));
    let labelled = opened && !begins(&file[anchor], &LABELS);
    let before = lines::column(file[anchor].text);
    let after = file[at..].iter().find(is_text).map_or(before, |line| lines::column(line.text));
    let deep_enough = if after > before { before + 1 } else { after };
    let ends = |line: &Line<'_>| {
        let column = lines::column(line.text);
        let label = labelled && column == before && begins(line, &LABELS);
        column < deep_enough && !label && !begins(line, &IN_BLOCK)
    };
    !file.get(anchor + 1..at).unwrap_or_default().iter().filter(is_text).any(ends)
}

fn not_there(file: &[Line<'_>], wanted: &[&[u8]], what: &str) -> String {
    let first = wanted.iter().find(|line| !line.trim_ascii().is_empty()).copied().unwrap_or_default();
    let first = garth_plugin::text::clip_line(&String::from_utf8_lossy(first), 100);
    match nearest::place(file, wanted) {
        Some(shown) => format!("{what} is not there ({first}). The nearest text is:\n{shown}"),
        None => format!("{what} is not there ({first}), nor anything like it; read the file first"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    fn apply(patch: &str) -> Result<String, Error> {
        ApplyPatch::call(Args { patch: patch.into() }).map(|output| output.text)
    }

    fn check(file: &str, patch: &str, expected: &str) {
        let scratch = Scratch::new(&[("f", file)]);
        let result = apply(
            &patch.replace("HEAD", "--- a/f\n+++ b/f\n").replace("UPDATE", "*** Begin Patch\n*** Update File: f"),
        );
        let text = match result {
            Ok(_) => String::from_utf8(scratch.read("f")).unwrap(),
            Err(error) => {
                assert_eq!(scratch.read("f"), file.as_bytes());
                error.to_string()
            }
        };
        assert_eq!(text, expected, "{patch}");
    }

    #[test]
    fn hunks_find_their_place() {
        check("a\nb\nc\n", "HEAD@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", "a\nB\nc\n");
        check("x\na\nb\n", "HEAD@@ -1,2 +1,2 @@\n a\n-b\n+B\n", "x\na\nB\n");
        check("a\nx\na\nx\n", "HEAD@@ -3,2 +3,2 @@\n a\n-x\n+y\n", "a\nx\na\ny\n");
        check("a\nb\n", "HEAD@@ -1,0 +2 @@\n+n\n", "a\nn\nb\n");
        check("a\nb\nc\n", "UPDATE\n-a\n+A\n@@\n-c\n+C\n*** End Patch", "A\nb\nC\n");
        check("f\n x\ng\n x\n", "UPDATE\n@@ g\n- x\n+ y\n", "f\n x\ng\n y\n");
        let signature = "int f(\n  int a\n)\n{\n#if A\n  x;\n#endif\n  y;\n}\n";
        check(signature, "UPDATE\n@@ int f(\n-  y;\n+  z;\n", &signature.replace('y', "z"));
        check("use a;\nuse b;\nuse c;\n", "UPDATE\n@@ use a;\n-use c;\n", "use a;\nuse b;\n");
        check("1\n2\na\nb\nc\n", "HEAD@@ -1 +1 @@\n-a\n+A\n@@ -2,0 +3 @@\n+n\n", "1\n2\nA\nb\nn\nc\n");
        check("a\n", "UPDATE\n\n@@\n-a\n+b\n", "b\n");
        let moved = "-\nx\na\n-\nx\nb\nx\n";
        check(moved, "HEAD@@ -2 +2 @@\n-a\n+A\n@@ -4 +4 @@\n-x\n+X\n", "-\nx\nA\n-\nX\nb\nx\n");
        check("x\ny\nx\n", "UPDATE\n@@\n-x\n+z\n*** End of File\n", "x\ny\nz\n");
        check("a\n", "UPDATE\n+b\n", "a\nb\n");
        check("a\nb\nc\n", "UPDATE\n a\n-b\n\n*** End Patch", "a\nc\n");
        check("a\r\nb\r\n", "HEAD@@ -1,2 +1,3 @@\n a\n+n\n b\n", "a\r\nn\r\nb\r\n");
        check("if x {\n\ty\n}\n", "HEAD@@ -1,3 +1,3 @@\n if x {\n-    y\n+    z\n }\n", "if x {\n\tz\n}\n");
    }

    #[test]
    fn the_end_of_a_file_is_as_the_patch_says() {
        check("a\nb", "HEAD@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n", "a\nc\n");
        check("a\nb\n", "HEAD@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n", "a\nc");
        check("a\nb", "HEAD@@ -1 +1 @@\n-a\n+c\n", "c\nb");
        check("a", "HEAD@@ -1 +1,2 @@\n a\n+b\n", "a\nb\n");
    }

    #[test]
    fn labels_of_an_open_block_do_not_end_it() {
        let behind = |line: u32| {
            format!(
                "f: its lines are at line {line}, behind the block that the line after @@ begins (line {}): name a line \
                 above them there, or add lines of context",
                line - 2
            )
        };
        let class = "class A {\npublic:\n  int x;\nprivate:\n  int y;\n};\n";
        let patch = |anchor: &str, line: &str| format!("UPDATE\n@@ {anchor}\n-{line}\n+  z();\n");
        check(class, &patch("class A {", "  int y;"), &class.replace("  int y;", "  z();"));
        let brace = class.replace("A {", "A\n{");
        check(&brace, &patch("class A", "  int y;"), &brace.replace("  int y;", "  z();"));
        let switch = "switch (a) {\ncase 1:\n  x();\ncase 2:\n  y();\n}\n";
        check(switch, &patch("switch (a) {", "  y();"), &switch.replace("y()", "z()"));
        check(switch, &patch("case 1:", "  y();"), &behind(5).replace("line 3)", "line 2)"));
        check(
            "build:\n  a: 1\ndefault:\n  b: 2\n",
            &patch("build:", "  b: 2"),
            &behind(4).replace("line 2)", "line 1)"),
        );
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        check("x\ny\nx\n", "UPDATE\n-x\n+z\n", "f: its lines are at more than one place (1, 3); add lines of context");
        check(
            "x\ny\nx\n",
            "HEAD@@ -2 +2 @@\n-x\n+z\n",
            "f: its lines are at more than one place (1, 3); add lines of context",
        );
        check(
            "def f(a):\n    return y\n\ndef g(x):\n    return x\n",
            "UPDATE\n@@ def f(a):\n-return x\n+return 1\n",
            "f: its lines are at line 5, behind the block that the line after @@ begins (line 1): name a line above them \
             there, or add lines of context",
        );
        check(
            "alpha beta\n",
            "HEAD@@ -1 +1 @@\n-alpha bet\n+x\n",
            "f: this text is not there (alpha bet). The nearest text is:\n1\talpha beta",
        );
        check(
            "a\nb\n",
            "HEAD@@ -1 +1 @@\n-a\n+x\n@@ -2 +2 @@\n-qqq\n",
            "hunk 2 of f: this text is not there (qqq), nor anything like it; read the file first",
        );
    }

    #[test]
    fn lines_that_are_left_out_stay_in_their_block() {
        let file = "def f(a):\n    y = a\n    return y\n\ndef g(x):\n    z = x\n    return x\n";
        let patch = |lines: &str| apply(&format!("*** Begin Patch\n*** Update File: f\n@@\n{lines}*** End Patch"));
        let scratch = Scratch::new(&[("f", file)]);
        let said = |lines: &str| patch(lines).unwrap_err().to_string();
        let error = said(" def f(a):\n     ...\n-    return x\n+    return 1\n");
        assert!(error.starts_with("f: this text is not there (def f(a):)"), "{error}");
        assert_eq!(
            said("-def g(x):\n-    # ... rest of the body ...\n+def g(x): pass\n"),
            "f: '-    # ... rest of the body ...' at an end of a hunk does not say how far the lines go that it stands \
             for: write the line there"
        );
        assert_eq!(
            said(" def f(a):\n-    ...\n+    return 1\n     return y\n"),
            "f: '-    ...' stands for lines of the file: write '     ...' if they stay, or write the lines if they go"
        );
        let error = said(" def f(a):\n+    # ... existing code ...\n     y = a\n");
        assert!(error.starts_with("the new text leaves lines of f out (# ... existing code ...)"), "{error}");
        assert_eq!(scratch.read("f"), file.as_bytes());
        patch(" def g(x):\n     ...\n-    return x\n+    return z\n").unwrap();
        assert_eq!(scratch.read("f"), file.replace("return x", "return z").as_bytes());
    }

    #[test]
    fn several_files_go_together_or_not_at_all() {
        let scratch = Scratch::new(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n")]);
        let patch = "*** Begin Patch\n*** Update File: a\n-1\n+one\n*** Delete File: b\n*** Add File: d/new\n+n\n*** Update File: c\n*** Move to: e\n-3\n+three\n*** End Patch";
        let preview = ApplyPatch::preview(Args { patch: patch.into() }).unwrap().unwrap();
        let paths: Vec<_> = preview.iter().map(|change| (change.path.as_str(), change.content.is_some())).collect();
        assert_eq!(paths, [("a", true), ("b", false), ("d/new", true), ("c", false), ("e", true)]);
        assert!(apply(&format!("{patch}\n").replace("-3", "-4")).is_err());
        assert_eq!(scratch.read("a"), b"1\n", "nothing is written when one file does not fit");
        let text = apply(patch).unwrap();
        assert_eq!(
            text,
            "changed a (+1 -1 lines)\ndeleted b (+0 -1 lines)\ncreated d/new (+1 -0 lines)\ndeleted c (+0 -1 lines)\n\
             created e (+1 -0 lines)"
        );
        assert!(!scratch.exists("b") && !scratch.exists("c"));
        assert_eq!((scratch.read("e"), scratch.read("d/new")), (b"three\n".to_vec(), b"n\n".to_vec()));
        let again = apply("*** Add File: a\n+x").unwrap_err().to_string();
        assert_eq!(again, "a exists already: update it instead of adding it");
        assert_eq!(apply("*** Delete File: zz").unwrap_err().to_string(), "zz does not exist");
        assert!(matches!(apply("*** Add File: ../x\n+x"), Err(Error::Invalid(_))));
    }
}
