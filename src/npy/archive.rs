//! Several arrays in one file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{Array, Header, broken, open};
use crate::error::Action;
use crate::{Error, Result};

/// Bytes of what stands before a member, up to its name.
const LOCAL_HEADER: usize = 30;

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
    /// [`Error::Input`] for what is no zip, is damaged, or is a file of PyTorch's.
    pub fn open(path: &Path) -> Result<Self> {
        let mut zip = ZipArchive::new(open(path)?).map_err(broken(path))?;
        let file = open(path)?;
        for place in 0..zip.len() {
            // both places that name a member have to agree, as for numpy: what an array is called is what it is
            let entry = zip.by_index_raw(place).map_err(broken(path))?;
            let mut local = vec![0; LOCAL_HEADER + entry.name_raw().len()];
            let read = file.read_exact_at(&mut local, entry.header_start());
            let length = usize::from(u16::from_le_bytes([local[26], local[27]]));
            if read.is_err() || length != entry.name_raw().len() || &local[LOCAL_HEADER..] != entry.name_raw() {
                let problem = format!(
                    "damaged: its list calls a member {:?}, the member does not",
                    String::from_utf8_lossy(entry.name_raw())
                );
                return Err(Error::input(path.display(), format!("{problem}; expected a .npz of numpy's")));
            }
        }
        let archive = Self { path: path.into(), zip };
        let pickled = |name: &str| name == "data.pkl" || name.ends_with("/data.pkl");
        if archive.names().is_empty() && archive.zip.file_names().flatten().any(|name| pickled(&name)) {
            return Err(Error::input(path.display(), torch(path)));
        }
        Ok(archive)
    }

    /// The arrays' names.
    pub fn names(&self) -> Vec<String> {
        self.zip.file_names().flatten().filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect()
    }

    /// The array `name`, if there is one, all of its bytes compared with their checksum. One that is compressed is unpacked into a file without a name.
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
        let damaged = |problem: String| Error::input(&place, format!("damaged: {problem}; expected the bytes that were written"));
        let short = |length: u64| damaged(format!("{length} bytes; its entry says {size}"));
        // to the very end, where its checksum is compared
        if let (true, Some(at)) = (stored, entry.data_start()) {
            let length = std::io::copy(&mut entry, &mut std::io::sink()).map_err(|error| damaged(error.to_string()))?;
            return if length == size { Array::within(open(&self.path)?, place, at, size).map(Some) } else { Err(short(length)) };
        }
        let mut file = tempfile::tempfile().map_err(Error::io(Action::Create, &std::env::temp_dir()))?;
        let copied = std::io::copy(&mut (&mut entry).take(size.saturating_add(1)), &mut file);
        let length = copied.map_err(|error| damaged(error.to_string()))?;
        if length == size { Array::within(file, place, 0, length).map(Some) } else { Err(short(length)) }
    }
}

/// What is said of a file of PyTorch's.
pub fn torch(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    format!(
        "a file of PyTorch's; expected an array, such as `python -c \"import numpy, torch; numpy.save('{stem}.npy', torch.load('{name}', \
         map_location='cpu').float().numpy())\"` makes of a tensor"
    )
}

/// A `.npz` while it is written, array by array, uncompressed. Equal arrays are equal bytes.
pub struct ArchiveWriter<W: Write + Seek>(ZipWriter<Once<W>>);

impl<W: Write + Seek> ArchiveWriter<W> {
    /// Into an empty file.
    pub fn new(to: W) -> Self {
        Self(ZipWriter::new(Once { to, broken: false, place: 0, end: 0 }))
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
        Ok(self.0.finish()?.to)
    }
}

/// Says once that writing failed. Afterwards it takes everything and keeps nothing: an archive that is dropped ends itself, and would print on standard
/// error that it cannot.
struct Once<W> {
    to: W,
    broken: bool,
    /// Where it is, and where it ends: an archive goes by these to its end.
    place: u64,
    end: u64,
}

impl<W> Once<W> {
    fn went_to(&mut self, place: u64) {
        self.place = place;
        self.end = self.end.max(place);
    }
}

impl<W: Write> Write for Once<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = if self.broken { bytes.len() } else { self.to.write(bytes).inspect_err(|_| self.broken = true)? };
        self.went_to(self.place + count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.broken { Ok(()) } else { self.to.flush().inspect_err(|_| self.broken = true) }
    }
}

impl<W: Seek> Seek for Once<W> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        if self.broken {
            return Ok(self.end);
        }
        let place = self.to.seek(to).inspect_err(|_| self.broken = true)?;
        self.went_to(place);
        Ok(place)
    }
}
