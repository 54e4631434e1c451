"""ResNet-18 of VGGSound on log-spectrograms of one channel.

Chen et al., ICASSP 2020, arXiv:2004.14368: the usual ResNet-18 with average pooling (their model H). torchvision's has the same modules
under the same names, but for the first convolution's channels.
"""

from torch import nn
from torchvision.models import resnet18

from . import entry, weights


def net():
    made = resnet18()
    made.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    made.fc = nn.Identity()
    return made


class Trunk(nn.Module):
    """`[N, 1, 257, 1004]` to the map after layer3."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, spectrogram):
        net = self.net
        x = net.maxpool(net.relu(net.bn1(net.conv1(spectrogram))))
        return net.layer3(net.layer2(net.layer1(x)))


class Tail(nn.Module):
    """That map to the embedding."""

    def __init__(self, net):
        super().__init__()
        self.layer4 = net.layer4

    def forward(self, map):
        return self.layer4(map).mean((2, 3))


RESNET18 = entry.Backbone(
    name="vggsound-resnet18",
    about="ResNet-18 of VGGSound",
    paper="Chen et al., ICASSP 2020, arXiv:2004.14368",
    weights="VGGSound's authors: H.pth.tar (vggsound_avgpool.pth.tar)",
    preset="vggsound",
    row=(257, 1004),
    mean=(0.0,),
    std=(1.0,),
    width=512,
    net=net,
    published=weights.Published("vggsound-resnet18", prefix="audnet.", ignored=("audnet.fc.weight", "audnet.fc.bias")),
    cut=entry.Cut("layer3", Trunk, Tail, {"map": (256, 17, 63)}),
)
