//! Where the recordings are, and how they are read here.

use std::path::{Path, PathBuf};

use mmdg::error::Failure;
use mmdg::media::audio::{self, Sound, Wanted};
use mmdg::media::canvas::{Canvas, Shot, Shown};
use mmdg::media::pictures;
use mmdg::signal::view::View;
use mmdg::source::{Pictures, Source};
use mmdg::span::Span;
use mmdg::track::Track;

use crate::skips::skipped;

/// Side of the pictures that are compared, pixels.
pub const SIDE: u32 = 48;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The file that the goldens call `name`, if it is there.
pub fn file(name: &str) -> Option<PathBuf> {
    let path = match name.split_once('/') {
        Some(("fixtures", name)) => root().join("fixtures/sound").join(name),
        Some(_) => root().join("../shared/data").join(name),
        None => PathBuf::from(std::env::var_os("MMDG_RECORDINGS")?).join(name),
    };
    path.is_file().then_some(path)
}

/// The inputs that are there, of those with `MMDG_ONLY` in their names if that is set; says how many are not.
pub fn there<'a>(test: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let only = std::env::var("MMDG_ONLY").unwrap_or_default();
    let (there, missing): (Vec<&str>, Vec<&str>) =
        names.filter(|name| name.contains(&only)).partition(|name| file(name).is_some());
    let (shared, missing): (Vec<&str>, Vec<&str>) =
        missing.into_iter().partition(|name| name.contains('/') && !name.starts_with("fixtures/"));
    let missing_of = |place: &str, missing: &[&str]| {
        if let Some(first) = missing.first() {
            skipped(test, &format!("{place}: {} inputs are not there, the first {first}", missing.len()));
        }
    };
    missing_of("../shared/data", &shared);
    missing_of("MMDG_RECORDINGS (make test-recordings makes them)", &missing);
    there
}

/// The sound of rows, read in one pass.
pub fn sounds(path: &Path, spans: &[Span]) -> Vec<Result<Sound, Failure>> {
    let source = Source::Sound { path: path.into(), track: Track::Default };
    let wanted: Vec<Wanted> = spans.iter().map(|&span| Wanted { span, short: false }).collect();
    let mut found: Vec<Option<Result<Sound, Failure>>> = vec![None; spans.len()];
    audio::read_rows(&source, &wanted, &mut |place, sound| {
        assert!(found[place].replace(sound).is_none(), "a row was told of twice");
        Ok(())
    })
    .unwrap();
    found.into_iter().map(|sound| sound.expect("every row is told of")).collect()
}

/// All pictures on show in a row.
#[derive(Debug, Clone)]
pub struct Strip {
    pub shown: Shown,
    /// By place among the row's times, `SIDE · SIDE · 3` bytes each.
    pub pictures: Vec<Vec<u8>>,
}

/// By row: its pictures, and what came of it.
pub struct Strips(Vec<(Vec<Vec<u8>>, Outcome)>);

type Outcome = Option<Result<Shown, Failure>>;

impl Strips {
    pub fn new(rows: usize) -> Self {
        Self(vec![(Vec::new(), None); rows])
    }

    /// What came of a row.
    pub fn outcome(self, row: usize) -> Result<Shown, Failure> {
        self.0.into_iter().nth(row).unwrap().1.expect("every row is told of")
    }
}

impl Canvas for Strips {
    fn shot(&mut self, segment: usize, place: usize, rgb: &[u8]) -> mmdg::Result<()> {
        let pictures = &mut self.0[segment].0;
        if pictures.len() <= place {
            pictures.resize(place + 1, Vec::new());
        }
        pictures[place] = rgb.to_vec();
        Ok(())
    }

    fn end(&mut self, segment: usize, outcome: Result<Shown, Failure>) -> mmdg::Result<()> {
        assert!(self.0[segment].1.replace(outcome).is_none(), "a row was told of twice");
        Ok(())
    }
}

/// The pictures of rows, read in one pass.
pub fn strips(path: &Path, spans: &[Span]) -> Vec<Result<Strip, Failure>> {
    let view = View::centre(SIDE, SIDE, true);
    let choose = |times: &[f64], _: [f64; 2]| (0..times.len()).map(|frame| Shot { frame, view, place: frame }).collect();
    let wanted: Vec<mmdg::media::canvas::Wanted<'_>> =
        spans.iter().map(|&span| mmdg::media::canvas::Wanted { span, choose: &choose }).collect();
    let mut strips = Strips::new(spans.len());
    let pictures = Pictures { path: path.into(), rate: None, track: Track::Default };
    pictures::read(&pictures, &wanted, &mut strips).unwrap();
    let strip = |(pictures, outcome): (Vec<Vec<u8>>, Outcome)| {
        let strip = outcome.expect("every row is told of").map(|shown| (shown.times.len(), shown));
        // what an earlier attempt painted past the last one's pictures is nobody's
        strip.map(|(count, shown)| Strip { shown, pictures: pictures.into_iter().take(count).collect() })
    };
    strips.0.into_iter().map(strip).collect()
}

/// Works on many files at once; gives what is wrong, in order.
pub fn each<'a>(names: &[&'a str], work: impl Fn(&'a str) -> Vec<String> + Sync) -> Vec<String> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let found = std::sync::Mutex::new(vec![Vec::new(); names.len()]);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(name) = names.get(place) else { break };
                    let wrong = work(name);
                    found.lock().unwrap()[place] = wrong;
                }
            });
        }
    });
    found.into_inner().unwrap().concat()
}
