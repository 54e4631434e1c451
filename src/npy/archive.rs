//! Several arrays in one file.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{Array, Header, broken, open};
use crate::{Error, Result};

/// A `.npz`.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    zip: ZipArchive<File>,
}

impl Archive {
    /// Reads the list of arrays.
    ///
    /// # Errors
    /// [`Error::Input`] for what is no zip.
    pub fn open(path: &Path) -> Result<Self> {
        let zip = ZipArchive::new(open(path)?).map_err(broken(path))?;
        Ok(Self { path: path.into(), zip })
    }

    /// The arrays' names.
    pub fn names(&self) -> Vec<String> {
        self.zip.file_names().flatten().filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect()
    }

    /// The array `name`, if there is one. One that is compressed is unpacked into a file without a name.
    ///
    /// # Errors
    /// As [`Array::open`].
    pub fn array(&mut self, name: &str) -> Result<Option<Array>> {
        let broken = broken(&self.path);
        let place = format!("{}:{name}", self.path.display());
        let mut entry = match self.zip.by_name(&format!("{name}.npy")) {
            Err(ZipError::FileNotFound) => return Ok(None),
            entry => entry.map_err(&broken)?,
        };
        let (stored, size) = (entry.compression() == CompressionMethod::Stored && !entry.encrypted(), entry.size());
        if let (true, Some(at)) = (stored, entry.data_start()) {
            let file = open(&self.path)?;
            let length = file.metadata().map_err(Error::io("read", &self.path))?.len();
            // what the zip says of itself need not be so
            return Array::within(file, place, at, size.min(length.saturating_sub(at))).map(Some);
        }
        let mut file = tempfile::tempfile().map_err(Error::io("create", &std::env::temp_dir()))?;
        let copied = std::io::copy(&mut (&mut entry).take(size), &mut file);
        let length = copied.map_err(|error| Error::input(&place, format!("cannot unpack: {error}")))?;
        Array::within(file, place, 0, length).map(Some)
    }
}

/// A `.npz` while it is written, array by array, uncompressed. Equal arrays are equal bytes.
pub struct ArchiveWriter<W: Write + Seek>(ZipWriter<W>);

impl<W: Write + Seek> ArchiveWriter<W> {
    /// Into an empty file.
    pub fn new(to: W) -> Self {
        Self(ZipWriter::new(to))
    }

    /// Starts an array; its elements are written next.
    ///
    /// # Errors
    /// What writing gives.
    pub fn start(&mut self, name: &str, header: &Header) -> std::io::Result<&mut (impl Write + use<W>)> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(header.bytes().is_none_or(|bytes| bytes > 3 << 30));
        self.0.start_file(format!("{name}.npy"), options)?;
        self.0.write_all(&header.written())?;
        Ok(&mut self.0)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What writing gives.
    pub fn finish(self) -> std::io::Result<W> {
        Ok(self.0.finish()?)
    }
}
