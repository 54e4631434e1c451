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


def encode(path, size, rate, seconds, key, options, seed):
    """A moving test card over drifting colours, with grain, so that neither motion nor residue is trivial."""
    graph = (f"gradients=size={size}:rate={rate}:duration={seconds}:speed=0.01:seed={seed + 1},format=yuv420p[a];"
             f"testsrc2=size={size}:rate={rate}:duration={seconds},format=yuv420p,rotate=0.2*sin({1 + seed}*t/2):c=gray[b];"
             f"[a][b]blend=all_mode=average,noise=alls=5:allf=t:all_seed={seed}")
    part = path.with_suffix(".part.mp4")
    subprocess.run(["ffmpeg", "-y", "-v", "error", "-filter_complex", graph, "-c:v", "libx264", "-preset", "veryfast", "-b:v", SIZES[size],
                    "-g", str(key), *options, "-movflags", "+faststart", str(part)], check=True)
    part.rename(path)


def segments(path, seconds, count, seed):
    random = np.random.default_rng(seed)
    lengths = random.uniform(2, 4, count).round(2)
    starts = np.sort((random.uniform(0, 1, count) * (seconds - lengths - 0.2)).round(2))
    return [(str(path), float(s), float(round(s + n, 2))) for s, n in zip(starts, lengths)]


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
                    encode(path, size, 60, 12, key, options, seed)
                rows += segments(path, 12, 4, seed)
            write_segments(folder / f"{size}-{name}.csv", rows)
            print(f"{size}-{name}: {len(rows)} segments", flush=True)
    for size in ["456x256", *(["1920x1080"] if dense1080 else [])]:
        path = folder / f"dense-{size}.mp4"
        if not path.exists():
            encode(path, size, 60, 600, 250, THREE, 9)
        write_segments(folder / f"dense-{size}.csv", segments(path, 600, 300, 9))
        print(f"dense-{size}: 300 segments", flush=True)
