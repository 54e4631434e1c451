"""Backbones: published keys, ONNX against torch, cuts. `make test-backbones`"""

import contextlib
import dataclasses
import io
import json
import math
import pickle
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import export_backbones
from backbones import BACKBONES, mvit, slowfast, vit, weights
from backbones.keys import make_keys
from backbones.onnx_file import export, rows
from torchvision.models.video.mvit import MSBlockConfig, MViT

OURS = sorted(make_keys.LISTS)
# how far a row's embedding may move with what lies beside it, over the largest value: sums are taken in another order
NEIGHBOURS = 1e-5


def published(name, seed=1):
    """A checkpoint of random weights under the published names."""
    random = torch.Generator().manual_seed(seed)
    made = {}
    for key, shape in weights.listed(name).items():
        values = torch.randn(shape, generator=random)
        if key.endswith(("running_var", "bn.weight", "norm.weight")) or (len(shape) == 1 and key.endswith("weight")):
            made[key] = 1 + 0.1 * values.abs()
        elif len(shape) > 1:
            made[key] = values / math.sqrt(math.prod(shape[1:]))
        else:
            made[key] = 0.1 * values
    return made


def small(name):
    """The backbone at a size for which seconds do: the same layers on smaller pictures, fewer of the blocks that are all alike."""
    backbone = BACKBONES[name]
    if name == "mvit-v2-s":

        def net():
            shapes = ((1, 96, 96, 1, 8), (2, 96, 192, 2, 4), (2, 192, 192, 1, 4))
            blocks = [
                MSBlockConfig(heads, inputs, outputs, [3, 3, 3], [3, 3, 3], [1, query, query], [1, key, key])
                for heads, inputs, outputs, query, key in shapes
            ]
            # what mvit_v2_s sets
            v2 = {"residual_pool": True, "residual_with_cls_embed": False, "rel_pos_embed": True, "proj_after_attn": True}
            made = MViT((64, 64), 8, blocks, **v2)
            made.head = torch.nn.Identity()
            return made

        return dataclasses.replace(backbone, net=net, row=(8, 64, 64, 3), width=192), None
    if name == "vggsound-resnet18":
        return dataclasses.replace(backbone, row=(65, 252)), None
    return backbone, 32 if backbone.resizable else None


class Keys(unittest.TestCase):
    def test_lists_are_what_their_maker_writes(self):
        for name in OURS:
            with self.subTest(name):
                self.assertEqual((weights.KEYS / f"{name}.csv").read_text(), make_keys.text(make_keys.LISTS[name]))

    def test_lists_have_the_stated_sizes(self):
        for name, (stated, formula) in make_keys.STATED.items():
            with self.subTest(name):
                self.assertEqual(formula(make_keys.parameters(make_keys.LISTS[name])), stated)

    def test_published_checkpoints_fill_the_nets(self):
        for name in OURS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                backbone, made = BACKBONES[name], published(name)
                torch.save({"meta": {"epoch": 256}, "state_dict": made}, path := Path(folder) / "published.pth")
                net = backbone.net()
                weights.load(net, backbone.published, path)
                state = net.state_dict()
                if backbone.published.convert:
                    count = sum(value.numel() for key, value in made.items() if not key.startswith(backbone.published.ignored))
                    # keys have no bias in VideoMAE V2, but zeros in the net
                    spare = 768 * vit.DEPTH if name == "videomae-v2-b" else 0
                    self.assertEqual(sum(value.numel() for value in state.values()), count + spare)
                    continue
                for key, value in made.items():
                    if not key.startswith(backbone.published.ignored):
                        self.assertTrue(state.pop(key.removeprefix(backbone.published.prefix)).equal(value), key)
                self.assertTrue(all(weights.counts(key) for key in state), list(state))

    def test_torchvision_checkpoints_fill_theirs(self):
        for name, head in (("r2plus1d-18", "fc"), ("mvit-v2-s", "head.1")):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                net = BACKBONES[name].net()
                made = {key: torch.rand_like(value, dtype=torch.float32) for key, value in net.state_dict().items()}
                torch.save({**made, f"{head}.weight": torch.zeros(400, 8), f"{head}.bias": torch.zeros(400)}, path := Path(folder) / "a.pth")
                weights.load(net, BACKBONES[name].published, path)
                self.assertTrue(all(net.state_dict()[key].equal(value) for key, value in made.items() if not weights.counts(key)))

    def test_half_precision_wrappers_and_counters_are_taken(self):
        with tempfile.TemporaryDirectory() as folder:
            backbone, made = BACKBONES["videomae-v2-b"], published("videomae-v2-b")
            distilled = {**{key: value.half() for key, value in made.items()}, "head.weight": torch.zeros(710, 768)}
            torch.save({"module": distilled}, path := Path(folder) / "vit_b.pth")
            weights.load(net := backbone.net(), backbone.published, path)
            self.assertEqual(net.norm.weight.dtype, torch.float32)
            save_file({f"model.{key}": value for key, value in made.items()}, path := Path(folder) / "model.safetensors")
            weights.load(backbone.net(), backbone.published, path)
            made = published("vggsound-resnet18") | {"audnet.bn1.num_batches_tracked": torch.tensor(7)}
            torch.save({"model_state_dict": {f"module.{key}": value for key, value in made.items()}}, path := Path(folder) / "H.pth.tar")
            weights.load(BACKBONES["vggsound-resnet18"].net(), BACKBONES["vggsound-resnet18"].published, path)

    def refuse(self, held, *expected, name="vggsound-resnet18"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "given.pth"
            path.write_bytes(held) if isinstance(held, bytes) else torch.save(held, path)
            with self.assertRaises(weights.Unfit) as raised:
                weights.load(BACKBONES[name].net(), BACKBONES[name].published, path)
            for text in ("given.pth", *expected):
                self.assertIn(text, str(raised.exception))

    def test_every_key_that_does_not_fit_is_named(self):
        made = published("vggsound-resnet18")
        del made["audnet.layer1.0.conv1.weight"], made["audnet.bn1.bias"]
        made["audnet.layer5.0.conv1.weight"] = torch.zeros(3)
        made["audnet.conv1.weight"] = torch.zeros(64, 3, 7, 7)
        self.refuse(
            {"state_dict": made},
            "4 of 100 keys",
            "missing: audnet.layer1.0.conv1.weight [64, 64, 3, 3]",
            "missing: audnet.bn1.bias [64]",
            "not expected: audnet.layer5.0.conv1.weight [3]",
            "audnet.conv1.weight is [64, 3, 7, 7]; expected [64, 1, 7, 7]",
        )
        self.refuse(published("slowfast-r50"), "not expected: backbone.slow_path.conv1.conv.weight")
        # the first block of a stage is all that tells 50 layers from 101
        self.refuse(published("slowfast-r50"), "missing: backbone.fast_path.layer3.22.conv3.bn.running_var", name="slowfast-r101")
        made = published("vggsound-resnet18")
        made["audnet.bn1.bias"][3] = float("nan")
        self.refuse(made, "audnet.bn1.bias", "finite")

    def test_files_that_are_no_checkpoints_are_refused(self):
        class Bomb:
            def __reduce__(self):
                return print, ("run",)

        self.refuse(b"not a checkpoint", "expected a checkpoint of torch")
        self.refuse(pickle.dumps(Bomb()), "expected a checkpoint of torch")
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.refuse({"state_dict": Bomb()}, "expected a checkpoint of torch")
        self.assertEqual(said.getvalue(), "")
        self.refuse([1, 2], "expected tensors by name")
        self.refuse({"state_dict": {}}, "expected tensors by name")


class Layers(unittest.TestCase):
    """The nets against other ways to the same numbers."""

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
            print("SKIPPED: transformers is not installed, so AST and VideoMAE V2 are not compared with its classes", file=sys.stderr)
            self.skipTest("transformers is not installed")
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


class Files(unittest.TestCase):
    def run_onnx(self, path):
        """The model as a function to tensors by output name."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (source,) = session.get_inputs()
        self.assertEqual(source.shape[0], "batch")
        names = [output.name for output in session.get_outputs()]
        return lambda x: dict(zip(names, session.run(None, {source.name: np.ascontiguousarray(x)}), strict=True))

    def checked(self, folder, backbone, size):
        """Batches of one and three, and a row beside others, against torch; the golden pair is of two. Returns the largest difference, over the
        largest value."""
        run = self.run_onnx(folder / f"{backbone.name}.onnx")
        net = backbone.net().eval()
        weights.draw(net, 0)
        whole = backbone.whole(net)
        row = (backbone.row[0], size, size, backbone.row[3]) if size else backbone.row
        x = torch.cat([rows(backbone, row, 0, seed) for seed in (0, 5)])[:3]
        with torch.inference_mode():
            expected = whole(x).numpy()
        scale, worst = np.abs(expected).max(), 0.0
        self.assertGreater(scale, 1e-2)
        self.assertGreater(np.abs(expected[0] - expected[1]).max() / scale, 1e-2, "the rows' embeddings hardly differ, so nothing is tested")
        for batch in (1, 3):
            found = run(x[:batch])["embedding"]
            self.assertEqual(found.shape, (batch, backbone.width))
            worst = max(worst, np.abs(found - expected[:batch]).max() / scale)
        self.assertLess(worst, 1e-4)
        alone, others = run(x[:1])["embedding"][0], torch.stack((x[2], x[0], 9 * x[1]))
        self.assertLess(np.abs(run(others)["embedding"][1] - alone).max() / scale, NEIGHBOURS)
        return worst

    def test_onnx_gives_what_torch_gives(self):
        for name in BACKBONES:
            # of transformers two blocks, of the SlowFasts the smaller one has its cut tested
            with self.subTest(name), tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(vit, "DEPTH", 2):
                backbone, size = small(name)
                cut = backbone.cut is not None and name != "slowfast-r101"
                written = export(backbone, Path(folder), size=size, cut=cut)
                worst = self.checked(Path(folder), backbone, size)
                sys.stderr.write(f"{name}: {worst:.1e} of the largest value from torch\n")
                self.assertEqual(sorted(path for path, _ in written), sorted(Path(folder).iterdir()))
                self.said(Path(folder), backbone, size, f"{name}.onnx")
                if cut:
                    self.said(Path(folder), backbone, size, f"{name}.trunk.onnx")
                    self.tail(Path(folder), backbone, size)
                if name == "slowonly-r50-flow":
                    self.any_size(Path(folder), backbone)

    def said(self, folder, backbone, size, file):
        model = onnx.load(folder / file)
        self.assertEqual({opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")}, {17})
        self.assertEqual({node.domain for node in model.graph.node}, {""})
        self.assertFalse({node.op_type for node in model.graph.node} & {"BatchNormalization", "Loop", "If", "SequenceAt", "ScatterND"})
        said = {entry.key: entry.value for entry in model.metadata_props}
        row = backbone.row if 0 in backbone.row or not size else (backbone.row[0], size, size, backbone.row[3])
        self.assertEqual(said["mmdg.backbone"], backbone.name)
        self.assertEqual(said["mmdg.preset"], backbone.preset)
        self.assertEqual(said["mmdg.input"], backbone.input)
        self.assertEqual(json.loads(said["mmdg.row"]), list(row))
        self.assertEqual([json.loads(said["mmdg.mean"]), json.loads(said["mmdg.std"])], [list(backbone.mean), list(backbone.std)])
        self.assertEqual(said["mmdg.weights"], "random seed 0")
        self.assertRegex(said["mmdg.weights_sha256"], "^[0-9a-f]{64}$")
        outputs = json.loads(said["mmdg.outputs"])
        golden = load_file(folder / file.replace(".onnx", ".golden.safetensors"))
        self.assertEqual(set(golden), {"input", *outputs})
        source = model.graph.input[0]
        shape = (row[3], *row[:3]) if len(row) == 4 else (1, *row)
        self.assertEqual([dim.dim_value for dim in source.type.tensor_type.shape.dim], [0, *shape])
        found = self.run_onnx(folder / file)(golden["input"].numpy())
        for name, stated in outputs.items():
            self.assertEqual(golden["input"].shape[0], 2)
            stated = [stated] if isinstance(stated, int) else stated
            self.assertTrue(all(a in (0, b) for a, b in zip(stated, golden[name].shape[1:], strict=True)), (stated, golden[name].shape))
            np.testing.assert_allclose(found[name], golden[name], atol=1e-4 * max(1.0, golden[name].abs().max().item()), rtol=0)
        if file.endswith(".trunk.onnx"):
            self.assertEqual(json.loads(said["mmdg.cut"]), {"after": "layer3", "tail": f"{backbone.name}.tail.pt"})
        else:
            self.assertNotIn("mmdg.cut", said)
            self.assertEqual(outputs, {"embedding": backbone.width})

    def tail(self, folder, backbone, size):
        """Trunk in ONNX Runtime, tail in TorchScript: the same embedding. And the tail learns."""
        whole = load_file(folder / f"{backbone.name}.golden.safetensors")
        maps = self.run_onnx(folder / f"{backbone.name}.trunk.onnx")(whole["input"].numpy())
        self.assertEqual(list(maps), list(backbone.cut.maps))
        maps = [torch.from_numpy(maps[name]) for name in maps]
        tail = torch.jit.load(folder / f"{backbone.name}.tail.pt")
        self.assertFalse(tail.training)
        torch.testing.assert_close(tail(*maps), whole["embedding"], atol=1e-4, rtol=0)
        tail.train()
        trained = tail(*maps)
        # batch normalisation takes the batch's own statistics in training
        self.assertGreater((trained - whole["embedding"]).abs().max(), 1e-2)
        trained.square().sum().backward()
        self.assertTrue(all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in tail.parameters()))

    def any_size(self, folder, backbone):
        x = rows(backbone, (8, 64, 48, 2), 0, 0)
        net = backbone.net().eval()
        weights.draw(net, 0)
        with torch.inference_mode():
            expected = backbone.whole(net)(x).numpy()
        np.testing.assert_allclose(self.run_onnx(folder / f"{backbone.name}.onnx")(x.numpy())["embedding"], expected, atol=1e-5)

    def test_same_seed_same_file(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(vit, "DEPTH", 1):
            first, second = Path(folder) / "first", Path(folder) / "second"
            for to in (first, second):
                export(BACKBONES["ast"], to, seed=3)
            self.assertEqual((first / "ast.onnx").read_bytes(), (second / "ast.onnx").read_bytes())

    def test_lines_say_what_the_published_nets_take(self):
        for name, maps in (
            ("slowfast-r101", {"slow": (1280, 8, 14, 14), "fast": (128, 32, 14, 14)}),
            ("slowfast-r50", {"slow": (1280, 8, 14, 14), "fast": (128, 32, 14, 14)}),
            ("slowonly-r50-flow", {"map": (1024, 8, 0, 0)}),
            ("vggsound-resnet18", {"map": (256, 17, 63)}),
            ("r2plus1d-18", {"map": (256, 4, 14, 14)}),
        ):
            backbone = BACKBONES[name]
            self.assertEqual(backbone.cut.maps, maps)
            with self.subTest(name), torch.device("meta"), torch.inference_mode():
                row = tuple(length or 224 for length in backbone.row)
                shape = (row[3], *row[:3]) if len(row) == 4 else (1, *row)
                made = backbone.cut.trunk(backbone.net())(torch.empty(1, *shape))
                made = made if isinstance(made, tuple) else (made,)
                for (which, stated), tensor in zip(maps.items(), made, strict=True):
                    self.assertTrue(all(a in (0, b) for a, b in zip(stated, tensor.shape[1:], strict=True)), (which, tensor.shape))


class CommandLine(unittest.TestCase):
    def asked(self, *arguments):
        said = io.StringIO()
        with unittest.mock.patch.object(sys, "argv", ["export_backbones.py", *arguments]), contextlib.redirect_stdout(said):
            with contextlib.redirect_stderr(said):
                try:
                    export_backbones.main()
                except SystemExit as end:
                    print(end.code, file=said)
        return said.getvalue()

    def test_list_names_every_backbone(self):
        said = self.asked("--list")
        for name, backbone in BACKBONES.items():
            self.assertIn(f"{name}: ", said)
            self.assertIn(backbone.weights, said)

    def test_what_does_not_fit_is_refused_and_nothing_written(self):
        with tempfile.TemporaryDirectory() as folder:
            for arguments, expected in (
                (("ast", folder, "--cut"), "--cut: ast has no place where it is cut"),
                (("ast", folder, "--size", "64"), "--size: ast takes rows of [1024, 128] only"),
                (("r3d-18", folder), "invalid choice: 'r3d-18'"),
                (("ast",), "expected NAME and OUT_DIR"),
                (("ast", folder, "--opset", "11"), "--opset 11: expected 17 to 20"),
                (("vggsound-resnet18", folder, "--weights", f"{folder}/none.pth"), "none.pth: No such file"),
            ):
                with self.subTest(arguments):
                    self.assertIn(expected, self.asked(*arguments))
            self.assertEqual(list(Path(folder).iterdir()), [])
            Path(folder, "file").touch()
            self.assertIn("file: File exists", self.asked("vggsound-resnet18", f"{folder}/file"))


if __name__ == "__main__":
    unittest.main()
