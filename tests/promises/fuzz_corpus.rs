//! Each parser of ours takes what it should, refuses what it should, and survives both when damaged: the corpus of fuzz/ and 200
//! mutations of each of its files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mmdg::rng::Stream;

#[path = "../../fuzz/entry.rs"]
mod entry;

/// The longest that one input may take, in a build without optimisation on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

fn corpus(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("fuzz/corpus").join(target)];
    if target == "pickle" {
        folders.push(root.join("fixtures/pickles"));
    }
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension == "pkl"))
        .collect();
    files.sort();
    files
}

/// A few changes: bits, bytes, numbers that parsers trip over, pieces cut out, doubled or put elsewhere, an early end.
fn mutated(whole: &[u8], random: Stream) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for change in 0..=random.bits(0) % 4 {
        let draw = |i: u32| random.at(change).bits(i) as usize;
        let at = draw(0) % bytes.len().max(1);
        let end = (at + draw(1) % 32).min(bytes.len());
        match draw(2) % 8 {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << (draw(3) % 8),
            2 if !bytes.is_empty() => bytes[at] = draw(3) as u8,
            3 => {
                bytes.drain(at..end);
            }
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = draw(3) % (bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            5 => {
                const TROUBLE: [&[u8]; 8] = [
                    b"-1",
                    b"18446744073709551615",
                    b"9223372036854775808",
                    b"1e999",
                    b"nan",
                    b"\xff\xff\xff\xff",
                    b"\0",
                    b"\"\n",
                ];
                bytes.splice(at..end, TROUBLE[draw(3) % TROUBLE.len()].iter().copied());
            }
            6 => {
                // a number in a text made longer
                let digit = bytes.iter().enumerate().skip(at).find(|(_, byte)| byte.is_ascii_digit()).map(|(i, _)| i);
                if let Some(digit) = digit {
                    bytes.splice(digit..digit, [b"9", b"0"][draw(3) % 2].repeat(1 + draw(4) % 20));
                }
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

#[test]
fn seeds_are_taken_or_refused_and_no_mutation_breaks_a_parser() {
    for &(target, parse) in entry::TARGETS {
        let (mut taken, mut refused) = (0, 0);
        for (number, file) in corpus(target).iter().enumerate() {
            let whole = std::fs::read(file).unwrap();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let good = parse(&whole);
            let expected = name.starts_with("ok_") || name.ends_with(".pkl") && !name.starts_with("bad_");
            if expected || name.starts_with("bad_") {
                assert_eq!(good, expected, "{target}: {name}");
            }
            for round in 0..200 {
                let bytes = mutated(&whole, Stream::new(9).with(target).at(number as u32).at(round));
                let started = Instant::now();
                let count = if parse(&bytes) { &mut taken } else { &mut refused };
                *count += 1;
                assert!(started.elapsed() < LIMIT, "{target}: {name}, mutation {round}: {:?}", started.elapsed());
            }
        }
        assert!(taken > 10 && refused > 10, "{target}: {taken} taken, {refused} refused");
    }
}
