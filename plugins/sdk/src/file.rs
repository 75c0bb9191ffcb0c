//! A file read from its beginning, a piece at a time. In a plugin it goes to `wasi:filesystem` directly, because the
//! standard library asks for flags and metadata first, reads through a stream, and looks for the end with a read of its
//! own. What may be opened is the host's business.

use std::io::{self, BufRead, Read};

#[cfg(target_arch = "wasm32")]
pub(crate) use component::Source;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::Source;

/// How much is asked for at once: nearly every source file arrives with the first read.
const PIECE: usize = 64 << 10;

/// An open file. As a [`BufRead`] it hands out the pieces as they came, without copying them.
pub struct File {
    source: Source,
    piece: Vec<u8>,
    /// How much of the piece was consumed.
    used: usize,
    ended: bool,
}

impl File {
    pub(crate) fn new(source: Source) -> File {
        File { source, piece: Vec::new(), used: 0, ended: false }
    }

    /// What is left, at most `limit` bytes of it.
    pub fn rest(mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = self.piece.split_off(self.used);
        bytes.truncate(limit);
        while !self.ended && bytes.len() < limit {
            self.next(limit - bytes.len())?;
            match bytes.is_empty() {
                true => bytes = std::mem::take(&mut self.piece),
                false => bytes.extend_from_slice(&self.piece),
            }
        }
        Ok(bytes)
    }

    fn next(&mut self, wanted: usize) -> io::Result<()> {
        let (piece, ended) = self.source.next(wanted.min(PIECE))?;
        self.ended = ended || piece.is_empty();
        (self.piece, self.used) = (piece, 0);
        Ok(())
    }
}

impl BufRead for File {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.piece.len() && !self.ended {
            self.next(PIECE)?;
        }
        Ok(&self.piece[self.used..])
    }

    fn consume(&mut self, count: usize) {
        self.used = self.piece.len().min(self.used + count);
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::io::{self, Read};

    pub struct Source(std::fs::File);

    impl Source {
        pub fn open(path: &std::path::Path) -> io::Result<Source> {
            let file = std::fs::File::open(path)?;
            match file.metadata()?.is_dir() {
                true => Err(io::ErrorKind::IsADirectory.into()),
                false => Ok(Source(file)),
            }
        }

        /// The next bytes, at most `length`, and whether the file ends there.
        pub fn next(&mut self, length: usize) -> io::Result<(Vec<u8>, bool)> {
            let mut bytes = Vec::new();
            let count = self.0.by_ref().take(length as u64).read_to_end(&mut bytes)?;
            Ok((bytes, count < length))
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod component {
    use std::io;

    use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

    use crate::folder::to_io;

    pub struct Source {
        file: Descriptor,
        offset: u64,
    }

    impl Source {
        pub fn open(folder: &Descriptor, path: &str, follow: PathFlags) -> io::Result<Source> {
            let file = folder.open_at(follow, path, OpenFlags::empty(), DescriptorFlags::READ).map_err(to_io)?;
            Ok(Source { file, offset: 0 })
        }

        /// The next bytes, at most `length`, and whether the file ends there.
        pub fn next(&mut self, length: usize) -> io::Result<(Vec<u8>, bool)> {
            let (bytes, ended) = self.file.read(length as u64, self.offset).map_err(to_io)?;
            self.offset += bytes.len() as u64;
            Ok((bytes, ended))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use crate::workspace::Path;

    #[test]
    fn pieces_make_up_the_file() {
        let content: Vec<u8> = (0..3 * PIECE + 5).map(|at| (at % 251) as u8).collect();
        let _scratch = Scratch::new(&[("f", &content[..]), ("empty", b"")]);
        let open = |name: &str| Path::parse(name).unwrap().open().unwrap();
        let mut read = Vec::new();
        open("f").read_to_end(&mut read).unwrap();
        assert!(read == content);
        for (consumed, limit) in [(0, usize::MAX), (0, PIECE), (0, PIECE + 1), (3, 7), (3, 2 * PIECE), (PIECE, 0)] {
            let mut file = open("f");
            file.fill_buf().unwrap();
            file.consume(consumed);
            let expected = &content[consumed..];
            assert!(file.rest(limit).unwrap() == expected[..limit.min(expected.len())], "{consumed} {limit}");
        }
        assert_eq!(open("empty").rest(9).unwrap(), b"");
        assert_eq!(open("empty").fill_buf().unwrap(), b"");
    }
}
