"""Run-steps a second on a CUDA device: cohorts of 1, 8 and 64 runs beside the plain PyTorch loop of train.py, which trains one run after
another. `benches/gpu.sh` runs it, after

    cargo build --release --no-default-features --features cli,torch --example train_steps
"""

import argparse
import statistics
import time

import torch
from train import METHODS, Ours, Plain

COHORTS = (1, 8, 64)


def plain(method):
    """Seconds of so many steps, on the device."""
    loop = Plain(method)

    def run(steps):
        torch.cuda.synchronize()
        start = time.perf_counter()
        loop.run(steps)
        torch.cuda.synchronize()
        return time.perf_counter() - start

    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_default_device("cuda")
    ours = Ours("cuda")
    contenders = {}
    for method in METHODS:
        contenders[method, "torch"] = 1, plain(method)
        for runs in COHORTS:
            contenders[method, f"mmdg, R = {runs}"] = runs, lambda n, method=method, runs=runs: ours.time(method, runs, 1, 1, n)[0]
    rates = {name: [] for name in contenders}
    for round_ in range(arguments.rounds + 1):  # the first one warms up
        for name, (runs, run) in contenders.items():
            taken = run(arguments.steps)
            if round_:
                rates[name].append(runs * arguments.steps / taken)
    print("| method | loop | run-steps/s (median of rounds) | times torch's |\n| --- | --- | ---: | ---: |")
    for (method, loop), seen in rates.items():
        times = statistics.median(a / b for a, b in zip(seen, rates[method, "torch"]))
        print(f"| {method} | {loop} | {statistics.median(seen):.0f} | {times:.2f} |")


if __name__ == "__main__":
    main()
