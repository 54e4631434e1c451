//! Times training steps on random features; `benches/peers/train.py` drives it. Arguments are the device
//! [default: cpu] and whose kernels multiply in encoders [default: auto]. Commands come one a line and are answered by a line:
//!
//! ```text
//! BALANCE RUNS WORKERS THREADS STEPS    seconds, on the clock and of processors, for so many steps of each of RUNS runs, as cohorts
//!                                       of RUNS / WORKERS runs in as many threads, each with THREADS of libtorch's; or
//!                                       METHOD+BALANCE, where BALANCE alone is of erm
//! reading RUNS WORKERS THREADS STEPS    the same for what a step starts with, gathering its batch and standardising it
//! ```
//! Batches of 64 of 4096 rows, encoders 2304→512→512 and 512→512→512, 8 classes, 2 sources, f32, dropout 0.5, Adam.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

use mmdg::hyperparameters::Hyperparameters;
use mmdg::manifest::{Labels, Split};
use mmdg::objective::{Heads, Shape};
use mmdg::rng::Stream;
use mmdg::task::Classification;
use mmdg::train::cohort::{Cohort, Run};
use mmdg::train::model::Design;
use mmdg::train::products::ProductsWord;
use mmdg::train::{DomainTask, FeatureTable, Numbers, Optimizer, Pick, TableModality, TargetSplit};
use mmdg::{balance, method};
use tch::{Device, Kind};

const ROWS: usize = 4096;
const BATCH: usize = 64;
const CLASSES: usize = 8;
const WIDTHS: [(&str, usize); 2] = [("video", 2304), ("audio", 512)];

fn main() -> Result<(), Box<dyn Error>> {
    let table = table()?;
    let task = Arc::new(DomainTask::leave_out(&table, &[0, 1], 2, TargetSplit::All)?);
    let argument = |place| std::env::args().nth(place);
    let device = mmdg::train::device::find(&argument(1).unwrap_or_else(|| "cpu".into()))?;
    let kernels: ProductsWord = toml::Value::from(argument(2).unwrap_or_else(|| "auto".into())).try_into()?;
    mmdg::allocator::keep_freed_memory();
    let mut cohorts: HashMap<String, Vec<Cohort>> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [balance, runs, workers, threads, steps] = words[..] else { return Err(format!("{line:?}: not a command").into()) };
        let (runs, workers, threads, steps): (usize, usize, i32, usize) =
            (runs.parse()?, workers.parse()?, threads.parse()?, steps.parse()?);
        tch::set_num_threads(threads);
        let key = format!("{balance} {runs} {workers}");
        if !cohorts.contains_key(&key) {
            let made: Result<Vec<_>, _> = (0..workers)
                .map(|_| {
                    cohort(&table, &task, if balance == "reading" { "none" } else { balance }, runs / workers, device, kernels)
                })
                .collect();
            cohorts.insert(key.clone(), made?);
        }
        let group = cohorts.get_mut(&key).ok_or("lost")?;
        let (start, used) = (Instant::now(), processor_seconds());
        std::thread::scope(|scope| {
            for cohort in group {
                scope.spawn(move || {
                    tch::set_num_threads(threads);
                    match balance {
                        "reading" => cohort.read(0, steps),
                        _ => {
                            let (sums, _) = cohort.steps(0, steps);
                            sums.sum(Kind::Float).double_value(&[]); // the device is done
                        }
                    }
                });
            }
        });
        println!("{} {}", start.elapsed().as_secs_f64(), processor_seconds() - used);
    }
    Ok(())
}

/// Processor time of this process.
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time`
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn table() -> mmdg::Result<FeatureTable> {
    let rows = ROWS + 2 * CLASSES; // with some to select on and some to test on
    let stream = Stream::new(0);
    let modality = |&(name, width): &(&str, usize)| {
        let values = (0..(rows * width) as u32).map(|i| stream.with(name).uniform(i)).collect();
        TableModality::new(name, width, values, vec![true; rows])
    };
    let names = |names: &[&str]| names.iter().copied().map(String::from).collect();
    let split = |i: usize| if i < ROWS { Split::Train } else { Split::Test };
    FeatureTable::new(
        Labels::classes((0..CLASSES).map(|i| i.to_string()).collect(), (0..rows).map(|i| i % CLASSES)),
        names(&["one", "two", "target"]),
        WIDTHS.iter().map(modality).collect(),
        (0..rows).map(|i| if i < ROWS + CLASSES { i / CLASSES % 2 } else { 2 }).collect(),
        (0..rows).map(split).collect(),
    )
}

fn cohort(
    table: &FeatureTable,
    task: &Arc<DomainTask>,
    balance: &str,
    runs: usize,
    device: Device,
    products: ProductsWord,
) -> mmdg::Result<Cohort> {
    let (method, balance) = balance.split_once('+').unwrap_or(("erm", balance));
    let (method, balance) = (method::builder(method)?, balance::builder(balance)?);
    let design = Design {
        shape: Shape {
            modalities: WIDTHS.map(|(name, _)| name.into()).to_vec(),
            widths: vec![512; table.modalities().len()],
            task: Classification::task(CLASSES as i64),
            domains: 2,
            hidden: 256,
            heads: Heads::default(),
        },
        inputs: WIDTHS.map(|(_, width)| width as i64).to_vec(),
        hidden: vec![512],
        layer_norm: false,
        class_weights: false,
        dropout: 0.5,
        products,
        batches: None,
        method,
        balance,
    };
    let takes = method.entry.takes.iter().chain(balance.entry.takes);
    let hyperparameters = Hyperparameters::new(takes, &BTreeMap::new()).unwrap_or_default();
    let run = |seed| Run {
        task: task.clone(),
        seed,
        epochs: 1,
        learning_rate: 1e-4,
        weight_decay: 0.0,
        numbers: Numbers::default(),
        hyperparameters: hyperparameters.clone(),
        pick: Pick::Validation,
    };
    let runs = (0..runs as u64).map(run).collect();
    Ok(Cohort::new(table, &design, Optimizer::Adam, BATCH, runs, Kind::Float, device))
}
