#!/usr/bin/env bash
# safetensors 0.8.0 (its wheel for Linux, x86-64)
#
# Two files of the same tensors and the same metadata differ: entries of the metadata are written in an order that is drawn anew for each file, as soon as there
# are two. Tensors are in a fixed order, so that everything else is equal. A cache or a check that hashes such files takes equal models for different ones, and
# a run that is repeated gives other bytes. One entry alone, with all there is to say as JSON in it, is written alike each time.
#
# Seen on 2026-11-30 (one tensor of four numbers; eight files each, made by as many processes):
#   safetensors 0.8.0: files that differ, with 0 entries 1, with 1 entry 1, with 8 entries 8
#
# Needs Python 3.11 with venv and pip. Exits 1 if eight files with eight entries are alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && venv/bin/pip -q install safetensors==0.8.0 numpy==2.4.6

cat > make.py <<'PYTHON'
import hashlib
import sys

import numpy as np
from safetensors.numpy import load, save

metadata = {f"key {number}": "value" for number in range(int(sys.argv[1]))}
tensor = np.arange(4, dtype=np.float32)
file = save({"tensor": tensor}, metadata or None)
assert np.array_equal(load(file)["tensor"], tensor)
print(hashlib.sha256(file).hexdigest())
PYTHON

differ() {
  for _ in 1 2 3 4 5 6 7 8; do venv/bin/python make.py "$1"; done | sort -u | wc -l
}
none=$(differ 0) one=$(differ 1) eight=$(differ 8)
echo "safetensors 0.8.0: files that differ, with 0 entries $none, with 1 entry $one, with 8 entries $eight"
[ "$none" = 1 ] && [ "$one" = 1 ] && [ "$eight" -gt 1 ]
