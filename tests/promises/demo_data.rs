//! The demo data set: HAC's layout, the same bytes whatever the threads, and a folder that is never half claimed.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use mmdg::stop::Stop;
use mmdg::synthetic::demo::{CLASSES, DOMAINS, DemoOptions, write};
use mmdg::{Error, Result};

const TINY: DemoOptions = DemoOptions { seed: 5, clips_per_class: 2 };

fn render(folder: &Path, threads: usize, stop: &Stop, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| write(folder, &TINY, stop, progress))
}

/// Every file under a folder with its hash.
fn hashes(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, blake3::hash(&std::fs::read(&path).unwrap()).to_hex().to_string());
            }
        }
    }
    found
}

fn check_layout(folder: &Path) {
    for domain in DOMAINS {
        let mut of_class = [0; CLASSES.len()];
        for split in ["train", "test"] {
            let table = std::fs::read_to_string(folder.join(format!("HAC_Splits/HAC_{split}_only_{domain}.csv"))).unwrap();
            let lines: Vec<&str> = table.split_terminator("\r\n").collect();
            assert_eq!(lines.len(), CLASSES.len(), "{table:?}");
            for line in lines {
                let (file, label) = line.split_once(',').unwrap();
                of_class[label.parse::<usize>().unwrap()] += 1;
                let stem = file.strip_suffix(".mp4").unwrap();
                assert!(folder.join(domain).join("videos").join(file).metadata().unwrap().len() > 1000, "{file}");
                let wav = std::fs::read(folder.join(domain).join("audio").join(format!("{stem}.wav"))).unwrap();
                assert_eq!(wav[22..28], [1, 0, 0x80, 0x3e, 0, 0], "one channel, 16 kHz");
                assert!((44 + 2 * 32_000..=44 + 2 * 40_000).contains(&wav.len()), "2 to 2.5 s");
            }
        }
        assert_eq!(of_class, [2; CLASSES.len()]);
    }
}

#[test]
fn the_layout_is_hacs_and_the_bytes_do_not_depend_on_threads_or_on_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let count = AtomicUsize::new(0);
    render(&whole, 1, &Stop::default(), &|_, total| {
        assert_eq!(total, 42);
        count.fetch_add(1, Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(count.into_inner(), 42);
    check_layout(&whole);
    let expected = hashes(&whole);
    assert_eq!(expected.len(), 42 * 2 + 6 + 1);
    assert!(expected.keys().all(|name| !name.ends_with(".part")));

    let resumed = folder.path().join("resumed");
    let stop = Stop::default();
    let interrupted = render(&resumed, 2, &stop, &|done, _| {
        if done == 9 {
            stop.ask(15);
        }
    });
    assert!(matches!(interrupted, Err(Error::Interrupted { signal: 15 })), "{interrupted:?}");
    assert!(hashes(&resumed).len() < expected.len());
    assert!(!resumed.join("HAC_Splits").exists());
    render(&resumed, 2, &Stop::default(), &|_, _| ()).unwrap();
    assert_eq!(hashes(&resumed), expected);

    // a finished folder stays as it is; what somebody removed comes back
    let video = whole.join("animal/videos/running_01.mp4");
    let written = video.metadata().unwrap().modified().unwrap();
    std::fs::remove_file(whole.join("human/audio/eating_00.wav")).unwrap();
    std::fs::remove_dir_all(whole.join("HAC_Splits")).unwrap();
    render(&whole, 2, &Stop::default(), &|_, _| ()).unwrap();
    assert_eq!(video.metadata().unwrap().modified().unwrap(), written);
    assert_eq!(hashes(&whole), expected);
}

#[test]
fn a_folder_with_anything_else_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = |_, _| ();
    std::fs::write(folder.path().join("thesis.tex"), "mine").unwrap();
    let error = write(folder.path(), &TINY, &Stop::default(), &quiet).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("thesis.tex") && error.to_string().contains("expected"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    // another seed's data set, finished or not
    let other = folder.path().join("other");
    let stop = Stop::default();
    stop.ask(2);
    write(&other, &DemoOptions { seed: 6, ..TINY }, &stop, &quiet).unwrap_err();
    let error = write(&other, &TINY, &Stop::default(), &quiet).unwrap_err();
    assert!(error.to_string().contains("seed 6") && error.to_string().contains("seed 5"), "{error}");

    let error =
        write(&folder.path().join("few"), &DemoOptions { clips_per_class: 1, ..TINY }, &Stop::default(), &quiet).unwrap_err();
    assert!(error.to_string().contains("2 to 1000"), "{error}");
    assert!(!folder.path().join("few").exists());
}
