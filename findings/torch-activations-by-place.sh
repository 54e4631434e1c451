#!/usr/bin/env bash
# torch 2.11.0 (its wheel for Linux, x86-64), on the CPU
#
# Some elementwise functions give one and the same number two different results, by where in its tensor it stands: most of a tensor goes through vector code, what
# is left at the end (all of a small tensor) through scalar code of another implementation. sigmoid, silu, softplus, mish, gelu, elu and pow do so; exp, tanh, log
# and rsqrt do not. So what a network says of a row depends in its last bits on how many rows are evaluated with it, and on its place among them: a run in a batch
# of another size, a last batch that is shorter, or models trained side by side in one tensor are not equal to the bit, on one thread and one machine, with
# torch.use_deterministic_algorithms(True). 1 / (1 + exp(-x)) or 0.5 * tanh(x / 2) + 0.5 written out, and exp(a * log(x)), are the same everywhere.
#
# Seen on 2026-11-30 (4,000 normal numbers, each by itself against all in one tensor; the same with ATEN_CPU_CAPABILITY=avx2 and avx512):
#   sigmoid 158 differ, by up to 6.0e-08
#   silu 169 differ, by up to 2.4e-07
#   softplus 588 differ, by up to 2.4e-07
#   mish 1451 differ, by up to 2.4e-07
#   gelu 752 differ, by up to 4.8e-07
#   elu 225 differ, by up to 6.0e-08
#   pow 70 differ, by up to 4.8e-07
#   exp, tanh, log, rsqrt and 1 / (1 + exp(-x)): 0 differ
#
# Needs Python 3.11 with venv and pip, and room for 3 GB. Exits 1 if one of the first seven does not differ, or one of the others does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && venv/bin/pip -q install torch==2.11.0 numpy==2.4.6

cat > places.py <<'PYTHON'
import sys

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
torch.manual_seed(0)
x = torch.randn(64007)
first = 4000


def differ(function):
    together = function(x)[:first]
    alone = torch.cat([function(x[i : i + 1]) for i in range(first)])
    return int((together != alone).sum()), float((together - alone).abs().max())


by_place = {
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softplus": F.softplus,
    "mish": F.mish,
    "gelu": F.gelu,
    "elu": F.elu,
    "pow": lambda v: v.abs() ** 1.5,
}
everywhere = {
    "exp": torch.exp,
    "tanh": torch.tanh,
    "log": lambda v: v.abs().log(),
    "rsqrt": lambda v: v.abs().rsqrt(),
    "1 / (1 + exp(-x))": lambda v: 1 / (1 + torch.exp(-v)),
}
changed = False
for functions, wanted in ((by_place, True), (everywhere, False)):
    for name, function in functions.items():
        count, most = differ(function)
        print(f"{name}: {count} of {first} differ, by up to {most:.1e}")
        changed |= (count > 0) != wanted
sys.exit(int(changed))
PYTHON
venv/bin/python places.py
