"""SlowOnly 8×8 on optical flow: SlowFast's slow path alone, fed with two channels.

Feichtenhofer et al., ICCV 2019, arXiv:1812.03982, as mmaction2's `slowonly_r50_8x8x1_256e_kinetics400_flow` has it, which does not pool
along time. Pictures may have any size: SimMMDG takes 224 pixels in training views and 256 in tests.
"""

from torch import nn

from . import entry, weights
from .resnet3d import Path


class Trunk(nn.Module):
    """`[N, 2, 8, H, W]` to the map after layer3."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, clip):
        return self.net.layer3(self.net.layer2(self.net.layer1(self.net.stem(clip))))


class Tail(nn.Module):
    """That map to the embedding."""

    def __init__(self, net):
        super().__init__()
        self.layer4 = net.layer4

    def forward(self, map):
        return self.layer4(map).mean((2, 3, 4))


FLOW = entry.Backbone(
    name="slowonly-r50-flow",
    about="SlowOnly 8×8 with ResNet-50 on flow, Kinetics-400",
    paper="Feichtenhofer et al., ICCV 2019, arXiv:1812.03982",
    weights="mmaction2: slowonly_r50_8x8x1_256e_kinetics400_flow_20200704-6b384243.pth",
    preset="slowonly-flow",
    row=(8, 0, 0, 2),
    mean=(128.0,),
    std=(128.0,),
    width=2048,
    net=lambda: Path(2, 50, 64, 1, (False, False, True, True)),
    published=weights.Published("slowonly-r50-flow", prefix="backbone.", ignored=weights.MMACTION2),
    cut=entry.Cut("layer3", Trunk, Tail, {"map": (1024, 8, 0, 0)}),
    resizable=True,
    usual=256,
)
