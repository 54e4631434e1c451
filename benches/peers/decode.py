#!/usr/bin/env python3
"""Clips out of videos: what they cost with the libraries that people use, and with mmdg.

    decode.py make   FOLDER [--dense1080]       videos and segment lists, by the ffmpeg program (libx264)
    decode.py run    FOLDER [--family NAME …]   segments far apart; one table a family
    decode.py dense  FOLDER                     300 segments of one 10-minute video
    decode.py check  FOLDER                     ours against PyAV's frames of the same times

What a clip is stands in clips.py, what the videos are in workloads.py.
Rounds are interleaved: each runs every peer once, W processes of one thread. Round 0 warms up and is where memory is sampled. The Python peers are
timed after their imports and a first clip; programs as whole processes, start-up included. CPU is user + system time of all processes.

Needs: pip install av decord opencv-python-headless torch torchvision torchcodec numpy (figures of ours are with the versions that the tables
begin with); ffmpeg in PATH. A peer that is missing is left out, with a line.
"""

import argparse
import csv
import datetime
import importlib.metadata
import json
import multiprocessing
import os
import pathlib
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

import workloads
from clips import CROP, FRAMES, PEERS, SHORT, pyav, pyav_swscale

OURS = "target/release/examples/clips --workers {workers} {csv}"
STORE = "target/release/mmdg preprocess {toml} --workers {workers} --quiet"


def cpu(*whose):
    """Seconds used so far by this process and by those that it has waited for, or by one of these."""
    used = [resource.getrusage(who) for who in whose or (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


class Watch(threading.Thread):
    """Looks at some processes and all that they started, fifty times a second: the CPU time of each, and with `memory` the largest sums of
    PSS and RSS (MiB). A parent that does not wait for its children never learns what they used; this does, but for their last moments."""

    def __init__(self, roots, memory):
        super().__init__(daemon=True)
        self.roots, self.memory = roots, memory
        self.peak, self.used, self.ended = [0.0, 0.0], {}, threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            found, sums = list(self.roots), [0, 0]
            for pid in found:
                try:
                    process = pathlib.Path(f"/proc/{pid}")
                    fields = (process / "stat").read_text().rpartition(")")[2].split()
                    running = 0
                    for task in (process / "task").iterdir():
                        found += map(int, (task / "children").read_text().split())
                        running += int((task / "schedstat").read_text().split()[0])
                    # the first counts ended threads too, in hundredths; the second is finer
                    self.used[pid] = max((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), running / 1e9)
                    for line in (process / "smaps_rollup").read_text().split("\n") if self.memory else []:
                        if line.startswith(("Pss:", "Rss:")):
                            sums[line.startswith("Rss:")] += int(line.split()[1])
                except OSError:
                    continue
            self.peak = [max(peak, kib / 1024) for peak, kib in zip(self.peak, sums)]

    def stop(self):
        self.ended.set()
        self.join()
        return self.peak


def work(name, rows, barrier, results):
    try:
        PEERS[name](*rows[0])
    except BaseException as error:
        results.put(repr(error)[:200])
        barrier.abort()
        return
    barrier.wait(300)
    before = cpu()
    for row in rows:
        PEERS[name](*row)
    results.put(cpu() - before)
    barrier.wait(3000)


def run_python(name, rows, workers, sample):
    """Seconds, CPU seconds, [PSS, RSS]."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(workers + 1), context.Queue()
    processes = [context.Process(target=work, args=(name, rows[i::workers], barrier, results)) for i in range(workers)]
    for process in processes:
        process.start()
    try:
        barrier.wait(300)
        began = time.perf_counter()
        watch = Watch([process.pid for process in processes], True)
        if sample:
            watch.start()
        used = [results.get(timeout=3000) for _ in processes]
        seconds = time.perf_counter() - began
        peak = watch.stop() if sample else None
        barrier.wait(300)
        return seconds, sum(used), peak
    except threading.BrokenBarrierError:
        raise RuntimeError(results.get(timeout=10)) from None
    finally:
        for process in processes:
            process.join()


def run_program(template, rows, workers, sample):
    with tempfile.TemporaryDirectory() as folder:
        paths = {"csv": f"{folder}/segments.csv", "toml": f"{folder}/pipeline.toml", "workers": workers, "first": rows[0][0]}
        workloads.write_segments(paths["csv"], rows)
        with open(f"{folder}/table.csv", "w", newline="") as file:
            table = [(i, *row, i % 2, "p" if i % 4 < 2 else "q") for i, row in enumerate(rows)]
            csv.writer(file).writerows([("id", "path", "start", "end", "label", "domain"), *table])
        quoted = json.dumps
        pathlib.Path(paths["toml"]).write_text(
            f"[data]\ndataset = \"table\"\ntable = {quoted(folder + '/table.csv')}\n[preprocess]\nstore = {quoted(folder + '/store')}\n"
            f"[preprocess.modalities.video]\npreset = \"uniform\"\nframes = {FRAMES}\nresize = {SHORT}\ncrop = {CROP}\n")
        before, began = cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
        process = subprocess.Popen(shlex.split(template.format(**paths)), stdout=subprocess.DEVNULL)
        watch = Watch([process.pid], sample)
        watch.start()
        code = process.wait()
        seconds, used = time.perf_counter() - began, cpu(resource.RUSAGE_CHILDREN) - before
        peak = watch.stop()
        if code != 0:
            raise RuntimeError(f"exit code {code}")
        return seconds, max(used, sum(watch.used.values())), peak


def rounds(contestants, rows, options):
    """name -> (peak memory, [(seconds, CPU seconds) by round])"""
    measured = {}
    for number in range(options.rounds + 1):
        for name, template in list(contestants.items()):
            try:
                run = run_program if template else run_python
                *figures, peak = run(template or name, rows, options.workers, number == 0)
            except Exception as error:
                print(f"{name}: left out: {error}", file=sys.stderr)
                del contestants[name]
                measured.pop(name, None)
                continue
            if number == 0:
                measured[name] = (peak, [])
            else:
                measured[name][1].append(figures)
            print(f"round {number} {name}: {figures[1] / len(rows) * 1e3:.1f} ms CPU a clip", file=sys.stderr, flush=True)
    return measured


def table(measured, count, base, note):
    """A Markdown table. Ratios are of figures of the same round: CPU over that of `base`, speed of ours over that of the line."""
    print(f"| | CPU ms {note} | CPU ÷ {base} (least–most) | clips/s | ours ÷ it, clips/s | PSS MiB | RSS MiB |\n|---|---:|---:|---:|---:|---:|---:|")
    for name, ((pss, rss), figures) in measured.items():
        cpu_ms = statistics.median(used for _, used in figures) / count * 1e3
        ratios = [used / other for (_, used), (_, other) in zip(figures, measured[base][1])] if base in measured else [float("nan")]
        speed = count / statistics.median(seconds for seconds, _ in figures)
        faster = "—"
        if "ours" in measured:
            faster = f"{statistics.median(seconds / ours for (seconds, _), (ours, _) in zip(figures, measured['ours'][1])):.2f}"
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"| {name.replace('_', ' ')} | {cpu_ms:.1f} | {spread} | {speed:.1f} | {faster} | {pss:.0f} | {rss:.0f} |", flush=True)
    print()


def machine():
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in cpuinfo.split("\n") if line.startswith("model name")), "?")
    versions = []
    for package in ["av", "decord", "torch", "torchcodec", "opencv-python-headless", "numpy"]:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    program = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    print(f"{datetime.date.today()}, {os.cpu_count()} cores of {model}; {', '.join(versions)}, ffmpeg {program}\n")


def ours(options):
    """The programs of ours that are there."""
    templates = {"ours": options.ours, "ours_to_a_store": options.store}
    for name, template in list(templates.items()):
        if not template or not shutil.which(shlex.split(template)[0]):
            print(f"{name}: left out: there is no {template.split()[0] if template else 'command'}", file=sys.stderr)
            del templates[name]
    return templates


def check(options):
    """Each frame of ours against PyAV's of the same time, and whether a neighbour in time would fit better."""
    print("| family | clips | mean abs. difference to OpenCV bilinear | to swscale bilinear | worst clip | frames nearer to a neighbour |\n"
          "|---|---:|---:|---:|---:|---:|")

    def away(clip, other):
        return np.abs(clip - other).mean(axis=(1, 2, 3))

    for path in sorted(options.folder.glob("*x*-*.csv")):
        if path.stem.startswith("dense") or options.family and path.stem not in options.family:
            continue
        rows = workloads.read_segments(path)[:: 2]
        with tempfile.TemporaryDirectory() as folder:
            workloads.write_segments(f"{folder}/segments.csv", rows)
            command = options.ours.format(workers=options.workers, csv=f"{folder}/segments.csv")
            subprocess.run([*shlex.split(command), "--out", f"{folder}/clips"], check=True, stdout=subprocess.DEVNULL)
            found = np.fromfile(f"{folder}/clips", np.uint8).reshape(len(rows), FRAMES, CROP, CROP, 3).astype(np.int16)
        plain = [away(clip, pyav(*row)).mean() for clip, row in zip(found, rows)]
        fine = [away(clip, pyav_swscale(*row)) for clip, row in zip(found, rows)]
        wrong = 0
        for clip, near, (name, start, end) in zip(found, fine, rows):
            before, after = (away(clip, pyav_swscale(name, start + step, end + step)) for step in (-1 / 60, 1 / 60))
            wrong += int((near > np.minimum(before, after)).sum())
        print(f"| {path.stem} | {len(rows)} | {np.mean(plain):.3f} | {np.mean(fine):.3f} | {max(map(np.mean, fine)):.3f} "
              f"| {wrong} of {len(rows) * FRAMES} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["make", "run", "dense", "check"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--family", nargs="*", help="such as 1280x720-key12; default: all")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ours", default=OURS, help="command that delivers clips in memory; {workers}, {csv}")
    parser.add_argument("--store", default=STORE, help="command that writes a store; {workers}, {toml}")
    parser.add_argument("--dense1080", action="store_true", help="dense in 1920x1080 too (encoding takes long)")
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    if options.verb == "make":
        return workloads.make(options.folder, options.dense1080)
    machine()
    if options.verb == "check":
        return check(options)
    contestants = {**ours(options), **dict.fromkeys(options.peers)}
    if options.verb == "run":
        for path in sorted(options.folder.glob("*x*-*.csv")):
            if not path.stem.startswith("dense") and (not options.family or path.stem in options.family):
                rows = workloads.read_segments(path)
                print(f"**{path.stem}**, {len(rows)} segments, {options.workers} workers, medians of {options.rounds} rounds\n")
                table(rounds(dict(contestants), rows, options), len(rows), "decode_only_skip", "a clip")
        return None
    once = "ffmpeg -v error -nostdin -threads 1 -i {first} -an -f null -"
    for path in sorted(options.folder.glob("dense-*.csv")):
        rows = workloads.read_segments(path)
        print(f"**{path.stem}**, {len(rows)} segments, {options.workers} workers, medians of {options.rounds} rounds\n")
        table(rounds({"decoded_once": once, **contestants}, rows, options), len(rows), "decoded_once", "÷ segments")
    return None


if __name__ == "__main__":
    main()
