#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8 in its wheel)
#
# The samples that FFmpeg's AAC decoder gives for a second depend on where decoding began, for good: what the encoder left to perceptual noise
# substitution is drawn from a generator that runs on from the first packet decoded. No warm-up helps. The same for AC-3 and E-AC-3 (dither, at any
# bit rate); not for MP3 and Opus. The encoder's option aac_pns=0 gives AAC that is the same after a seek.
#
# Seen on 2026-11-30 (8 s of white noise; the second from 5 s on, decoded from the start and after a seek to 4 s; rms of the difference over rms):
#   aac 0.40   aac, aac_pns=0 0.00   ac3 0.07   eac3 0.08   mp3 0.00   opus 0.00
#
# Needs Python 3.11 with venv and pip. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v && v/bin/pip -q install av==18.1.0 numpy==2.4.6
cat > check.py <<'PYTHON'
import sys
import av
import numpy as np

RATE = 48000
NOISE = (0.3 * np.random.Generator(np.random.PCG64(1)).uniform(-1, 1, 8 * RATE)).astype(np.float32)


def write(path, codec, options):
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=RATE, options={"b": "48000", **options})
        stream.layout = "mono"
        for at in range(0, len(NOISE), 1024):
            frame = av.AudioFrame.from_ndarray(NOISE[None, at : at + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def read(path, start):
    with av.open(path) as container:
        stream = container.streams.audio[0]
        if start:
            container.seek(int(start / stream.time_base), stream=stream)
        frames = ((frame.pts, frame.to_ndarray()) for frame in container.decode(stream))
        return {pts: values for pts, values in frames if 5 <= pts * stream.time_base < 6}


seen = {}
for name, codec, options in (("aac", "aac", {}), ("aac, aac_pns=0", "aac", {"aac_pns": "0"}), ("ac3", "ac3", {}), ("eac3", "eac3", {}), ("mp3", "libmp3lame", {}), ("opus", "libopus", {})):
    path = "noise.mp4" if codec == "aac" else "noise.mkv"
    write(path, codec, options)
    whole, after = read(path, 0), read(path, 4)
    same = sorted(whole.keys() & after.keys())
    assert len(same) > 20
    a, b = (np.concatenate([found[pts].ravel() for pts in same]).astype(float) for found in (whole, after))
    seen[name] = float(np.sqrt(np.mean((a - b) ** 2) / np.mean(a**2)))
print("  ".join(f"{name} {value:.2f} " for name, value in seen.items()))
as_seen = all((seen[name] > 0.02) == (name in ("aac", "ac3", "eac3")) for name in seen)
print("as seen" if as_seen else "CHANGED")
sys.exit(not as_seen)
PYTHON
v/bin/python check.py
