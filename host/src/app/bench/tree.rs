//! What the benchmarks work on: a tree of source files that is the same everywhere, and a host that is never asked.

use std::path::Path;

use async_trait::async_trait;

use crate::process::{Command, Outcome};
use crate::protocol::Level;
use crate::sandbox::Host;

const WORDS: [&str; 24] = [
    "fn", "let", "match", "return", "value", "index", "buffer", "parse", "token", "stream", "error", "result", "state",
    "node", "=", "(", ")", "{", "}", "=>", "->", "&self", "Option", "String",
];

/// Makes `files` files of about 2 KB in folders of 50, with a `.gitignore` at the root. One file in a hundred holds
/// the word `needle_word`.
pub fn make(root: &Path, files: usize) -> std::io::Result<()> {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    std::fs::write(root.join(".gitignore"), "*.log\n/target\n")?;
    for number in 0..files {
        let folder = root.join(format!("crate{}/src/module{}", number / 500, number / 50 % 10));
        if number % 50 == 0 {
            std::fs::create_dir_all(&folder)?;
        }
        let mut text = String::with_capacity(2200);
        while text.len() < 2000 {
            for _ in 0..8 {
                text.push_str(WORDS[(next() % WORDS.len() as u64) as usize]);
                text.push(' ');
            }
            text.push('\n');
        }
        if number % 100 == 7 {
            text.push_str("let needle_word = 1;\n");
        }
        std::fs::write(folder.join(format!("file{number}.rs")), text)?;
    }
    Ok(())
}

/// The host of calls that neither run programs nor tell anything.
pub struct NoHost;

#[async_trait]
impl Host for NoHost {
    async fn run_program(&self, _: Command) -> Result<Outcome, String> {
        Err("the benchmark runs no programs".into())
    }
    fn progress(&self, _: String, _: Option<f32>) {}
    fn log(&self, _: Level, _: String) {}
}
