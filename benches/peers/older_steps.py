"""What a training step costs beside an older build, or with other kernels: processor time of the second program over that of the first, in
turns, one run on one thread, or as many as asked for.

    cargo build --release --example train_steps      # here and in the older tree
    python3 benches/peers/older_steps.py OLDER/target/release/examples/train_steps target/release/examples/train_steps
    python3 benches/peers/older_steps.py "target/release/examples/train_steps cpu libtorch" "target/release/examples/train_steps cpu matrixmultiply"
"""

import argparse
import shlex
import statistics
import subprocess

parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
parser.add_argument("programs", nargs=2, metavar="PROGRAM")
parser.add_argument("--rounds", type=int, default=21)
parser.add_argument("--steps", type=int, default=40)
parser.add_argument("--runs", type=int, default=1)
parser.add_argument("--workers", type=int, default=1, help="threads, a cohort of runs each")
arguments = parser.parse_args()
running = [subprocess.Popen(shlex.split(program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for program in arguments.programs]


def seconds(process, balance):
    process.stdin.write(f"{balance} {arguments.runs} {arguments.workers} 1 {arguments.steps}\n")
    process.stdin.flush()
    return float(process.stdout.readline().split()[-1])


print("| balancer | CPU s of the first | second ÷ first, median | 95 % interval |\n| --- | ---: | ---: | ---: |")
for balance in ("none", "gmp", "pcgrad"):
    for process in running:
        seconds(process, balance)
    ratios, olds = [], []
    for turn in range(arguments.rounds):
        times = {place: seconds(running[place], balance) for place in ((0, 1) if turn % 2 else (1, 0))}
        ratios.append(times[1] / times[0])
        olds.append(times[0])
    ratios.sort()
    # order statistics around the median
    reach = round(0.98 * arguments.rounds**0.5)
    middle = arguments.rounds // 2
    least, most = ratios[max(middle - reach, 0)], ratios[min(middle + reach, arguments.rounds - 1)]
    print(f"| {balance} | {statistics.median(olds):.2f} | {statistics.median(ratios):.3f} | {least:.3f} to {most:.3f} |")
for process in running:
    process.stdin.close()
    process.wait()
