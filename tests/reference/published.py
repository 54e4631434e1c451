"""A hundred training steps of published methods of multimodal domain generalization, written out plainly in PyTorch, alone and with GMP.

    python3 tests/reference/published.py      makes tests/reference/published.safetensors again

Definitions: rna-net Planamente et al., WACV 2022; coral Sun & Saenko, ECCV workshops 2016; mmd Li et al., CVPR 2018, kernels and batches
of domains as in DomainBed (Gulrajani & Lopez-Paz, ICLR 2021); irm Arjovsky et al., 2019; vrex Krueger et al., ICML 2021; group-dro Sagawa
et al., ICLR 2020; mixup Zhang et al., ICLR 2018, between domains; sim-mmdg Dong et al., NeurIPS 2023; mer-dg Yarici & AlRegib, ICML 2026;
lfm Yang et al., NeurIPS 2024; mmcosine Xu et al., ICASSP 2023; jat ACM MM 2025, with layer norm in place of batch norm; mbcd Wang et al.,
AAAI 2026, first order; moosa Dong et al., ECCV 2024; gmp Peng et al., AAAI 2026.
Weights are [out, in]; cross-entropies are means over rows. Where a method has a domain loss of its own, that one, as it reaches the
encoders, is the domain side for GMP; otherwise a fused discriminator against the encoders is, by -lambda. Heads get plain gradients.
A name is `case@steps.parameter`, or `case@steps.teacher.parameter` of an averaged teacher.
Written for Python 3.11, numpy 2, torch 2.11, safetensors 0.8; random numbers as in steps.py.
"""

import json
from collections import Counter
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from counter import mix, part, permutation, purpose, stream, uniform
from steps import BASE, confidence, initial, modulation, ratios, table, without

BASE = BASE | {"head-hidden": 8, "embedding": 6}
GMP = {"alpha-k": 0.5, "alpha-p": 0.3, "lambda": 0.5}
KEPT = (1, 10, 100)
SOURCES = [0, 2]
CLASSES, DOMAINS = 3, len(SOURCES)
METHODS = {
    "rna-net": ("pooled", {"norm-weight": 0.7}),
    "coral": ("by-domain", {"coral-weight": 0.8}),
    "mmd": ("by-domain", {"mmd-weight": 0.6}),
    "irm": ("by-domain", {"irm-weight": 5.0, "irm-from": 20}),
    "vrex": ("by-domain", {"vrex-weight": 4.0, "vrex-from": 15}),
    "group-dro": ("by-domain", {"group-dro-rate": 0.3}),
    "mixup": ("by-domain", {"mixup-alpha": 0.2}),
    "sim-mmdg": ("pooled", {"contrast-weight": 1.5, "distance-weight": 0.7, "translation-weight": 0.4}),
    "mer-dg": ("by-domain", {"mer-weight": 0.5, "variance-weight": 1.2, "entropy-weight": 0.6, "contrast-weight": 0.8}),
    "lfm": ("pooled", {}),
    "mmcosine": ("pooled", {"cosine-scale": 15.0}),
    "jat": ("pooled", {}),
    "mbcd": (
        "pooled",
        {"inner-rate": 0.05, "teacher-decay": 0.9, "fused-distillation": 0.8, "unimodal-distillation": 0.6, "drop-base": 0.1},
    ),
    "moosa": (
        "pooled",
        {"contrast-weight": 1.5, "distance-weight": 0.7, "translation-weight": 0.4, "mask-ratio": 0.3, "jigsaw-weight": 0.5,
         "entropy-weight": 0.05, "entropy-temperature": 1.0},
    ),
}  # fmt: skip
MORE = {"moosa": {"embedding": 8}}
WITH_DOMAIN_LOSS = "coral", "mmd", "irm", "vrex", "jat"
THREE = ["rna-net-3+none", "sim-mmdg-3+none", "sim-mmdg-3+gmp", "jat-3+none", "mbcd-3+none", "mbcd-3+gmp"]
BRANCHES = {
    "irm": ["before", "after"],
    "vrex": ["before", "after"],
    "mixup": ["accepted at once", "accepted later"],
    "mbcd": ["r <= 1", "r > 1", "dropped", "kept"],
    "moosa": ["masked", "kept"],
}
PERMUTATIONS = 128
EPOCHS = 100


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def reverse(x, factor):
    """The same, whose gradient comes back times -factor."""
    x = x.view_as(x)
    x.register_hook(lambda gradient: -factor * gradient)
    return x


def normalized(z):
    """Layer norm without scale and shift."""
    return F.layer_norm(z, z.shape[1:], eps=1e-5)


class Branch:
    """The network at these parameters, with these dropout factors [B, W] or none."""

    def __init__(self, run, params, masks):
        self.run, self.params, self.masks = run, params, masks

    def linear(self, name, x):
        return F.linear(x, self.params[f"{name}.weight"], self.params.get(f"{name}.bias"))

    def hidden(self, name, x):
        """Linear, ReLU, and dropout where the layer has a place of its own."""
        x = self.linear(name, x).relu()
        return x if self.masks is None or name not in self.run.places else x * self.masks[:, self.run.places[name]]

    def norm(self, name, kind, x):
        weight, bias = (self.params[f"{name}.{what}"] for what in ("weight", "bias"))
        if kind == "batch":
            return F.batch_norm(x, None, None, weight, bias, training=True, eps=1e-5)
        return F.layer_norm(x, x.shape[1:], weight, bias, eps=1e-5)

    def project(self, name, kind, x):
        """Twice linear, norm and ReLU, and a linear layer."""
        for i in range(2):
            x = self.norm(f"{name}.norm{i}", kind, self.linear(f"{name}.{i}", x)).relu()
        return self.linear(f"{name}.2", x)

    def encode(self, features):
        return [self.linear(f"encoder.{m}.1", self.hidden(f"encoder.{m}.0", x)) for m, x in zip(self.run.modalities, features)]

    def classify(self, both):
        return self.linear("classifier.1", self.hidden("classifier.0", both))

    def gradient(self, loss, names):
        found = torch.autograd.grad(loss, [self.params[n] for n in names], retain_graph=True, allow_unused=True)
        return {n: torch.zeros_like(self.params[n]) if g is None else g for n, g in zip(names, found)}


class Run:
    def __init__(self, case, widths):
        self.case, self.settings, self.gmp = case, case["settings"], case["balance"] == "gmp"
        self.modalities, self.method = list(widths), getattr(self, case["method"].replace("-", "_"))
        self.initial, self.places, self.dropped, self.branches, self.steps = {}, {}, 0, Counter(), 0
        self.groups = torch.full((DOMAINS,), 1 / DOMAINS)
        for m, width in widths.items():
            self.layer(f"encoder.{m}.0", width, case["hidden"], drops=True)
            self.layer(f"encoder.{m}.1", case["hidden"], case["embedding"])
        self.heads(case["method"], case["embedding"], case["head-hidden"])
        own = {name for name in self.initial if not name.startswith("encoder")}
        self.has_domain = case["method"] in WITH_DOMAIN_LOSS
        if self.gmp:
            if not self.has_domain:
                self.layer("discriminator.0", len(widths) * case["embedding"], case["head-hidden"])
                self.layer("discriminator.1", case["head-hidden"], DOMAINS)
            for what, outputs in (("class", CLASSES), ("domain", DOMAINS)):
                for m in widths:
                    self.layer(f"probe.{what}.{m}", case["embedding"], outputs, bias=False)
        self.params = {name: value.clone().requires_grad_() for name, value in self.initial.items()}
        self.teacher = self.initial
        self.own = [name for name in self.params if name.startswith("encoder") or name in own]
        self.restart()

    def restart(self):
        self.optimizer = torch.optim.Adam(self.params.values(), lr=self.case["learning-rate"], foreach=False)

    def layer(self, name, inputs, outputs, bias=True, drops=False):
        found = initial(name, outputs, inputs, self.case["seed"])
        self.initial |= found if bias else {f"{name}.weight": found[f"{name}.weight"]}
        if drops:
            self.places[name] = slice(self.dropped, self.dropped + outputs)
            self.dropped += outputs

    def scales(self, name, width):
        self.initial |= {f"{name}.weight": torch.ones(width), f"{name}.bias": torch.zeros(width)}

    def projection(self, name, inputs, h, bias):
        self.layer(f"{name}.0", inputs, 4 * h, bias)
        self.scales(f"{name}.norm0", 4 * h)
        self.layer(f"{name}.1", 4 * h, 4 * h, bias)
        self.scales(f"{name}.norm1", 4 * h)
        self.layer(f"{name}.2", 4 * h, h // 4)

    def heads(self, method, e, h):
        """The heads in the order in which they claim their dropout places."""
        every = len(self.modalities) * e
        if method not in ("lfm", "mmcosine"):
            self.layer("classifier.0", every, h, drops=True)
            self.layer("classifier.1", h, CLASSES)
        if method in ("sim-mmdg", "moosa"):
            for m in self.modalities:
                self.projection(f"contrast.{m}", e // 2, h, bias=False)
            for a, b in permutations(self.modalities, 2):
                self.layer(f"translation.{a}-{b}.0", e, 4 * h)
                self.layer(f"translation.{a}-{b}.1", 4 * h, 4 * h, drops=True)
                self.layer(f"translation.{a}-{b}.2", 4 * h, e)
        for m in self.modalities:
            match method:
                case "mer-dg":
                    self.projection(f"mer.{m}", e, h, bias=True)
                case "lfm":
                    self.layer(f"late.{m}", e, CLASSES)
                case "mmcosine":
                    self.layer(f"cosine.{m}", e, CLASSES, bias=False)
                case "jat" | "moosa":
                    self.layer(f"unimodal.{m}", e, CLASSES)
                case "mbcd":
                    self.layer(f"unimodal.{m}.0", e, h, drops=True)
                    self.layer(f"unimodal.{m}.1", h, CLASSES)
        if method == "moosa":
            self.layer("jigsaw.0", every, h)
            self.layer("jigsaw.1", h, PERMUTATIONS)
        if method == "jat":
            for m in self.modalities:
                self.layer(f"domain-projection.{m}", e, 2 * h, drops=True)
            self.layer("domain-discriminator.0", 2 * h, h)
            self.scales("domain-discriminator.norm", h)
            self.layer("domain-discriminator.1", h, DOMAINS)
            for m in self.modalities:
                self.layer(f"modality-projection.{m}", e, 2 * h, drops=True)
            self.layer("modality-discriminator", 2 * h, len(self.modalities))
            self.layer("discriminator.0", every, 2 * h, drops=True)
            self.layer("discriminator.1", 2 * h, DOMAINS)

    def step(self, batch):
        """One step; `batch` has x by modality, y, d, the random state, the epoch and the steps of an epoch."""
        self.batch = batch
        self.live = self.here = self.branch(0, self.params)
        self.see(self.live.encode(batch["x"]))
        # the losses, each with the branch by whose parameters it is differentiated, which stand for the live ones
        losses, domain = self.method(batch["y"])
        assert (domain is not None) == self.has_domain

        def summed(terms, names):
            parts = [branch.gradient(loss, names) for loss, branch in terms]
            return {n: sum(p[n] for p in parts) for n in names}

        total = summed(losses + [(domain, self.here)] * self.has_domain, self.own)
        if self.gmp:
            if domain is None:
                against = F.cross_entropy(self.here.linear("discriminator.1", self.here.hidden("discriminator.0", self.both)), batch["d"])
                total |= self.here.gradient(against, [n for n in self.params if n.startswith("discriminator")])
                domain = -self.settings["lambda"] * against
            confidences = {}
            for what, label in (("class", batch["y"]), ("domain", batch["d"])):
                confidences[what] = []
                for m, z in zip(self.modalities, self.z):
                    scores = self.here.linear(f"probe.{what}.{m}", z.detach())
                    total |= self.here.gradient(F.cross_entropy(scores, label), [f"probe.{what}.{m}.weight"])
                    confidences[what].append(confidence(scores, label))
            rho, sigma = ratios(confidences["class"]), [1 / ratio for ratio in ratios(confidences["domain"])]
            for i, m in enumerate(self.modalities):
                names = [n for n in self.params if n.startswith(f"encoder.{m}.")]
                flat = lambda terms: torch.cat([g.flatten() for g in summed(terms, names).values()])
                g_c = modulation(rho[i], self.settings["alpha-k"]) * flat(losses)
                g_d = modulation(sigma[i], self.settings["alpha-p"]) * flat([(domain, self.here)])
                self.branches["conflict" if g_c @ g_d < 0 else "no conflict"] += 1
                if g_c @ g_d < 0:
                    if rho[i] / sigma[i] >= 1:
                        g_c = without(g_c, g_d)
                    else:
                        g_d = without(g_d, g_c)
                pieces = (g_c + g_d).split([self.params[n].numel() for n in names])
                total |= {n: piece.view_as(self.params[n]) for n, piece in zip(names, pieces)}
        assert total.keys() == self.params.keys()
        for name, param in self.params.items():
            param.grad = total[name].detach().clone()
        self.optimizer.step()
        if decay := self.settings.get("teacher-decay"):
            self.teacher = {n: decay * value + (1 - decay) * self.params[n].detach() for n, value in self.teacher.items()}
        self.steps += 1

    def branch(self, number, params):
        """The network with the dropout factors of this branch."""
        state = part(self.batch["random"], f"branch {number}") if number else self.batch["random"]
        rows, rate = len(self.batch["y"]), self.case["dropout"]
        drawn = uniform(state, np.arange(rows * self.dropped)).reshape(rows, self.dropped)
        return Branch(self, params, torch.tensor((drawn >= rate) / (1 - rate)))

    def see(self, z):
        """Embeddings that heads, probes and discriminator read."""
        self.z, self.both = z, torch.cat(z, 1)

    def class_loss(self, y):
        return F.cross_entropy(self.live.classify(self.both), y)

    def alone(self, loss):
        return [(loss, self.live)]

    def rna_net(self, y):
        norms = [z.norm(dim=1).mean() for z in self.z]
        away = mean((a / b - 1) ** 2 for a, b in combinations(norms, 2))
        return self.alone(self.class_loss(y) + self.settings["norm-weight"] * away), None

    def coral(self, y):
        def moments(x):
            centred = x - x.mean(0)
            return x.mean(0), centred.T @ centred / (len(x) - 1)

        width = self.both.shape[1]
        found = [moments(x) for x in self.both.chunk(DOMAINS)]
        apart = mean(((a - b) ** 2).sum() / width + ((s - t) ** 2).sum() / width**2 for (a, s), (b, t) in combinations(found, 2))
        return self.alone(self.class_loss(y)), self.settings["coral-weight"] * apart

    def mmd(self, y):
        def kernel(a, b):
            squares = ((a[:, None] - b[None]) ** 2).sum(2)
            return sum((-gamma * squares).exp().mean() for gamma in (0.001, 0.01, 0.1, 1, 10, 100, 1000))

        parts = self.both.chunk(DOMAINS)
        apart = mean(kernel(a, a) + kernel(b, b) - 2 * kernel(a, b) for a, b in combinations(parts, 2))
        return self.alone(self.class_loss(y)), self.settings["mmd-weight"] * apart

    def strength(self, name):
        """The factor of a penalty: 1, then its weight, with an optimizer that starts anew."""
        switch = min(self.settings[f"{name}-from"], EPOCHS * self.batch["steps"] // 2)
        if self.steps == switch:
            self.restart()
        self.branches["before" if self.steps < switch else "after"] += 1
        return 1.0 if self.steps < switch else self.settings[f"{name}-weight"]

    def irm(self, y):
        logits = self.live.classify(self.both)
        slopes = ((logits.softmax(1) - F.one_hot(y, CLASSES)) * logits).sum(1).chunk(DOMAINS)
        penalty = mean(slope[0::2].mean() * slope[1::2].mean() for slope in slopes)
        return self.alone(F.cross_entropy(logits, y)), self.strength("irm") * penalty

    def class_losses(self, y):
        """Cross-entropy of each domain."""
        return F.cross_entropy(self.live.classify(self.both), y, reduction="none").view(DOMAINS, -1).mean(1)

    def vrex(self, y):
        losses = self.class_losses(y)
        return self.alone(losses.mean()), self.strength("vrex") * ((losses - losses.mean()) ** 2).mean()

    def group_dro(self, y):
        losses = self.class_losses(y)
        self.groups = self.groups * (self.settings["group-dro-rate"] * losses.detach()).exp()
        self.groups = self.groups / self.groups.sum()
        return self.alone(self.groups @ losses), None

    def beta(self, state, group):
        """Beta(a, a) from two gamma variates by Marsaglia & Tsang, ACM TOMS 2000, in log space for a < 1."""
        a, u = self.settings["mixup-alpha"], lambda n: float(uniform(state, n))
        d = a + 2 / 3
        logs = []
        for j in range(2):
            base = 1 + (group * 2 + j) * 32
            for t in range(8):
                b = base + 4 * t
                x = np.sqrt(-2 * np.log(1 - u(b))) * np.cos(2 * np.pi * u(b + 1))
                v = (1 + x / np.sqrt(9 * d)) ** 3
                if v > 0 and np.log(1 - u(b + 2)) < x**2 / 2 + d - d * v + d * np.log(v):
                    self.branches["accepted later" if t else "accepted at once"] += 1
                    break
            else:
                v = 1.0
            logs.append(np.log(d * v) + np.log(1 - u(base + 3)) / a)
        return 1 / (1 + np.exp(logs[1] - logs[0]))

    def mixup(self, y):
        state, share = part(self.batch["random"], "mixup"), len(y) // DOMAINS
        shift = 1 + int(float(uniform(state, 0)) * (DOMAINS - 1))
        weights = torch.tensor([self.beta(state, g) for g in range(DOMAINS)]).repeat_interleave(share)
        other = torch.arange(len(y)).roll(-shift * share)
        self.see(self.live.encode([weights[:, None] * x + (1 - weights[:, None]) * x[other] for x in self.batch["x"]]))
        own, others = (F.cross_entropy(self.live.classify(self.both), label, reduction="none") for label in (y, y[other]))
        return self.alone((weights * own + (1 - weights) * others).mean()), None

    def contrast(self, views, y):
        """Supervised contrast of the views of all modalities, at temperature 0.1 and base temperature 0.07."""
        v, label = torch.cat([F.normalize(view) for view in views]), y.repeat(len(views))
        own = torch.eye(len(v), dtype=torch.bool)
        scores = v @ v.T / 0.1
        log = scores - scores.masked_fill(own, -torch.inf).logsumexp(1, keepdim=True)
        positive = (label[:, None] == label) & ~own
        return -0.1 / 0.07 * ((log * positive).sum(1) / positive.sum(1)).mean()

    def disentangled(self, y, keep):
        """SimMMDG's three losses; `keep` has one mask a translation."""
        shared, specific = zip(*(z.chunk(2, 1) for z in self.z))
        views = [self.live.project(f"contrast.{m}", "batch", z) for m, z in zip(self.modalities, shared)]
        distance = -mean(((s - p) ** 2).mean() for s, p in zip(shared, specific))
        missed = []
        for (a, b), mask in zip(permutations(range(len(self.z)), 2), keep):
            name = f"translation.{self.modalities[a]}-{self.modalities[b]}"
            made = self.live.hidden(f"{name}.1", self.live.hidden(f"{name}.0", self.z[a] * mask))
            made = self.live.linear(f"{name}.2", made)
            missed.append((F.normalize(made) - F.normalize(self.z[b])).norm(dim=1).mean())
        terms = {"contrast": self.contrast(views, y), "distance": distance, "translation": mean(missed)}
        return sum(self.settings[f"{name}-weight"] * term for name, term in terms.items())

    def sim_mmdg(self, y):
        keep = [1.0 for _ in permutations(self.z, 2)]
        return self.alone(self.class_loss(y) + self.disentangled(y, keep)), None

    def mer_dg(self, y):
        views = [self.live.project(f"mer.{m}", "layer", z) for m, z in zip(self.modalities, self.z)]
        own = 0
        for u in views:
            deviation = (u.var(0) + 1e-4).sqrt()
            x = (u - u.mean(0)) / (u.std(0, correction=0) + 1e-4)
            spread = x.T @ x / (len(x) - 1) + 1e-4 * torch.eye(x.shape[1])
            entropy = -spread.det().abs().log() / x.shape[1]
            own = own + self.settings["variance-weight"] * (1 - deviation).relu().mean() + self.settings["entropy-weight"] * entropy
        contrast = self.settings["contrast-weight"] * self.contrast(views, y)
        return self.alone(self.class_loss(y) + contrast + self.settings["mer-weight"] * own), None

    def lfm(self, y):
        scores = [self.live.linear(f"late.{m}", z) for m, z in zip(self.modalities, self.z)]
        powers = 0.204623704, 3.35472727e-3, 1.22989557e-4, -2.92947416e-6, 2.23835486e-8, -5.39717505e-11
        share = sum(factor * self.batch["epoch"] ** i for i, factor in enumerate(powers))
        self.branches[f"share {share:.4f}"] += 1
        apart = []
        for p in combinations([x.softmax(1) for x in scores], 2):
            q = mean(p)
            apart.append(mean((q * (q.log() - own.log())).sum(1).mean() for own in p))
        return self.alone(2 * (share * F.cross_entropy(mean(scores), y) + (1 - share) * mean(apart))), None

    def mmcosine(self, y):
        weights = [self.params[f"cosine.{m}.weight"] for m in self.modalities]
        cosines = sum(F.cosine_similarity(z[:, None], w[None], dim=2) for z, w in zip(self.z, weights))
        return self.alone(F.cross_entropy(self.settings["cosine-scale"] * cosines, y)), None

    def jat(self, y):
        live, d, by_modality, entropies, unimodal, modality = self.live, self.batch["d"], [], [], [], []
        for i, (m, z) in enumerate(zip(self.modalities, self.z)):
            unimodal.append(F.cross_entropy(live.linear(f"unimodal.{m}", z), y))
            hidden = live.linear("domain-discriminator.0", live.hidden(f"domain-projection.{m}", reverse(z, 0.3)))
            scores = live.linear("domain-discriminator.1", live.norm("domain-discriminator.norm", "layer", hidden).relu())
            by_modality.append(F.cross_entropy(scores, d))
            entropies.append(-(scores.softmax(1) * scores.log_softmax(1)).sum(1).mean())
            scores = live.linear("modality-discriminator", live.hidden(f"modality-projection.{m}", reverse(z, 0.1)))
            modality.append(F.cross_entropy(scores, torch.full_like(y, i)))
        scores = live.linear("discriminator.1", live.hidden("discriminator.0", reverse(self.both, 0.3)))
        weighted = torch.stack(entropies).softmax(0) @ torch.stack(unimodal)
        domain = 0.5 * F.cross_entropy(scores, d) + 0.5 * mean(by_modality)
        return self.alone(self.class_loss(y) + 0.1 * mean(modality) + 3 * weighted), domain

    def mbcd(self, y):
        weights, rows, count = self.settings, len(y), len(self.z)
        hidden = [self.live.hidden(f"unimodal.{m}.0", normalized(z)) for m, z in zip(self.modalities, self.z)]
        own = [self.live.linear(f"unimodal.{m}.1", x) for m, x in zip(self.modalities, hidden)]
        losses = sum(F.cross_entropy(scores, y) for scores in own)
        sure = [float(scores.detach().softmax(1).amax(1).mean()) for scores in own]
        dropped = []
        for i, s in enumerate(sure):
            ratio = mean(s / other for j, other in enumerate(sure) if j != i)
            self.branches["r > 1" if ratio > 1 else "r <= 1"] += 1
            dropped.append(weights["drop-base"] + (1 - weights["drop-base"]) * np.tanh(ratio - 1) if ratio > 1 else 0.0)
        keep = uniform(part(self.batch["random"], "modality dropout"), np.arange(rows * count)).reshape(rows, count) >= dropped
        self.branches["kept"] += int(keep.sum())
        self.branches["dropped"] += int((~keep).sum())
        # first order: the inner gradient is a constant
        found = self.live.gradient(losses, [n for n in self.params if n.startswith("encoder")])
        inner = {n: (p - weights["inner-rate"] * found[n] if n in found else p).detach().requires_grad_() for n, p in self.params.items()}
        self.here = self.branch(1, inner)
        z = self.here.encode(self.batch["x"])
        masked = [x * mask[:, None] for x, mask in zip(z, torch.tensor(keep).T)]
        self.z, self.both = z, torch.cat(masked, 1)
        fused = self.here.classify(torch.cat([normalized(x) for x in masked], 1))
        with torch.no_grad():
            teacher = Branch(self, self.teacher, None)
            wanted = teacher.classify(torch.cat([normalized(x) for x in teacher.encode(self.batch["x"])], 1)).softmax(1)
        apart = lambda scores: F.kl_div(scores.log_softmax(1), wanted, reduction="batchmean")
        live = losses + weights["unimodal-distillation"] * sum(apart(scores) for scores in own)
        return [(live, self.live), (F.cross_entropy(fused, y) + weights["fused-distillation"] * apart(fused), self.here)], None

    def moosa(self, y):
        rows, width, pairs = len(y), self.case["embedding"], list(permutations(self.z, 2))
        drawn = uniform(part(self.batch["random"], "translation masks"), np.arange(len(pairs) * rows * width))
        keep = torch.tensor(drawn.reshape(len(pairs), rows, width) >= self.settings["mask-ratio"])
        self.branches["kept"] += int(keep.sum())
        self.branches["masked"] += int((~keep).sum())
        heads = [self.live.linear(f"unimodal.{m}", z) for m, z in zip(self.modalities, self.z)] + [self.live.classify(self.both)]
        entropy = torch.stack([-(p * (p + 1e-5).log()).sum(1) for p in (scores.softmax(1) for scores in heads)])
        weights = (-entropy / self.settings["entropy-temperature"]).softmax(0).mean(1)
        loss = weights @ torch.stack([F.cross_entropy(scores, y) for scores in heads])
        loss = loss + self.settings["entropy-weight"] * entropy.mean()
        # two modalities in four parts each
        parts = [piece for z in self.z for piece in z.chunk(4, 1)]
        orders = [permutation(mix(purpose(stream(0), "jigsaw"), p), len(parts)) for p in range(PERMUTATIONS)]
        puzzles = torch.cat([torch.cat([parts[i] for i in order], 1) for order in orders])
        scores = self.live.linear("jigsaw.1", self.live.hidden("jigsaw.0", puzzles))
        jigsaw = F.cross_entropy(scores, torch.arange(PERMUTATIONS).repeat_interleave(rows))
        return self.alone(loss + self.settings["jigsaw-weight"] * jigsaw + self.disentangled(y, keep)), None


def third(label, domain):
    """One more modality of the table, of width 4."""
    rng = np.random.default_rng(11)
    x = 0.6 * rng.normal(size=(3, 4))[label] + 0.7 * rng.normal(size=(3, 4))[domain] + rng.normal(size=(len(label), 4))
    return np.round(64 * (x + 2)) / 64


def follow(case, features, label, domain, train):
    """Takes the steps of a case; gives what is kept of it and what it came by."""
    rows, seed = case["batch-size"], case["seed"]
    groups = [train[domain[train] == source] for source in SOURCES]
    by_domain, share = case["batches"] == "by-domain", rows // DOMAINS
    steps = min(len(group) // share for group in groups) if by_domain else len(train) // rows
    standard = {m: (features[m] - features[m][train].mean(0)) / features[m][train].std(0) for m in case["modalities"]}
    run = Run(case, {m: x.shape[1] for m, x in standard.items()})
    kept = {}
    for at in range(max(KEPT)):
        epoch, step = divmod(at, steps)
        shuffle = mix(purpose(stream(seed), "shuffle"), epoch)
        if by_domain:
            orders = [group[permutation(mix(shuffle, g), len(group))] for g, group in enumerate(groups)]
            here = np.concatenate([order[step * share : (step + 1) * share] for order in orders])
        else:
            here = train[permutation(shuffle, len(train))][step * rows : (step + 1) * rows]
        run.step({
            "x": [torch.tensor(x[here]) for x in standard.values()],
            "y": torch.tensor(label[here]),
            "d": torch.tensor([SOURCES.index(d) for d in domain[here]]),
            "random": mix(mix(purpose(stream(seed), "dropout"), epoch), step),
            "epoch": epoch,
            "steps": steps,
        })  # fmt: skip
        if at + 1 in KEPT:
            kept |= {f"{case['name']}@{at + 1}.{key}": value.detach().clone() for key, value in run.params.items()}
            if "teacher-decay" in run.settings:
                kept |= {f"{case['name']}@{at + 1}.teacher.{key}": value for key, value in run.teacher.items()}
    return kept, run.branches


def main():
    features, label, domain, split = table()
    features["flow"] = third(label, domain)
    train = np.flatnonzero((domain != 1) & (split == 0))
    tensors = {f"table.{name}": torch.tensor(x, dtype=torch.float32) for name, x in features.items()}
    for name, column in (("label", label), ("domain", domain), ("split", split)):
        tensors[f"table.{name}"] = torch.tensor(column, dtype=torch.int64)
    names = [f"{method}+{balance}" for method in METHODS for balance in ("none", "gmp")] + THREE
    cases = []
    for name in names:
        method, balance = name.replace("-3+", "+").split("+")
        batches, settings = METHODS[method]
        modalities = ["video", "audio"] + ["flow"] * ("-3+" in name)
        own = {"settings": settings | (GMP if balance == "gmp" else {}), "batches": batches}
        case = {"name": name, "method": method, "balance": balance, "modalities": modalities} | own | BASE | MORE.get(method, {})
        kept, branches = follow(case, features, label, domain, train)
        wanted = ["conflict", "no conflict"] * (balance == "gmp") + BRANCHES.get(method, [])
        missing = [branch for branch in wanted if not branches[branch]]
        assert not missing, (name, missing, branches)
        assert method != "lfm" or sum(branch.startswith("share") for branch in branches) > 1, (name, branches)
        print(name, dict(branches))
        tensors |= kept
        cases.append(case)
    save_file(tensors, Path(__file__).with_suffix(".safetensors"), metadata={"cases": json.dumps(cases)})


if __name__ == "__main__":
    main()
