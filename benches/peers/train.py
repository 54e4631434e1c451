"""Training steps of `mmdg` beside a plain PyTorch loop: batch 64, encoders 2304→512→512 and 512→512→512, 8 classes, two source domains,
f32, Adam (PyTorch's fused one). Both gather their batch from 4096 rows in memory, standardise it, draw dropout, take every backward pass
and step the optimizer. Rounds are interleaved; figures are medians, ratios those of the same round.

    cargo build --release --no-default-features --features cli,torch --example train_steps
    python benches/peers/train.py [--rounds 7] [--steps 30] [--only one|cohorts] [--processor]

PyTorch as it comes gives freed memory back and pays for fresh pages; with the allocator's settings that `mmdg train` makes for itself it
does not, and both are published:
    MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=1073741824 python benches/peers/train.py
"""

import argparse
import os
import statistics
import subprocess
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

STEPS = "target/release/examples/train_steps"
ROWS, BATCH, WIDTHS, HIDDEN, EMBEDDING, HEAD, CLASSES, DOMAINS = 4096, 64, (2304, 512), 512, 512, 256, 8, 2
DROPOUT, LAMBDA, ALPHA_K, ALPHA_P = 0.5, 0.15, 0.5, 0.1
METHODS = ("none", "adversarial", "gmp")


def encoder(width):
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, EMBEDDING))


def head(outputs, dropout):
    fused = EMBEDDING * len(WIDTHS)
    return nn.Sequential(nn.Linear(fused, HEAD), nn.ReLU(), nn.Dropout(dropout), nn.Linear(HEAD, outputs))


class Plain:
    """The loop that a paper's code has, on one model."""

    def __init__(self, method):
        torch.manual_seed(0)
        self.step = {"none": self.none, "adversarial": self.adversarial, "gmp": self.gmp}[method]
        self.features = [torch.randn(ROWS, width) for width in WIDTHS]
        self.mean = [x.mean(0) for x in self.features]
        self.scale = [1 / x.std(0) for x in self.features]
        self.label, self.domain = torch.randint(0, CLASSES, (ROWS,)), torch.randint(0, DOMAINS, (ROWS,))
        self.encoders = nn.ModuleList(map(encoder, WIDTHS))
        self.classifier, self.discriminator = head(CLASSES, DROPOUT), head(DOMAINS, 0.0)
        self.probes = nn.ModuleList(nn.Linear(EMBEDDING, out, bias=False) for out in (CLASSES, CLASSES, DOMAINS, DOMAINS))
        used = [self.encoders, self.classifier]
        used += [self.discriminator] * (method != "none") + [self.probes] * (method == "gmp")
        self.optimizer = torch.optim.Adam([p for module in used for p in module.parameters()], 1e-4, fused=True)

    def time(self, steps):
        start, used = time.perf_counter(), time.process_time()
        self.run(steps)
        return time.perf_counter() - start, time.process_time() - used

    def run(self, steps):
        order = torch.randperm(ROWS)
        for step in range(steps):
            rows = order[step * BATCH % ROWS:][:BATCH]
            x = [(f[rows] - mean) * scale for f, mean, scale in zip(self.features, self.mean, self.scale)]
            self.optimizer.zero_grad(set_to_none=True)
            self.step([e(x) for e, x in zip(self.encoders, x)], self.label[rows], self.domain[rows])
            self.optimizer.step()

    def none(self, z, y, d):
        F.cross_entropy(self.classifier(torch.cat(z, 1)), y).backward()

    def adversarial(self, z, y, d):
        """One backward pass; the reversal lets the discriminator learn from the plain gradient."""
        fused = torch.cat(z, 1)
        reversed_ = fused.detach() * (1 + LAMBDA) - fused * LAMBDA
        (F.cross_entropy(self.classifier(fused), y) + F.cross_entropy(self.discriminator(reversed_), d)).backward()

    def gmp(self, z, y, d):
        """Two backward passes, flattened gradients, branches on the host."""
        fused = torch.cat(z, 1)
        class_loss = F.cross_entropy(self.classifier(fused), y)
        domain_loss = F.cross_entropy(self.discriminator(fused), d)
        reads = [probe(z[i % 2].detach()) for i, probe in enumerate(self.probes)]
        sum(F.cross_entropy(read, y if i < 2 else d) for i, read in enumerate(reads)).backward()
        of_encoders = [list(e.parameters()) for e in self.encoders]
        both, n = of_encoders[0] + of_encoders[1], len(of_encoders[0])
        heads = [list(self.classifier.parameters()), list(self.discriminator.parameters())]
        g_c = torch.autograd.grad(class_loss, both + heads[0], retain_graph=True)
        g_d = torch.autograd.grad(domain_loss, both + heads[1])
        for parameters, gradients in zip(heads, (g_c, g_d)):
            for p, g in zip(parameters, gradients[2 * n:]):
                p.grad = g
        truth = lambda read, label: F.softmax(read.detach(), 1).gather(1, label[:, None]).mean().item()
        q, c = [truth(read, y) for read in reads[:2]], [truth(read, d) for read in reads[2:]]
        for m in range(2):
            rho, sigma = q[m] / q[1 - m], c[1 - m] / c[m]
            k = 1 - torch.tanh(torch.tensor(ALPHA_K * rho)).item() if rho > 1 else 1.0
            p = 1 - torch.tanh(torch.tensor(ALPHA_P * sigma)).item() if sigma > 1 else 1.0
            flat = lambda gradients: torch.cat([g.reshape(-1) for g in gradients[m * n:m * n + n]])
            a, b = k * flat(g_c), -LAMBDA * p * flat(g_d)
            dot = torch.dot(a, b).item()
            if dot < 0 and rho >= sigma:
                a = a - dot / torch.dot(b, b).item() * b
            elif dot < 0:
                b = b - dot / torch.dot(a, a).item() * a
            update, at = a + b, 0
            for parameter in of_encoders[m]:
                parameter.grad = update[at:at + parameter.numel()].view_as(parameter)
                at += parameter.numel()


class Ours:
    """examples/train_steps.rs at the other end of a pipe."""

    def __init__(self, device="cpu"):
        self.process = subprocess.Popen([STEPS, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def time(self, method, runs, workers, threads, steps):
        """Seconds, on the clock and of processors, for that many steps of each of `runs` runs, split over workers with so many threads each."""
        print(method, runs, workers, threads, steps, file=self.process.stdin, flush=True)
        return tuple(map(float, self.process.stdout.readline().split()))


def floor():
    """What the arithmetic of a step comes to, products of matrices alone, and what it must move."""
    layers = [(w, HIDDEN) for w in WIDTHS] + [(HIDDEN, EMBEDDING)] * len(WIDTHS)
    weights = sum(i * o for i, o in layers)
    product = 2 * BATCH
    second = sum(i * o for i, o in layers[len(WIDTHS):])
    heads = {name: len(WIDTHS) * EMBEDDING * HEAD + HEAD * out for name, out in (("class", CLASSES), ("domain", DOMAINS))}
    encoders = product * (2 * weights + second)
    probes = len(WIDTHS) * EMBEDDING * (CLASSES + DOMAINS)
    none = encoders + product * 3 * heads["class"]
    adversarial = none + product * 3 * heads["domain"]
    # each Gramian from X Xᵀ (symmetric), two blocks Δ_t Δ_tᵀ (symmetric) and Δ_s Δ_tᵀ
    gramian = sum(BATCH * BATCH * (i + 4 * o) for i, o in layers)
    gmp = adversarial + product * second + gramian + product * 2 * probes
    biases = sum(o for _, o in layers)
    params = {"none": weights + biases + heads["class"] + HEAD + CLASSES}
    params["adversarial"] = params["none"] + heads["domain"] + HEAD + DOMAINS
    params["gmp"] = params["adversarial"] + probes
    print("floor of a step: operations in products, bytes of parameters, gradient and moments read and written once")
    for name, operations in zip(METHODS, (none, adversarial, gmp)):
        # forward and backward read weights, backward writes gradients, the optimizer reads four arrays and writes three
        print(f"  {name:12} {operations / 1e6:6.0f} M operations ({operations / adversarial:.2f} of adversarial)   {params[name] * 4 * 10 / 1e6:5.0f} MB")


def one(ours, rounds, steps, clock):
    """Milliseconds of a step of one run, one thread each."""
    contenders = {}
    for method in METHODS:
        plain = Plain(method)
        contenders[f"torch {method}"] = lambda n, plain=plain: plain.time(n)
        contenders[f"mmdg {method}"] = lambda n, method=method: ours.time(method, 1, 1, 1, n)
    contenders["mmdg reading"] = lambda n: ours.time("reading", 1, 1, 1, n)
    ms = {name: [] for name in contenders}
    for round_ in range(rounds + 1):
        for name, run in contenders.items():
            taken = run(steps)[clock]
            if round_:
                ms[name].append(taken / steps * 1e3)
    report(ms)
    print(f"mmdg gmp / mmdg adversarial {ratio(ms, 'mmdg gmp', 'mmdg adversarial')} (wanted: at most 1.25)")
    print(f"torch gmp / mmdg gmp {ratio(ms, 'torch gmp', 'mmdg gmp')} (at least 1.6)")
    shares = ", ".join(f"{method} {float(ratio(ms, 'mmdg reading', f'mmdg {method}', 4)):.1%}" for method in METHODS)
    print(f"reading features, of a step of {shares} (below 5%)")
    print(f"torch none / mmdg none {ratio(ms, 'torch none', 'mmdg none')} (at least 1)")


def cohorts(ours, rounds, steps, clock):
    """Milliseconds of a run's step on two cores: one run after another with two threads, and cohorts in two workers of one thread."""
    ms = {}
    for round_ in range(rounds + 1):
        for method in METHODS:
            for name, setup in {"R = 1, 2 threads": (1, 1, 2), "R = 2": (2, 2, 1), "R = 4": (4, 2, 1), "R = 8": (8, 2, 1), "R = 16": (16, 2, 1)}.items():
                taken = ours.time(method, *setup, max(steps // setup[0], 3))[clock]
                if round_:
                    ms.setdefault(f"{method} {name}", []).append(taken / max(steps // setup[0], 3) / setup[0] * 1e3)
    report(ms)
    for method in METHODS:
        gains = {r: ratio(ms, f"{method} R = 1, 2 threads", f"{method} R = {r}") for r in (2, 4, 8, 16)}
        print(method, "run-steps/s of one after another:", ", ".join(f"R = {r} {gain}×" for r, gain in gains.items()), "(best: at least 1.2)")


def ratio(ms, above, below, digits=2):
    return f"{statistics.median(a / b for a, b in zip(ms[above], ms[below])):.{digits}f}"


def report(ms):
    for name, values in ms.items():
        print(f"{name:24} {statistics.median(values):7.3f} ms  [{min(values):.3f} … {max(values):.3f}]")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--only", choices=("one", "cohorts"))
    parser.add_argument("--processor", action="store_true", help="processor time instead of the clock's: for a machine with other work")
    arguments = parser.parse_args()
    clock = int(arguments.processor)
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    floor()
    ours = Ours()
    if arguments.only != "cohorts":
        one(ours, arguments.rounds, arguments.steps, clock)
    if arguments.only != "one":
        cohorts(ours, arguments.rounds, arguments.steps, clock)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
