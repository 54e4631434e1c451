//! Random batches and scans of a feature store beside the same rows in plain memory, and a store's writing beside that of plain files.
//! `benches/peers/store.py` drives it.
//!
//! ```text
//! gather write STORE F32 WIDTH [F32 WIDTH …] [--f16] [--rows N] [--shard-bytes N]    arrays of little-endian f32, a modality each; seconds
//! gather plain FOLDER STORE         a store's bytes, from memory, as plain files that are synced; seconds
//! gather open STORE                 seconds
//! gather serve STORE                commands, one a line, each answered by a line:
//!     random READER THREADS FILE    seconds for batches of 64 of the rows in FILE (u32)
//!     fresh READER THREADS FILE     the same, of a store that was just opened
//!     scan READER THREADS           seconds for all rows in order, in batches of 64
//!     check READER FILE OUT         writes the batch of the rows in FILE to OUT, modality by modality
//! ```
//! Readers: `store`, `memory` (a copy loop), `huge` (the same on huge pages); `store-f32`, `memory-f32`: values as f32.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Instant;

use half::slice::HalfFloatSliceExt;
use memmap2::MmapMut;
use mmdg::manifest::{Manifest, Segment};
use mmdg::modality::Kind;
use mmdg::sample::{Data, Dtype, Made, Row};
use mmdg::span::Span;
use mmdg::store::{ModalityHeader, Plan, Store, Writer};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const BATCH: usize = 64;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", store, ref rest @ ..] => println!("{}", write(Path::new(store), rest)?),
        ["plain", folder, store] => println!("{}", plain(Path::new(folder), Path::new(store))?),
        ["open", store] => {
            let began = Instant::now();
            let store = Store::open(Path::new(store))?;
            println!("{} {}", began.elapsed().as_secs_f64(), store.len());
        }
        ["serve", store] => serve(Path::new(store))?,
        _ => return Err("gather write|plain|open|serve …: see the head of examples/gather.rs".into()),
    }
    Ok(())
}

fn u32s(path: &str) -> Outcome<Vec<usize>> {
    Ok(bytemuck::pod_collect_to_vec::<u8, u32>(&std::fs::read(path)?).into_iter().map(|row| row as usize).collect())
}

/// One modality's rows copied into memory.
struct Copied {
    row_bytes: usize,
    small: Vec<u8>,
    huge: MmapMut,
}

impl Copied {
    fn of(store: &Store, modality: &str) -> Outcome<Self> {
        let rows = store.modality(modality)?;
        let row_bytes = rows.bytes(0).len();
        let mut small = Vec::with_capacity(store.len() * row_bytes);
        (0..store.len()).for_each(|row| small.extend_from_slice(rows.bytes(row)));
        let mut huge = MmapMut::map_anon(small.len())?;
        huge.advise(memmap2::Advice::HugePage)?;
        huge.copy_from_slice(&small);
        Ok(Self { row_bytes, small, huge })
    }
}

fn copy(from: &[u8], row_bytes: usize, rows: &[usize], out: &mut [u8]) {
    for (&row, out) in rows.iter().zip(out.chunks_exact_mut(row_bytes)) {
        out.copy_from_slice(&from[row * row_bytes..][..row_bytes]);
    }
}

struct Server {
    store: Store,
    names: Vec<String>,
    copied: Arc<Vec<Copied>>,
}

impl Server {
    /// Reads a batch of modality `m`; `as_f32` has room for its values, `out` for its bytes.
    fn read(&self, reader: &str, m: usize, rows: &[usize], out: &mut [u8], as_f32: &mut [f32]) -> Outcome<()> {
        let (modality, copied) = (self.store.modality(&self.names[m])?, &self.copied[m]);
        match reader {
            "store" => modality.gather_bytes(rows, out),
            "store-f32" => modality.gather(rows, as_f32),
            "memory" => copy(&copied.small, copied.row_bytes, rows, out),
            "huge" => copy(&copied.huge, copied.row_bytes, rows, out),
            "memory-f32" => {
                let values: &[half::f16] = bytemuck::cast_slice(&copied.small);
                let width = copied.row_bytes / 2;
                for (&row, out) in rows.iter().zip(as_f32.chunks_exact_mut(width)) {
                    values[row * width..][..width].convert_to_f32_slice(out);
                }
            }
            _ => return Err(format!("no reader {reader:?}").into()),
        }
        Ok(())
    }

    /// Seconds for all batches, dealt out to `threads` in turn; what threads set up is not counted.
    fn time(&self, reader: &str, threads: usize, rows: &[usize]) -> Outcome<f64> {
        let barrier = Barrier::new(threads + 1);
        let work = |thread: usize| {
            let room: Vec<usize> = self.copied.iter().map(|copied| copied.row_bytes * BATCH).collect();
            let mut out: Vec<Vec<u8>> = room.iter().map(|&bytes| vec![1; bytes]).collect();
            let mut as_f32: Vec<Vec<f32>> = room.iter().map(|&bytes| vec![1.0; bytes / 2]).collect();
            barrier.wait();
            let mut outcome = Ok(());
            for batch in rows.chunks_exact(BATCH).skip(thread).step_by(threads) {
                for m in 0..self.names.len() {
                    outcome = outcome.and(self.read(reader, m, batch, &mut out[m], &mut as_f32[m]));
                }
            }
            barrier.wait();
            outcome
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|thread| {
                    scope.spawn({
                        let work = &work;
                        move || work(thread)
                    })
                })
                .collect();
            barrier.wait();
            let began = Instant::now();
            barrier.wait();
            let seconds = began.elapsed().as_secs_f64();
            for worker in workers {
                worker.join().map_err(|_| "a reader panicked")??;
            }
            Ok(seconds)
        })
    }
}

fn serve(path: &Path) -> Outcome<()> {
    let store = Store::open(path)?;
    let names: Vec<String> = store.header().modalities.iter().map(|modality| modality.name.clone()).collect();
    let copied = Arc::new(names.iter().map(|name| Copied::of(&store, name)).collect::<Outcome<_>>()?);
    let server = Server { store, names, copied };
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["random", reader, threads, file] => println!("{}", server.time(reader, threads.parse()?, &u32s(file)?)?),
            ["fresh", reader, threads, file] => {
                let fresh = Server { store: Store::open(path)?, names: server.names.clone(), copied: server.copied.clone() };
                println!("{}", fresh.time(reader, threads.parse()?, &u32s(file)?)?);
            }
            ["scan", reader, threads] => {
                let rows: Vec<usize> = (0..server.store.len()).collect();
                println!("{}", server.time(reader, threads.parse()?, &rows)?);
            }
            ["check", reader, file, out] => {
                let (rows, mut file) = (u32s(file)?, std::fs::File::create(out)?);
                for m in 0..server.names.len() {
                    let mut bytes = vec![1; rows.len() * server.copied[m].row_bytes];
                    let mut values = vec![1.0; bytes.len() / 2];
                    server.read(reader, m, &rows, &mut bytes, &mut values)?;
                    file.write_all(if reader.ends_with("f32") { bytemuck::cast_slice(&values) } else { &bytes })?;
                }
                println!("written");
            }
            _ => return Err(format!("what is {line:?}?").into()),
        }
    }
    Ok(())
}

fn write(path: &Path, arguments: &[&str]) -> Outcome<f64> {
    let (mut arrays, mut dtype, mut row_count, mut shard_bytes) = (Vec::new(), Dtype::F32, usize::MAX, None);
    let mut rest = arguments.iter();
    while let Some(&argument) = rest.next() {
        match argument {
            "--f16" => dtype = Dtype::F16,
            "--rows" => row_count = rest.next().ok_or("how many?")?.parse()?,
            "--shard-bytes" => shard_bytes = Some(rest.next().ok_or("how many?")?.parse()?),
            file => {
                let width: usize = rest.next().ok_or("how wide?")?.parse()?;
                arrays.push((bytemuck::pod_collect_to_vec::<u8, f32>(&std::fs::read(file)?), width));
            }
        }
    }
    let (values, width) = arrays.first().ok_or("no arrays")?;
    let segment = |row: usize| Segment::new(format!("row-{row:07}"), format!("{row:07}.mp4"), Span::WHOLE);
    let segments = (0..row_count.min(values.len() / width)).map(segment).collect();
    let manifest = Manifest::new("rows", vec!["class".into()], vec!["domain".into()], segments)?;
    let modalities = [("video", Kind::Video), ("audio", Kind::Audio)].iter().zip(&arrays).map(|((name, kind), (_, width))| {
        ModalityHeader { name: (*name).into(), kind: *kind, dtype, shape: vec![*width as u64], times: 0, views: None }
    });
    let plan = Plan { holds: "features", manifest, modalities: modalities.collect(), recipe: serde_json::json!({}), shard_bytes };
    let began = Instant::now();
    let writer = Writer::open(path, &plan)?;
    for shard in 0..writer.shards() {
        for (m, (values, width)) in arrays.iter().enumerate() {
            let file = writer.shard(m, shard)?;
            let [first, end] = writer.rows(shard);
            for row in first..end {
                let data = Data::F32(values[row as usize * width..][..*width].to_vec());
                let made = Made { span: [0.0, 1.0], times: Vec::new(), made_by: "gather".into(), partial: None };
                file.write(row, Ok(&Row { data, made }))?;
            }
            file.commit()?;
        }
    }
    writer.finish()?;
    Ok(began.elapsed().as_secs_f64())
}

/// Everything below `folder`, path by path.
fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

fn plain(folder: &Path, store: &Path) -> Outcome<f64> {
    let contents = files(store)?.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    std::fs::create_dir_all(folder)?;
    let began = Instant::now();
    for (i, bytes) in contents.iter().enumerate() {
        let mut file = std::fs::File::create(folder.join(i.to_string()))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    Ok(began.elapsed().as_secs_f64())
}
