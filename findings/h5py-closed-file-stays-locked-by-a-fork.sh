#!/usr/bin/env bash
# h5py 3.16.0 with HDF5 2.0.0 (its wheel for Linux, x86-64)
#
# A file that one process closed stays locked while a process lives that was forked when it was open: neither HDF5 nor h5py takes the lock off on
# closing, it goes with the last copy of the descriptor, and a forked process (a DataLoader's worker, a pool's) has one. So a script that writes
# features, starts its workers and closes the file cannot open it again, in whatever mode, until the workers end; a file that was open for
# reading cannot be opened for appending.
#
# Seen on 2026-12-01:
#   written and closed, reading: BlockingIOError
#   written and closed, reading, after the other process ended: opened
#   read and closed, reading: opened
#   read and closed, appending: BlockingIOError
#
# Needs Python 3.11 with venv and pip. Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && venv/bin/pip -q install h5py==3.16.0 numpy==2.4.6

cat > look.py <<'PYTHON'
import multiprocessing
import sys

import h5py

fork = multiprocessing.get_context("fork")
h5py.File("features.h5", "w").close()


def opened(mode):
    try:
        h5py.File("features.h5", mode).close()
    except OSError as error:
        return type(error).__name__
    return "opened"


def while_a_fork_lives(mode, *again):
    """How the file can be opened after it was closed, while a process of the time when it was open goes on."""
    ended = fork.Event()
    with h5py.File("features.h5", mode):
        other = fork.Process(target=ended.wait)
        other.start()
    found = [opened(other_mode) for other_mode in again]
    ended.set()
    other.join()
    return found


(written,) = while_a_fork_lives("w", "r")
after = opened("r")
reading, appending = while_a_fork_lives("r", "r", "a")
print("written and closed, reading:", written)
print("written and closed, reading, after the other process ended:", after)
print("read and closed, reading:", reading)
print("read and closed, appending:", appending)
sys.exit([written, after, reading, appending] != ["BlockingIOError", "opened", "opened", "BlockingIOError"])
PYTHON
venv/bin/python look.py
