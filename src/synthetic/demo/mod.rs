//! The demo data set: small videos with sound in the layout of the Human-Animal-Cartoon data set (Dong et al., NeurIPS 2023, SimMMDG), rendered
//! from a seed. Three domains, seven actions.
//!
//! The action shows in motion and in sound; the domain changes look and acoustics. Surroundings have a colour that belongs to the action, but
//! each domain has colours of its own: pictures are quickly learnt and carry over badly, while sound, blurred by noise and by
//! other actions beside, is harder to learn and carries over better. That is the imbalance between modalities that balancing methods address.

mod canvas;
mod look;
mod motion;
mod room;
mod sound;
mod take;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Action;
use crate::media::{encode, wav};
use crate::stop::Stop;
use crate::{Error, Result, fs};
use take::Take;

/// The domains, as HAC names them.
pub const DOMAINS: [&str; 3] = ["human", "animal", "cartoon"];

/// The actions in the order of HAC's labels.
pub const CLASSES: [&str; 7] = ["sleeping", "watching_tv", "eating", "drinking", "swimming", "running", "opening_door"];

/// What the demo data set is made from. Equal options give equal bytes (same binary, FFmpeg and kind of CPU).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoOptions {
    /// Seed of everything random.
    pub seed: u64,
    /// Clips of each class in each domain, 2 to 1000; a quarter of them, at least one, are test clips.
    pub clips_per_class: usize,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { seed: 0, clips_per_class: 24 }
    }
}

/// Changes with anything that changes the bytes.
const RECIPE: u32 = 1;
/// Tells that a folder is ours, and whether it is whole.
const ORIGIN: &str = "origin.json";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct DemoOrigin {
    made_by: String,
    recipe: u32,
    options: DemoOptions,
    complete: bool,
}

/// Renders the data set into `folder`: `HAC_Splits/*.csv`, `<domain>/videos/*.mp4` (160×120, 24 frames a second, 2 to 2.5 s, H.264 and AAC)
/// and `<domain>/audio/*.wav` (the same sound, 16 kHz, 16 bit).
///
/// Works in parallel over clips on the current rayon pool; the result does not depend on the number of threads. Makes only what is
/// missing where the folder already holds this data set, and finishes what an interrupted call began. `progress` is told (clips done, clips in all).
///
/// # Errors
/// [`Error::Input`] where the folder holds anything else or `clips_per_class` is out of range, [`Error::Environment`] where FFmpeg lacks an encoder,
/// [`Error::Busy`], [`Error::Interrupted`], [`Error::Io`].
pub fn write(folder: &Path, options: &DemoOptions, stop: &Stop, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<()> {
    if !(2..=1000).contains(&options.clips_per_class) {
        return Err(Error::input("clips per class", format!("{}; expected 2 to 1000", options.clips_per_class)));
    }
    fs::create_dir_all(folder)?;
    let _lock = fs::Lock::take(folder)?;
    let mut origin = DemoOrigin { made_by: "mmdg demo-data".into(), recipe: RECIPE, options: *options, complete: false };
    let complete = claim(folder, &origin)?;
    if !complete {
        write_origin(folder, &origin)?;
    }
    for domain in DOMAINS {
        fs::create_dir_all(&folder.join(domain).join("videos"))?;
        fs::create_dir_all(&folder.join(domain).join("audio"))?;
    }
    let (clips, done) = (clips(options), AtomicUsize::new(0));
    clips.par_iter().try_for_each(|clip| {
        stop.check()?;
        clip.write(folder, options.seed)?;
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, clips.len());
        Ok::<_, Error>(())
    })?;
    write_splits(folder, &clips)?;
    if complete {
        return Ok(());
    }
    origin.complete = true;
    write_origin(folder, &origin)
}

/// Whether `folder` already holds all of this data set; `false` for an empty folder or a part of it.
fn claim(folder: &Path, wanted: &DemoOrigin) -> Result<bool> {
    let path = folder.join(ORIGIN);
    if path.exists() {
        let found: DemoOrigin = serde_json::from_str(&fs::read_text(&path)?).map_err(|error| {
            Error::input(path.display(), format!("{error}; expected what `mmdg demo-data` writes, or an empty folder"))
        })?;
        if (found.recipe, found.options) != (wanted.recipe, wanted.options) {
            let show = |o: &DemoOrigin| {
                format!("recipe {}, seed {}, {} clips per class", o.recipe, o.options.seed, o.options.clips_per_class)
            };
            let problem = format!("holds a demo data set of {}; expected {}, or an empty folder", show(&found), show(wanted));
            return Err(Error::input(folder.display(), problem));
        }
        return Ok(found.complete);
    }
    for entry in std::fs::read_dir(folder).map_err(Error::io(Action::Read, folder))? {
        let name = entry.map_err(Error::io(Action::Read, folder))?.file_name();
        // what is left of a call that was killed at its very first write
        if fs::part(&path).file_name() != Some(&name) {
            let problem =
                format!("holds {:?}; expected an empty or new folder, or one that `mmdg demo-data` began", name.display());
            return Err(Error::input(folder.display(), problem));
        }
    }
    Ok(false)
}

fn write_origin(folder: &Path, origin: &DemoOrigin) -> Result<()> {
    let path = folder.join(ORIGIN);
    let text = serde_json::to_string_pretty(origin).map_err(|error| Error::input(path.display(), error.to_string()))?;
    fs::write(&path, (text + "\n").as_bytes())
}

/// One clip and the part of the data set it belongs to.
struct Clip {
    domain: usize,
    class: usize,
    number: usize,
    test: bool,
}

/// All clips: by domain, class and number.
fn clips(options: &DemoOptions) -> Vec<Clip> {
    let tests = (options.clips_per_class / 4).max(1);
    let of_class =
        |(domain, class)| (0..options.clips_per_class).map(move |number| Clip { domain, class, number, test: number < tests });
    (0..DOMAINS.len()).flat_map(|domain| (0..CLASSES.len()).map(move |class| (domain, class))).flat_map(of_class).collect()
}

impl Clip {
    fn stem(&self) -> String {
        format!("{}_{:02}", CLASSES[self.class], self.number)
    }

    fn paths(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let domain = folder.join(DOMAINS[self.domain]);
        (domain.join("videos").join(self.stem() + ".mp4"), domain.join("audio").join(self.stem() + ".wav"))
    }

    /// Renders and writes what is not there yet.
    fn write(&self, folder: &Path, seed: u64) -> Result<()> {
        let (video, audio) = self.paths(folder);
        if video.exists() && audio.exists() {
            return Ok(());
        }
        let take = Take::new(seed, self.domain, self.class, self.number);
        let sound = sound::render(&take);
        wav::write(&audio, &sound)?;
        let scene = motion::Scene::new(take);
        let size = encode::Pictures {
            width: canvas::WIDTH as u32,
            height: canvas::HEIGHT as u32,
            frame_rate: take::FRAME_RATE,
            frames: take.frames,
        };
        encode::write_mp4(&video, size, &mut |index, pixels| scene.draw(index, pixels), Some(&sound))
    }
}

/// The split tables: no header, `file,label`, lines that end in CR LF.
fn write_splits(folder: &Path, clips: &[Clip]) -> Result<()> {
    let splits = folder.join("HAC_Splits");
    fs::create_dir_all(&splits)?;
    for (index, domain) in DOMAINS.into_iter().enumerate() {
        for (split, test) in [("train", false), ("test", true)] {
            let path = splits.join(format!("HAC_{split}_only_{domain}.csv"));
            if path.exists() {
                continue;
            }
            let rows = clips.iter().filter(|clip| clip.domain == index && clip.test == test);
            let text: String = rows.map(|clip| format!("{}.mp4,{}\r\n", clip.stem(), clip.class)).collect();
            fs::write(&path, text.as_bytes())?;
        }
    }
    Ok(())
}
