//! numpy's files: one array (`.npy`), or several (`.npz`, a zip of such).

mod archive;
mod header;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use archive::{Archive, ArchiveWriter};
pub use header::{Element, Header};

use crate::{Error, Result};

/// An array in a file, rows first. Rows are read as they are asked for.
#[derive(Debug)]
pub struct Array {
    file: File,
    /// File, or file and name in it.
    place: String,
    /// Byte of the first element.
    start: u64,
    header: Header,
}

impl Array {
    /// The array of a `.npy`.
    ///
    /// # Errors
    /// [`Error::Input`] that says what was expected: a file that is none of numpy's, or ends before its array does; elements other than
    /// numbers and text; columns first.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open(path)?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        Self::within(file, path.display().to_string(), 0, length)
    }

    /// The array whose `.npy` is at `at` of a file and has `length` bytes.
    fn within(file: File, place: String, at: u64, length: u64) -> Result<Self> {
        let mut bytes = vec![0; length.min(header::LONGEST) as usize];
        let read = file.read_exact_at(&mut bytes, at);
        read.map_err(|error| Error::input(&place, format!("cannot read: {error}")))?;
        let (header, begins) = Header::parse(&bytes).map_err(|problem| Error::input(&place, problem))?;
        if header.shape.first().is_some_and(|rows| *rows > 0) && header.bytes() == Some(0) {
            return Err(Error::input(place, format!("shape {:?}; expected rows with elements", header.shape)));
        }
        let (there, wanted) = (length - begins as u64, header.bytes());
        match wanted {
            Some(wanted) if there >= wanted => Ok(Self { file, place, start: at + begins as u64, header }),
            _ => Err(Error::input(place, format!("{there} bytes of elements; its header asks for {:?}", header.shape))),
        }
    }

    /// File, or file and name in it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Type and shape.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Number of rows; 1 where there is no dimension.
    pub fn rows(&self) -> u64 {
        self.header.shape.first().copied().unwrap_or(1)
    }

    fn bytes(&self, row: u64) -> Result<Vec<u8>> {
        let row_bytes = self.header.bytes().unwrap_or_default() / self.rows().max(1);
        let mut bytes = vec![0; row_bytes as usize];
        let read = self.file.read_exact_at(&mut bytes, self.start + row * row_bytes);
        read.map_err(|error| Error::input(&self.place, format!("cannot read row {row}: {error}")))?;
        Ok(bytes)
    }

    /// The numbers of a row, which an f64 holds exactly but for integers beyond 2⁵³.
    ///
    /// # Errors
    /// [`Error::Input`] where it has none, or cannot be read.
    pub fn numbers(&self, row: u64) -> Result<Vec<f64>> {
        let found = self.header.element.numbers(&self.bytes(row)?, self.header.big_endian);
        found.ok_or_else(|| Error::input(&self.place, format!("its elements are {}; expected numbers", self.header.element)))
    }

    /// Every element as text: numbers as they are written, text without the zeros that fill it up.
    ///
    /// # Errors
    /// [`Error::Input`] for more than one dimension, and for text that is none.
    pub fn texts(&self) -> Result<Vec<String>> {
        if self.header.shape.len() != 1 {
            return Err(Error::input(&self.place, format!("shape {:?}; expected one dimension", self.header.shape)));
        }
        let text = |row| {
            let found = self.header.element.text(&self.bytes(row)?, self.header.big_endian);
            found.ok_or_else(|| Error::input(&self.place, format!("element {row} is no text; expected Unicode")))
        };
        (0..self.rows()).map(text).collect()
    }
}

/// A file, which nothing else may stand for: a pipe would be waited for.
fn open(path: &Path) -> Result<File> {
    match std::fs::metadata(path) {
        Ok(about) if about.is_file() => File::open(path).map_err(Error::io("read", path)),
        Ok(_) => Err(Error::input(path.display(), "not a file; expected one of numpy's")),
        Err(error) => Err(Error::input(path.display(), format!("cannot read: {error}"))),
    }
}

/// What an error of the zip library is to us.
fn broken(path: &Path) -> impl Fn(zip::result::ZipError) -> Error {
    let path = PathBuf::from(path);
    move |error| Error::input(path.display(), format!("{error}; expected a .npz of numpy's"))
}
