//! Files and directories that only their owner can read.

use std::io::Write;
use std::path::Path;

use super::ConfigError;

/// Makes a directory and its parents. What exists keeps its owner's choice, except that nobody else may write.
pub(super) fn create_dir(dir: &Path) -> Result<(), ConfigError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| ConfigError::io(dir, &error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(dir).map_err(|error| ConfigError::io(dir, &error))?.permissions().mode();
        if mode & 0o022 != 0 {
            let closed = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(dir, closed).map_err(|error| ConfigError::io(dir, &error))?;
        }
    }
    Ok(())
}

/// Writes a file as a whole or not at all.
pub(super) fn write(file: &Path, content: &[u8]) -> Result<(), ConfigError> {
    let dir = file.parent().unwrap_or(Path::new("."));
    create_dir(dir)?;
    let written = tempfile::NamedTempFile::new_in(dir).and_then(|mut temporary| {
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(file).map_err(|error| error.error)
    });
    written.map(drop).map_err(|error| ConfigError::io(file, &error))
}

/// Adds to the end of a file, in one write.
pub(super) fn append(file: &Path, content: &[u8]) -> Result<(), ConfigError> {
    create_dir(file.parent().unwrap_or(Path::new(".")))?;
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).and_then(|mut file| file.write_all(content)).map_err(|error| ConfigError::io(file, &error))
}
