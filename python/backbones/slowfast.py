"""SlowFast 8×8: a slow path that sees every fourth of 32 frames, and a narrow fast one that sees them all.

Feichtenhofer et al., ICCV 2019, arXiv:1812.03982, with the numbers of mmaction2's `slowfast_r50_8x8x1_256e_kinetics400_rgb` and
`slowfast_r101_8x8x1_256e_kinetics400_rgb`: alpha 4, beta 1/8, lateral kernels of 7 frames, both paths of the same depth.
"""

import torch
from torch import nn

from . import entry, weights
from .resnet3d import Lateral, Path

ALPHA, BETA, KERNEL = 4, 8, 7


class SlowPath(Path):
    def __init__(self, depth):
        super().__init__(3, depth, 64, 1, (False, False, True, True), extra=2 / BETA)
        self.conv1_lateral = Lateral(64 // BETA, KERNEL, ALPHA)
        self.layer1_lateral = Lateral(256 // BETA, KERNEL, ALPHA)
        self.layer2_lateral = Lateral(512 // BETA, KERNEL, ALPHA)
        self.layer3_lateral = Lateral(1024 // BETA, KERNEL, ALPHA)


class SlowFast(nn.Module):
    """Holds the weights under their published names; what runs are its trunk and its tail."""

    def __init__(self, depth):
        super().__init__()
        self.slow_path = SlowPath(depth)
        self.fast_path = Path(3, depth, 64 // BETA, 5, (True,) * 4)


class Trunk(nn.Module):
    """`[N, 3, 32, H, W]` to the slow path's map with what the fast one adds to it, and the fast path's, both after layer3."""

    def __init__(self, net):
        super().__init__()
        self.slow_path, self.fast_path = net.slow_path, net.fast_path

    def forward(self, clip):
        slow_path, fast_path = self.slow_path, self.fast_path
        slow, fast = slow_path.stem(clip[:, :, ::ALPHA]), fast_path.stem(clip)
        slow = torch.cat((slow, slow_path.conv1_lateral(fast)), 1)
        slow, fast = slow_path.layer1(slow), fast_path.layer1(fast)
        slow = torch.cat((slow, slow_path.layer1_lateral(fast)), 1)
        slow, fast = slow_path.layer2(slow), fast_path.layer2(fast)
        slow = torch.cat((slow, slow_path.layer2_lateral(fast)), 1)
        slow, fast = slow_path.layer3(slow), fast_path.layer3(fast)
        return torch.cat((slow, slow_path.layer3_lateral(fast)), 1), fast


class Tail(nn.Module):
    """Both maps to the embedding: 256 values of the fast path, then 2048 of the slow one (mmaction2's `SlowFastHead`)."""

    def __init__(self, net):
        super().__init__()
        self.slow_layer4, self.fast_layer4 = net.slow_path.layer4, net.fast_path.layer4

    def forward(self, slow, fast):
        slow, fast = self.slow_layer4(slow).mean((2, 3, 4)), self.fast_layer4(fast).mean((2, 3, 4))
        return torch.cat((fast, slow), 1)


def backbone(depth, published):
    name = f"slowfast-r{depth}"
    return entry.Backbone(
        name=name,
        about=f"SlowFast 8×8 with ResNet-{depth}, Kinetics-400",
        paper="Feichtenhofer et al., ICCV 2019, arXiv:1812.03982",
        weights=f"mmaction2: {published}",
        preset="slowfast",
        row=(32, 224, 224, 3),
        mean=entry.IMAGENET[0],
        std=entry.IMAGENET[1],
        width=2304,
        net=lambda: SlowFast(depth),
        published=weights.Published(name, prefix="backbone.", ignored=weights.MMACTION2),
        cut=entry.Cut("layer3", Trunk, Tail, {"slow": (1280, 8, 14, 14), "fast": (128, 32, 14, 14)}),
        resizable=True,
    )


R101 = backbone(101, "slowfast_r101_8x8x1_256e_kinetics400_rgb_20210218-0dd54025.pth")
R50 = backbone(50, "slowfast_r50_8x8x1_256e_kinetics400_rgb_20200716-73547d2b.pth")
