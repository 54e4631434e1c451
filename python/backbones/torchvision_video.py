"""Nets that torchvision has: what they are and what their checkpoints hold is its own definition."""

from torch import nn
from torchvision.models.video import mvit_v2_s, r2plus1d_18

from . import entry, weights


class Trunk(nn.Module):
    """`[N, 3, 16, H, W]` to the map after layer3."""

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


def r2plus1d():
    made = r2plus1d_18()
    made.fc = nn.Identity()
    return made


def mvit():
    made = mvit_v2_s()
    made.head = nn.Identity()
    return made


R2PLUS1D_18 = entry.Backbone(
    name="r2plus1d-18",
    about="R(2+1)D-18, Kinetics-400",
    paper="Tran et al., CVPR 2018, arXiv:1711.11248",
    weights="torchvision: R2Plus1D_18_Weights.KINETICS400_V1, r2plus1d_18-91a641e6.pth",
    preset="uniform",
    parameters={"frames": 16, "resize": 128, "crop": 112},
    row=(16, 112, 112, 3),
    mean=(110.2008, 100.63983, 95.99475),
    std=(58.14765, 56.46975, 55.332195),
    width=512,
    net=r2plus1d,
    published=weights.Published(ignored=("fc.weight", "fc.bias")),
    cut=entry.Cut("layer3", Trunk, Tail, {"map": (256, 4, 14, 14)}),
    resizable=True,
)

MVIT_V2_S = entry.Backbone(
    name="mvit-v2-s",
    about="MViTv2-S, Kinetics-400",
    paper="Li et al., CVPR 2022, arXiv:2112.01526",
    weights="torchvision: MViT_V2_S_Weights.KINETICS400_V1, mvit_v2_s-ae3be167.pth",
    preset="uniform",
    parameters={"frames": 16, "resize": 256, "crop": 224},
    row=(16, 224, 224, 3),
    mean=(114.75,),
    std=(57.375,),
    width=768,
    net=mvit,
    published=weights.Published(ignored=("head.1.weight", "head.1.bias")),
)
