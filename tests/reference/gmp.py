"""Goldens for GMP's update of each modality's encoder, from the paper's equations on explicit gradient vectors.

Peng et al., AAAI 2026, Eqs. 8-15; more than two modalities: ratio to the mean of the others. Then the paper's ablation.
Written for numpy 2.
Run: python3 tests/reference/gmp.py > tests/reference/gmp.json
"""

import json

import numpy as np


def ratio_to_others(x):
    return np.array([x[m] / np.mean(np.delete(x, m)) for m in range(len(x))])


def mean_ratio(x):
    return np.array([np.mean([x[m] / x[j] for j in range(len(x)) if j != m]) for m in range(len(x))])


def update(q, c, g_c, g_d, alpha_k, alpha_p, modulate="both", project="stronger", ratio="mean"):
    rho = ratio_to_others(q) if ratio == "mean" else mean_ratio(q)
    sigma = np.array([np.mean(np.delete(c, m)) / c[m] for m in range(len(c))])
    result, branches = [], []
    for m in range(len(q)):
        k = 1 - np.tanh(alpha_k * rho[m]) if rho[m] > 1 else 1.0
        p = 1 - np.tanh(alpha_p * sigma[m]) if sigma[m] > 1 else 1.0
        k, p = {"both": (k, p), "class": (k, 1.0), "domain": (1.0, p), "unified": (k, k), "none": (1.0, 1.0)}[modulate]
        a, b = k * g_c[m], p * g_d[m]
        branch = "none"
        if a @ b < 0 and project != "none":
            ahead = rho[m] / sigma[m] >= 1
            branch = {"stronger": "class" if ahead else "domain", "weaker": "domain" if ahead else "class"}.get(project, project)
            less_a, less_b = a - (a @ b) / (b @ b) * b, b - (b @ a) / (a @ a) * a
            a = less_a if branch in ("class", "both") else a
            b = less_b if branch in ("domain", "both") else b
        result.append(a + b)
        branches.append({"project": branch, "rho": rho[m], "sigma": sigma[m], "k": k, "p": p})
    return result, branches


plain = [{} for _ in range(12)]
ablation = [{"modulate": word} for word in ("class", "domain", "unified", "none")]
ablation += [{"project": word} for word in ("weaker", "class", "domain", "both", "none")]
ablation += [{"ratio": "pairwise"}, {"modulate": "unified", "project": "both", "ratio": "pairwise"}]
rng = np.random.default_rng(7)
cases = []
for part in (plain, 4 * ablation):
    for modalities, settings in [(m, words) for m in (2, 3) for words in part]:
        q, c = rng.uniform(0.05, 0.95, (2, modalities))
        g_c, g_d = rng.normal(size=(2, modalities, 6)) * 10 ** rng.uniform(-1.5, 1.5, (2, modalities, 1))
        alpha_k, alpha_p = rng.uniform(0, 1, 2)
        updates, branches = update(q, c, g_c, g_d, alpha_k, alpha_p, **settings)
        cases.append({
            "q": q.tolist(), "c": c.tolist(), "g_c": g_c.tolist(), "g_d": g_d.tolist(),
            "alpha_k": alpha_k, "alpha_p": alpha_p, "words": settings,
            "update": [u.tolist() for u in updates], "branches": branches,
        })
print(json.dumps(cases, indent=None))
