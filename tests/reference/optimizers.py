"""Writes optimizers.json: where PyTorch's optimizers come to in five steps from (0.5, -1, 2) with gradients sin(theta + t), in f64."""

import json
from pathlib import Path

import torch


def case(optimizer, learning_rate=0.1, weight_decay=0.0, momentum=0.0, clip=None):
    theta = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    if optimizer == "sgd":
        stepper = torch.optim.SGD([theta], learning_rate, momentum=momentum, weight_decay=weight_decay)
    else:
        stepper = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]([theta], learning_rate, weight_decay=weight_decay)
    for t in range(5):
        theta.grad = torch.sin(theta.detach() + t)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([theta], clip)
        stepper.step()
    return dict(optimizer=optimizer, learning_rate=learning_rate, weight_decay=weight_decay, momentum=momentum, clip=clip, params=theta.tolist())


cases = [case("sgd"), case("sgd", momentum=0.9), case("sgd", 0.01, 0.1, 0.5, 0.7), case("sgd", momentum=0.9, clip=100.0)]
cases += [case(kind, *rest) for kind in ("adam", "adamw") for rest in [(), (0.01, 0.1), (0.1, 0.2, 0.0, 0.3)]]
(Path(__file__).parent / "optimizers.json").write_text(json.dumps(cases, indent=1) + "\n")
