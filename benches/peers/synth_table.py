"""The tables of benches/RESULTS.md of what `mmdg synth ADAM --check` and the same with SGD left behind.

    python3 benches/peers/synth_table.py ADAM SGD
"""

import json
import math
import statistics
import sys
from collections import defaultdict
from pathlib import Path

FIRST = ["none", "adversarial", "ogm", "ogm-ge", "gradient-blending", "cggm", "pcgrad", "gmp"]
# of Student's distribution, two-sided 95 %, nine degrees of freedom
T9 = 2.262


def runs(folder):
    """By column, then seed: source validation and target accuracy in per cent."""
    found = defaultdict(dict)
    for file in Path(folder, "compared").rglob("results.json"):
        run = json.loads(file.read_text())
        if run["protocol"]["role"] == "result":
            found[run["name"]][run["seed"]] = (100 * run["source_validation_score"], 100 * run["target_score"])
    return found


def cells(found, name):
    own, base = found[name], found["none"]
    assert len(own) == 10 and own.keys() == base.keys()
    target = [own[seed][1] for seed in sorted(own)]
    gain = [own[seed][1] - base[seed][1] for seed in sorted(own)]
    half = T9 * statistics.stdev(gain) / math.sqrt(len(gain))
    return [
        f"{statistics.mean(accuracy for accuracy, _ in own.values()):.1f}",
        f"{statistics.mean(target):.1f} ± {statistics.stdev(target):.1f}",
        "" if name == "none" else f"{statistics.mean(gain):+.2f} ± {half:.2f}",
    ]


for arm in ("imbalance", "shift", "control"):
    both = [runs(Path(folder, arm)) for folder in sys.argv[1:3]]
    print(f"**{arm}**\n\n| | Adam: source validation | target | − `none` | SGD: source validation | target | − `none` |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in FIRST + sorted(name for name in both[0] if name.startswith("gmp-")):
        print(f"| `{name}` | {' | '.join(cells(both[0], name) + cells(both[1], name))} |")
    print()
