"""Audio Spectrogram Transformer: a vision transformer on log-mel spectrograms, in overlapping patches of 16 bins by 16 frames.

Gong et al., Interspeech 2021, arXiv:2104.01778. The embedding is the mean of the class and the distillation token, as transformers'
`ASTModel` pools. The authors' spectrograms are Kaldi's, which emphasise high frequencies; `log-mel` with the parameters below has the same
frames, bins and logarithm, without that.
"""

import torch
from torch import nn

from . import entry, vit, weights

BINS, FRAMES, PATCH, STRIDE = 128, 1024, 16, 10
TOKENS = 2 + ((BINS - PATCH) // STRIDE + 1) * ((FRAMES - PATCH) // STRIDE + 1)


class Ast(nn.Module):
    """`[N, 1, frames, bins]` to `[N, 768]`."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, vit.WIDTH, PATCH, STRIDE)
        self.tokens = nn.Parameter(torch.randn(1, 2, vit.WIDTH) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, TOKENS, vit.WIDTH) * 0.02)
        self.blocks = vit.blocks(TOKENS, 1e-12)
        self.norm = nn.LayerNorm(vit.WIDTH, 1e-12)

    def forward(self, spectrogram):
        x = self.patches(spectrogram.transpose(2, 3)).flatten(2).transpose(1, 2)
        x = torch.cat((self.tokens.expand(x.shape[0], -1, -1), x), 1) + self.positions
        return self.norm(self.blocks(x))[:, :2].mean(1)


def ours(published):
    """transformers' names and parts to those above."""
    body, made = "audio_spectrogram_transformer.", {}
    embeddings = body + "embeddings."
    made["tokens"] = torch.cat((published[embeddings + "cls_token"], published[embeddings + "distillation_token"]), 1)
    made["positions"] = published[embeddings + "position_embeddings"]
    for kind in ("weight", "bias"):
        made[f"patches.{kind}"] = published[f"{embeddings}patch_embeddings.projection.{kind}"]
        made[f"norm.{kind}"] = published[f"{body}layernorm.{kind}"]
        for place in range(vit.DEPTH):
            theirs, block = f"{body}encoder.layer.{place}.", f"blocks.{place}."
            parts = [published[f"{theirs}attention.attention.{part}.{kind}"] for part in ("query", "key", "value")]
            made[f"{block}attn.qkv.{kind}"] = torch.cat(parts)
            for to, of in (
                ("attn.proj", "attention.output.dense"),
                ("norm1", "layernorm_before"),
                ("norm2", "layernorm_after"),
                ("fc1", "intermediate.dense"),
                ("fc2", "output.dense"),
            ):
                made[f"{block}{to}.{kind}"] = published[f"{theirs}{of}.{kind}"]
    return made


AST = entry.Backbone(
    name="ast",
    about="Audio Spectrogram Transformer, AudioSet",
    paper="Gong et al., Interspeech 2021, arXiv:2104.01778",
    weights="transformers: MIT/ast-finetuned-audioset-10-10-0.4593, model.safetensors",
    preset="log-mel",
    # 512 + 1023 · 160 samples: 1024 frames
    parameters={
        "sample-rate": 16000,
        "seconds": 10.262,
        "pad": "zero",
        "n-fft": 512,
        "window": 400,
        "hop": 160,
        "centre": False,
        "power": 2,
        "bins": BINS,
        "f-min": 20.0,
        "f-max": 8000.0,
        "scale": "htk",
        "norm": "none",
        "log": "ln",
        "offset": 1.1920929e-7,
    },
    row=(FRAMES, BINS),
    mean=(-4.2677393,),
    std=(9.1379948,),
    width=vit.WIDTH,
    net=Ast,
    published=weights.Published("ast", ignored=("classifier.",), convert=ours),
)
