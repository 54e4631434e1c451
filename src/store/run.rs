//! Rows that follow one another reach their file together: a write of many pages costs far less than as many small ones, and is
//! kept by the system in larger pieces, which are mapped faster when they are read.

use crate::{Result, fs};

/// Bytes that are held back at most.
const LIMIT: usize = 1 << 20;

/// Bytes of one array that follow one another and are not in the file yet.
#[derive(Debug, Default)]
pub(super) struct Run {
    at: u64,
    bytes: Vec<u8>,
}

impl Run {
    /// Takes the bytes that belong at `at`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), of bytes that came before too.
    pub fn put(&mut self, file: &fs::RowFile, at: u64, bytes: &[u8]) -> Result<()> {
        if at != self.at + self.bytes.len() as u64 {
            self.flush(file)?;
            self.at = at;
        }
        if self.bytes.is_empty() && bytes.len() >= LIMIT {
            return file.write_at(bytes, at);
        }
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() < LIMIT { Ok(()) } else { self.flush(file) }
    }

    /// Writes what was held back.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn flush(&mut self, file: &fs::RowFile) -> Result<()> {
        if !self.bytes.is_empty() {
            file.write_at(&self.bytes, self.at)?;
            self.at += self.bytes.len() as u64;
            self.bytes.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_to_their_places_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let size = 3 * LIMIT;
        std::fs::write(&path, vec![0; size]).unwrap();
        let file = fs::RowFile::open(&path).unwrap();
        let mut expected = vec![0; size];
        let mut run = Run::default();
        // one after the other, some of them missing, some twice, one larger than what is held back, backwards
        let forwards = (0..LIMIT + LIMIT / 2).step_by(999).filter(|at| at % 7 != 0).map(|at| (at, 999));
        let pieces = forwards.chain([(999, 999), (0, 999), (2 * LIMIT - 5, LIMIT + 1)]).chain([(900, 50), (850, 50)]);
        for (number, (at, length)) in pieces.enumerate() {
            let bytes = vec![(number % 255) as u8 + 1; length];
            run.put(&file, at as u64, &bytes).unwrap();
            expected[at..at + length].copy_from_slice(&bytes);
        }
        run.flush(&file).unwrap();
        assert!(std::fs::read(&path).unwrap() == expected);
    }
}
