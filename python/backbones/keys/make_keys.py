#!/usr/bin/env python3
"""Writes the lists beside it: keys and shapes of the published checkpoints, one a line.

No checkpoint was at hand, and no stored listing of one was found. The lists follow from what is published about them, by the tables here
and not by the nets that are tested against them:

- mmaction2: configs/recognition/slowfast/slowfast_r{50,101}_8x8x1_256e_kinetics400_rgb.py (depth of both paths, kernels, widths) and
  slowonly/slowonly_r50_8x8x1_256e_kinetics400_flow.py; names as ConvModule (`conv`, `bn`), Bottleneck3d (`conv1` to `conv3`, `downsample`)
  and ResNet3dPathway (`layerN_lateral`) register them. Two public scripts that read such files name backbone.slow_path.conv1.conv.weight,
  backbone.slow_path.conv1_lateral.conv.weight, backbone.slow_path.layer4.0.conv2.conv.weight, backbone.fast_path.conv1.bn.running_var and
  cls_head.fc_cls.weight.
- VGGSound: model.py and models/resnet.py of github.com/hche11/VGGSound: `audnet`, a ResNet-18 as torchvision names it, 309 classes.
- AST: the names in transformers' files (version 5.23 has others for the modules, and renames on loading); they stand with their shapes in a
  recording of such a net, samples/transformers-auto-model/bookbot_distil-ast-audioset/weight_meta.py of github.com/shanjiang7/GraphNet.
- VideoMAE V2: modeling_videomaev2.py and config.json of huggingface.co/OpenGVLab/VideoMAEv2-Base.

What checks them is what is known of the files as a whole (STATED): millions of parameters in mmaction2's model zoo, with the head of 400
classes; 346 MB of model.safetensors at 4 bytes a parameter for AST; and for VideoMAE V2 the distilled file of 173,574,417 bytes, 2 for
each parameter with a head of 710 classes, and some kilobytes for the names.
Left out: `num_batches_tracked`, which older files lack.
"""

import math
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# name -> what is stated, and the same from the number of parameters
STATED = {
    "slowfast-r101": ("62.9 M", lambda count: f"{count / 1e6:.1f} M"),
    "slowfast-r50": ("34.6 M", lambda count: f"{count / 1e6:.1f} M"),
    "ast": ("346 MB", lambda count: f"{4 * count / 1e6:.0f} MB"),
    "videomae-v2-b": ("173.5 MB", lambda count: f"{2 * (count + 710 * 769) / 1e6:.1f} MB"),
}


def norm(key, width):
    return [(f"{key}.{part}", (width,)) for part in ("weight", "bias", "running_mean", "running_var")]


def dense(key, outputs, inputs):
    return [(f"{key}.weight", (outputs, inputs)), (f"{key}.bias", (outputs,))]


def layer_norm(key, width=768):
    return [(f"{key}.weight", (width,)), (f"{key}.bias", (width,))]


def module(key, outputs, inputs, kernel):
    return [(f"{key}.conv.weight", (outputs, inputs, *kernel)), *norm(f"{key}.bn", outputs)]


def path(key, channels, blocks, width, stem, long, lateral):
    """One ResNet path; `long`: kernels over time of each stage's conv1; `lateral`: whether it takes in the fast path's eighth, twice."""
    keys = module(f"{key}conv1", width, channels, (stem, 7, 7))
    if lateral:
        keys.append((f"{key}conv1_lateral.conv.weight", (width // 4, width // 8, 7, 1, 1)))
    inputs = width
    for stage, count in enumerate(blocks):
        inner = width << stage
        if lateral:
            inputs += inputs // 4
        for block in range(count):
            name = f"{key}layer{stage + 1}.{block}"
            keys += module(f"{name}.conv1", inner, inputs, (long[stage], 1, 1))
            keys += module(f"{name}.conv2", inner, inner, (1, 3, 3))
            keys += module(f"{name}.conv3", 4 * inner, inner, (1, 1, 1))
            if block == 0:
                keys += module(f"{name}.downsample", 4 * inner, inputs, (1, 1, 1))
            inputs = 4 * inner
        if lateral and stage < 3:
            keys.append((f"{key}layer{stage + 1}_lateral.conv.weight", (inputs // 4, inputs // 8, 7, 1, 1)))
    return keys


def slowfast(blocks):
    keys = path("backbone.slow_path.", 3, blocks, 64, 1, (1, 1, 3, 3), True)
    keys += path("backbone.fast_path.", 3, blocks, 8, 5, (3, 3, 3, 3), False)
    return keys + dense("cls_head.fc_cls", 400, 2304)


def slowonly():
    return path("backbone.", 2, (3, 4, 6, 3), 64, 1, (1, 1, 3, 3), False) + dense("cls_head.fc_cls", 400, 2048)


def vggsound():
    keys = [("audnet.conv1.weight", (64, 1, 7, 7)), *norm("audnet.bn1", 64)]
    inputs = 64
    for stage, width in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name = f"audnet.layer{stage}.{block}"
            keys += [(f"{name}.conv1.weight", (width, inputs, 3, 3)), *norm(f"{name}.bn1", width)]
            keys += [(f"{name}.conv2.weight", (width, width, 3, 3)), *norm(f"{name}.bn2", width)]
            if inputs != width:
                keys += [(f"{name}.downsample.0.weight", (width, inputs, 1, 1)), *norm(f"{name}.downsample.1", width)]
            inputs = width
    return keys + dense("audnet.fc", 309, 512)


def ast():
    body = "audio_spectrogram_transformer."
    keys = [(f"{body}embeddings.{token}_token", (1, 1, 768)) for token in ("cls", "distillation")]
    keys.append((f"{body}embeddings.position_embeddings", (1, 1214, 768)))
    projection = f"{body}embeddings.patch_embeddings.projection"
    keys += [(f"{projection}.weight", (768, 1, 16, 16)), (f"{projection}.bias", (768,))]
    for layer in range(12):
        name = f"{body}encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            keys += dense(f"{name}.attention.attention.{part}", 768, 768)
        keys += dense(f"{name}.attention.output.dense", 768, 768)
        keys += dense(f"{name}.intermediate.dense", 3072, 768) + dense(f"{name}.output.dense", 768, 3072)
        keys += layer_norm(f"{name}.layernorm_before") + layer_norm(f"{name}.layernorm_after")
    return keys + layer_norm(f"{body}layernorm") + layer_norm("classifier.layernorm") + dense("classifier.dense", 527, 768)


def videomae():
    keys = [("patch_embed.proj.weight", (768, 3, 2, 16, 16)), ("patch_embed.proj.bias", (768,))]
    for layer in range(12):
        name = f"blocks.{layer}"
        keys += layer_norm(f"{name}.norm1") + layer_norm(f"{name}.norm2")
        keys += [(f"{name}.attn.q_bias", (768,)), (f"{name}.attn.v_bias", (768,)), (f"{name}.attn.qkv.weight", (2304, 768))]
        keys += dense(f"{name}.attn.proj", 768, 768) + dense(f"{name}.mlp.fc1", 3072, 768) + dense(f"{name}.mlp.fc2", 768, 3072)
    return keys + layer_norm("fc_norm")


LISTS = {
    "slowfast-r101": slowfast((3, 4, 23, 3)),
    "slowfast-r50": slowfast((3, 4, 6, 3)),
    "slowonly-r50-flow": slowonly(),
    "vggsound-resnet18": vggsound(),
    "ast": ast(),
    "videomae-v2-b": videomae(),
}


def parameters(keys):
    return sum(math.prod(shape) for key, shape in keys if not key.endswith(("running_mean", "running_var")))


def text(keys):
    lines = [f"# by make_keys.py, which says from what; {parameters(keys):,} parameters"]
    lines += [f"{key},{'x'.join(str(size) for size in shape)}" for key, shape in keys]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name, keys in LISTS.items():
        stated, formula = STATED.get(name, (None, None))
        assert not stated or formula(parameters(keys)) == stated, f"{name}: {parameters(keys)} parameters do not make {stated}"
        (FOLDER / f"{name}.csv").write_text(text(keys))
