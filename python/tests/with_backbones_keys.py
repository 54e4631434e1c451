"""Backbones: published checkpoints, and what is refused. `make test-backbones`"""

import contextlib
import io
import pickle
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import torch
from made_backbones import published
from safetensors.torch import save_file

import export_backbones
from backbones import BACKBONES, vit, weights
from backbones.keys import make_keys

OURS = sorted(make_keys.LISTS)


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
