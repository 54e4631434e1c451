"""Videos and segment lists for decode.py, made by the ffmpeg program (libx264). 60 frames a second; key frames every 12 and every 250 frames
with B-frames, and every 12 without (`nob`); and ten minutes in one video, with 300 segments (`dense`)."""

import csv
import subprocess

import numpy as np

SIZES = {"456x256": "1000k", "1280x720": "4000k", "1920x1080": "18000k"}
# B-frames whatever the content
THREE = ["-bf", "3", "-b_strategy", "0"]
# name -> distance of key frames and encoder options
STREAMS = {"key12": (12, THREE), "key250": (250, THREE), "nob": (12, ["-bf", "0"])}


def encode(path, size, key, options, seed, seconds, times):
    """A moving test card over drifting colours, with grain, so that neither motion nor residue is trivial: `seconds` of it, `times` over."""
    graph = (f"gradients=size={size}:rate=60:duration={seconds}:speed=0.01:seed={seed + 1},format=yuv420p[a];"
             f"testsrc2=size={size}:rate=60:duration={seconds},format=yuv420p,rotate=0.2*sin({1 + seed}*t/2):c=gray[b];"
             f"[a][b]blend=all_mode=average,noise=alls=5:allf=t:all_seed={seed}")
    once, part = path.with_suffix(".once.mp4"), path.with_suffix(".part.mp4")
    command = ["ffmpeg", "-y", "-v", "error"]
    subprocess.run([*command, "-filter_complex", graph, "-c:v", "libx264", "-preset", "veryfast", "-b:v", SIZES[size], "-g", str(key), *options,
                    str(once)], check=True)
    subprocess.run([*command, "-stream_loop", str(times - 1), "-i", str(once), "-c", "copy", "-movflags", "+faststart", str(part)], check=True)
    once.unlink()
    part.rename(path)


def segments(path, slot, count, seed, overlapping=False):
    """2 to 4 s each: one in each slot of `slot` seconds, or anywhere."""
    random = np.random.default_rng(seed)
    lengths = random.uniform(2, 4, count)
    starts = random.uniform(0, 1, count) * ((slot * count if overlapping else slot) - lengths - 0.2)
    starts = np.sort(starts) if overlapping else starts + slot * np.arange(count)
    return [(str(path), round(float(s), 2), round(float(s + n), 2)) for s, n in zip(starts, lengths)]


def write_segments(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("path", "start", "end"), *rows])


def read_segments(path):
    with open(path, newline="") as file:
        return [(row["path"], float(row["start"]), float(row["end"])) for row in csv.DictReader(file)]


def make(folder, dense1080):
    folder.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        for name, (key, options) in STREAMS.items():
            rows = []
            for seed in range(2):
                path = folder / f"{size}-{name}-{seed}.mp4"
                if not path.exists():
                    encode(path, size, key, options, seed, 12, 8)
                rows += segments(path, 12, 8, seed)
            write_segments(folder / f"{size}-{name}.csv", rows)
            print(f"{size}-{name}: {len(rows)} segments", flush=True)
    for size in ["456x256", *(["1920x1080"] if dense1080 else [])]:
        path = folder / f"dense-{size}.mp4"
        if not path.exists():
            encode(path, size, 250, THREE, 9, 60, 10)
        write_segments(folder / f"dense-{size}.csv", segments(path, 2, 300, 9, overlapping=True))
        print(f"dense-{size}: 300 segments", flush=True)
