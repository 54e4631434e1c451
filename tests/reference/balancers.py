"""Goldens for balancers that choose by inner products: each update from explicit gradients, by other means than theirs.

Minima over the simplex are found by exponentiated gradient steps, sharpened on their support by Newton's method and then
held against their optimality conditions; nothing is solved face by face. Written for numpy 2, f64.
Run: python3 tests/reference/balancers.py > tests/reference/balancers.json
"""

import json

import numpy as np

from counter import part, stream, uniform

C, GAMMA, ALPHA, RATE, FAIR, BETA = 0.4, 1.5, 1.5, 0.025, 2.0, 0.5


def pcgrad(J, state):
    own, T, total = part(state, "pcgrad"), len(J), np.zeros(J.shape[1])
    for i in range(T):
        g = J[i].copy()
        keys = uniform(own, i * T + np.arange(T))
        for j in sorted((j for j in range(T) if j != i), key=lambda j: (keys[j], j)):
            if g @ J[j] < 0:
                g -= (g @ J[j]) / (J[j] @ J[j]) * J[j]
        total += g
    return total


def on_simplex(value, gradient, hessian, T):
    """argmin of a convex function over the simplex, certified."""
    best = None
    for start in range(T + 1):
        w = np.full(T, 1 / T) if start == T else np.full(T, 0.05) + (1 - 0.05 * T) * np.eye(T)[start]
        step = 1.0
        for _ in range(40000):
            g = gradient(w)
            trial = w * np.exp(-step * (g - g.min()) / max(np.ptp(g), 1e-300))
            trial /= trial.sum()
            if value(trial) < value(w):
                w, step = trial, min(step * 1.5, 50.0)
            else:
                step *= 0.5
                if step < 1e-14:
                    break
        if best is None or value(w) < value(best):
            best = w
    w = best
    for _ in range(2 * T):
        S = np.flatnonzero(w > 1e-9)
        for _ in range(30):
            n = len(S)
            kkt = np.zeros((n + 1, n + 1))
            kkt[:n, :n], kkt[:n, n], kkt[n, :n] = hessian(w)[np.ix_(S, S)], 1, 1
            move = np.linalg.lstsq(kkt, np.append(-gradient(w)[S], 0), rcond=1e-15)[0][:n]
            t = 1.0
            while np.any(w[S] + t * move < 0):
                t *= 0.5
                if t < 1e-12:
                    t = 0.0
                    break
            w = w.copy()
            w[S] += t * move
        g = gradient(w)
        if np.all(g >= (g @ w) - 1e-9 * np.abs(g).max()):
            break
        w[S] = np.where(w[S] < 1e-6, 0, w[S])
        w /= w.sum()
    g = gradient(w)
    assert abs(w.sum() - 1) < 1e-12 and w.min() >= 0
    assert np.all(g >= (g @ w) - 1e-9 * np.abs(g).max()), (w, g)
    return w


def shortest(J):
    G = J @ J.T
    scale = np.abs(G).max()
    w = on_simplex(lambda w: w @ G @ w / scale, lambda w: 2 * G @ w / scale, lambda w: 2 * G / scale, len(J))
    d = w @ J
    assert np.all(J @ d >= d @ d - 1e-9 * scale)
    return w


def cagrad(J, c):
    T, G = len(J), J @ J.T
    g0 = J.mean(0)
    b, kappa = J @ g0, c * np.linalg.norm(g0)
    scale = kappa * np.linalg.norm(g0)
    norm = lambda w: np.sqrt(w @ G @ w)
    w = on_simplex(
        lambda w: (w @ b + kappa * norm(w)) / scale,
        lambda w: (b + kappa * G @ w / norm(w)) / scale,
        lambda w: kappa * (G / norm(w) - np.outer(G @ w, G @ w) / norm(w) ** 3) / scale,
        T,
    )
    g_w = w @ J
    d = g0 + kappa * g_w / np.linalg.norm(g_w)
    # weak duality: what d does for the worst objective is the value of the minimum
    assert abs(np.min(J @ d) - (w @ b + kappa * norm(w))) < 1e-7 * scale
    return T * d / (1 + c * c)


def mmpareto(J, gamma):
    plain = J.sum(0)
    if np.all(J @ J.T > 0):
        return gamma * plain
    d = len(J) * (shortest(J) @ J)
    return gamma * d * max(1.0, np.linalg.norm(plain) / np.linalg.norm(d))


def aligned(J):
    u, s, vt = np.linalg.svd(J, full_matrices=False)
    kept = s**2 > s[0] ** 2 * len(J) * np.finfo(float).eps
    s_min = s[kept].min()
    # B J with B = s_min U S^-1 U' is s_min U V', the nearest orthogonal frame
    frame = s_min * (u[:, kept] @ vt[kept])
    assert np.allclose(frame @ frame.T, s_min**2 * (u[:, kept] @ u[:, kept].T))
    return frame.sum(0)


def nash(J):
    T, n = len(J), np.linalg.norm(J, axis=1)
    cosine = J @ J.T / np.outer(n, n)
    if T == 2:
        a = np.full(2, 1 / np.sqrt(1 + cosine[0, 1]))
        assert np.allclose(cosine @ a, 1 / a)
    else:
        cosine = cosine + 1e-3 * np.eye(T)
        a = np.ones(T)
        for _ in range(100000):
            before = a.copy()
            for i in range(T):
                rest = cosine[i] @ a - cosine[i, i] * a[i]
                a[i] = (-rest + np.sqrt(rest * rest + 4 * cosine[i, i])) / (2 * cosine[i, i])
            if np.abs(a - before).max() < 1e-15:
                break
        assert np.abs(cosine @ a - 1 / a).max() < 1e-12
    return np.sqrt(np.linalg.norm(J @ J.T)) * (a / n) @ J


def off_conflicts(J, g):
    """The nearest vector to g that works against no row, by Hildreth's sweeps, sharpened on their support and certified."""
    J = J / np.linalg.norm(J, axis=1)[:, None]
    G, b, v = J @ J.T, J @ g, np.zeros(len(J))
    for _ in range(100000):
        before = v.copy()
        for i in range(len(J)):
            v[i] = max(0.0, v[i] - (G[i] @ v + b[i]))
        if np.abs(v - before).max() <= 1e-14 * np.abs(v).max():
            break
    S = np.flatnonzero(v > 1e-9 * max(v.max(), 1e-300))
    if len(S):
        v = np.zeros(len(J))
        v[S] = np.linalg.lstsq(J[S].T, -g, rcond=1e-13)[0]
    d, size = g + v @ J, np.linalg.norm(g)
    assert v.min() >= -1e-10 * size and np.all(J @ d >= -1e-10 * size) and abs(v @ (J @ d)) < 1e-10 * size**2
    return d


def config(J):
    units = J / np.linalg.norm(J, axis=1)[:, None]
    x = np.linalg.pinv(units, rcond=1e-7) @ np.ones(len(J))
    x /= np.linalg.norm(x)
    return (J @ x).sum() * x


def imtl(J):
    units = J / np.linalg.norm(J, axis=1)[:, None]
    if np.linalg.matrix_rank(units, tol=1e-7) == len(J):
        # the paper's closed form
        D, U = J[0] - J[1:], units[0] - units[1:]
        rest = np.linalg.solve((D @ U.T).T, U @ J[0])
        w = np.append(1 - rest.sum(), rest)
        assert np.ptp(units @ (w @ J)) < 1e-9 * np.abs(J).max()
    else:
        w = np.linalg.pinv(units @ units.T, rcond=1e-12) @ np.ones(len(J)) / np.linalg.norm(J, axis=1)
        w /= w.sum()
    return w @ J


def fair(J, alpha):
    """C a = b a^(-1/alpha) coordinate by coordinate, each by bisection."""
    J_, T = J / np.sqrt(np.linalg.norm(J @ J.T)), len(J)
    n = np.linalg.norm(J_, axis=1)
    C, b, a = J_ @ J_.T / np.outer(n, n) + 1e-4 * np.eye(T), n ** (1 / alpha - 1), np.ones(T)
    for _ in range(100000):
        before = a.copy()
        for i in range(T):
            rest = C[i] @ a - C[i, i] * a[i]
            low, high = -60.0, 60.0
            for _ in range(100):
                middle = (low + high) / 2
                x = np.exp(middle)
                low, high = (low, middle) if C[i, i] * x + rest > b[i] * x ** (-1 / alpha) else (middle, high)
            a[i] = np.exp(low)
        if np.abs(a / before - 1).max() < 1e-14:
            break
    assert np.abs(C @ a / (b * a ** (-1 / alpha)) - 1).max() < 1e-10
    return (a / n) @ J


def rgw(J, state):
    own, half = part(state, "rgw"), (len(J) + 1) // 2
    u = uniform(own, np.arange(2 * half)).reshape(half, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * np.pi * u[:, 1]
    e = np.exp(np.append(radius * np.cos(angle), radius * np.sin(angle))[: len(J)])
    return e / e.sum() @ J


def gradvac(Js, states):
    usual, out = np.zeros((len(Js[0]),) * 2), []
    for J, state in zip(Js, states):
        own, T, total = part(state, "grad-vac"), len(J), 0.0
        for i in range(T):
            g, keys = J[i].copy(), uniform(own, i * T + np.arange(T))
            for j in sorted((j for j in range(T) if j != i), key=lambda j: (keys[j], j)):
                a, b = np.linalg.norm(g), np.linalg.norm(J[j])
                angle, aim = g @ J[j] / (a * b), usual[i, j]
                if angle < aim:
                    # the sine rule: by so much of g_j the angle becomes that of the aim
                    add = a * np.sin(np.arccos(angle) - np.arccos(aim)) / (b * np.sin(np.arccos(aim)))
                    g = g + add * J[j]
                    assert abs(g @ J[j] / (np.linalg.norm(g) * b) - aim) < 1e-9
                usual[i, j] += BETA * (angle - aim)
            total = total + g
        out.append(total.tolist())
    return out


def gradnorm(norms, losses):
    w, out = np.ones(len(norms[0])), []
    for n, loss in zip(norms, losses):
        out.append(w.tolist())
        rate = loss / losses[0]
        rate = rate / rate.mean()
        target = np.mean(w * n) * rate**ALPHA
        w = np.maximum(w - RATE * np.sign(w * n - target) * n, 1e-3)
        w = w / w.sum() * len(w)
    return out


rng = np.random.default_rng(11)
cases = []
for T in (2, 3, 5):
    for kind in ("plain", "conflict", "norms", "conflict and norms", "more of them", "dependent"):
        J = rng.normal(size=(T, 7))
        if kind == "plain":
            J += 1.0
        if "conflict" in kind:
            J[-1] = -0.8 * J[0] + 0.5 * rng.normal(size=7)
        if "norms" in kind:
            J *= 10 ** np.linspace(-1.5, 1.5, T)[rng.permutation(T)][:, None]
        if kind == "dependent" and T > 2:
            J[1] = 0.5 * J[0] + 0.25 * J[2]
        inner = J @ J.T
        assert ("conflict" not in kind) or inner.min() < 0
        assert kind != "plain" or inner.min() > 0 or T > 2
        seed = int(rng.integers(2**32))
        upgrad = sum(off_conflicts(J, g) for g in J)
        cases.append({
            "kind": kind, "J": J.tolist(), "seed": seed,
            "pcgrad": pcgrad(J, stream(seed)).tolist(), "mgda": (shortest(J) @ J).tolist(), "cagrad": cagrad(J, C).tolist(),
            "mmpareto": mmpareto(J, GAMMA).tolist(), "aligned-mtl": aligned(J).tolist(), "nash-mtl": nash(J).tolist(),
            "upgrad": upgrad.tolist(), "dual-proj": off_conflicts(J, J.sum(0)).tolist(), "imtl-g": imtl(J).tolist(),
            "config": config(J).tolist(), "fair-grad": fair(J, FAIR).tolist(), "rgw": rgw(J, stream(seed)).tolist(),
        })
steps = []
for T in (2, 3, 5):
    norms, losses = rng.uniform(0.1, 3, (6, T)), rng.uniform(0.2, 2, (6, T))
    steps.append({"norms": norms.tolist(), "losses": losses.tolist(), "weights": gradnorm(norms, losses)})
runs = []
for T in (2, 3, 5):
    J = rng.normal(size=(8, T, 7)) + 0.5 * rng.normal(size=(8, 1, 7))
    seeds = [int(seed) for seed in rng.integers(2**32, size=8)]
    runs.append({"J": J.tolist(), "seeds": seeds, "updates": gradvac(J, [stream(seed) for seed in seeds])})
print(json.dumps({"cases": cases, "grad-norm": steps, "grad-vac": runs}))
