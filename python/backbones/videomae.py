"""VideoMAE V2 with ViT-B: tubes of 2 frames by 16 by 16 pixels, fixed sinusoids for their places, the mean of all tokens.

Wang et al., CVPR 2023, arXiv:2303.16727. Takes the authors' own files, self-supervised or distilled; transformers has no class for them
(`OpenGVLab/VideoMAEv2-Base` brings code of its own), while its `VideoMAEModel` is the same net under other names.
"""

import torch
from torch import nn

from . import entry, vit, weights

FRAMES, SIDE, TUBE, PATCH = 16, 224, 2, 16
TOKENS = (FRAMES // TUBE) * (SIDE // PATCH) ** 2


def places():
    """Sine of each place in even columns, cosine in odd ones (Vaswani et al., NeurIPS 2017, section 3.5). `[1, TOKENS, WIDTH]`"""
    column = torch.arange(vit.WIDTH) // 2 * 2
    angle = torch.arange(TOKENS, dtype=torch.float64)[:, None] / 10000.0 ** (column / vit.WIDTH)
    return torch.where(torch.arange(vit.WIDTH) % 2 == 0, angle.sin(), angle.cos()).float()[None]


class VideoMae(nn.Module):
    """`[N, 3, 16, 224, 224]` to `[N, 768]`."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv3d(3, vit.WIDTH, (TUBE, PATCH, PATCH), (TUBE, PATCH, PATCH))
        self.register_buffer("positions", places(), persistent=False)
        self.blocks = vit.blocks(TOKENS, 1e-6)
        self.norm = nn.LayerNorm(vit.WIDTH, 1e-6)

    def forward(self, clip):
        x = self.patches(clip).flatten(2).transpose(1, 2) + self.positions
        return self.norm(self.blocks(x).mean(1))


def ours(published):
    """The authors' names to those above; keys have no bias."""
    made = {}
    for kind in ("weight", "bias"):
        made[f"patches.{kind}"] = published[f"patch_embed.proj.{kind}"]
        made[f"norm.{kind}"] = published[f"fc_norm.{kind}"]
        for place in range(vit.DEPTH):
            block = f"blocks.{place}."
            for to, of in (("attn.proj",) * 2, ("norm1",) * 2, ("norm2",) * 2, ("fc1", "mlp.fc1"), ("fc2", "mlp.fc2")):
                made[f"{block}{to}.{kind}"] = published[f"{block}{of}.{kind}"]
    for place in range(vit.DEPTH):
        attention = f"blocks.{place}.attn."
        query, value = published[attention + "q_bias"], published[attention + "v_bias"]
        made[attention + "qkv.weight"] = published[attention + "qkv.weight"]
        made[attention + "qkv.bias"] = torch.cat((query, torch.zeros_like(query), value))
    return made


V2_B = entry.Backbone(
    name="videomae-v2-b",
    about="VideoMAE V2 with ViT-B",
    paper="Wang et al., CVPR 2023, arXiv:2303.16727",
    weights="OpenGVLab: VideoMAEv2-Base model.safetensors, or VideoMAE2 distill/vit_b_k710_dl_from_giant.pth",
    preset="uniform",
    parameters={"frames": FRAMES, "resize": SIDE, "crop": SIDE},
    row=(FRAMES, SIDE, SIDE, 3),
    mean=entry.IMAGENET[0],
    std=entry.IMAGENET[1],
    width=vit.WIDTH,
    net=VideoMae,
    published=weights.Published("videomae-v2-b", outer=("model.",), ignored=("head.",), convert=ours),
)
