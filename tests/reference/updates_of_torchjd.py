"""Updates of TorchJD 0.18.0 for some Jacobians, in its own scale: what balancers that it has too are held to.

Its quadratic programs are asked for without the 1e-4 that it puts on Gramians' diagonals by default, its MGDA for as many steps as
it takes. Of PCGrad, whose order is drawn, the updates of all orders of two and three rows are written down, and of GradVac some steps of two
rows. Jacobians are longer than 1, below which its CAGrad gives zeros. Of FairGrad and NashMTL these are weights.

Needs: pip install 'torchjd[full]==0.18.0' torch==2.11.0 cvxpy==1.9.3 ecos==2.0.14 quadprog==0.1.14 scipy==1.17.1 numpy==2.4.6
Run: python3 tests/reference/updates_of_torchjd.py > tests/reference/updates_of_torchjd.json
"""

import json

import torch
from torchjd.aggregation import MGDA, AlignedMTL, CAGrad, ConFIG, DualProj, FairGrad, GradVac, IMTLG, NashMTL, PCGrad, UPGrad
from torchjd.linalg import QuadprogProjector

torch.set_default_dtype(torch.float64)
torch.manual_seed(5)


def pcgrad(J):
    """What comes of the orders that are drawn, all of them for two and three rows."""
    if len(J) > 3:
        return []
    drawn = {tuple(round(x, 11) for x in PCGrad()(J).tolist()) for _ in range(1 if len(J) == 2 else 400)}
    return sorted(drawn)


def jacobians():
    for T in (2, 3, 5):
        plain = torch.randn(T, 6) + 1
        conflict = torch.randn(T, 6)
        conflict[-1] = -0.7 * conflict[0] + 0.4 * torch.randn(6)
        colinear = torch.randn(T, 6)
        colinear[1] = 2.5 * colinear[0]
        apart = conflict * 10 ** torch.linspace(-1.5, 1.5, T)[:, None]
        yield from (("plain", plain), ("conflicting", conflict), ("colinear", colinear), ("norms 10³ apart", apart))


exact = QuadprogProjector(norm_eps=0.0, reg_eps=1e-13)
cases = []
for kind, J in jacobians():
    assert J.norm() > 1
    G = J @ J.T
    regular = torch.linalg.cond(G) < 1e10
    case = {
        "kind": kind, "J": J.tolist(), "pcgrad": pcgrad(J),
        "mgda": MGDA(epsilon=1e-15, max_iters=100_000)(J).tolist(),
        "cagrad": CAGrad(c=0.4)(J).tolist(),
        "aligned-mtl": AlignedMTL()(J).tolist(),
        "upgrad": UPGrad(projector=exact if regular else QuadprogProjector(norm_eps=0.0, reg_eps=1e-9))(J).tolist(),
        "dual-proj": DualProj(projector=exact if regular else QuadprogProjector(norm_eps=0.0, reg_eps=1e-9))(J).tolist(),
        "config": ConFIG()(J).tolist(),
        "imtl-g": IMTLG()(J).tolist(),
        "fair-grad": FairGrad(alpha=2.0, max_iters=10_000).gramian_weighting(G).tolist(),
        "nash-mtl": NashMTL(n_tasks=len(J), max_norm=0.0, optim_niter=1000).weighting(J).tolist(),
    }
    cases.append(case)
pairs = torch.randn(6, 2, 5) + 0.6 * torch.randn(6, 1, 5)
vaccine = GradVac(beta=0.5)
steps = {"J": pairs.tolist(), "updates": [vaccine(J).tolist() for J in pairs]}
print(json.dumps({"cases": cases, "grad-vac": steps}))
