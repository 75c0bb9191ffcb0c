//! Files and directories that only their owner can read: where the user's state, secrets and audit are kept. Whoever
//! keeps something says what it is and what a failure means; here is only how it is written.

use std::io::{self, Write};
use std::path::Path;

/// Makes a directory and its parents. What exists keeps its owner's choice, except that nobody else may write.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(dir)?.permissions().mode();
        if mode & 0o022 != 0 {
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Writes a file as a whole or not at all.
pub fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    create_dir(dir)?;
    let written = tempfile::NamedTempFile::new_in(dir).and_then(|mut temporary| {
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(file).map_err(|error| error.error)
    });
    written.map(drop)
}

/// Adds to the end of a file, in one write.
pub fn append(file: &Path, content: &[u8]) -> io::Result<()> {
    create_dir(file.parent().unwrap_or(Path::new(".")))?;
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).and_then(|mut file| file.write_all(content))
}
