"""A table of a million rows beside an older build: the seconds and the memory of `mmdg validate`, and of `mmdg inspect`, which reads a store's manifest as opening it does, in turns within each round.

    git worktree add /tmp/older ebe756c       # and .deps/ beside it
    for tree in /tmp/older .; do (cd $tree && cargo build --release --no-default-features --features cli,media,hdf5,exchange --bins); done
    python3 benches/peers/million.py DIR --older /tmp/older/target/release/mmdg --rounds 5

Ids of 20 characters and more and paths of 40 and more, all of them distinct, in 10 and in 10,000 classes; no file is there, so that each is a line of the output,
which goes to a file. `sorted` tables stand in the order of their paths, `shuffled` ones do not, `no split` ones have no split of their own. The figures are medians of the wall-clock and
of the processor's seconds, the greatest resident memory of a process, and the median of the ratios of processor seconds within rounds; an older build is asked once where it takes longer
than --patience seconds. What both print of a table is compared; stores
are this build's, and a build of another format refuses them.
"""

import argparse
import csv
import os
import random
import statistics
import subprocess
import time
from pathlib import Path

PIPELINE = '[data]\ndataset = "table"\ntable = "{}"\n'


def table(path, rows, classes, shuffled, split):
    """Rows of a few recordings in each of many folders, as data sets of clips lie on disk."""
    if path.exists():
        return
    order = list(range(rows))
    if shuffled:
        random.Random(1).shuffle(order)
    head = ["id", "path", "start", "end", "label", "domain"] + (["split"] if split else [])
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        for row in order:
            parts = ("train", "val", "test")
            own = [f"clip/{row:09}/segment/1", f"media/part-{row // 1000:04}/recording-{row:09}/camera.mp4", "0", "2.5"]
            writer.writerow(own + [f"class {row % classes}", f"domain {row % 3}"] + ([parts[row % 7 % 3]] if split else []))


def store(mmdg, folder, rows, classes):
    """A store of one number a row, which an import of both numpy's and our own files makes."""
    path = folder / f"store-{classes}"
    if not (path / "store.json").exists():
        values = folder / "values.npy"
        if not values.exists():
            head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, 1), }}".ljust(117) + "\n"
            values.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + bytes(4 * rows))
        ids = folder / f"sorted-{classes}.csv"
        subprocess.run([mmdg, "import", path, "--labels", ids, "--modality", f"video={values}", "-q"], check=True)
    return path


def measured(command, output, patience):
    """Wall-clock seconds, processor seconds, MiB and exit code; nothing where it takes too long."""
    with output.open("w") as file:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=output.parent, stdout=file, stderr=subprocess.STDOUT)
        while True:
            done, status, used = os.wait4(child.pid, os.WNOHANG)
            seconds = time.perf_counter() - start
            if done:
                child.returncode = os.waitstatus_to_exitcode(status)
                return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode
            if seconds > patience:
                child.kill()
                child.wait()
                return None
            time.sleep(0.002)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mmdg", type=Path, default=Path("target/release/mmdg"))
    parser.add_argument("--older", type=Path)
    parser.add_argument("--maker", type=Path, help="the build that imports the stores, where --mmdg has no import")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    folder = arguments.folder.resolve()
    builds = {"this": arguments.mmdg.resolve(), **({"older": arguments.older.resolve()} if arguments.older else {})}
    works = []
    for classes in (10, 10_000):
        for name, shuffled, split in (("sorted", False, True), ("shuffled", True, True), ("no split", False, False)):
            stem = f"{name.replace(' ', '-')}-{classes}"
            table(folder / f"{stem}.csv", arguments.rows, classes, shuffled, split)
            (folder / f"{stem}.toml").write_text(PIPELINE.format(f"{stem}.csv"))
            works.append((f"validate, {name}, {classes} classes", ["validate", f"{stem}.toml"]))
    for classes in (10, 10_000):
        made = store(arguments.maker or builds["this"], folder, arguments.rows, classes)
        works.append((f"inspect, {classes} classes", ["inspect", made]))
    print(f"| work | {' | '.join(f'{name}, s | {name}, CPU s | {name}, MiB' for name in builds)} |" + (" this ÷ older |" if arguments.older else ""))
    for what, command in works:
        found = {name: [] for name in builds}
        for turn in range(arguments.rounds):
            for name in list(builds) if turn % 2 == 0 else list(builds)[::-1]:
                if None not in found[name]:
                    found[name].append(measured([builds[name], *command], folder / f"{name}.txt", arguments.patience))
        cells, seconds = [], {}
        for name, runs in found.items():
            if None in runs:
                cells.append(f"> {arguments.patience:.0f} | | ")
                continue
            if command[0] == "inspect" and any(run[3] != 0 for run in runs):
                cells.append("another format | | ")
                continue
            assert all(run[3] in (0, 3) for run in runs), (what, name, runs)
            seconds[name] = [run[1] for run in runs]
            cells.append(f"{statistics.median(run[0] for run in runs):.2f} | {statistics.median(seconds[name]):.2f} | {max(run[2] for run in runs):.0f}")
        if len(seconds) == 2:
            ratios = [a / b for a, b in zip(*seconds.values())]
            assert command[0] == "inspect" or (folder / "this.txt").read_text() == (folder / "older.txt").read_text(), what
            cells.append(f"{statistics.median(ratios):.2f}")
        print(f"| {what} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
