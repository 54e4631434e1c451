"""What is known of a backbone besides its layers."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from .weights import Published

# mean and standard deviation of red, green and blue
IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Cut:
    """Where a net falls into a trunk, which gives feature maps, and a tail, which turns them into the embedding."""

    # the trunk's last layer
    after: str
    # each is made from the net and shares its weights
    trunk: Callable[[nn.Module], nn.Module]
    tail: Callable[[nn.Module], nn.Module]
    # name and shape of each map without the batch, in the order of the trunk's outputs and the tail's inputs; 0: any length
    maps: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Backbone:
    """A line of BACKBONES. It says the same as the line of that name in `src/backbone/`."""

    name: str
    about: str
    paper: str
    # where trained weights are to be had
    weights: str
    # what makes its rows, and the parameters in which that differs from the preset's own
    preset: str
    # shape of a row in a clip store, [T, H, W, C] or [rows, columns]; 0: any length
    row: tuple[int, ...]
    # one for all channels or one for each; pixels count from 0 to 255
    mean: tuple[float, ...]
    std: tuple[float, ...]
    # length of the embedding
    width: int
    # the net with its weights under the names that `published` leads to
    net: Callable[[], nn.Module]
    published: Published
    parameters: dict = field(default_factory=dict)
    cut: Cut | None = None
    # what runs, made from the net and sharing its weights; without it, trunk and tail, or the net itself
    runs: Callable[[nn.Module], nn.Module] | None = None
    # whether another side of the pictures is no other net
    resizable: bool = False
    # side of the golden pictures where any would do
    usual: int = 0

    @property
    def input(self):
        return "clip" if len(self.row) == 4 else "spectrogram"

    def whole(self, net):
        """From rows to embeddings."""
        if self.cut:
            return Whole(self.cut.trunk(net), self.cut.tail(net)).eval()
        return (self.runs(net) if self.runs else net).eval()


class Whole(nn.Module):
    """Trunk and tail in one."""

    def __init__(self, trunk, tail):
        super().__init__()
        self.trunk, self.tail = trunk, tail

    def forward(self, x):
        maps = self.trunk(x)
        return self.tail(*maps) if isinstance(maps, tuple) else self.tail(maps)
