//! The built-in `read_file` as the component that it is: what it says of files, folders and what it may not see.

use std::sync::OnceLock;

use garth::plugins::builtin::BUILTIN;
use garth::policy::{Access, PathGrant, Workspace};
use garth::sandbox::{CallError, Component, Imports};

use super::{Yard, shared};

async fn read(yard: &Yard, path: &str, start: usize) -> Result<String, CallError> {
    static FILES: OnceLock<Component> = OnceLock::new();
    let component = FILES.get_or_init(|| {
        let plugin = BUILTIN.iter().find(|plugin| plugin.name == "files").unwrap();
        shared().0.load(plugin.wasm, &Imports::default()).unwrap()
    });
    let arguments = serde_json::json!({"path": path, "start": start}).to_string();
    let call = yard.request("read_file", &arguments);
    shared().0.call(component, call, yard.host.clone()).await.result.map(|output| output.text)
}

fn failed(text: &str) -> Result<String, CallError> {
    Err(CallError::Failed(text.to_owned()))
}

#[tokio::test]
async fn files_of_any_size_are_read() {
    let yard = Yard::new(Access::Read);
    let line = |n: usize| format!("{n:->98}\n");
    yard.put("empty", "");
    yard.put("one", "a");
    // Its size is a multiple of what one read gives.
    yard.put("even", &"x\n".repeat(64 << 10));
    yard.put("long", &(1..=3000).map(line).collect::<String>());
    assert_eq!(read(&yard, "empty", 1).await.unwrap(), "[empty is empty]");
    assert_eq!(read(&yard, "one", 1).await.unwrap(), "1\ta\n[no newline at the end of the file]");
    assert_eq!(read(&yard, "even", 65536).await.unwrap(), "65536\tx\n[lines 65536 to 65536 of 65536]");
    for start in [656, 1311, 2998] {
        let text = read(&yard, "long", start).await.unwrap();
        assert!(text.starts_with(&format!("{start}\t{}{}\t", line(start), start + 1)), "{text}");
        assert!(text.contains(" of 3000"), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let yard = Yard::new(Access::Read);
    yard.put("folder/file", "x");
    yard.put(".env", "SECRET=x");
    std::os::unix::fs::symlink(&yard.outside, yard.workspace.join("out")).unwrap();
    std::os::unix::fs::symlink("folder/file", yard.workspace.join("link")).unwrap();
    assert_eq!(read(&yard, "link", 1).await.unwrap(), "1\tx\n[no newline at the end of the file]");
    assert_eq!(read(&yard, "folder", 1).await, failed("folder is a directory"));
    assert_eq!(read(&yard, ".", 1).await, failed(". is a directory"));
    assert_eq!(read(&yard, "none", 1).await, failed("none does not exist"));
    assert_eq!(read(&yard, "folder/file/x", 1).await, failed("a part of folder/file/x is a file, not a directory"));
    for path in [".env", "out", "out/x"] {
        assert!(matches!(read(&yard, path, 1).await, Err(CallError::Denied(text)) if text.contains(path)), "{path}");
    }
}

#[tokio::test]
async fn parts_of_the_workspace_are_read_through_their_own_folders() {
    let mut yard = Yard::new(Access::None);
    for path in ["docs/a", "docs/deep/b", "file", "other", "docsy"] {
        yard.put(path, path);
    }
    let paths = ["docs", "docs/deep", "file"];
    let grant = |path: &str| PathGrant { path: path.to_owned(), access: Access::Read };
    yard.capabilities.workspace = Workspace::Paths(paths.map(grant).to_vec());
    for path in ["docs/a", "docs/deep/b", "file"] {
        assert!(read(&yard, path, 1).await.unwrap().contains(path), "{path}");
    }
    for path in ["other", "docsy", "nothing/here"] {
        assert!(read(&yard, path, 1).await.is_err(), "{path}");
    }
    yard.capabilities.workspace = Workspace::Paths(vec![grant("docs")]);
    for path in ["other", "docsy", "file"] {
        assert!(matches!(read(&yard, path, 1).await, Err(CallError::Denied(_))), "{path}");
    }
    assert_eq!(read(&yard, "docs", 1).await, failed("docs is a directory"));
}
