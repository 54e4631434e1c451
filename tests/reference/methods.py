"""Ten training steps of methods with several forward passes, written out plainly in PyTorch, alone and with GMP.

    python3 tests/reference/methods.py      makes tests/reference/methods.safetensors again

Definitions: mean teacher Tarvainen & Valpola, NeurIPS 2017; the inner step of MBCD, AAAI 2026, first order; SAM Foret et al.,
ICLR 2021; GMP Peng et al., AAAI 2026. Written for Python 3.11, numpy 2, torch 2.11, safetensors 0.8; random numbers as in steps.py.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from counter import mix, part, permutation, purpose, stream, uniform
from steps import BASE, confidence, initial, modulation, ratios, table, without

METHODS = {
    "mean-teacher": {"teacher-decay": 0.9, "consistency-weight": 2.0},
    "inner-step": {"inner-rate": 0.05},
    "sam": {"sam-rho": 0.4},
}
GMP = {"alpha-k": 0.5, "alpha-p": 0.3, "lambda": 0.5}
STEPS = 10


class Run:
    def __init__(self, method, settings, balance, widths, classes, domains):
        self.method, self.settings, self.gmp, self.modalities = method, settings, balance == "gmp", list(widths)
        hidden, embedding, head, seed = (BASE[key] for key in ("hidden", "embedding", "head-hidden", "seed"))
        params = {}
        for m, width in widths.items():
            params |= initial(f"encoder.{m}.0", hidden, width, seed) | initial(f"encoder.{m}.1", embedding, hidden, seed)
        params |= initial("classifier.0", head, 2 * embedding, seed) | initial("classifier.1", classes, head, seed)
        if method == "inner-step":
            for m in widths:
                params |= initial(f"unimodal.{m}", classes, embedding, seed)
        if self.gmp:
            params |= initial("discriminator.0", head, 2 * embedding, seed) | initial("discriminator.1", domains, head, seed)
            for what, outputs in (("class", classes), ("domain", domains)):
                for m in widths:
                    name = f"probe.{what}.{m}"
                    params[f"{name}.weight"] = initial(name, outputs, embedding, seed)[f"{name}.weight"]
        self.params = {name: value.clone().requires_grad_() for name, value in params.items()}
        self.teacher = {name: value.clone() for name, value in params.items()}
        self.optimizer = torch.optim.Adam(self.params.values(), lr=BASE["learning-rate"], foreach=False)

    def forward(self, params, batch, masks):
        """Embeddings and fused class scores at these parameters."""
        place = 0

        def dropout(x):
            nonlocal place
            place += x.shape[1]
            return x * masks[:, place - x.shape[1] : place]

        linear = lambda name, x: F.linear(x, params[f"{name}.weight"], params.get(f"{name}.bias"))
        z = [linear(f"encoder.{m}.1", dropout(linear(f"encoder.{m}.0", x).relu())) for m, x in zip(self.modalities, batch["x"])]
        both = torch.cat(z, 1)
        return linear, z, both, linear("classifier.1", dropout(linear("classifier.0", both).relu()))

    def step(self, batch):
        live, y = self.params, batch["y"]
        # g_c is the sum of these; each with the parameters that it is differentiated by, which stand for the live ones
        losses = []
        linear, z, both, logits = self.forward(live, batch, batch["masks"])
        if self.method == "mean-teacher":
            with torch.no_grad():
                wanted = self.forward(self.teacher, batch, batch["more"])[3].softmax(1)
            consistency = self.settings["consistency-weight"] * ((logits.softmax(1) - wanted) ** 2).mean()
            losses = [(F.cross_entropy(logits, y), live), (consistency, live)]
            here = live
        elif self.method == "inner-step":
            own = sum(F.cross_entropy(linear(f"unimodal.{m}", x), y) for m, x in zip(self.modalities, z))
            names = [name for name in live if name.startswith("encoder")]
            found = dict(zip(names, torch.autograd.grad(own, [live[n] for n in names], retain_graph=True)))
            here = {n: (p - self.settings["inner-rate"] * found[n] if n in found else p).detach().requires_grad_() for n, p in live.items()}
            linear, z, both, logits = self.forward(here, batch, batch["more"])
            losses = [(own, live), (F.cross_entropy(logits, y), here)]
        else:
            names = [name for name in live if name.startswith(("encoder", "classifier"))]
            found = dict(zip(names, torch.autograd.grad(F.cross_entropy(logits, y), [live[n] for n in names])))
            norm = torch.cat([g.flatten() for g in found.values()]).norm() + 1e-12
            here = {n: (p + self.settings["sam-rho"] * found[n] / norm if n in found else p).detach().requires_grad_() for n, p in live.items()}
            linear, z, both, logits = self.forward(here, batch, batch["more"])
            losses = [(F.cross_entropy(logits, y), here)]

        def gradient(loss, params, names):
            found = torch.autograd.grad(loss, [params[n] for n in names], retain_graph=True, allow_unused=True)
            return {n: torch.zeros_like(params[n]) if g is None else g for n, g in zip(names, found)}

        def summed(names):
            parts = [gradient(loss, params, names) for loss, params in losses]
            return {n: sum(p[n] for p in parts) for n in names}

        total = summed([n for n in live if n.startswith(("encoder", "classifier", "unimodal"))])
        if self.gmp:
            domain = F.cross_entropy(linear("discriminator.1", linear("discriminator.0", both).relu()), batch["d"])
            total |= gradient(domain, here, [n for n in live if n.startswith("discriminator")])
            confidences = {}
            for what, label in (("class", y), ("domain", batch["d"])):
                confidences[what] = []
                for m, x in zip(self.modalities, z):
                    scores = linear(f"probe.{what}.{m}", x.detach())
                    total |= gradient(F.cross_entropy(scores, label), here, [f"probe.{what}.{m}.weight"])
                    confidences[what].append(confidence(scores, label))
            rho, sigma = ratios(confidences["class"]), [1 / ratio for ratio in ratios(confidences["domain"])]
            for i, m in enumerate(self.modalities):
                names = [n for n in live if n.startswith(f"encoder.{m}.")]
                g_c = modulation(rho[i], GMP["alpha-k"]) * torch.cat([total[n].flatten() for n in names])
                g_d = gradient(domain, here, names)
                g_d = modulation(sigma[i], GMP["alpha-p"]) * -GMP["lambda"] * torch.cat([g_d[n].flatten() for n in names])
                if g_c @ g_d < 0:
                    if rho[i] / sigma[i] >= 1:
                        g_c = without(g_c, g_d)
                    else:
                        g_d = without(g_d, g_c)
                pieces = (g_c + g_d).split([live[n].numel() for n in names])
                total |= {n: piece.view_as(live[n]) for n, piece in zip(names, pieces)}
        for name, param in live.items():
            param.grad = total[name].detach().clone()
        self.optimizer.step()
        decay = self.settings.get("teacher-decay", 0.0)
        self.teacher = {n: decay * value + (1 - decay) * live[n].detach() for n, value in self.teacher.items()}


def main():
    features, label, domain, split = table()
    sources = [0, 2]
    train = np.flatnonzero((domain != 1) & (split == 0))
    standard = {name: (x - x[train].mean(0)) / x[train].std(0) for name, x in features.items()}
    rows, seed, steps = BASE["batch-size"], BASE["seed"], len(train) // BASE["batch-size"]
    dropped = len(features) * BASE["hidden"] + BASE["head-hidden"]
    tensors, cases = {}, []
    for method, settings in METHODS.items():
        for balance in ("none", "gmp"):
            run = Run(method, settings, balance, {name: x.shape[1] for name, x in features.items()}, 3, len(sources))
            for at in range(STEPS):
                epoch, step = divmod(at, steps)
                order = permutation(mix(purpose(stream(seed), "shuffle"), epoch), len(train))
                here = train[order[step * rows : (step + 1) * rows]]
                random = mix(mix(purpose(stream(seed), "dropout"), epoch), step)
                masks = lambda state: torch.tensor(
                    (uniform(state, np.arange(rows * dropped)).reshape(rows, dropped) >= BASE["dropout"]) / (1 - BASE["dropout"])
                )
                run.step({
                    "x": [torch.tensor(x[here]) for x in standard.values()],
                    "y": torch.tensor(label[here]),
                    "d": torch.tensor([sources.index(d) for d in domain[here]]),
                    "masks": masks(random),
                    "more": masks(part(random, "branch 1")),
                })  # fmt: skip
            name = f"{method}+{balance}"
            tensors |= {f"{name}.{key}": value.detach().clone() for key, value in run.params.items()}
            if method == "mean-teacher":
                tensors |= {f"{name}.teacher.{key}": value.clone() for key, value in run.teacher.items()}
            own = settings | (GMP if balance == "gmp" else {})
            cases.append(BASE | {"name": name, "method": method, "balance": balance, "settings": own, "steps": STEPS})
    save_file(tensors, Path(__file__).with_suffix(".safetensors"), metadata={"cases": json.dumps(cases)})
    print(len(tensors), "tensors of", ", ".join(case["name"] for case in cases))


if __name__ == "__main__":
    main()
