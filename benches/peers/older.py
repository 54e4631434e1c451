"""An older build of mmdg beside this one: processor time of the same work on the same files, in turns within each round.

    git worktree add /tmp/older ebe756c
    for tree in /tmp/older .; do (cd $tree && cargo build --release --no-default-features --features cli,media,video,hdf5 --bins --examples); done
    python3 benches/peers/older.py DIR --older /tmp/older --rounds 15

Needs the ffmpeg program, which makes the inputs in DIR on the first run. The figure is this build's user and system time over the older one's, of the
process and all its children: the median of the ratios within rounds, and a 95 % interval of that median by the binomial order statistics.
"""

import argparse
import csv
import os
import resource
import shutil
import subprocess
from pathlib import Path

JOBS = {}


def job(function):
    JOBS[function.__name__.replace("_", " ")] = function
    return function


def ffmpeg(path, *arguments):
    if not path.exists():
        partial = path.with_name("partial" + path.suffix)
        subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments), str(partial)], check=True)
        partial.rename(path)
    return path


def table(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "start", "end"], *rows])
    return path


def video(folder, size):
    width, height = size.split("x")
    source = f"testsrc2=size={size}:rate=60,noise=alls=12:allf=t"
    path = ffmpeg(folder / f"{size}.mp4", "-f", "lavfi", "-i", source, "-t", 60, "-c:v", "libx264", "-preset", "veryfast", "-g", 12, "-bf", 2)
    rows = [(path, 1.9 * i, 1.9 * i + 2 + i % 3) for i in range(29)]
    return lambda tree: [tree / "target/release/examples/clips", table(folder / f"{size}.csv", rows)]


@job
def pictures_456x256(folder):
    return video(folder, "456x256")


@job
def pictures_1280x720(folder):
    return video(folder, "1280x720")


def sound(folder, name, codec, suffix, rate, seconds):
    noise = f"anoisesrc=color=pink:amplitude=0.3:sample_rate={rate}:seed=1:duration={seconds}"
    return ffmpeg(folder / f"{name}.{suffix}", "-f", "lavfi", "-i", noise, "-ac", 1, *codec)


def log_mel(folder, name, codec, suffix, rate):
    path = sound(folder, name, codec, suffix, rate, 10)
    return lambda tree: [tree / "target/release/examples/log_mel", '{"log": "ln"}', *[path] * 300]


@job
def log_mel_from_AAC_44100(folder):
    return log_mel(folder, "aac-44100", ["-c:a", "aac", "-b:a", "96k"], "m4a", 44100)


@job
def log_mel_from_AAC_48000(folder):
    return log_mel(folder, "aac-48000", ["-c:a", "aac", "-b:a", "96k"], "m4a", 48000)


@job
def log_mel_from_wav_44100(folder):
    return log_mel(folder, "wav-44100", ["-c:a", "pcm_s16le"], "wav", 44100)


@job
def log_mel_from_wav_16000(folder):
    return log_mel(folder, "wav-16000", ["-c:a", "pcm_s16le"], "wav", 16000)


def preprocess(folder, name, rows, modality='audio]\npreset = "log-mel"\nseconds = 4.0'):
    lines = [f"r{i},{path},{start},{end},x,d,train" for i, (path, start, end) in enumerate(rows)]
    (folder / f"{name}.csv").write_text("\n".join(["id,path,start,end,label,domain,split", *lines]) + "\n")
    store = folder / f"{name}.store"
    pipeline = folder / f"{name}.toml"
    pipeline.write_text(
        f'[data]\ndataset = "table"\ntable = "{folder}/{name}.csv"\n[preprocess]\nstore = "{store}"\n'
        f"[preprocess.modalities.{modality}\n"
    )

    def command(tree):
        shutil.rmtree(store, ignore_errors=True)
        return [tree / "target/release/mmdg", "preprocess", pipeline, "--workers", "2", "--quiet"]

    return command


@job
def segments_300_of_one_m4a(folder):
    path = sound(folder, "ten-minutes", ["-c:a", "aac", "-b:a", "128k"], "m4a", 44100, 600)
    return preprocess(folder, "segments", [(path, 1.95 * i, 1.95 * i + 2 + i % 3) for i in range(300)])


@job
def files_300_of_one_segment(folder):
    rows = []
    for i in range(300):
        path = folder / f"file-{i:03}.m4a"
        rows.append((path if path.exists() else shutil.copy(sound(folder, "five", ["-c:a", "aac", "-b:a", "96k"], "m4a", 44100, 5), path), 0.5, 4))
    return preprocess(folder, "files", rows)


@job
def rows_20000_of_200_recordings(folder):
    rows = []
    for i in range(200):
        path = folder / f"recording-{i:03}.mp4"
        source = "testsrc2=size=128x96:rate=25"
        made = ffmpeg(folder / "recording.mp4", "-f", "lavfi", "-i", source, "-t", 30, "-c:v", "libx264", "-preset", "veryfast", "-g", 25)
        rows += [(path if path.exists() else shutil.copy(made, path), 0.28 * row, 0.28 * row + 1) for row in range(100)]
    return preprocess(folder, "rows", rows, 'video]\npreset = "uniform"\nframes = 4\nresize = 64\ncrop = 64')


def spent(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--older", type=Path, required=True, help="the older build's tree")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    trees = [Path(os.getcwd()), arguments.older.resolve()]
    print("| work | CPU s, older | this ÷ older, median | 95 % interval |\n| --- | ---: | ---: | ---: |")
    for name, make in JOBS.items():
        if arguments.only not in name:
            continue
        command = make(folder)
        ratios, older = [], []
        for number in range(arguments.rounds + 1):
            turns = trees if number % 2 else trees[::-1]
            times = {tree: spent(command(tree)) for tree in turns}
            if number > 0:  # the first is a warm-up
                ratios.append(times[trees[0]] / times[trees[1]])
                older.append(times[trees[1]])
        ratios.sort()
        count = len(ratios)
        # the widest symmetrical pair of order statistics that leaves out less than 2.5 % on each side
        below, cut, term = 0.0, 0, 0.5**count
        for rank in range(count // 2):
            below += term
            if below > 0.025:
                break
            cut, term = rank + 1, term * (count - rank) / (rank + 1)
        interval = f"{ratios[max(cut - 1, 0)]:.3f} to {ratios[-max(cut, 1)]:.3f}"
        print(f"| {name} | {sorted(older)[count // 2]:.2f} | {ratios[count // 2]:.3f} | {interval} |", flush=True)


main()
