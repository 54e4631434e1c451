"""Reads a modality of a store without mmdg, and prints its mean over the rows that are there: read_with_h5py.py STORE MODALITY"""

import json
import pathlib
import sys

import h5py
import numpy as np

store, modality = pathlib.Path(sys.argv[1]), sys.argv[2]
shards = [h5py.File(store / shard["file"]) for shard in json.loads((store / "store.json").read_text())["shards"][modality]]
data = np.concatenate([shard["data"][:] for shard in shards]).astype(np.float64)
valid = np.concatenate([shard["valid"][:] for shard in shards]) == 1
print(f"{len(data)} rows, {valid.sum()} valid, mean {data[valid].mean():.6f}")
