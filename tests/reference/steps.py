"""Training steps written out plainly in PyTorch: one gradient for each objective, flattened vectors, explicit projection.

    python3 tests/reference/steps.py goldens     makes tests/reference/steps.safetensors again
    python3 tests/reference/steps.py replay RUN  follows what `mmdg train --dump-steps` left in a run's folder, and says how
                                                 far every tensor is from what this script gets

Definitions: gmp Peng et al., AAAI 2026 (`bench`: MMDG-Bench); ogm-ge Peng et al., CVPR 2022; pcgrad Yu et al., NeurIPS 2020;
cggm Guo et al., NeurIPS 2024; adversarial Ganin et al., JMLR 2016. Written for Python 3.11, numpy 2, torch 2.11, safetensors 0.8.
Every random number comes from the counter of src/rng.rs, written out in counter.py. Weights are [out, in].
"""

import json
import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

from counter import mix, part, permutation, purpose, stream, uniform

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def normal(state, count):
    """Box and Muller: all cosines, then all sines."""
    first, second = uniform(state, np.arange(count + count % 2)).reshape(-1, 2).T
    radius, angle = np.sqrt(-2 * np.log(1 - first)), 2 * np.pi * second
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]


def initial(name, outputs, inputs, seed):
    """Weight [out, in] and bias, uniform in ± 1/√in; a weight is drawn input by input."""
    bound = 1 / np.sqrt(inputs)
    draw = lambda what, count: bound * (2 * uniform(purpose(purpose(stream(seed), "init"), f"{name}.{what}"), np.arange(count)) - 1)
    weight = draw("weight", inputs * outputs).reshape(inputs, outputs).T
    return {f"{name}.weight": torch.tensor(weight.copy()), f"{name}.bias": torch.tensor(draw("bias", outputs))}


def parameters(case, widths, classes, domains):
    """Every tensor that a balancer's model has, before the first step."""
    hidden, embedding, head, seed = (case[key] for key in ("hidden", "embedding", "head-hidden", "seed"))
    params = {}

    def linear(name, inputs, outputs, bias=True):
        found = initial(name, outputs, inputs, seed)
        params.update(found if bias else {f"{name}.weight": found[f"{name}.weight"]})

    for modality, width in widths.items():
        linear(f"encoder.{modality}.0", width, hidden)
        linear(f"encoder.{modality}.1", hidden, embedding)
    linear("classifier.0", len(widths) * embedding, head)
    linear("classifier.1", head, classes)
    balance, bench = case["balance"], case["settings"].get("variant") == "bench"
    if balance in ("adversarial", "pcgrad") or balance == "gmp" and not bench:
        linear("discriminator.0", len(widths) * embedding, head)
        linear("discriminator.1", head, domains)
    if bench:
        for modality in widths:
            linear(f"unimodal.{modality}", embedding, classes)
            linear(f"projection.{modality}", embedding, 2 * head)
        linear("discriminator.0", 2 * head, head)
        params["discriminator.norm.weight"], params["discriminator.norm.bias"] = torch.ones(head), torch.zeros(head)
        linear("discriminator.1", head, domains)
    for modality in widths:
        if balance == "ogm-ge" or balance == "gmp" and not bench:
            linear(f"probe.class.{modality}", embedding, classes, bias=False)
        if balance == "gmp" and not bench:
            linear(f"probe.domain.{modality}", embedding, domains, bias=False)
        if balance == "cggm":
            linear(f"guide.{modality}.0", embedding, head)
            linear(f"guide.{modality}.1", head, classes)
    return params


def confidence(logits, label):
    return float(logits.detach().softmax(1).gather(1, label[:, None]).mean())


def ratios(values):
    """Each value over the mean of the others."""
    return [values[m] / np.mean([v for j, v in enumerate(values) if j != m]) for m in range(len(values))]


def modulation(ratio, alpha):
    return 1 - np.tanh(alpha * ratio) if ratio > 1 else 1.0


def without(vector, other):
    """What is left of a vector without its part along another."""
    return vector - (vector @ other) / (other @ other) * other


class Reference:
    """One run: its parameters, its optimizer, and what its balancer carries from step to step."""

    def __init__(self, case, modalities, params):
        self.case, self.settings, self.modalities = case, case["settings"], modalities
        self.params = {name: value.clone().requires_grad_() for name, value in params.items()}
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[case["optimizer"]]
        more = {"momentum": case["momentum"]} if case["optimizer"] == "sgd" else {}
        rates = {"lr": case["learning-rate"], "weight_decay": case["weight-decay"]}
        self.optimizer = kind(self.params.values(), foreach=False, **rates, **more)
        self.branches, self.steps = Counter(), 0
        self.accuracy = [0.0] * len(modalities)
        self.steering = {}

    def names(self, *starts):
        return [name for name in self.params if name.startswith(tuple(start + "." for start in starts))]

    def linear(self, name, x):
        return F.linear(x, self.params[f"{name}.weight"], self.params.get(f"{name}.bias"))

    def gradient(self, loss, names, keep_graph=False):
        found = torch.autograd.grad(loss, [self.params[n] for n in names], retain_graph=True, create_graph=keep_graph, allow_unused=True)
        return {n: torch.zeros_like(self.params[n]) if g is None else g for n, g in zip(names, found)}

    def flat(self, loss, names):
        return torch.cat([g.flatten() for g in self.gradient(loss, names).values()])

    def unflat(self, vector, names):
        sizes = [self.params[n].numel() for n in names]
        return {n: part.view_as(self.params[n]) for n, part in zip(names, vector.split(sizes))}

    def step(self, batch):
        """One step; `batch` has x by modality, y, d, the dropout factors [B, W] or none, the random state and the epoch.
        Gives the gradients, and by name what a balancer sees."""
        balance, masks = self.case["balance"], batch["masks"]
        place = 0

        def dropout(x):
            nonlocal place
            if masks is None:
                return x
            place += x.shape[1]
            return x * masks[:, place - x.shape[1] : place]

        z = []
        for m, x in zip(self.modalities, batch["x"]):
            x = self.linear(f"encoder.{m}.0", x)
            z.append(self.linear(f"encoder.{m}.1", dropout(x.relu())) if f"encoder.{m}.1.weight" in self.params else x)
        both = torch.cat(z, 1)
        hidden = dropout(self.linear("classifier.0", both).relu())
        loss = F.cross_entropy(self.linear("classifier.1", hidden), batch["y"])
        self.batch, self.z, self.both, self.loss, self.dropout = batch, z, both, loss, dropout
        gradients = self.gradient(loss, self.names("classifier"))
        seen = {"loss": [loss.item()]}
        gradients |= getattr(self, balance.replace("-", "_"))(seen, gradients)
        for name, param in self.params.items():
            param.grad = gradients[name].detach().clone()
        if self.case.get("clip", 0) > 0:
            # encoders and task heads by one norm; what only reads or opposes by norms of its own
            for starts in ("probe.class",), ("probe.domain",), ("guide",), ("discriminator", "projection"):
                torch.nn.utils.clip_grad_norm_([self.params[n] for n in self.names(*starts)], self.case["clip"])
            torch.nn.utils.clip_grad_norm_([self.params[n] for n in self.names("encoder", "classifier", "unimodal")], self.case["clip"])
        for group in self.optimizer.param_groups:
            group["lr"] = self.case["learning-rate"] * self.rate(batch["epoch"])
        self.optimizer.step()
        self.steps += 1
        return gradients, seen

    def rate(self, epoch):
        """The factor on the learning rate."""
        match self.case.get("schedule", "constant"):
            case "cosine":
                return (1 + np.cos(np.pi * epoch / self.case["epochs"])) / 2
            case "step":
                return self.case["step-factor"] ** (epoch // self.case["step-epochs"])
            case _:
                return 1.0

    def discriminate(self):
        """Loss of the fused discriminator and the plain gradients of its own parameters."""
        loss = F.cross_entropy(self.linear("discriminator.1", self.linear("discriminator.0", self.both).relu()), self.batch["d"])
        return loss, self.gradient(loss, self.names("discriminator"))

    def probe(self, what, label, gradients):
        """Confidences of linear maps on the detached embeddings, which learn for themselves."""
        found = []
        for m, z in zip(self.modalities, self.z):
            logits = self.linear(f"probe.{what}.{m}", z.detach())
            gradients |= self.gradient(F.cross_entropy(logits, label), self.names(f"probe.{what}.{m}"))
            found.append(confidence(logits, label))
        return found

    def none(self, seen, _):
        return self.gradient(self.loss, self.names("encoder"))

    def adversarial(self, seen, _):
        domain, gradients = self.discriminate()
        seen["loss"].append(domain.item())
        for m in self.modalities:
            names = self.names(f"encoder.{m}")
            g_c, g_d = self.flat(self.loss, names), -self.settings["lambda"] * self.flat(domain, names)
            self.branches["conflict" if g_c @ g_d < 0 else "no conflict"] += 1
            gradients |= self.unflat(g_c + g_d, names)
        return gradients

    def pcgrad(self, seen, _):
        domain, gradients = self.discriminate()
        seen["loss"].append(domain.item())
        seen["gramian"] = []
        for m in self.modalities:
            names = self.names(f"encoder.{m}")
            own = [self.flat(self.loss, names), -self.settings["lambda"] * self.flat(domain, names)]
            seen["gramian"].append([[float(a @ b) for b in own] for a in own])
            left = []
            for i, g in enumerate(own):
                for j, other in enumerate(own):
                    if i != j and g @ other < 0:
                        g = without(g, other)
                left.append(g)
            self.branches["conflict" if own[0] @ own[1] < 0 else "no conflict"] += 1
            gradients |= self.unflat(sum(left), names)
        return gradients

    def gmp(self, seen, _):
        settings, y, d = self.settings, self.batch["y"], self.batch["d"]
        if bench := settings["variant"] == "bench":
            gradients, class_losses, domain_losses, q, c = {}, [], [], [], []
            for m, z in zip(self.modalities, self.z):
                logits = self.linear(f"unimodal.{m}", z)
                class_losses.append(F.cross_entropy(logits, y))
                q.append(confidence(logits, y))
            for m, z in zip(self.modalities, self.z):
                hidden = self.linear("discriminator.0", self.dropout(self.linear(f"projection.{m}", z).relu()))
                norm = [self.params[f"discriminator.norm.{what}"] for what in ("weight", "bias")]
                logits = self.linear("discriminator.1", F.layer_norm(hidden, hidden.shape[1:], *norm).relu())
                domain_losses.append(F.cross_entropy(logits, d))
                c.append(confidence(logits, d))
            gradients |= self.gradient(sum(domain_losses), self.names("discriminator", "projection"))
            scales = settings["class-weight"], -settings["domain-weight"] * settings["reversal"]
            seen["loss"] += [sum(class_losses).item(), sum(domain_losses).item()]
        else:
            domain, gradients = self.discriminate()
            q, c = self.probe("class", y, gradients), self.probe("domain", d, gradients)
            class_losses, domain_losses = [self.loss] * len(q), [domain] * len(q)
            scales = 1.0, -settings["lambda"]
            seen["loss"].append(domain.item())
        rho, sigma = ratios(q), [1 / ratio for ratio in ratios(c)]
        seen |= {"class.confidence": q, "domain.confidence": c, "record.rho": rho, "record.sigma": sigma, "gramian": []}
        factors = {"k": [], "p": []}
        for i, m in enumerate(self.modalities):
            names = self.names(f"encoder.{m}", f"unimodal.{m}")
            g_c, g_d = scales[0] * self.flat(class_losses[i], names), scales[1] * self.flat(domain_losses[i], names)
            every = ([self.flat(self.loss, names)] if bench else []) + [g_c, g_d]
            seen["gramian"].append([[float(a @ b) for b in every] for a in every])
            k, p = modulation(rho[i], settings["alpha-k"]), modulation(sigma[i], settings["alpha-p"])
            factors["k"].append(k)
            factors["p"].append(p)
            g_c, g_d = k * g_c, p * g_d
            own = self.unflat(g_c, names)
            self.branches["k < 1"] += int(k < 1)
            self.branches["p < 1"] += int(p < 1)
            if g_c @ g_d >= 0:
                self.branches["no conflict"] += 1
            elif rho[i] / sigma[i] >= 1:
                self.branches["class side projected"] += 1
                g_c = without(g_c, g_d)
            else:
                self.branches["domain side projected"] += 1
                g_d = without(g_d, g_c)
            gradients |= self.unflat(sum(every[:-2]) + g_c + g_d, names)
            if bench and settings.get("unimodal-head", "modulated") == "modulated":
                # the authors' code has no domain gradient of the uni-modal head, and so nothing to project there
                gradients |= {name: g for name, g in own.items() if name.startswith("unimodal.")}
        seen |= {f"record.{name}": values for name, values in factors.items()}
        return gradients

    def ogm_ge(self, seen, _):
        gradients = {}
        q = self.probe("class", self.batch["y"], gradients)
        rho = ratios(q)
        acts = self.settings["first-epoch"] <= self.batch["epoch"] <= self.settings["last-epoch"]
        seen |= {"class.confidence": q, "record.rho": rho, "record.k": []}
        self.branches["acts" if acts else "rests"] += 1
        for m, ratio in zip(self.modalities, rho):
            k = modulation(ratio, self.settings["alpha"]) if acts else 1.0
            self.branches[f"{m} k < 1"] += int(k < 1)
            seen["record.k"].append(k)
            for name, g in self.gradient(self.loss, self.names(f"encoder.{m}")).items():
                gradients[name] = k * g
                if acts and name.endswith("weight"):
                    own = part(self.batch["random"], name)
                    noise = torch.tensor(normal(own, g.numel()).reshape(g.T.shape).T.copy())
                    gradients[name] = gradients[name] + noise * (g.std() + 1e-8)
        return gradients

    def cggm(self, seen, heads):
        settings, y = self.settings, self.batch["y"]
        gradients, losses, accuracy = {}, [], []
        for m, z in zip(self.modalities, self.z):
            logits = self.linear(f"guide.{m}.1", self.linear(f"guide.{m}.0", z.detach()).relu())
            losses.append(F.cross_entropy(logits, y))
            gradients |= self.gradient(losses[-1], self.names(f"guide.{m}"))
            accuracy.append(float((logits.argmax(1) == y).double().mean()))
        change = [now - before for now, before in zip(accuracy, self.accuracy)]
        total = sum(change) + 1e-8
        share = [(total - c) / total for c in change]
        self.accuracy = accuracy
        if any(change) and not sum(change):
            self.branches["changes that sum to nothing"] += 1
        for i, b in enumerate(share):
            self.branches["B < 0" if b < 0 else "B > 1" if b > 1 else "0 <= B <= 1"] += 1
            if settings["clamp"] > 0:
                share[i] = min(max(b, 0), settings["clamp"])
        scale = [settings["rho"] * b for b in share]
        seen |= {"class.accuracy": accuracy, "record.k": scale}
        for m, factor in zip(self.modalities, scale):
            gradients |= {name: factor * g for name, g in self.gradient(self.loss, self.names(f"encoder.{m}")).items()}
        # L_gm of the last step goes into this one, that of this step into the next
        for name, more in self.steering.items():
            heads[name] = heads[name] + settings["lambda"] * more
        gradients |= heads
        last = "classifier.1.weight"
        l_gm = 0
        for b, m, loss in zip(share, self.modalities, losses):
            own = f"guide.{m}.1.weight"
            if settings["form"] == "paper":
                a, f = self.gradient(loss, [own])[own].detach(), self.gradient(self.loss, [last], keep_graph=True)[last]
            else:
                a, f = self.params[own].detach(), self.params[last]
            l_gm = l_gm + (abs(b) - b * F.cosine_similarity(a.flatten(), f.flatten(), dim=0)) / len(losses)
        self.steering = {name: g.detach() for name, g in self.gradient(l_gm, self.names("classifier")).items()}
        return gradients


BASE = {
    "seed": 5, "batch-size": 8, "optimizer": "adam", "learning-rate": 3e-3, "weight-decay": 0.0,
    "hidden": 7, "embedding": 4, "head-hidden": 5, "dropout": 0.3,
}  # fmt: skip
ROUTES = ["no conflict", "class side projected", "domain side projected", "k < 1", "p < 1"]
CASES = {
    "none": ("none", {}, {}, []),
    "adversarial": ("adversarial", {"lambda": 0.5}, {"weight-decay": 0.01}, ["conflict", "no conflict"]),
    "gmp-paper": ("gmp", {"variant": "paper", "alpha-k": 0.5, "alpha-p": 0.3, "lambda": 0.5}, {}, ROUTES),
    "gmp-bench": (
        "gmp",
        {"variant": "bench", "alpha-k": 0.5, "alpha-p": 0.1, "reversal": 0.3, "class-weight": 3.0, "domain-weight": 0.5},
        {"optimizer": "adamw", "weight-decay": 0.05},
        ROUTES,
    ),
    "gmp-bench-projected": (
        "gmp",
        {"variant": "bench", "unimodal-head": "projected", "alpha-k": 0.5, "alpha-p": 0.1, "reversal": 0.3, "class-weight": 3.0, "domain-weight": 0.5},
        {"optimizer": "adamw", "weight-decay": 0.05},
        ROUTES,
    ),
    "ogm-ge": ("ogm-ge", {"alpha": 0.3, "first-epoch": 0.0, "last-epoch": 7.0}, {}, ["acts", "rests", "video k < 1", "audio k < 1"]),
    "pcgrad": ("pcgrad", {"objectives": "domain", "lambda": 0.5, "gramian": "per-modality"}, {}, ["conflict", "no conflict"]),
    "cggm-code": (
        "cggm",
        {"form": "code", "rho": 1.3, "lambda": 0.2, "clamp": 0.0},
        {},
        ["B < 0", "B > 1", "0 <= B <= 1", "changes that sum to nothing"],
    ),
    "cggm-paper": (
        "cggm",
        {"form": "paper", "rho": 1.3, "lambda": 0.2, "clamp": 1.5},
        {},
        ["B < 0", "B > 1", "0 <= B <= 1", "changes that sum to nothing"],
    ),
}
KEPT = (1, 10, 100)


def table():
    """Two modalities of 3 domains and 3 classes, numbers that f32 holds; domain 1 is the target."""
    rng = np.random.default_rng(3)
    rows = 96 + 24
    label = rng.integers(0, 3, rows)
    domain = np.where(np.arange(rows) < 96, 2 * (np.arange(rows) % 2), 1)
    split = np.where(np.arange(rows) % 8 == 7, 1, 0)
    features = {}
    for name, width, signal in (("video", 6, 0.8), ("audio", 5, 0.7)):
        x = signal * rng.normal(size=(3, width))[label] + 0.7 * rng.normal(size=(3, width))[domain] + rng.normal(size=(rows, width))
        features[name] = np.round(64 * (x + 2)) / 64
    return features, label, domain, split


def goldens(path):
    features, label, domain, split = table()
    tensors = {f"table.{name}": torch.tensor(x, dtype=torch.float32) for name, x in features.items()}
    for name, column in (("label", label), ("domain", domain), ("split", split)):
        tensors[f"table.{name}"] = torch.tensor(column, dtype=torch.int64)
    sources = [0, 2]
    train = np.flatnonzero((domain != 1) & (split == 0))
    standard = {name: (x - x[train].mean(0)) / x[train].std(0) for name, x in features.items()}
    cases = []
    for name, (balance, settings, more, wanted) in CASES.items():
        case = {"name": name, "balance": balance, "settings": settings} | BASE | more
        widths = {name: x.shape[1] for name, x in features.items()}
        run = Reference(case, list(widths), parameters(case, widths, 3, len(sources)))
        rows, seed, steps = case["batch-size"], case["seed"], len(train) // case["batch-size"]
        dropped = len(widths) * case["hidden"] + case["head-hidden"] * (5 if settings.get("variant") == "bench" else 1)
        for at in range(max(KEPT)):
            epoch, step = divmod(at, steps)
            order = permutation(mix(purpose(stream(seed), "shuffle"), epoch), len(train))
            here = train[order[step * rows : (step + 1) * rows]]
            random = mix(mix(purpose(stream(seed), "dropout"), epoch), step)
            masks = (uniform(random, np.arange(rows * dropped)).reshape(rows, dropped) >= case["dropout"]) / (1 - case["dropout"])
            batch = {
                "x": [torch.tensor(x[here]) for x in standard.values()],
                "y": torch.tensor(label[here]),
                "d": torch.tensor([sources.index(d) for d in domain[here]]),
                "masks": torch.tensor(masks),
                "random": random,
                "epoch": epoch,
            }
            run.step(batch)
            if at + 1 in KEPT:
                tensors |= {f"{name}.{at + 1}.{key}": value.detach().clone() for key, value in run.params.items()}
        missing = [branch for branch in wanted if not run.branches[branch]]
        assert not missing, (name, missing, run.branches)
        cases.append(case | {"steps": steps, "branches": {branch: run.branches[branch] for branch in wanted}})
        print(name, dict(run.branches))
    save_file(tensors, path, metadata={"cases": json.dumps(cases)})


def replay(folder):
    config = tomllib.loads((folder / "config.toml").read_text())
    case = config | {"settings": config["hyperparameters"]}
    followed = {"modulate": "both", "project": "stronger", "objectives": "domain", "gramian": "per-modality"}
    for key, word in followed.items():
        assert case["settings"].get(key, word) == word, f"{folder}: {key} = {case['settings'][key]} is not followed here; expected {word}"
    assert hasattr(Reference, case["balance"].replace("-", "_")), f"{folder}: balance {case['balance']} is not followed here"
    modalities, run, worst = config["modalities"], None, {}
    paths = sorted((folder / "steps").glob("*.safetensors"))
    assert paths and int(paths[0].stem) == 0, f"{folder}/steps does not begin with step 0"
    for path in paths:
        with safe_open(path, "pt") as file:
            dump = {name: file.get_tensor(name) for name in file.keys()}
        dump = {name: x.double() if x.is_floating_point() else x for name, x in dump.items()}
        before = {name.removeprefix("before."): x for name, x in dump.items() if name.startswith("before.")}
        if run is None:
            run = Reference(case, modalities, before)
        for name, param in run.params.items():
            param.data.copy_(before[name])
        batch = {"x": [dump[f"features.{m}"] for m in modalities], "y": dump["label"], "d": dump["domain"], "masks": dump.get("dropout")}
        gradients, seen = run.step(batch | {"random": tuple(dump["random"].tolist()), "epoch": int(dump["epoch"])})
        unknown = before.keys() - gradients.keys()
        assert not unknown, f"{path}: no gradient for {', '.join(sorted(unknown))}"
        pairs = {name: (torch.tensor(x), dump[name]) for name, x in seen.items()}
        pairs |= {f"gradient.{name}": (g, dump[f"gradient.{name}"]) for name, g in gradients.items()}
        # parameters by what the step changed in them
        pairs |= {f"change.{name}": (run.params[name].detach() - before[name], dump[f"after.{name}"] - before[name]) for name in run.params}
        for name, (own, found) in pairs.items():
            difference = float((own - found).norm() / found.norm().clamp_min(1e-300)) if own.ne(found).any() else 0.0
            worst[name] = max(worst.get(name, (0.0, 0)), (difference, int(path.stem)))
    for name, (difference, step) in sorted(worst.items()):
        print(f"{name:40} {difference:.1e} in step {step}")
    print(f"{len(paths)} steps of {config['balance']}; largest relative difference {max(worst.values())[0]:.1e}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["goldens"]:
            goldens(Path(__file__).with_suffix(".safetensors"))
        case ["replay", folder]:
            replay(Path(folder))
        case _:
            sys.exit(__doc__)
