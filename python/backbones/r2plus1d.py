"""R(2+1)D-18: convolutions over the picture and over time in turn.

Tran et al., CVPR 2018, arXiv:1711.11248. The net is torchvision's, and what its checkpoint holds is torchvision's definition of it.
"""

from torch import nn
from torchvision.models.video import r2plus1d_18

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


def net():
    made = r2plus1d_18()
    made.fc = nn.Identity()
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
    net=net,
    published=weights.Published(ignored=("fc.weight", "fc.bias")),
    cut=entry.Cut("layer3", Trunk, Tail, {"map": (256, 4, 14, 14)}),
    resizable=True,
)
