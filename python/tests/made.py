"""The store that the tests read."""

import pathlib
import tempfile
import unittest

import numpy as np

import mmdg

ROWS = 103


def arrays():
    """video float32 [6], audio float16 [4], clip uint8 [2, 3]."""
    rows = np.arange(ROWS)
    return {
        "video": (rows[:, None] + np.arange(6) / 8).astype(np.float32),
        "audio": (rows[:, None] / 16 + np.arange(4)).astype(np.float16),
        "clip": (rows[:, None, None] * 2 + np.arange(6).reshape(2, 3)).astype(np.uint8),
    }


LABELS = [["open", "close", "cut"][row % 3] for row in range(ROWS)]
DOMAINS = ["D1" if row < 60 else "D2" for row in range(ROWS)]
SPLITS = ["val" if row % 5 == 0 else "train" for row in range(ROWS)]
THERE = np.arange(ROWS) % 7 != 0


def make(folder):
    path = pathlib.Path(folder) / "store"
    mmdg.write(
        path, arrays(), labels=LABELS, domain=DOMAINS, split=SPLITS, ids=[f"row {row}" for row in range(ROWS)], valid={"audio": THERE},
        recipe={"backbone": "none", "seed": 1},
    )
    return path


class WithStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.path = make(folder.name)
        cls.audio = np.where(THERE[:, None], arrays()["audio"], 0)
