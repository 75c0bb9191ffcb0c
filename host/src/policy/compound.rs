//! Tools that do what several others do, for models that lose the thread. What speaks against one of those speaks against
//! them too; what allows one allows only that.

/// The compound tools of the built-in plugins, and what each does in one call.
const PARTS: [(&str, &[&str]); 3] = [
    ("find_and_read", &["glob", "read_file"]),
    ("search_and_read", &["grep", "read_file"]),
    ("create_and_run", &["write_file", "run"]),
];

pub fn is_compound(tool: &str) -> bool {
    PARTS.iter().any(|(compound, _)| *compound == tool)
}

/// Whether `tool` is the other one, or does what it does.
pub fn does(tool: &str, other: &str) -> bool {
    tool == other || PARTS.iter().any(|(compound, parts)| *compound == tool && parts.contains(&other))
}
