"""ResNets on clips, as SlowFast and SlowOnly are built from them.

Tables 1 and 2 of Feichtenhofer et al., ICCV 2019, arXiv:1812.03982. Modules have the names that mmaction2's checkpoints know them by.
"""

import torch
from torch import nn

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class Conv(nn.Module):
    """Convolution, batch normalisation and, unless `relu` is off, ReLU; padded to keep its size at stride 1."""

    def __init__(self, inputs, outputs, kernel, stride=(1, 1, 1), relu=True):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, tuple(size // 2 for size in kernel), bias=False)
        self.bn = nn.BatchNorm3d(outputs)
        self.activate = nn.ReLU() if relu else nn.Identity()

    def forward(self, x):
        return self.activate(self.bn(self.conv(x)))


class Lateral(nn.Module):
    """From the fast path to the slow one: twice the channels, one frame of `alpha`."""

    def __init__(self, inputs, kernel, alpha):
        super().__init__()
        self.conv = nn.Conv3d(inputs, 2 * inputs, (kernel, 1, 1), (alpha, 1, 1), (kernel // 2, 0, 0), bias=False)

    def forward(self, x):
        return self.conv(x)


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1 with a way round; `temporal` makes the first one 3 frames long, `stride` is the second one's, over the picture."""

    def __init__(self, inputs, width, temporal, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1 = Conv(inputs, width, (3 if temporal else 1, 1, 1))
        self.conv2 = Conv(width, width, (1, 3, 3), (1, stride, stride))
        self.conv3 = Conv(width, outputs, (1, 1, 1), relu=False)
        changes = stride != 1 or inputs != outputs
        self.downsample = Conv(inputs, outputs, (1, 1, 1), (1, stride, stride), relu=False) if changes else nn.Identity()

    def forward(self, x):
        return torch.relu(self.conv3(self.conv2(self.conv1(x))) + self.downsample(x))


class Path(nn.Module):
    """Stem and four stages: `[N, channels, T, H, W]` to `[N, 32 · width, T, H / 32, W / 32]`.

    `temporal` says for each stage whether its blocks look along time. `extra` is the part of the stages' input that comes by lateral
    connections, over the path's own width.
    """

    def __init__(self, channels, depth, width, stem, temporal, extra=0.0):
        super().__init__()
        self.conv1 = Conv(channels, width, (stem, 7, 7), (1, 2, 2))
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        inputs = width
        for stage, count in enumerate(BLOCKS[depth]):
            first = inputs + int(extra * inputs)
            inputs, inner = 4 * width * 2**stage, width * 2**stage
            blocks = [
                Bottleneck(inputs if place else first, inner, temporal[stage], 2 if stage and not place else 1)
                for place in range(count)
            ]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))

    def stem(self, x):
        return self.maxpool(self.conv1(x))
