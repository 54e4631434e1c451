//! numpy's files: one array (`.npy`), or several (`.npz`, a zip of such).

mod archive;
mod element;
mod header;
mod transpose;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use archive::{Archive, ArchiveWriter, torch};
pub use element::Element;
pub use header::Header;

use crate::error::Action;
use crate::manifest::Words;
use crate::{Error, Result, fs};

/// An array in a file, rows first. Rows are read as they are asked for.
#[derive(Debug)]
pub struct Array {
    file: File,
    /// File, or file and name in it.
    place: String,
    /// Byte of the first element.
    start: u64,
    header: Header,
    /// Bytes from there to the end.
    length: u64,
}

impl Array {
    /// The array of a `.npy`.
    ///
    /// # Errors
    /// [`Error::Input`] that says what was expected: a file that is none of numpy's, or ends before its array does; elements other than
    /// numbers, text, opaque bytes and Python objects.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open(path)?;
        let length = file.metadata().map_err(Error::io(Action::Read, path))?.len();
        Self::within(file, path.display().to_string(), 0, length)
    }

    /// Elements that lie in a file from `start` on, rows first; `place` stands for them in messages.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that ends before they do.
    pub fn raw(file: File, place: String, start: u64, header: Header) -> Result<Self> {
        let end = file.metadata().map_err(|error| Error::input(&place, format!("cannot read: {error}")))?.len();
        let length = end.saturating_sub(start);
        match header.bytes() {
            Some(wanted) if wanted <= length => Ok(Self { file, place, start, header, length }),
            _ => Err(Error::input(place, format!("{length} bytes of elements; its header asks for {:?}", header.shape))),
        }
    }

    /// The array whose `.npy` is at `at` of a file and has `length` bytes.
    fn within(file: File, place: String, at: u64, length: u64) -> Result<Self> {
        let mut bytes = vec![0; length.min(header::LONGEST) as usize];
        let read = file.read_exact_at(&mut bytes, at);
        read.map_err(|error| Error::input(&place, format!("cannot read: {error}")))?;
        let (header, begins) = Header::parse(&bytes).map_err(|problem| Error::input(&place, problem))?;
        let object = header.element == Element::Object;
        if header.shape.first().is_some_and(|rows| *rows > 0) && header.bytes() == Some(0) && !object {
            return Err(Error::input(place, format!("shape {:?}; expected rows with elements", header.shape)));
        }
        let (there, wanted) = (length - begins as u64, header.bytes());
        let start = at + begins as u64;
        match wanted {
            Some(wanted) if there >= wanted && header.fortran => {
                let file = transpose::by_rows(&file, start, &header)
                    .map_err(|error| Error::input(&place, format!("cannot turn: {error}")))?;
                Ok(Self { file, place, start: 0, header: Header { fortran: false, ..header }, length: wanted })
            }
            Some(wanted) if there >= wanted => Ok(Self { file, place, start, header, length: there }),
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

    /// Every element as it stands there: text without the zeros that fill it up, or whole numbers to the last digit.
    ///
    /// # Errors
    /// [`Error::Input`] for more than one dimension, and for what is neither.
    pub fn words(&self) -> Result<Words> {
        if self.header.shape.len() != 1 {
            return Err(Error::input(&self.place, format!("shape {:?}; expected one dimension", self.header.shape)));
        }
        let (element, big_endian) = (self.header.element, self.header.big_endian);
        let problem = |row, what: &str| Error::input(&self.place, format!("element {row} is {what}"));
        match element {
            Element::Unicode(_) | Element::Bytes(_) => {
                let text =
                    |row| element.text(&self.bytes(row)?, big_endian).ok_or_else(|| problem(row, "no text; expected Unicode"));
                (0..self.rows()).map(text).collect::<Result<_>>().map(Words::Texts)
            }
            Element::Int(_) | Element::Uint(_) | Element::Bool | Element::Float(_) => {
                let what = "a float that is no whole number up to 2^53; expected text or integers";
                let whole = |row| element.whole(&self.bytes(row)?, big_endian).ok_or_else(|| problem(row, what));
                (0..self.rows()).map(whole).collect::<Result<_>>().map(Words::Whole)
            }
            _ => {
                Err(Error::input(&self.place, format!("its elements are {element}; expected text or integers (`x.astype(str)`)")))
            }
        }
    }

    /// The pickle that holds the elements of an array of Python objects.
    ///
    /// # Errors
    /// [`Error::Input`] where it cannot be read, or has more than 2³⁰ bytes.
    pub fn pickle(&self) -> Result<Vec<u8>> {
        if self.length > 1 << 30 {
            return Err(Error::input(&self.place, format!("{} bytes of Python objects; expected at most 2^30", self.length)));
        }
        let mut bytes = vec![0; self.length as usize];
        let read = self.file.read_exact_at(&mut bytes, self.start);
        read.map(|()| bytes).map_err(|error| Error::input(&self.place, format!("cannot read: {error}")))
    }

    /// The array with its opaque elements read as `element`; as it is where they are not opaque, or of another size.
    #[must_use]
    pub fn read_as(mut self, element: Element) -> Self {
        if self.header.element == Element::Opaque(element.size()) {
            self.header.element = element;
        }
        self
    }
}

fn open(path: &Path) -> Result<File> {
    fs::open(path, "a file of numpy's")
}

/// What an error of the zip library is to us.
fn broken(path: &Path) -> impl Fn(zip::result::ZipError) -> Error {
    let path = PathBuf::from(path);
    move |error| Error::input(path.display(), format!("{error}; expected a .npz of numpy's"))
}
