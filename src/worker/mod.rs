//! Who makes rows: this process, or supervised children of it, so that a decoder that crashes, hangs or asks for absurd
//! memory takes down only its own row.

mod carried;
mod child;
#[cfg(feature = "cli")]
pub mod fork_server;
mod scratch;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Failure};
use crate::manifest::Segment;
use crate::media::decode::Decoders;
use crate::pipeline::{Spawner, panic_text};
use crate::preset::maker::{Maker, ModalitySettings, makers};
use crate::sample::{Made, Sink};
use crate::source::Source;
use crate::store::Target;
use crate::{Result, fs};
use child::{Child, Lost};
pub use scratch::Scratch;

/// What a child has to know before its first job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Name of the data set.
    pub dataset: String,
    /// What rows are made of.
    pub modalities: BTreeMap<String, ModalitySettings>,
}

/// Rows of one modality that have one source, to be written into an existing file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Place of the modality in the session.
    pub maker: usize,
    /// Where the samples come from.
    pub source: Source,
    /// In order of their start.
    pub segments: Vec<Segment>,
    /// The row of each, counted from the file's first.
    pub rows: Vec<u64>,
    /// The file.
    pub target: Target,
}

impl Job {
    /// Only one of its segments.
    fn alone(&self, place: usize) -> Self {
        Self { segments: vec![self.segments[place].clone()], rows: vec![self.rows[place]], ..self.clone() }
    }
}

/// Writes rows into their places and tells what came of each.
struct FileSink<'a> {
    file: fs::RowFile,
    job: &'a Job,
    told: &'a mut dyn FnMut(usize, Result<Made, Failure>) -> Result<()>,
}

impl Sink for FileSink<'_> {
    fn put(&mut self, row: usize, at: u64, bytes: &[u8]) -> Result<()> {
        self.job.target.put(&self.file, self.job.rows[row], at, bytes)
    }

    fn end(&mut self, row: usize, outcome: Result<Made, Failure>) -> Result<()> {
        (self.told)(row, outcome)
    }
}

/// Makes the rows of a job here.
fn perform(makers: &[Maker], job: &Job, told: &mut dyn FnMut(usize, Result<Made, Failure>) -> Result<()>) -> Result<()> {
    let mut sink = FileSink { file: fs::RowFile::open(&job.target.path)?, job, told };
    let segments: Vec<&Segment> = job.segments.iter().collect();
    makers[job.maker].preset.make(&Decoders, &job.source, &segments, &mut sink)
}

/// Those who make rows.
pub struct WorkerPool<'a> {
    session: Session,
    makers: Vec<Maker>,
    spawner: Option<&'a dyn Spawner>,
    idle: Mutex<Vec<Child<'a>>>,
    patience: Duration,
}

impl<'a> WorkerPool<'a> {
    /// Children of `spawner`, or without one this process, where nothing is limited and a crash is everybody's. A row that takes
    /// longer than `patience` fails.
    ///
    /// # Errors
    /// As [`makers`].
    pub fn new(session: Session, spawner: Option<&'a dyn Spawner>, patience: Duration) -> Result<Self> {
        let makers = makers(&session.modalities, &session.dataset)?;
        Ok(Self { session, makers, spawner, idle: Mutex::default(), patience })
    }

    /// The modalities, in the session's order.
    pub fn makers(&self) -> &[Maker] {
        &self.makers
    }

    /// Makes the rows of a job; `told` gets the outcome of each, by its place in the job, once. What takes a pass over several down with it is
    /// found by making those that were not done one by one.
    ///
    /// # Errors
    /// Those of `told`, and what keeps all work from going on.
    pub fn make(&self, job: &Job, told: &mut dyn FnMut(usize, Result<Made, Failure>) -> Result<()>) -> Result<()> {
        let mut done = vec![false; job.segments.len()];
        let mut lost = self.attempt(job, &mut |place, outcome| {
            done[place] = true;
            told(place, outcome)
        })?;
        let left: Vec<usize> = (0..done.len()).filter(|&place| !done[place]).collect();
        // one that was silent has had its time; one that died may have been killed
        if let [place] = left[..]
            && let (1, Some(lost)) = (done.len(), lost.take_if(|lost| !matches!(lost, Lost::Gone)))
        {
            return told(place, Err(lost.into()));
        }
        for place in left {
            let mut ended = false;
            let lost = self.attempt(&job.alone(place), &mut |_, outcome| {
                ended = true;
                told(place, outcome)
            })?;
            if !ended {
                let lost = lost.map_or_else(unfinished, Failure::from);
                told(place, Err(lost))?;
            }
        }
        Ok(())
    }

    /// Makes one row in memory: what came of it, and the bytes of its data and views.
    ///
    /// # Errors
    /// As [`make`](Self::make).
    pub fn row(&self, maker: usize, source: Source, segment: &Segment) -> Result<(Result<Made, Failure>, Vec<u8>)> {
        let mut bytes = vec![0; self.makers[maker].preset.row().bytes() as usize];
        let memory = Scratch::new(1, bytes.len() as u64, 0)?;
        let mut outcome = Err(unfinished());
        let job = Job { maker, source, segments: vec![segment.clone()], rows: vec![0], target: memory.target() };
        self.make(&job, &mut |_, made| {
            outcome = made;
            Ok(())
        })?;
        memory.read(0, &mut bytes)?;
        Ok((outcome, bytes))
    }

    fn attempt(&self, job: &Job, told: &mut dyn FnMut(usize, Result<Made, Failure>) -> Result<()>) -> Result<Option<Lost>> {
        let Some(spawner) = self.spawner else {
            let performed = std::panic::AssertUnwindSafe(|| perform(&self.makers, job, told));
            return match std::panic::catch_unwind(performed) {
                Ok(outcome) => outcome.map(|()| None),
                Err(panic) => Ok(Some(Lost::Panicked(panic_text(&*panic)))),
            };
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut child = match idle {
            Some(child) => child,
            None => Child::start(spawner, &self.session, self.patience)?,
        };
        let lost = child.perform(job, self.patience, told)?;
        if matches!(lost, None | Some(Lost::Panicked(_))) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        }
        Ok(lost)
    }
}

fn unfinished() -> Failure {
    Failure { code: Code::Internal, message: "a defect of mmdg: the row was neither made nor refused".into() }
}
