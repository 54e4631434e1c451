"""Goldens for GMP's update of each modality's encoder, from the paper's equations on explicit gradient vectors.

Peng et al., AAAI 2026, Eqs. 8-15; more than two modalities: ratio to the mean of the others. Written for numpy 2.
Run: python3 tests/reference/gmp.py > tests/reference/gmp.json
"""

import json

import numpy as np


def ratio_to_others(x):
    return np.array([x[m] / np.mean(np.delete(x, m)) for m in range(len(x))])


def update(q, c, g_c, g_d, alpha_k, alpha_p):
    rho = ratio_to_others(q)
    sigma = np.array([np.mean(np.delete(c, m)) / c[m] for m in range(len(c))])
    result, branches = [], []
    for m in range(len(q)):
        k = 1 - np.tanh(alpha_k * rho[m]) if rho[m] > 1 else 1.0
        p = 1 - np.tanh(alpha_p * sigma[m]) if sigma[m] > 1 else 1.0
        a, b = k * g_c[m], p * g_d[m]
        branch = "none"
        if a @ b < 0:
            if rho[m] / sigma[m] >= 1:
                a, branch = a - (a @ b) / (b @ b) * b, "class"
            else:
                b, branch = b - (b @ a) / (a @ a) * a, "domain"
        result.append(a + b)
        branches.append({"project": branch, "rho": rho[m], "sigma": sigma[m], "k": k, "p": p})
    return result, branches


rng = np.random.default_rng(7)
cases = []
for modalities in (2, 3):
    for i in range(12):
        q, c = rng.uniform(0.05, 0.95, (2, modalities))
        g_c, g_d = rng.normal(size=(2, modalities, 6)) * 10 ** rng.uniform(-1.5, 1.5, (2, modalities, 1))
        alpha_k, alpha_p = rng.uniform(0, 1, 2)
        updates, branches = update(q, c, g_c, g_d, alpha_k, alpha_p)
        cases.append({
            "q": q.tolist(), "c": c.tolist(), "g_c": g_c.tolist(), "g_d": g_d.tolist(),
            "alpha_k": alpha_k, "alpha_p": alpha_p,
            "update": [u.tolist() for u in updates], "branches": branches,
        })
print(json.dumps(cases, indent=None))
