//! The plugin `__NAME__`: one tool, which counts the lines and words of a file.

use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool, failed};

struct __TYPE__;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    /// Relative to the workspace.
    path: String,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Counts {
    lines: usize,
    words: usize,
}

impl Tool for __TYPE__ {
    const NAME: &'static str = "__TOOL__";
    const DESCRIPTION: &'static str = include_str!("__TOOL__.md");
    type Args = Args;
    type Data = Counts;

    fn call(args: Args) -> Result<Output<Counts>, Error> {
        let path = Path::parse(&args.path)?;
        let text = String::from_utf8(path.read(16 << 20)?);
        let text = text.map_err(|_| failed(format!("{} is not text", path.name())))?;
        let (lines, words) = (text.lines().count(), text.split_whitespace().count());
        Ok(Output::new(format!("{lines} lines, {words} words"), Counts { lines, words }))
    }
}

garth_plugin::export!(__TYPE__);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_words_are_counted() {
        let _scratch = garth_plugin::testing::Scratch::new(&[("a.txt", "one two\nthree\n")]);
        let output = __TYPE__::call(Args { path: "./a.txt".into() }).unwrap();
        assert_eq!(output.text, "2 lines, 3 words");
    }
}
