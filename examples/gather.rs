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
//! Readers: `store`, `memory` (a copy loop), `huge` (the same on huge pages); `store-f32`, `memory-f32`, `loader` (`Loader::read`): values as f32.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Instant;

use half::slice::HalfFloatSliceExt;
use memmap2::MmapMut;
use mmdg::manifest::{Labels, Manifest, Segment};
use mmdg::modality::Kind;
use mmdg::sample::{Data, Dtype, Made, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::batch::{Batch, Values};
use mmdg::store::{self, Loader, ModalityHeader, Options, Plan, Store};

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
    loader: Loader,
    copied: Arc<Vec<Copied>>,
}

/// What one thread reads into, modality by modality.
struct Room {
    bytes: Vec<Vec<u8>>,
    values: Vec<Vec<f32>>,
    batch: Batch,
}

impl Server {
    fn open(path: &Path, copied: Option<Arc<Vec<Copied>>>) -> Outcome<Self> {
        let store = Arc::new(Store::open(path)?);
        let names = store.header().modalities.iter().map(|modality| &modality.name);
        let copied =
            copied.map_or_else(|| names.map(|name| Copied::of(&store, name)).collect::<Outcome<_>>().map(Arc::new), Ok)?;
        Ok(Self { loader: Loader::new(store, Options::default())?, copied })
    }

    fn room(&self, rows: usize) -> Room {
        let bytes = || self.copied.iter().map(|copied| rows * copied.row_bytes);
        Room {
            bytes: bytes().map(|n| vec![1; n]).collect(),
            values: bytes().map(|n| vec![1.0; n / 2]).collect(),
            batch: Batch::default(),
        }
    }

    fn read(&self, reader: &str, rows: &[usize], room: &mut Room) -> Outcome<()> {
        if reader == "loader" {
            return Ok(self.loader.read(0, rows, &mut room.batch)?);
        }
        let store = self.loader.store();
        for (m, (modality, copied)) in store.header().modalities.iter().zip(&*self.copied).enumerate() {
            let (bytes, values) = (&mut room.bytes[m], &mut room.values[m]);
            match reader {
                "store" => store.modality(&modality.name)?.gather_bytes(rows, bytes),
                "store-f32" => store.modality(&modality.name)?.gather(rows, values),
                "memory" => copy(&copied.small, copied.row_bytes, rows, bytes),
                "huge" => copy(&copied.huge, copied.row_bytes, rows, bytes),
                "memory-f32" => {
                    let halves: &[half::f16] = bytemuck::cast_slice(&copied.small);
                    let width = copied.row_bytes / 2;
                    for (&row, out) in rows.iter().zip(values.chunks_exact_mut(width)) {
                        halves[row * width..][..width].convert_to_f32_slice(out);
                    }
                }
                _ => return Err(format!("no reader {reader:?}").into()),
            }
        }
        Ok(())
    }

    /// Seconds for all batches, dealt out to `threads` in turn; what threads set up is not counted.
    fn time(&self, reader: &str, threads: usize, rows: &[usize]) -> Outcome<f64> {
        let barrier = Barrier::new(threads + 1);
        let work = |thread: usize| {
            let mut room = self.room(BATCH);
            barrier.wait();
            let mut batches = rows.chunks_exact(BATCH).skip(thread).step_by(threads);
            let outcome = batches.try_for_each(|batch| self.read(reader, batch, &mut room));
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
    let server = Server::open(path, None)?;
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["random", reader, threads, file] => println!("{}", server.time(reader, threads.parse()?, &u32s(file)?)?),
            ["fresh", reader, threads, file] => {
                let fresh = Server::open(path, Some(server.copied.clone()))?;
                println!("{}", fresh.time(reader, threads.parse()?, &u32s(file)?)?);
            }
            ["scan", reader, threads] => {
                let rows: Vec<usize> = (0..server.loader.rows().len()).collect();
                println!("{}", server.time(reader, threads.parse()?, &rows)?);
            }
            ["check", reader, file, out] => {
                let rows = u32s(file)?;
                let mut room = server.room(rows.len());
                server.read(reader, &rows, &mut room)?;
                let mut file = std::fs::File::create(out)?;
                for (m, features) in room.batch.modalities.iter().enumerate() {
                    match &features.values {
                        Values::F32(values) => room.values[m].clone_from(values),
                        other => return Err(format!("{other:?}; expected f32").into()),
                    }
                }
                for (bytes, values) in room.bytes.iter().zip(&room.values) {
                    let f32s = reader.ends_with("f32") || reader == "loader";
                    file.write_all(if f32s { bytemuck::cast_slice(values) } else { bytes })?;
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
    let segments: Vec<Segment> = (0..row_count.min(values.len() / width)).map(segment).collect();
    let labels = Labels::classes(vec!["class".into()], segments.iter().map(|_| 0));
    let manifest = Manifest::new("rows", labels, vec!["domain".into()], segments)?;
    let modalities = [("video", Kind::VIDEO), ("audio", Kind::AUDIO)]
        .iter()
        .zip(&arrays)
        .map(|((name, kind), (_, width))| ModalityHeader::features(name, *kind, dtype, *width as u64));
    let plan = Plan { holds: "features", manifest, modalities: modalities.collect(), recipe: serde_json::json!({}), shard_bytes };
    let began = Instant::now();
    store::write(path, &plan, &Stop::default(), |m, row| {
        let (values, width) = &arrays[m];
        let data = Data::F32(values[row as usize * width..][..*width].to_vec());
        Ok(Row { data, made: Made { span: [0.0, 1.0], times: Vec::new(), made_by: "gather".into(), partial: None } })
    })?;
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
