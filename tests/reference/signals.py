"""Goldens for the balancers that choose by confidences, accuracies and losses, from their definitions on plain arrays.

ogm, ogm-ge: Peng et al., CVPR 2022. opm: Wei et al., TPAMI 2024. agm: Li et al., ICCV 2023. cggm: Guo et al., NeurIPS 2024, the
paper's direction by double backward. gradient-blending: Wang et al., CVPR 2020. Written for numpy 2 and torch 2.
Run: python3 tests/reference/signals.py > tests/reference/signals.json
"""

import json

import numpy as np
import torch

from counter import part, stream, uniform

rng = np.random.default_rng(11)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def truth(scores, label):
    """Probability of the truth, [M, B]."""
    return np.take_along_axis(softmax(scores), label[None, :, None], 2)[:, :, 0]


def ratio(confidence):
    return np.array([confidence[m] / np.mean(np.delete(confidence, m)) for m in range(len(confidence))])


def batch(modalities, rows=7, classes=4, spread=2.0):
    # one modality ahead of the others
    label = rng.integers(0, classes, rows)
    scores = rng.normal(size=(modalities, rows, classes)) * spread
    scores[0, np.arange(rows), label] += 2
    return scores, label


def ogm(modalities):
    scores, label = batch(modalities)
    alpha = rng.uniform(0.1, 0.9)
    rho = ratio(truth(scores, label).mean(1))
    k = [1 - np.tanh(alpha * r) if r > 1 else 1.0 for r in rho]
    return {"scores": scores.tolist(), "label": label.tolist(), "alpha": alpha, "rho": rho.tolist(), "k": k}


def noise(seed, shape, name):
    gradient = rng.normal(size=shape) * 10 ** rng.uniform(-3, 1)
    n = gradient.size
    half = (n + 1) // 2
    state = part(stream(seed), name)
    pairs = [(uniform(state, 2 * i), uniform(state, 2 * i + 1)) for i in range(half)]
    radius = [np.sqrt(-2 * np.log(1 - u)) for u, _ in pairs]
    angle = [2 * np.pi * u for _, u in pairs]
    normal = np.array([r * np.cos(a) for r, a in zip(radius, angle)] + [r * np.sin(a) for r, a in zip(radius, angle)])[:n]
    scale = gradient.std(ddof=1) + 1e-8
    return {"seed": seed, "name": name, "gradient": gradient.tolist(), "scale": scale, "noise": (normal * scale).reshape(shape).tolist()}


def opm(modalities, seed):
    scores, label = batch(modalities)
    q_base, lam, p_exe = rng.uniform(0.2, 0.9), rng.uniform(0, 1), 0.6
    rho = ratio(truth(scores, label).mean(1))
    q = [min(max(q_base * (1 + lam * np.tanh(r - 1)), 0), 1) if r > 1 else 0.0 for r in rho]
    state = part(stream(seed), "opm")
    executed = bool(uniform(state, 0) < p_exe)
    rows = len(label)
    mask = [[0.0 if executed and uniform(state, 1 + b * modalities + m) < q[m] else 1.0 for m in range(modalities)] for b in range(rows)]
    widths = np.array([3, 5, 4][:modalities])
    factors = np.array(mask) / (1 - (widths * q).sum() / widths.sum() if executed else 1)
    return {"scores": scores.tolist(), "label": label.tolist(), "seed": seed, "q_base": q_base, "lambda": lam, "p_exe": p_exe,
            "rho": rho.tolist(), "q": q, "executed": executed, "mask": mask, "factors": factors.tolist()}


def agm(modalities):
    alpha = rng.uniform(0.05, 1.0)
    exponent = modalities / (modalities - 1)
    mean, steps = np.zeros(modalities), []
    for i in range(4):
        scores, label = batch(modalities, spread=[1, 3, 20, 1][i])
        s = -np.log(np.maximum(truth(scores, label), 1e-8)).mean(1)
        r = np.exp(exponent * (s.mean() - s))
        tau = np.exp(exponent * (mean.mean() - mean))
        scale = np.exp(alpha * np.minimum(tau - r, 7))
        mean = mean * i / (i + 1) + s / (i + 1)
        steps.append({"scores": scores.tolist(), "label": label.tolist(), "r": r.tolist(), "scale": scale.tolist()})
    return {"alpha": alpha, "steps": steps}


def cggm(modalities, form, clamp):
    """Embedding 3, hidden 5, classes 4; weights are [in, out]."""
    names = ["video", "audio", "flow"][:modalities]
    rho, lam, rows = rng.uniform(0.5, 2), rng.uniform(0.1, 0.5), 8
    tensor = lambda *shape: torch.tensor(rng.normal(size=shape), dtype=torch.float64, requires_grad=True)
    head = {"classifier.0.weight": tensor(3 * modalities, 5), "classifier.0.bias": tensor(5),
            "classifier.1.weight": tensor(5, 4), "classifier.1.bias": tensor(4)}
    guides = {}
    for name in names:
        guides |= {f"guide.{name}.0.weight": tensor(3, 5), f"guide.{name}.0.bias": tensor(5),
                   f"guide.{name}.1.weight": tensor(5, 4), f"guide.{name}.1.bias": tensor(4)}
    before, carried, steps = np.zeros(modalities), [torch.zeros_like(x) for x in head.values()], []
    for _ in range(4):
        label = torch.tensor(rng.integers(0, 4, rows))
        z = torch.tensor(rng.normal(size=(rows, 3 * modalities)))
        cosines, accuracy = [], []
        hidden = torch.relu(z @ head["classifier.0.weight"] + head["classifier.0.bias"])
        loss = torch.nn.functional.cross_entropy(hidden @ head["classifier.1.weight"] + head["classifier.1.bias"], label)
        fused = head["classifier.1.weight"]
        if form == "paper":
            (fused,) = torch.autograd.grad(loss, [fused], create_graph=True)
        for m, name in enumerate(names):
            weight = guides[f"guide.{name}.1.weight"]
            x = z[:, 3 * m : 3 * m + 3]
            scores = torch.relu(x @ guides[f"guide.{name}.0.weight"] + guides[f"guide.{name}.0.bias"]) @ weight + guides[f"guide.{name}.1.bias"]
            accuracy.append((scores.argmax(1) == label).double().mean().item())
            own = weight
            if form == "paper":
                (own,) = torch.autograd.grad(torch.nn.functional.cross_entropy(scores, label), [weight])
            cosines.append(torch.nn.functional.cosine_similarity(own.detach().flatten(), fused.flatten(), dim=0))
        delta = np.array(accuracy) - before
        total = delta.sum() + 1e-8
        share = (total - delta) / total
        if clamp:
            share = np.clip(share, 0, clamp)
        direction = sum(abs(b) - b * cosine for b, cosine in zip(share.tolist(), cosines)) / modalities
        found = torch.autograd.grad(direction, list(head.values()), allow_unused=True)
        steps.append({"embeddings": z.tolist(), "label": label.tolist(), "scale": (rho * share).tolist(), "loss": direction.item(),
                      "steer": [(lam * c).flatten().tolist() for c in carried]})
        carried = [torch.zeros_like(x) if g is None else g for x, g in zip(head.values(), found)]
        before = np.array(accuracy)
    params = {name: x.detach().flatten().tolist() for name, x in (head | guides).items()}
    return {"form": form, "clamp": clamp, "rho": rho, "lambda": lam, "params": params, "steps": steps}


def blending(modalities):
    """Two super-epochs, the second without any gain."""
    momentum = rng.uniform(0, 0.8)
    weights, estimates = np.full(modalities + 1, 1 / (modalities + 1)), []
    for gains in (rng.normal(0.3, 0.4, modalities + 1), -np.ones(modalities + 1)):
        train, held = rng.uniform(0.5, 1.5, (2, modalities + 1))
        train_after, held_after = train - rng.uniform(0, 0.5, modalities + 1), held - gains
        gain = held - held_after
        more = (held_after - train_after) - (held - train)
        new = np.maximum(gain, 0) / (more**2 + 1e-6)
        new = new / new.sum() if new.sum() > 0 else np.full(modalities + 1, 1 / (modalities + 1))
        weights = momentum * weights + (1 - momentum) * new
        estimates.append({"train": [train.tolist(), train_after.tolist()], "held_out": [held.tolist(), held_after.tolist()],
                          "weights": weights.tolist()})
    return {"momentum": momentum, "estimates": estimates}


both = (2, 3)
print(json.dumps({
    "ogm": [ogm(m) for m in both for _ in range(4)],
    "noise": [noise(3, (3, 5), "encoder.video.0.weight"), noise(2**40 + 1, (4, 6), "encoder.audio.1.weight")],
    "opm": [opm(m, seed) for m in both for seed in range(5)],
    "agm": [agm(m) for m in both],
    "cggm": [cggm(m, form, clamp) for m in both for form in ("code", "paper") for clamp in (0, 1.5)],
    "gradient_blending": [blending(m) for m in both],
}))
