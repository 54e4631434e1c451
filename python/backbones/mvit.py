"""MViTv2-S: a vision transformer whose pictures shrink from stage to stage, with positions that count from query to key.

Li et al., CVPR 2022, arXiv:2112.01526. Modules and weights are torchvision's; the pass through them is written here once more, because
torchvision's adds into slices in place, which as a graph is thirteen thousand nodes with loops. A test compares the two.
"""

import torch
from torch import nn
from torchvision.models.video import mvit_v2_s

from . import entry, weights


def net():
    made = mvit_v2_s()
    made.head = nn.Identity()
    return made


def pooled(size, pool):
    """Frames, rows and columns after a convolution or a maximum over them."""
    sides = zip(size, pool.kernel_size, pool.stride, pool.padding, strict=True)
    return tuple((length + 2 * padding - kernel) // stride + 1 for length, kernel, stride, padding in sides)


def distances(queries, keys):
    """Row of the table of relative positions for each query and key along one side, section 4.1. `[queries, keys]`"""
    query = torch.arange(queries)[:, None] * max(keys / queries, 1.0)
    key = (torch.arange(keys)[None] + 1.0 - keys) * max(queries / keys, 1.0)
    return (query - key).long()


class Pool(nn.Module):
    """`[N, heads, 1 + places, D]`, the class token as it is, the rest pooled as a clip of `size`."""

    def __init__(self, pool, size, heads):
        super().__init__()
        self.pool, self.norm = pool.pool, pool.norm_act or nn.Identity()
        self.size, self.heads = size, heads
        self.made = pooled(size, self.pool)

    def forward(self, x):
        token, rest = x[:, :, :1], x[:, :, 1:]
        width, places = x.shape[-1], self.made[0] * self.made[1] * self.made[2]
        rest = self.pool(rest.transpose(2, 3).reshape(-1, width, *self.size))
        rest = rest.reshape(-1, self.heads, width, places).transpose(2, 3)
        return self.norm(torch.cat((token, rest), 2))


class Attention(nn.Module):
    def __init__(self, attention, size):
        super().__init__()
        self.qkv, self.project = attention.qkv, attention.project
        self.heads, self.width = attention.num_heads, attention.head_dim
        self.places = size[0] * size[1] * size[2]
        pools = (attention.pool_q, attention.pool_k, attention.pool_v)
        self.pools = nn.ModuleList(Pool(pool, size, self.heads) if pool else nn.Identity() for pool in pools)
        self.queries, self.keys = (pool.made if isinstance(pool, Pool) else size for pool in self.pools[:2])
        self.tables = nn.ParameterList((attention.rel_pos_t, attention.rel_pos_h, attention.rel_pos_w))

    def positions(self, query):
        """What relative positions add to the attention, with zeros for the class token."""
        (qt, qh, qw), (kt, kh, kw) = self.queries, self.keys
        tables = zip(self.tables, self.queries, self.keys, strict=True)
        # [queries, D, keys] each
        time, height, width = (table[distances(q, k)].transpose(1, 2) for table, q, k in tables)
        query = query[:, :, 1:].reshape(-1, self.heads, qt, qh, qw, self.width)
        by_time = query.reshape(-1, self.heads, qt, qh * qw, self.width) @ time
        by_height = query @ height
        by_width = (query.transpose(3, 4) @ width).transpose(3, 4)
        total = (
            by_time.reshape(-1, self.heads, qt, qh, qw, kt, 1, 1)
            + by_height.reshape(-1, self.heads, qt, qh, qw, 1, kh, 1)
            + by_width.reshape(-1, self.heads, qt, qh, qw, 1, 1, kw)
        )
        return nn.functional.pad(total.reshape(-1, self.heads, qt * qh * qw, kt * kh * kw), (1, 0, 1, 0))

    def forward(self, x):
        parts = self.qkv(x).reshape(-1, 1 + self.places, 3, self.heads, self.width).permute(2, 0, 3, 1, 4).unbind(0)
        query, key, value = (pool(part) for pool, part in zip(self.pools, parts, strict=True))
        attention = query * self.width**-0.5 @ key.transpose(2, 3) + self.positions(query)
        x = attention.softmax(-1) @ value
        # the pooled queries go round the attention, but for the class token
        x = torch.cat((x[:, :, :1], x[:, :, 1:] + query[:, :, 1:]), 2)
        places = 1 + self.queries[0] * self.queries[1] * self.queries[2]
        return self.project(x.transpose(1, 2).reshape(-1, places, self.heads * self.width))


class Block(nn.Module):
    """Wider by the attention where it gets wider (MViTv2, not v1), the way round pooled by its maximum."""

    def __init__(self, block, size):
        super().__init__()
        self.norm1, self.norm2, self.mlp = block.norm1, block.norm2, block.mlp
        self.attention = Attention(block.attn, size)
        self.skip = Pool(block.pool_skip, size, 1) if block.pool_skip else None
        self.project = block.project

    def forward(self, x):
        normed = self.norm1(x)
        x = x if self.project is None else self.project(normed)
        x = x if self.skip is None else self.skip(x[:, None])[:, 0]
        x = x + self.attention(normed)
        return x + self.mlp(self.norm2(x))


class Forward(nn.Module):
    """`[N, 3, 16, 224, 224]` to `[N, 768]`: the class token after the last block."""

    def __init__(self, net):
        super().__init__()
        self.patches, self.norm = net.conv_proj, net.norm
        self.token = net.pos_encoding.class_token
        size, blocks = (net.pos_encoding.temporal_size, *net.pos_encoding.spatial_size), []
        for block in net.blocks:
            blocks.append(Block(block, size))
            size = blocks[-1].attention.queries
        self.blocks = nn.Sequential(*blocks)

    def forward(self, clip):
        x = self.patches(clip).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], 1, -1), x), 1)
        return self.norm(self.blocks(x))[:, 0]


V2_S = entry.Backbone(
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
    net=net,
    runs=Forward,
    published=weights.Published(ignored=("head.1.weight", "head.1.bias")),
)
