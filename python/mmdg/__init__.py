"""Stores of multimodal features and clips, at memory speed.

    import mmdg

    store = mmdg.open("features")            # a folder made by `mmdg extract`, or by mmdg.write
    sample = store[0]                        # {"row": 0, "id": "…", "label": 3, "domain": 1, "video": array [2304], "audio": array [512],
                                             #  "valid": {"video": True, "audio": True}}
    batch = store[[5, 2, 9]]                 # the same with arrays of 3 rows: "label" int64 [3], "video" float32 [3, 2304], …
    for batch in store.batches(64, seed=1, epoch=0, split="train", domains=["D1", "D2"]):
        ...

Features come as float32, whatever they are stored as (`dtype="stored"` leaves float16 as it is), clips as uint8.
Arrays of a batch are the caller's own. Those of a single row are views of the mapped file that cannot be written to, and copies where a row
has to be converted (`copy=True`: always). A row that could not be made is zeros, and its "valid" is False.

All arrays are numpy's, and so have `__dlpack__`. Errors are subclasses of `mmdg.Error`; a row that is not there is an IndexError.
"""

from __future__ import annotations

import os
from typing import Literal

import numpy as _numpy  # a clear ImportError where it is missing  # noqa: F401

from mmdg._native import Batches, Modality, Store, __version__
from mmdg.errors import BusyError, Error, InputError, IntegrityError, IoError, MachineError, MediaError
from mmdg.writing import write

__all__ = [
    "Batches", "BusyError", "Error", "InputError", "IntegrityError", "IoError", "MachineError", "MediaError", "Modality", "Store",
    "__version__", "open", "write",
]


def open(path: str | os.PathLike[str], *, dtype: Literal["float32", "stored"] = "float32", copy: bool = False) -> Store:
    """Opens the store in the folder `path`, and checks that all of its files are there and as long as they should be.

    dtype: "float32" turns features stored as float16 (or float64) into float32 on the way; "stored" leaves float16 as it is.
        Clips are uint8 in either case.
    copy: whether the arrays of a single row are copies, which can be written to, even where a view would do.

    Raises InputError where there is no store, IntegrityError where it is damaged.
    """
    store = Store(path, dtype, copy)
    len(store)
    return store
