//! Batches of a store's rows: chosen, in a seeded order, read ahead.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::batch::{Batch, Features};
use super::reader::{Rows, Store};
use crate::manifest::{Labels, Manifest, Split};
use crate::rng::Stream;
use crate::{Error, Result};

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they lie in the store.
    Rows,
    /// Every row once, shuffled by seed and epoch.
    #[default]
    Shuffled,
    /// As many draws as rows, from each domain in turn: a batch holds as many of one as of another, give or take one. Each
    /// domain is gone through shuffled, and again where it is used up.
    Domains,
    /// The same by class.
    Classes,
}

/// Which rows, and how they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Names; empty for all.
    pub modalities: Vec<String>,
    /// Names of the domains whose rows come; empty for all.
    pub domains: Vec<String>,
    /// Splits whose rows come; empty for all.
    pub splits: Vec<Split>,
    /// Leaves out rows that lack one of the modalities.
    pub complete: bool,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Order of rows.
    pub order: Order,
    /// Leaves out a last batch of fewer rows.
    pub drop_last: bool,
    /// Gives f16 as it is stored, in place of f32.
    pub raw: bool,
    /// In place of a row one of its training views, drawn by seed, epoch and row; all modalities of a row draw alike, those without views stay.
    pub views: bool,
    /// Threads that read; 0 for the one that asks.
    pub threads: usize,
    /// Batches that are read ahead of the one asked for; at least one a thread is.
    pub ahead: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            modalities: Vec::new(),
            domains: Vec::new(),
            splits: Vec::new(),
            complete: false,
            batch_size: 64,
            seed: 0,
            order: Order::default(),
            drop_last: false,
            raw: false,
            views: false,
            threads: 0,
            ahead: 0,
        }
    }
}

/// Makes epochs of batches. Equal options and epoch give equal batches, whatever the number of threads. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Loader(Arc<LoaderPlan>);

#[derive(Debug)]
struct LoaderPlan {
    store: Arc<Store>,
    options: Options,
    /// Rows in question, in order.
    rows: Vec<usize>,
    /// Names of the modalities.
    modalities: Vec<String>,
}

impl Loader {
    /// Chooses the rows.
    ///
    /// # Errors
    /// [`Error::Input`] for a name that the store does not have, a batch size of 0, an order by class of
    /// labels that are values, or where no row is left.
    pub fn new(store: Arc<Store>, options: Options) -> Result<Self> {
        let manifest = store.manifest();
        let input = |problem: String| Error::input(store.folder().display(), problem);
        if options.batch_size == 0 {
            return Err(input("batches of 0 rows; expected at least 1".into()));
        }
        if let (Order::Classes, Labels::Values { .. }) = (options.order, &manifest.labels) {
            return Err(input("an order by class, while its labels are values; expected another order".into()));
        }
        let mut domains = vec![options.domains.is_empty(); manifest.domains.len()];
        for name in &options.domains {
            let place = manifest.domains.iter().position(|domain| domain == name);
            let unknown = || input(format!("no domain {name:?}; expected one of {}", manifest.domains.join(", ")));
            domains[place.ok_or_else(unknown)?] = true;
        }
        let modalities = match options.modalities.as_slice() {
            [] => store.header().modalities.iter().map(|modality| modality.name.clone()).collect(),
            names => names.to_vec(),
        };
        let shown = modalities.iter().map(|name| store.modality(name)).collect::<Result<Vec<Rows<'_>>>>()?;
        if options.views && shown.iter().all(|rows| rows.header().views.is_none()) {
            return Err(input(format!(
                "no training views of {}; expected a modality made with views = K",
                modalities.join(", ")
            )));
        }
        let wanted = |&row: &usize| {
            let segment = &manifest.segments[row];
            domains[segment.domain]
                && (options.splits.is_empty() || options.splits.contains(&segment.split))
                && !(options.complete && shown.iter().any(|rows| !rows.valid(row)))
        };
        let rows: Vec<usize> = (0..store.len()).filter(wanted).collect();
        if rows.is_empty() {
            return Err(input("no row is of these domains and splits; expected at least one".into()));
        }
        Ok(Self(Arc::new(LoaderPlan { store, options, rows, modalities })))
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// The rows in question, in the store's order.
    pub fn rows(&self) -> &[usize] {
        &self.0.rows
    }

    /// Batches of an epoch.
    pub fn len(&self) -> usize {
        let (rows, size) = (self.0.rows.len(), self.0.options.batch_size);
        if self.0.options.drop_last { rows / size } else { rows.div_ceil(size) }
    }

    /// Whether an epoch has none: fewer rows than a batch, and the last one left out.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows in the order in which `epoch` shows them, those of a last batch that is left out too.
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let LoaderPlan { store, options, rows, .. } = &*self.0;
        let stream = self.stream("order", epoch);
        let shuffled = |rows: &[usize], stream: Stream| stream.permutation(rows.len()).into_iter().map(|i| rows[i]).collect();
        let Manifest { segments, labels, .. } = store.manifest();
        let group: &dyn Fn(usize) -> usize = match options.order {
            Order::Rows => return rows.clone(),
            Order::Shuffled => return shuffled(rows, stream),
            Order::Domains => &|row| segments[row].domain,
            Order::Classes => &|row| labels.places().get(row).map_or(0, |&place| place as usize),
        };
        let mut groups = std::collections::BTreeMap::<usize, Vec<usize>>::new();
        for &row in rows {
            groups.entry(group(row)).or_default().push(row);
        }
        let each = rows.len().div_ceil(groups.len());
        let draws = |(number, rows): (usize, &Vec<usize>)| -> Vec<usize> {
            let stream = stream.at(number as u32);
            (0..each.div_ceil(rows.len())).flat_map(|round| shuffled(rows, stream.at(round as u32))).collect()
        };
        let draws: Vec<Vec<usize>> = groups.values().enumerate().map(draws).collect();
        (0..rows.len()).map(|i| draws[i % draws.len()][i / draws.len()]).collect()
    }

    fn stream(&self, purpose: &str, epoch: u64) -> Stream {
        Stream::new(self.0.options.seed).with(purpose).at(epoch as u32).at((epoch >> 32) as u32)
    }

    /// The batches of an epoch, in order.
    ///
    /// # Errors
    /// [`Error::Environment`] where threads cannot be started.
    pub fn epoch(&self, epoch: u64) -> Result<Batches> {
        let threads = self.0.options.threads;
        let start = || {
            // a panic is told to whoever waits for the batch, by the end of its channel
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).panic_handler(|_| ()).build();
            pool.map_err(|error| Error::environment(format!("cannot start {threads} threads: {error}"), "ask for fewer"))
        };
        let pool = if threads == 0 { None } else { Some(start()?) };
        let order = self.order(epoch);
        Ok(Batches { loader: self.clone(), epoch, order, next: 0, pool, begun: VecDeque::new(), spare: Vec::new() })
    }

    /// Reads rows of the store as `epoch` shows them (which matters to views alone). What `into` holds is replaced, and its
    /// memory used again.
    ///
    /// # Errors
    /// [`Error::Input`] for a row that the store does not have; [`Error::Integrity`] for a picture that cannot be decoded.
    pub fn read(&self, epoch: u64, rows: &[usize], into: &mut Batch) -> Result<()> {
        let LoaderPlan { store, options, modalities, .. } = &*self.0;
        let segments = &store.manifest().segments;
        if let Some(row) = rows.iter().find(|&&row| row >= segments.len()) {
            return Err(Error::input(store.folder().display(), format!("no row {row}; expected 0 to {}", segments.len() - 1)));
        }
        into.rows.clear();
        into.rows.extend_from_slice(rows);
        into.labels.read(&store.manifest().labels, rows);
        into.domains.clear();
        into.domains.extend(rows.iter().map(|&row| segments[row].domain as i64));
        into.modalities.resize_with(modalities.len(), Features::default);
        let views = options.views.then(|| self.stream("views", epoch));
        for (name, features) in modalities.iter().zip(&mut into.modalities) {
            features.read(store.modality(name)?, rows, options.raw, views)?;
        }
        Ok(())
    }
}

/// The batches of one epoch.
#[derive(Debug)]
pub struct Batches {
    loader: Loader,
    epoch: u64,
    order: Vec<usize>,
    /// The batch to begin next.
    next: usize,
    pool: Option<rayon::ThreadPool>,
    begun: VecDeque<Receiver<Result<Batch>>>,
    spare: Vec<Batch>,
}

impl Batches {
    /// Takes back a batch that is done with, so that a later one uses its memory.
    pub fn recycle(&mut self, batch: Batch) {
        self.spare.push(batch);
    }

    /// The rows of a batch.
    fn rows(&self, batch: usize) -> &[usize] {
        let size = self.loader.0.options.batch_size;
        &self.order[batch * size..self.order.len().min((batch + 1) * size)]
    }

    fn begin(&mut self, pool: &rayon::ThreadPool) {
        let (loader, epoch, rows) = (self.loader.clone(), self.epoch, self.rows(self.next).to_vec());
        let mut batch = self.spare.pop().unwrap_or_default();
        let (done, wait) = channel();
        pool.spawn(move || {
            let read = loader.read(epoch, &rows, &mut batch);
            // nobody waits any more where the epoch was left early
            let _ = done.send(read.map(|()| batch));
        });
        self.begun.push_back(wait);
        self.next += 1;
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let count = self.loader.len();
        let Some(pool) = self.pool.take() else {
            let place = self.next;
            self.next += 1;
            let mut batch = self.spare.pop().unwrap_or_default();
            let read = || self.loader.read(self.epoch, self.rows(place), &mut batch).map(|()| batch);
            return (place < count).then(read);
        };
        let Options { threads, ahead, .. } = self.loader.0.options;
        while self.next < count && self.begun.len() <= ahead.max(threads) {
            self.begin(&pool);
        }
        self.pool = Some(pool);
        let lost = |_| Err(Error::environment("a thread that reads batches has ended", "this is a defect; please report it"));
        Some(self.begun.pop_front()?.recv().unwrap_or_else(lost))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.loader.len().saturating_sub(self.next) + self.begun.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}
