#!/usr/bin/env bash
# symphonia 0.6.1 (its Matroska reader); the input is made by PyAV 18.1.0 (FFmpeg 8)
#
# In a Matroska file with cues, a seek with SeekMode::Accurate ends behind the time asked for: at the start of the next cluster, up to 5 s later in
# files as FFmpeg writes them. The rest of the cluster that the cue names is passed over; only the first cluster is read rightly, and in the last
# one the seek fails (OutOfRange). The result says so (`actual_ts` is more than `required_ts`), but who takes Accurate for "at or before", as the
# documentation has it, loses the sound in between without an error. Without cues the same seeks are exact.
#
# Seen on 2026-11-30 (30 s of PCM, clusters of 2 s; milliseconds asked for and landed at):
#   with cues:    600 -> 600  3000 -> 4000  3400 -> 4000  9900 -> 10000  29700 -> OutOfRange
#   without cues: 600 -> 600  3000 -> 3000  3400 -> 3400  9900 -> 9900  29700 -> 29700
#
# Needs cargo, and Python 3.11 with venv and pip. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v && v/bin/pip -q install av==18.1.0 numpy==2.4.6
cat > make.py <<'PYTHON'
import av
import numpy as np

RATE = 16000


def write(path, options):
    with av.open(path, "w", format="matroska", options={"cluster_time_limit": "2000", **options}) as container:
        stream = container.add_stream("pcm_s16le", rate=RATE)
        stream.layout = "mono"
        for at in range(0, 30 * RATE, RATE // 10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, RATE // 10), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


write("cues.mkv", {})
# the same file with the cues' element (1C53BB6B) named void (EC) with a long length
data = open("cues.mkv", "rb").read()
at = data.rindex(b"\x1c\x53\xbb\x6b")
first = data[at + 4]
width = 9 - first.bit_length()
size = int.from_bytes(data[at + 4 : at + 4 + width], "big") - (1 << 7 * width)
size += 4 + width - 9
open("none.mkv", "wb").write(data[:at] + b"\xec" + (size | 1 << 56).to_bytes(8, "big") + data[at + 9 :])
PYTHON
v/bin/python make.py
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "seek"
version = "0.0.0"
edition = "2024"
[dependencies]
symphonia = { version = "=0.6.1", default-features = false, features = ["mkv", "pcm"] }
TOML
cat > src/main.rs <<'RUST'
use symphonia::core::errors::Error;
use symphonia::core::formats::{SeekMode, SeekTo, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::units::Time;

fn landed(path: &str, second: f64) -> String {
    let file = std::fs::File::open(path).unwrap();
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let mut format = symphonia::default::get_probe().probe(&Default::default(), stream, Default::default(), Default::default()).unwrap();
    let track = format.default_track(TrackType::Audio).unwrap().id;
    let time = Time::try_from_secs_f64(second).unwrap();
    match format.seek(SeekMode::Accurate, SeekTo::Time { time, track_id: Some(track) }) {
        Ok(_) => format.next_packet().unwrap().unwrap().pts.get().to_string(),
        Err(Error::SeekError(kind)) => format!("{kind:?}"),
        Err(error) => error.to_string(),
    }
}

fn main() {
    for path in ["cues.mkv", "none.mkv"] {
        let all: Vec<String> = [0.6, 3.0, 3.4, 9.9, 29.7].iter().map(|&s| format!("{:.0} -> {}", s * 1000.0, landed(path, s))).collect();
        println!("{}: {}", if path == "cues.mkv" { "with cues" } else { "without cues" }, all.join("  "));
    }
}
RUST
cargo run --quiet --release > seen
cat seen
cat > wanted <<'SEEN'
with cues: 600 -> 600  3000 -> 4000  3400 -> 4000  9900 -> 10000  29700 -> OutOfRange
without cues: 600 -> 600  3000 -> 3000  3400 -> 3400  9900 -> 9900  29700 -> 29700
SEEN
if cmp -s seen wanted; then echo "as seen"; else echo "CHANGED"; exit 1; fi
