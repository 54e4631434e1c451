//! Segments of recordings as clips in memory: 32 frames, short side 256, the middle 224 pixels.
//!
//! ```text
//! clips [--workers N] [--out FILE] CSV      path,start,end in seconds, with a header
//! ```
//! Prints how many clips there were and a checksum; `--out` writes them as u8 `[n, 32, 224, 224, 3]` in the CSV's order.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use mmdg::error::Action;
use mmdg::error::Failure;
use mmdg::manifest::Segment;
use mmdg::media::decode::Decoders;
use mmdg::preprocess::{self, Pass};
use mmdg::preset::maker::{self, Maker};
use mmdg::sample::{Made, Sink};
use mmdg::span::Span;
use mmdg::{Error, Result};

/// Takes clips one by one, and forgets them when they are whole.
struct Clips<'a> {
    pass: &'a Pass,
    bytes: usize,
    open: HashMap<usize, Vec<u8>>,
    out: Option<&'a File>,
    /// Place in the CSV of each row.
    order: &'a [usize],
    sum: u64,
}

impl Sink for Clips<'_> {
    fn put(&mut self, row: usize, at: u64, bytes: &[u8]) -> Result<()> {
        let length = self.bytes;
        self.open.entry(row).or_insert_with(|| vec![0; length])[at as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, row: usize, outcome: Result<Made, Failure>) -> Result<()> {
        let place = self.order[self.pass.rows[row] as usize];
        if let Err(failure) = outcome {
            return Err(Error::Usage(format!("clip {place}: {failure}")));
        }
        let clip = self.open.remove(&row).unwrap_or_default();
        self.sum += clip.iter().step_by(1013).map(|&value| u64::from(value)).sum::<u64>();
        match self.out {
            Some(out) => out.write_all_at(&clip, (place * self.bytes) as u64).map_err(Error::io(Action::Write, "--out".as_ref())),
            None => Ok(()),
        }
    }
}

fn main() -> Result<()> {
    // as the processes of `preprocess` do
    mmdg::allocator::keep_freed_memory();
    let usage = || Error::Usage("clips [--workers N] [--out FILE] CSV".into());
    let (mut workers, mut out, mut table) = (1, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--workers" => workers = arguments.next().and_then(|n| n.parse().ok()).ok_or_else(usage)?,
            "--out" => out = Some(arguments.next().ok_or_else(usage)?),
            _ => table = Some(argument),
        }
    }
    let (segments, order) = segments(&table.ok_or_else(usage)?)?;
    let out = out.map(|path| File::create(&path).map_err(Error::io(Action::Create, path.as_ref()))).transpose()?;
    let modality = serde_json::from_value(serde_json::json!({"preset": "uniform", "frames": 32, "resize": 256, "crop": 224}));
    let modality = modality.map_err(|error| Error::Usage(error.to_string()))?;
    let makers = maker::makers(&BTreeMap::from([("video".to_owned(), modality)]), "table")?;
    let passes = preprocess::passes(0, &makers, &segments, [0, segments.len() as u64])?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<u64> {
        let mut sum = 0;
        while let Some(pass) = passes.get(next.fetch_add(1, Ordering::Relaxed)) {
            sum += make(&makers[0], pass, &segments, &order, out.as_ref())?;
        }
        Ok(sum)
    };
    let sums = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::Usage("a thread panicked".into()))))
            .collect()
    });
    let sums: Result<Vec<u64>> = sums;
    println!("{} clips, checksum {}", segments.len(), sums?.into_iter().sum::<u64>());
    Ok(())
}

fn make(maker: &Maker, pass: &Pass, segments: &[Segment], order: &[usize], out: Option<&File>) -> Result<u64> {
    let source = pass.source.as_ref().map_err(|failure| Error::Usage(failure.to_string()))?;
    let rows: Vec<&Segment> = pass.rows.iter().map(|&row| &segments[row as usize]).collect();
    let bytes = maker.preset.row().bytes() as usize;
    let mut clips = Clips { pass, bytes, open: HashMap::new(), out, order, sum: 0 };
    maker.preset.make(&Decoders, source, &rows, &mut clips)?;
    Ok(clips.sum)
}

/// The segments in order of recording and start, and where in the table each stood.
fn segments(table: &str) -> Result<(Vec<Segment>, Vec<usize>)> {
    let bad = |problem: String| Error::input(table, problem);
    let text = mmdg::fs::read_text(table.as_ref())?;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let mut cells = line.split(',');
        let mut cell = || cells.next().ok_or_else(|| bad(format!("line {}: expected path,start,end", number + 1)));
        let path = cell()?.to_owned();
        let mut seconds = || cell().and_then(|text| text.trim().parse::<f64>().map_err(|error| bad(format!("{text}: {error}"))));
        let span = Span::new(seconds()?, Some(seconds()?)).map_err(bad)?;
        found.push((number - 1, Segment::new(number.to_string(), path, span)));
    }
    found.sort_by(|(_, a), (_, b)| a.path.cmp(&b.path).then(a.span.start.total_cmp(&b.span.start)));
    let (order, segments) = found.into_iter().unzip();
    Ok((segments, order))
}
