"""What the looks at stores and recordings cost that find nothing wrong: median seconds of the whole program over rounds.

    cargo build --release --bins
    python3 benches/peers/checks.py DIR --rounds 5

Makes its inputs in DIR: features of 200 MB with a run trained on them, and 10,000 recordings with a store of 500 MB made of them. Needs numpy.
"""

import argparse
import shutil
import statistics
import subprocess
import time
import wave
from pathlib import Path

import numpy as np

MMDG = Path("target/release/mmdg").resolve()
TRAIN = """[train]
features = "features"
out = "runs"
epochs = 1
[protocol]
targets = ["D0"]
seeds = [0]
[[train.compare]]
name = "none"
balance = "none"
"""
CLIPS = """[data]
dataset = "table"
table = "table.csv"
[preprocess]
store = "clips"
[preprocess.modalities.audio]
preset = "log-mel"
seconds = 2.0
bins = 64
[extract]
store = "embedded"
[extract.backbones.audio]
backbone = "demo-audio"
"""


def mmdg(folder, *arguments):
    started = time.perf_counter()
    subprocess.run([MMDG, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def features(folder, rows=20_000):
    random = np.random.default_rng(0)
    own = {"ids": [f"c{i}" for i in range(rows)], "labels": [f"k{i % 8}" for i in range(rows)], "domains": [f"D{i % 3}" for i in range(rows)]}
    values = {name: random.standard_normal((rows, width), dtype=np.float32) for name, width in [("video", 1536), ("audio", 1024)]}
    np.savez(folder / "rows.npz", **values, **{key: np.array(value) for key, value in own.items()})
    mmdg(folder, "import", "features", "--modality", "video=rows.npz", "--modality", "audio=rows.npz", "-q")
    (folder / "train.toml").write_text(TRAIN)
    mmdg(folder, "train", "train.toml", "-q")


def recordings(folder, count=10_000):
    for i in range(count):
        with wave.open(str(folder / f"{i:05}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(np.full(1600, i, np.uint16).tobytes())
    rows = "".join(f"r{i},{i:05}.wav,0,,{'ab'[i % 2]},{'pq'[i // 2 % 2]}\n" for i in range(count))
    (folder / "table.csv").write_text("id,path,start,end,label,domain\n" + rows)
    (folder / "clips.toml").write_text(CLIPS)
    mmdg(folder, "preprocess", "clips.toml", "-q")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        features(folder)
        recordings(folder)
        (folder / "made").touch()

    def extract(*more):
        shutil.rmtree(folder / "embedded", ignore_errors=True)
        return mmdg(folder, "extract", "clips.toml", "-q", *more)

    jobs = {
        "start-up alone": lambda: mmdg(folder, "--version"),
        "train, all runs finished, 200 MB of features": lambda: mmdg(folder, "train", "train.toml", "-q"),
        "preprocess, store whole, 10,000 recordings": lambda: mmdg(folder, "preprocess", "clips.toml", "-q"),
        "the same, --changed ignore": lambda: mmdg(folder, "preprocess", "clips.toml", "-q", "--changed", "ignore"),
        "extract of 500 MB by a small network": extract,
        "the same, --trust": lambda: extract("--trust"),
    }
    times = {name: [] for name in jobs}
    for _ in range(arguments.rounds):
        for name, job in jobs.items():
            times[name].append(job())
    print("| work | s |\n| --- | ---: |")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.2f} |")


main()
