"""Backbones: the nets against other ways to the same numbers. `make test-backbones`"""

import tempfile
import unittest
from pathlib import Path

import torch
from made_backbones import published, small
from safetensors.torch import load_file
from skips import skip
from torch.nn import functional as F

from backbones import BACKBONES, mvit, slowfast, weights
from backbones.onnx_file import rows


class Layers(unittest.TestCase):
    def conv(self, state, key, x, kernel, stride=(1, 1, 1), relu=True):
        """mmcv's ConvModule by the keys of a checkpoint."""
        x = F.conv3d(x, state[f"{key}.conv.weight"], None, stride, [(size - 1) // 2 for size in kernel])
        if f"{key}.bn.weight" in state:
            parts = (state[f"{key}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
            x = F.batch_norm(x, *parts, training=False, eps=1e-5)
            return F.relu(x) if relu else x
        return x

    def stage(self, state, key, x, layer, time):
        block = 0
        while f"{key}layer{layer}.{block}.conv1.conv.weight" in state:
            name, step = f"{key}layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = self.conv(state, f"{name}.conv1", x, (time, 1, 1))
            y = self.conv(state, f"{name}.conv2", y, (1, 3, 3), (1, step, step))
            y = self.conv(state, f"{name}.conv3", y, (1, 1, 1), relu=False)
            if f"{name}.downsample.conv.weight" in state:
                x = self.conv(state, f"{name}.downsample", x, (1, 1, 1), (1, step, step), relu=False)
            x, block = F.relu(x + y), block + 1
        return x

    def stem(self, state, key, x, time):
        return F.max_pool3d(self.conv(state, f"{key}conv1", x, (time, 7, 7), (1, 2, 2)), (1, 3, 3), (1, 2, 2), (0, 1, 1))

    def loaded(self, name):
        state = published(name)
        net = BACKBONES[name].net().eval()
        net.load_state_dict({key.removeprefix("backbone."): value for key, value in state.items() if "head" not in key}, strict=False)
        return state, BACKBONES[name].whole(net)

    def close(self, found, expected):
        self.assertGreater(expected.abs().max(), 1e-3)
        self.assertLess((found - expected).abs().max() / expected.abs().max(), 1e-5)

    def test_slowfast_is_its_checkpoint_read_by_hand(self):
        for name in ("slowfast-r50", "slowfast-r101"):
            with self.subTest(name), torch.inference_mode():
                state, net = self.loaded(name)
                clip = rows(BACKBONES[name], (32, 32, 48, 3), 0, 0)
                slow = self.stem(state, "backbone.slow_path.", F.interpolate(clip, scale_factor=(0.25, 1.0, 1.0)), 1)
                fast = self.stem(state, "backbone.fast_path.", clip, 5)
                for layer, time in enumerate((1, 1, 3, 3), 1):
                    lateral = "conv1" if layer == 1 else f"layer{layer - 1}"
                    lateral = self.conv(state, f"backbone.slow_path.{lateral}_lateral", fast, (7, 1, 1), (4, 1, 1))
                    slow = self.stage(state, "backbone.slow_path.", torch.cat((slow, lateral), 1), layer, time)
                    fast = self.stage(state, "backbone.fast_path.", fast, layer, 3)
                self.close(net(clip), torch.cat((fast.mean((2, 3, 4)), slow.mean((2, 3, 4))), 1))

    def test_slowonly_is_its_checkpoint_read_by_hand(self):
        with torch.inference_mode():
            state, net = self.loaded("slowonly-r50-flow")
            clip = rows(BACKBONES["slowonly-r50-flow"], (8, 64, 32, 2), 0, 0)
            x = self.stem(state, "backbone.", clip, 1)
            for layer, time in enumerate((1, 1, 3, 3), 1):
                x = self.stage(state, "backbone.", x, layer, time)
            self.close(net(clip), x.mean((2, 3, 4)))

    def test_slow_path_sees_every_fourth_frame(self):
        net, seen = slowfast.SlowFast(50), []
        net.slow_path.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        with torch.inference_mode():
            slowfast.Trunk(net)(torch.arange(32.0).reshape(1, 1, 32, 1, 1).expand(1, 3, 32, 32, 32))
        self.assertEqual(seen[0][0, 0, :, 0, 0].tolist(), [0, 4, 8, 12, 16, 20, 24, 28])

    def test_mvit_is_torchvisions(self):
        backbone, _ = small("mvit-v2-s")
        with torch.inference_mode():
            net = backbone.net().eval()
            weights.draw(net, 0)
            clip = rows(backbone, backbone.row, 0, 0)
            self.close(mvit.Forward(net)(clip), net(clip))

    def transformers(self):
        try:
            import transformers
        except ImportError:
            skip("transformers", "it is not installed, so AST and VideoMAE V2 are not compared with its classes")
        return transformers

    def test_ast_is_that_of_transformers(self):
        theirs = self.transformers()
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            model = theirs.ASTForAudioClassification(theirs.ASTConfig(num_labels=527)).eval()
            for parameter in model.parameters():
                parameter += 0.02 * torch.randn_like(parameter)
            model.save_pretrained(folder)
            path = Path(folder) / "model.safetensors"
            self.assertEqual({key: tuple(value.shape) for key, value in load_file(path).items()}, weights.listed("ast"))
            net = BACKBONES["ast"].net().eval()
            weights.load(net, BACKBONES["ast"].published, path)
            spectrogram = rows(BACKBONES["ast"], (1024, 128), 0, 0)
            pooled = model.audio_spectrogram_transformer(spectrogram[:, 0]).pooler_output
            self.close(net(spectrogram), pooled)

    def test_videomae_is_that_of_transformers(self):
        theirs = self.transformers()
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            config = theirs.VideoMAEConfig(use_mean_pooling=True, layer_norm_eps=1e-6)
            model = theirs.VideoMAEModel(config).eval()
            made = published("videomae-v2-b")
            state = {}
            for key, value in made.items():
                key = key.replace("patch_embed.proj", "embeddings.patch_embeddings.projection").replace("blocks.", "encoder.layer.")
                key = key.replace("norm1", "layernorm_before").replace("norm2", "layernorm_after").replace("attn.proj", "attention.output.dense")
                key = key.replace("mlp.fc1", "intermediate.dense").replace("mlp.fc2", "output.dense")
                key = key.replace("attn.q_bias", "attention.attention.query.bias").replace("attn.v_bias", "attention.attention.value.bias")
                if key.endswith("attn.qkv.weight"):
                    for part, values in zip(("query", "key", "value"), value.chunk(3), strict=True):
                        state[key.replace("attn.qkv", f"attention.attention.{part}")] = values
                else:
                    state[key] = value
            norm = [state.pop(f"fc_norm.{part}") for part in ("weight", "bias")]
            model.load_state_dict(state)
            torch.save(made, path := Path(folder) / "made.pth")
            weights.load(net := BACKBONES["videomae-v2-b"].net().eval(), BACKBONES["videomae-v2-b"].published, path)
            clip = rows(BACKBONES["videomae-v2-b"], (16, 224, 224, 3), 0, 0)[:1]
            tokens = model(clip.transpose(1, 2)).last_hidden_state
            self.close(net(clip), F.layer_norm(tokens.mean(1), (768,), *norm, eps=1e-6))
