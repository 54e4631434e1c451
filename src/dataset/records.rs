//! A CSV's records with their lines, read piece by piece: of a table of a million rows nothing is held that its segments do not hold.

use std::fs::File;
use std::io::{Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::str::from_utf8;

use csv::StringRecord;

use super::Findings;
use crate::{Error, Result, fs};

/// Bytes that are read at once.
const PIECE: usize = 1 << 16;

const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The text of a file without a byte-order mark, that of the lines which are not counted yet included.
struct Text {
    file: Chain<Cursor<Vec<u8>>, File>,
    /// What was read; of it `counted` bytes are counted, and `checked` ones are UTF-8.
    kept: Vec<u8>,
    counted: usize,
    checked: usize,
    /// Bytes before `kept`, those of a byte-order mark aside.
    before: u64,
    mark: u64,
    line: usize,
}

impl Text {
    fn open(path: &Path) -> Result<Self> {
        let (mut file, mut first) = (fs::open(path, "a file")?, Vec::new());
        let read = file.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut first);
        read.map_err(|error| Error::unread(path, error, "a file"))?;
        let mark = if first == BYTE_ORDER_MARK { std::mem::take(&mut first).len() as u64 } else { 0 };
        let file = Cursor::new(first).chain(file);
        Ok(Self { file, kept: Vec::new(), counted: 0, checked: 0, before: 0, mark, line: 1 })
    }

    /// The line of a record of which the CSV's reader says that it begins at `byte`: that is where it stood before ends of lines and empty lines.
    fn line(&mut self, byte: u64) -> usize {
        let begins = (byte.saturating_sub(self.before) as usize).clamp(self.counted, self.kept.len());
        let begins = begins + self.kept[begins..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.line += self.kept[self.counted..begins].iter().filter(|byte| **byte == b'\n').count();
        self.counted = begins;
        self.line
    }

    /// Byte of the file up to which it is text, where it is not to its end.
    fn check(&mut self, ended: bool) -> std::result::Result<(), u64> {
        match from_utf8(&self.kept[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) => {
                self.checked += error.valid_up_to();
                // the rest of a character may come
                if ended || error.error_len().is_some() {
                    return Err(self.mark + self.before + self.checked as u64);
                }
            }
        }
        Ok(())
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        let done = self.counted.min(self.checked);
        self.kept.drain(..done);
        self.before += done as u64;
        (self.counted, self.checked) = (self.counted - done, self.checked - done);
        self.kept.extend_from_slice(&buffer[..count]);
        let not_text = |byte| std::io::Error::other(format!("byte {byte}: not UTF-8; expected text"));
        self.check(count == 0 && !buffer.is_empty()).map_err(not_text)?;
        Ok(count)
    }
}

/// A CSV's records one after the other.
pub(super) struct Records {
    path: PathBuf,
    reader: csv::Reader<Text>,
    has_header: bool,
    header: StringRecord,
}

impl Records {
    /// # Errors
    /// [`Error::Input`] where it cannot be read, or a column stands twice.
    pub(super) fn open(path: &Path, has_header: bool) -> Result<Self> {
        let text = Text::open(path)?;
        let mut builder = csv::ReaderBuilder::new();
        let builder = builder.has_headers(has_header).flexible(true).buffer_capacity(PIECE);
        let mut reader = builder.from_reader(text);
        let header =
            if has_header { reader.headers().map_err(|error| unread(path, error))?.clone() } else { StringRecord::new() };
        let twice = header.iter().enumerate().find(|(place, name)| header.iter().take(*place).any(|other| other == *name));
        if let Some((_, name)) = twice {
            return Err(Error::input(path.display(), format!("line 1: column {name:?} stands twice; expected it once")));
        }
        Ok(Self { path: path.into(), reader, has_header, header })
    }

    pub(super) fn header(&self) -> &StringRecord {
        &self.header
    }

    /// Reads the next record, and gives its line; none after the last. What is wrong with single records is put into `findings`.
    ///
    /// # Errors
    /// [`Error::Input`] where the file cannot be read, or is no text.
    pub(super) fn next(&mut self, record: &mut StringRecord, findings: &mut Findings) -> Result<Option<usize>> {
        while self.reader.read_record(record).map_err(|error| unread(&self.path, error))? {
            let begins = record.position().map_or(0, csv::Position::byte);
            let line = self.reader.get_mut().line(begins);
            if !self.has_header || record.len() == self.header.len() {
                return Ok(Some(line));
            }
            let problem = format!("line {line}: {} fields; expected {} as in the header", record.len(), self.header.len());
            findings.faults.push(Error::input(self.path.display(), problem));
        }
        Ok(None)
    }
}

fn unread(path: &Path, error: csv::Error) -> Error {
    let text = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::Other => Error::input(path.display(), error.to_string()),
        csv::ErrorKind::Io(error) => Error::unread(path, error, "a file"),
        _ => Error::input(path.display(), text),
    }
}

/// All of a CSV's records with their lines; faults of single records are kept, a file that cannot be read is an error.
pub(super) fn records(
    path: &Path,
    has_header: bool,
    findings: &mut Findings,
) -> Result<(StringRecord, Vec<(usize, StringRecord)>)> {
    let mut records = Records::open(path, has_header)?;
    let (mut all, mut record, mut shapes) = (Vec::new(), StringRecord::new(), Findings::default());
    while let Some(line) = records.next(&mut record, &mut shapes)? {
        all.push((line, record.clone()));
    }
    findings.faults.extend(shapes.faults);
    Ok((records.header, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines and records, and what is wrong.
    fn read(bytes: &[u8]) -> std::result::Result<Vec<(usize, Vec<String>)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, bytes).unwrap();
        let mut findings = Findings::default();
        let (_, records) = records(&path, false, &mut findings).map_err(|error| error.to_string())?;
        assert!(findings.faults.is_empty());
        Ok(records.into_iter().map(|(line, record)| (line, record.iter().map(str::to_owned).collect())).collect())
    }

    #[test]
    fn lines_are_counted_over_empty_ones_quotes_and_pieces() {
        let small = read(b"\xef\xbb\xbfa,1\r\n\r\n\r\nb,\"2\n\n3\"\nc,4\r\n\nd,5").unwrap();
        let expected = [(1, ["a", "1"]), (4, ["b", "2\n\n3"]), (7, ["c", "4"]), (9, ["d", "5"])];
        assert_eq!(small, expected.map(|(line, fields)| (line, fields.map(str::to_owned).to_vec())));
        // more than a piece, with characters of two to four bytes at its ends
        for shift in 0..4 {
            let text: String =
                (0..30_000).map(|i| format!("{i},ä€𝄞{}\n{}", "x".repeat(shift), if i % 7 == 0 { "\r\n" } else { "" })).collect();
            assert!(text.len() > 4 * PIECE);
            let mut line = 1;
            for (i, (found, record)) in read(text.as_bytes()).unwrap().into_iter().enumerate() {
                assert_eq!((found, record[0].parse()), (line, Ok(i)));
                line += if i % 7 == 0 { 2 } else { 1 };
            }
        }
    }

    #[test]
    fn what_is_no_text_is_named_by_its_byte() {
        let long = [b"\xef\xbb\xbf".to_vec(), b"abc,d\n".repeat(30_000)].concat();
        let refused = |bytes: &[u8]| read(bytes).unwrap_err();
        for (tail, at) in [(&b"a\xff,b\n"[..], 1), (b"\xe2\x82", 0), (b"ab\xe2\x82,\n", 2)] {
            let said = refused(&[&long, tail].concat());
            assert!(said.ends_with(&format!("t.csv: byte {}: not UTF-8; expected text", long.len() + at)), "{said}");
        }
        assert!(refused(b"\xff").ends_with("t.csv: byte 0: not UTF-8; expected text"));
    }
}
