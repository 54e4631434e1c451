"""Checkpoints and nets for the tests of backbones."""

import dataclasses
import math
import sys
from pathlib import Path

import torch
from torchvision.models.video.mvit import MSBlockConfig, MViT

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backbones import BACKBONES, weights


def published(name, seed=1):
    """A checkpoint of random weights under the published names."""
    random = torch.Generator().manual_seed(seed)
    made = {}
    for key, shape in weights.listed(name).items():
        values = torch.randn(shape, generator=random)
        if key.endswith(("running_var", "bn.weight", "norm.weight")) or (len(shape) == 1 and key.endswith("weight")):
            made[key] = 1 + 0.1 * values.abs()
        elif len(shape) > 1:
            made[key] = values / math.sqrt(math.prod(shape[1:]))
        else:
            made[key] = 0.1 * values
    return made


def small(name):
    """The backbone at a size for which seconds do: the same layers on smaller pictures, fewer of the blocks that are all alike."""
    backbone = BACKBONES[name]
    if name == "mvit-v2-s":

        def net():
            shapes = ((1, 96, 96, 1, 8), (2, 96, 192, 2, 4), (2, 192, 192, 1, 4))
            blocks = [
                MSBlockConfig(heads, inputs, outputs, [3, 3, 3], [3, 3, 3], [1, query, query], [1, key, key])
                for heads, inputs, outputs, query, key in shapes
            ]
            # what mvit_v2_s sets
            v2 = {"residual_pool": True, "residual_with_cls_embed": False, "rel_pos_embed": True, "proj_after_attn": True}
            made = MViT((64, 64), 8, blocks, **v2)
            made.head = torch.nn.Identity()
            return made

        return dataclasses.replace(backbone, net=net, row=(8, 64, 64, 3), width=192), None
    if name == "vggsound-resnet18":
        return dataclasses.replace(backbone, row=(65, 252)), None
    return backbone, 32 if backbone.resizable else None
