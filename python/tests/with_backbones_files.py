"""Backbones: ONNX Runtime against torch, golden pairs, cuts. `make test-backbones`"""

import json
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from made_backbones import small
from safetensors.torch import load_file

from backbones import BACKBONES, vit, weights
from backbones.onnx_file import export, rows

# how far a row's embedding may move with what lies beside it, over the largest value: sums are taken in another order
NEIGHBOURS = 1e-5


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
        crop = {"crop": size} if size and 0 not in backbone.row else {}
        self.assertEqual(json.loads(said["mmdg.preset_parameters"]), {**backbone.parameters, **crop})
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
