#!/usr/bin/env python3
"""Rows of features in batches: what reading them costs from the formats that people keep them in, and from mmdg's store; and what writing costs.

    store.py make FOLDER [--dtype float32 float16]   the same rows in every format (about 3 GB)
    store.py run  FOLDER [--rounds N] [--cpus 2,3]   Markdown tables, by part: read, threads, fresh, open, write (--parts)

The formats and their readers stand in rows.py. Each round runs every reader once, in an order of its own, over the same random rows; before each, its
files are read through and must lie in the page cache (mincore). Every reader's batches are compared with the source before anything is timed. Ours
from Rust and plain memory are examples/gather.rs, a process that waits at the other end of a pipe; the time is that of its loop alone, as it is for the
readers in Python. Ours from Python joins in where `import mmdg` works.

Needs: cargo build --release --no-default-features --features hdf5 --example gather; pip install numpy h5py lmdb webdataset safetensors
"""

import argparse
import datetime
import importlib.metadata
import os
import pathlib
import random
import shutil
import statistics
import sys
import time

import numpy as np

import rows
from cache import forget, warm
from gather import Served, gather
from rows import BATCH, NAMES, ROWS, WIDTHS

# batches a round of those that are too slow for all
SLOW = {"h5py chunked": 12, "webdataset": 40, "h5py contiguous": 80, "safetensors": 80}
MEMORY, OURS, PYTHON, BATCHES = "memory, a copy loop in Rust", "mmdg, Rust", "mmdg, Python, [rows]", "mmdg, Python, batches()"
# those of gather.rs: as stored, and as float32
STORED = {MEMORY: "memory", "memory, huge pages": "huge", OURS: "store"}
LOADER = {"mmdg, Rust, Loader": "loader"}
WIDENED = {"memory, f16 → f32": "memory-f32", "mmdg, Rust, f16 → f32": "store-f32", "mmdg, Rust, Loader, f16 → f32": "loader"}


def shards(store):
    return [path for path in store.rglob("*") if path.is_file()]


def write_store(folder, store, *options):
    shutil.rmtree(store, ignore_errors=True)
    arrays = [word for name, width in zip(NAMES, WIDTHS) for word in (folder / f"{name}.f32", width)]
    return gather("write", store, *arrays, *options)


def make(options):
    options.folder.mkdir(parents=True, exist_ok=True)
    rows.make_source(options.folder)
    for dtype in options.dtype:
        rows.make(options.folder, dtype)
        write_store(options.folder, options.folder / f"{dtype}-store", *["--f16"] * (dtype == "float16"))
        print(f"{dtype}: made", flush=True)
    write_store(options.folder, options.folder / "many-shards", "--rows", 16_000, "--shard-bytes", 150_000)
    forget(shards(options.folder))
    found = len(list((options.folder / "many-shards").rglob("*.h5")))
    assert found == 2000, f"{found} files; expected 1,000 shards of two modalities"


def ours_in_python(store):
    """name -> (files, random, scan) of the wheel, where it is installed."""
    try:
        import mmdg
    except ImportError as error:
        print(f"{PYTHON}: left out: {error}", file=sys.stderr)
        return {}
    data = mmdg.open(store, dtype="stored")

    def arrays(batch):
        return [batch[name] for name in NAMES]

    def epochs(order):
        batches, epoch = iter(()), 0
        while True:
            yield from map(arrays, batches)
            batches, epoch = data.batches(BATCH, epoch=epoch, order=order, drop_last=True), epoch + 1

    shuffled, ordered = epochs("shuffled"), epochs("rows")
    files = shards(store)
    return {PYTHON: (files, lambda rows: arrays(data[rows]), lambda first, end: arrays(data[first:end])),
            BATCHES: (files, lambda rows: next(shuffled), lambda first, end: next(ordered))}


def same(found, expected):
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def check(served, python, arrays, dtype):
    """Every reader's batches against the source."""
    for indices in (np.random.default_rng(1).permutation(ROWS)[:BATCH], np.arange(640, 640 + BATCH)):
        expected = [array[indices] for array in arrays]
        for reader in STORED.values():
            assert served.check(reader, indices).tobytes() == b"".join(array.tobytes() for array in expected), reader
        for reader in (WIDENED if dtype == "float16" else LOADER).values():
            assert served.check(reader, indices).tobytes() == b"".join(array.astype(np.float32).tobytes() for array in expected), reader
        for name, (_, at_random, scan) in python.items():
            # these two have an order of their own
            if name not in ("webdataset", BATCHES):
                assert same(at_random(indices), expected), name
    for name, (_, at_random, scan) in python.items():
        for first in (0, BATCH):
            assert same(scan(first, first + BATCH), [array[first:first + BATCH] for array in arrays]), name


def read(options, dtype):
    """Batches a second by reader: random, scan."""
    folder = options.folder
    store = folder / f"{dtype}-store"
    served, python = Served(store, folder), rows.peers(folder, dtype)
    python.update(ours_in_python(store))
    check(served, python, rows.source(folder, dtype), dtype)
    python = {name: peer for name, peer in python.items() if name in options.only or name in (PYTHON, BATCHES) or not options.only}
    rust = {**STORED, **(WIDENED if dtype == "float16" else LOADER)}
    names = [*rust, *python]
    found = {name: ([], []) for name in names}
    for number in range(options.rounds):
        indices = np.random.default_rng(number).permutation(ROWS)[:ROWS // BATCH * BATCH]
        # one after the other in an order that changes, so that nobody always follows the slowest
        for name in random.Random(number).sample(names, len(names)):
            count = SLOW.get(name, len(indices) // BATCH)
            batches = indices[:count * BATCH].reshape(count, BATCH)
            if name in rust:
                warm(shards(store))
                served.random(rust[name], indices[:4 * BATCH])
                found[name][0].append(count / served.random(rust[name], batches.ravel()))
                found[name][1].append(ROWS // BATCH / float(served.ask("scan", rust[name], 1)))
                continue
            files, at_random, scan = python[name]
            warm(files)
            at_random(batches[0])
            began = time.perf_counter()
            for batch in batches:
                at_random(batch)
            found[name][0].append(count / (time.perf_counter() - began))
            scan(0, BATCH)
            began = time.perf_counter()
            for first in range(0, count * BATCH, BATCH):
                scan(first, first + BATCH)
            found[name][1].append(count / (time.perf_counter() - began))
        print(f"{dtype}: round {number}", file=sys.stderr, flush=True)
    served.close()
    return found


def ratio(ours, theirs):
    """Of the same rounds: median (least–most)."""
    ratios = [a / b for a, b in zip(ours, theirs)]
    digits = 2 if min(ratios) < 100 else 0
    return f"{statistics.median(ratios):.{digits}f} ({min(ratios):.{digits}f}–{max(ratios):.{digits}f})"


def read_tables(options):
    for dtype in options.dtype:
        read_table(dtype, read(options, dtype), options.rounds)


def read_table(dtype, found, count):
    megabytes = BATCH * sum(WIDTHS) * np.dtype(dtype).itemsize / 1e6
    print(f"**{dtype}**, {ROWS} rows of {' + '.join(map(str, WIDTHS))}, batches of {BATCH} ({megabytes:.2f} MB), medians of {count} rounds\n")
    print("| | random batches/s | GB/s | ÷ memory (least–most) | batches/s in order | ÷ memory |\n|---|---:|---:|---:|---:|---:|")
    for name, (at_random, scan) in sorted(found.items(), key=lambda item: -statistics.median(item[1][0])):
        speed = statistics.median(at_random)
        print(f"| {name} | {speed:.0f} | {speed * megabytes / 1e3:.2f} | {ratio(at_random, found[MEMORY][0])} | {statistics.median(scan):.0f} "
              f"| {ratio(scan, found[MEMORY][1])} |")
    print()
    for ours, theirs in [(OURS, MEMORY), (OURS, "memory, numpy.take"), (OURS, "numpy memmap"), (PYTHON, "numpy memmap"), (BATCHES, "numpy memmap"),
                         (PYTHON, "h5py chunked")]:
        if ours in found and theirs in found:
            print(f"- {ours} ÷ {theirs}: {ratio(found[ours][0], found[theirs][0])} at random, {ratio(found[ours][1], found[theirs][1])} in order")
    print(flush=True)


def threads_table(options):
    """Two readers of random batches against one."""
    served = Served(options.folder / "float32-store", options.folder)
    warm(shards(options.folder / "float32-store"))
    found = {name: [] for name in STORED.values()}
    for number in range(options.rounds * 3):
        indices = np.tile(np.random.default_rng(number).permutation(ROWS)[:ROWS // BATCH * BATCH], 4)
        for name, speeds in found.items():
            speeds.append([served.random(name, indices, threads) for threads in (1, 2)])
    served.close()
    print("| two threads ÷ one, random batches of float32 | median (least–most) |\n|---|---:|")
    for label, name in STORED.items():
        print(f"| {label} | {ratio([one for one, _ in found[name]], [two for _, two in found[name]])} |")
    print(flush=True)


def fresh_table(options):
    """The first pass after opening, when every page has still to be entered in the process's page table."""
    store, found = options.folder / "float32-store", {"mmdg, Rust": [], "numpy memmap": []}
    served = Served(store, options.folder)
    files = options.folder / "float32-npy"
    for number in range(options.rounds):
        indices = np.random.default_rng(number).permutation(ROWS)[:ROWS // BATCH * BATCH]
        warm(shards(store) + shards(files))
        found["mmdg, Rust"].append(served.random("store", indices, verb="fresh"))
        at_random, _ = rows.numpy_memmap(files, "float32")
        began = time.perf_counter()
        for batch in indices.reshape(-1, BATCH):
            at_random(batch)
        found["numpy memmap"].append(time.perf_counter() - began)
    served.close()
    print("| first pass after opening, random batches of float32 | batches/s |\n|---|---:|")
    for name, seconds in found.items():
        print(f"| {name} | {ROWS // BATCH / statistics.median(seconds):.0f} ({ROWS // BATCH / max(seconds):.0f}–{ROWS // BATCH / min(seconds):.0f}) |")
    print(flush=True)


def open_table(options):
    print("| opening, warm, a process each time | ms, median (least–most) |\n|---|---:|")
    for label, name in [("20,000 rows in 2 shards × 2 modalities", "float32-store"), ("16,000 rows in 1,000 shards × 2 modalities", "many-shards")]:
        warm(shards(options.folder / name))
        found = [gather("open", options.folder / name) * 1e3 for _ in range(options.rounds * 3)]
        print(f"| {label} | {statistics.median(found):.1f} ({min(found):.1f}–{max(found):.1f}) |")
    print(flush=True)


def write_table(options):
    print("| writing, synced | store MB/s | plain files MB/s | ÷ plain (least–most) |\n|---|---:|---:|---:|")
    for dtype in options.dtype:
        store, plain, found = options.folder / "written-store", options.folder / "written-plain", []
        for number in range(options.rounds + 1):
            seconds = write_store(options.folder, store, *["--f16"] * (dtype == "float16"))
            found.append((seconds, gather("plain", plain, store)))
            size = sum(path.stat().st_size for path in shards(store)) / 1e6
            shutil.rmtree(plain)
            shutil.rmtree(store)
        ours, theirs = zip(*found[1:])
        print(f"| {dtype}, {size:.0f} MB | {size / statistics.median(ours):.0f} | {size / statistics.median(theirs):.0f} | {ratio(theirs, ours)} |")
    print(flush=True)


def machine(options):
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in cpuinfo.split("\n") if line.startswith("model name")), "?")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ["numpy", "h5py", "lmdb", "webdataset", "safetensors"])
    huge = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text().split("[")[1].split("]")[0]
    print(f"{datetime.date.today()}, {os.cpu_count()} cores of {model}, on cores {sorted(os.sched_getaffinity(0))}, load {os.getloadavg()[0]:.1f}; "
          f"transparent huge pages: {huge}; Python {sys.version.split()[0]}, {versions}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["make", "run"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--dtype", nargs="*", default=["float32", "float16"], choices=["float32", "float16"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--parts", nargs="*", default=["read", "threads", "fresh", "open", "write"])
    parser.add_argument("--only", nargs="*", default=[], help="of the readers in Python, these; default: all")
    parser.add_argument("--cpus", help="cores to stay on, such as 2,3")
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    if options.verb == "make":
        return make(options)
    if options.cpus:
        os.sched_setaffinity(0, map(int, options.cpus.split(",")))
    machine(options)
    for part, table in {"read": read_tables, "threads": threads_table, "fresh": fresh_table, "open": open_table, "write": write_table}.items():
        if part in options.parts:
            table(options)
    return None


if __name__ == "__main__":
    main()
