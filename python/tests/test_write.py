"""Stores of one's own arrays."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import mmdg


class Write(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "store"

    def write(self, modalities, **arguments):
        rows = len(next(iter(modalities.values())))
        mmdg.write(self.path, modalities, **{"labels": [0] * rows, **arguments})
        return mmdg.open(self.path, dtype="stored")

    def refused(self, problem, modalities, **arguments):
        with self.assertRaisesRegex(mmdg.InputError, problem):
            self.write(modalities, **arguments)
        self.assertEqual(os.listdir(self.folder), [], "nothing is left behind")

    def test_types_as_they_come_back(self):
        values = np.linspace(-3, 3, 12).reshape(4, 3)
        for given, dtype, stored in [
            (np.float64, None, np.float32), (np.float32, None, np.float32), (np.float16, None, np.float16), (np.longdouble, None, np.float32),
            (np.float64, "float16", np.float16), (np.float16, "float32", np.float32), (">f4", None, np.float32), (np.uint8, "float16", np.uint8),
        ]:
            with self.subTest(given=given, dtype=dtype):
                self.path = self.folder / f"{np.dtype(given).str[1:]} {dtype} {given == '>f4'}"
                array = values.astype(given)
                store = self.write({"video": array}, dtype=dtype)
                self.assertEqual(store.modalities["video"].stored, stored)
                np.testing.assert_array_equal(store.read("video"), array.astype(stored))

    def test_labels_that_are_values(self):
        labels = np.array([0.1, -3, 1e-40], np.float32)
        store = self.write({"video": np.zeros((3, 2))}, labels=labels, values="mm")
        self.assertEqual((store.unit, store.classes), ("mm", []))
        for found in (store.manifest["label"], next(iter(store.batches(3, order="rows")))["label"], store[[0, 1, 2]]["label"]):
            self.assertEqual(found.dtype, np.float32)
            np.testing.assert_array_equal(found, labels)
        self.assertEqual(np.float32(store[1]["label"]), labels[1])
        with self.assertRaisesRegex(mmdg.InputError, "an order by class, while its labels are values"):
            store.batches(3, order="classes")

    def test_any_layout_and_shape(self):
        array = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
        store = self.write({"a": array[::2].transpose(0, 2, 1), "b": array[:2].tolist()})
        np.testing.assert_array_equal(store.read("a"), array[::2].transpose(0, 2, 1))
        np.testing.assert_array_equal(store.read("b"), array[:2])

    def test_a_modality_of_any_name_needs_no_kind(self):
        rows = np.zeros((3, 4))
        store = self.write({"text": rows, "imu": rows, "audio-2": rows, "flow": rows, "clip": np.zeros((3, 2, 2), np.uint8)})
        kinds = {name: modality.kind for name, modality in store.modalities.items()}
        self.assertEqual(kinds, {"text": "features", "imu": "features", "audio-2": "audio", "flow": "flow", "clip": "video"})

    def test_rows_keep_their_order_and_what_is_said_of_them(self):
        store = self.write(
            {"video": np.zeros((3, 1))}, labels=["b", "a", "b"], classes=["c", "b", "a"], domain=np.array(["x", "y", "x"]),
            split=["test", "val", "train"], ids=["z", "m", "ü, \"q\"\n"], kinds={"video": "flow"}, recipe={"a": [1, None, "é"]},
        )
        manifest = store.manifest
        self.assertEqual((store.classes, manifest["label"].tolist()), (["c", "b", "a"], [1, 2, 1]))
        self.assertEqual((store.domains, manifest["domain"].tolist()), (["x", "y"], [0, 1, 0]))
        self.assertEqual((manifest["split"].tolist(), manifest["id"]), (["test", "val", "train"], ["z", "m", "ü, \"q\"\n"]))
        self.assertEqual((store.modalities["video"].kind, store.recipe["a"]), ("flow", [1, None, "é"]))

    def test_numbers_as_labels(self):
        for labels, classes, names, places in [
            (np.array([2, 0, 2], np.int32), None, ["0", "2"], [1, 0, 1]),
            ([97, 3, 10], None, ["3", "10", "97"], [2, 0, 1]),
            ([8_000_000, -1, 8_000_000], None, ["-1", "8000000"], [1, 0, 1]),
            (np.array([2**63, 2**63 + 1, 2**63], np.uint64), None, [str(2**63), str(2**63 + 1)], [0, 1, 0]),
            ([1, 0, 1], ["1", "0"], ["1", "0"], [1, 0, 1]),
            (["1", "0", "1"], ["1", "0"], ["1", "0"], [0, 1, 0]),
            (["1", "01", "1"], None, ["01", "1"], [1, 0, 1]),
        ]:
            with self.subTest(labels=labels, classes=classes):
                self.path = self.folder / f"{labels} {classes}"
                store = self.write({"video": np.zeros((3, 1))}, labels=labels, classes=classes, domain=[7, 10, 7])
                self.assertEqual((store.classes, store.manifest["label"].tolist()), (names, places))
                self.assertEqual((store.domains, store.manifest["domain"].tolist()), (["7", "10"], [0, 1, 0]))

    def test_masks_are_not_lost(self):
        rows = np.ones((3, 2))
        masked = np.ma.masked_array(rows, mask=[[0, 0], [1, 1], [0, 0]])
        self.refused("modality 'video': 2 elements are masked", {"video": masked})
        self.refused("labels: 1 elements are masked", {"video": rows}, labels=np.ma.masked_equal([1, 2, 3], 2))
        self.refused("valid.*masked", {"video": rows}, valid={"video": np.ma.masked_array([True] * 3, mask=[0, 1, 0])})
        store = self.write({"video": np.ma.masked_array(rows)})
        np.testing.assert_array_equal(store.read("video"), rows)

    def test_a_type_may_be_numpys(self):
        for dtype in (np.float16, np.dtype("float16"), "<f2", "e", "half"):
            self.path = self.folder / f"{dtype}".replace("<", "")
            self.assertEqual(self.write({"video": np.ones((3, 2))}, dtype=dtype).modalities["video"].stored, np.float16)

    def test_equal_arrays_are_equal_files(self):
        for name in ("one", "two"):
            mmdg.write(self.folder / name, {"video": np.ones((5, 3))}, labels=[0] * 5)
        files = sorted(path.relative_to(self.folder / "one") for path in (self.folder / "one").rglob("*") if path.is_file())
        self.assertEqual(len(files), 5)
        for file in files:
            self.assertEqual((self.folder / "one" / file).read_bytes(), (self.folder / "two" / file).read_bytes(), file)

    def test_rows_without_a_modality_may_hold_anything(self):
        array = np.ones((3, 2))
        array[1] = np.nan
        store = self.write({"audio": array}, valid={"audio": np.array([1, 0, 1])})
        np.testing.assert_array_equal(store.read("audio"), [[1, 1], [0, 0], [1, 1]])
        self.assertEqual(store.valid("audio").tolist(), [True, False, True])

    def test_clips_as_jpeg(self):
        rows, columns = np.mgrid[:24, :40]
        frame = np.stack([rows * 5, columns * 3, 255 - rows * 4], -1).astype(np.uint8)
        clips = np.stack([np.stack([frame, frame[::-1]]), np.stack([frame[:, ::-1], frame // 2]), np.zeros((2, 24, 40, 3), np.uint8)])
        store = self.write({"clip": clips}, jpeg={"clip": 95}, valid={"clip": [True, True, False]})
        self.assertEqual((store.modalities["clip"].jpeg, store.modalities["clip"].shape), (95, (2, 24, 40, 3)))
        everything = store.read("clip")
        self.assertLess(np.abs(everything.astype(int) - clips).max(), 12)
        for threads in (0, 2):
            for batch in store.batches(2, threads=threads):
                np.testing.assert_array_equal(batch["clip"], everything[batch["row"]])
        np.testing.assert_array_equal(store[1]["clip"], everything[1])
        self.assertTrue(store[1]["clip"].flags.writeable)
        for problem, array, quality in [("quality", clips, 0), ("jpeg = 95", clips[..., :2], 95), ("jpeg = 95", clips.astype(float), 95)]:
            with self.assertRaisesRegex(mmdg.InputError, problem):
                mmdg.write(self.folder / "other", {"clip": array}, labels=[0] * 3, jpeg={"clip": quality})
        with self.assertRaises(OverflowError):
            mmdg.write(self.folder / "other", {"clip": clips}, labels=[0] * 3, jpeg={"clip": 256})

    def test_values_that_cannot_be_stored_are_refused_with_their_row(self):
        for value, given, dtype in [(np.nan, "f8", None), (np.inf, "f4", None), (-np.inf, "f2", None), (1e5, "f4", "float16"), (1e300, "f8", None)]:
            array = np.zeros((300, 7), given)
            array[217, 3] = value
            ids = [f"clip-{row}" for row in range(300)]
            self.refused(r"row 217 \(clip-217\), video: ", {"audio": np.zeros((300, 1)), "video": array}, dtype=dtype, ids=ids)

    def test_arguments_that_do_not_fit(self):
        good = {"video": np.zeros((3, 2))}
        for problem, modalities, arguments in [
            (r"'video': shape \[2, 2\]; expected \[3, …\]", {"video": np.zeros((2, 2))}, {"labels": [0, 0, 0]}),
            (r"'video': shape \[3\]", {"video": np.zeros(3)}, {}),
            ("'video': int64; expected floating-point", {"video": np.zeros((3, 2), int)}, {}),
            ("1 to 2", {"video": np.zeros((3, 0))}, {}),
            ("lower-case letters", {"../video": np.zeros((3, 2))}, {}),
            ("lower-case letters", {"Video": np.zeros((3, 2))}, {}),
            ("\"label\".*another name", {"label": np.zeros((3, 2))}, {}),
            ("\"ids\".*another name", {"ids": np.zeros((3, 2))}, {}),
            ("class \"a\" stands twice", {"video": np.zeros((3, 2))}, {"classes": ["a", "a"]}),
            ("labels: no rows", {"video": np.zeros((0, 2))}, {"labels": []}),
            ("labels: row 1 is 'x'; expected one of 'a'", good, {"labels": ["a", "x", "a"], "classes": ["a"]}),
            ("labels: row 0 is 5; expected one of 0", good, {"labels": [5, 0, 0], "classes": ["a"]}),
            ("labels: row 2 is -1", good, {"labels": [0, 0, -1], "classes": ["a"]}),
            ("labels: expected names", good, {"labels": [0.5, 1, 2]}),
            ("labels: row 1 is nan; expected a finite number", good, {"labels": [0.5, float("nan"), 2], "values": "mm"}),
            ("labels: row 2 is 'x'; expected a finite number", good, {"labels": np.array([1, 2, "x"], object), "values": "mm"}),
            ("labels: row 0: inf; expected a finite number", good, {"labels": [1e39, 1, 2], "values": "mm"}),
            ("classes and values: expected one of them", good, {"labels": [0, 0, 0], "classes": ["a"], "values": "mm"}),
            (r"labels: shape \[3, 1\]", good, {"labels": np.zeros((3, 1), int)}),
            (r"domain: shape \[2\]; expected \[3\]", good, {"domain": ["a", "b"]}),
            ("dev.*expected train, val or test", good, {"split": "dev"}),
            ('id "a" stands twice', good, {"ids": ["a", "b", "a"]}),
            ("valid: no modality 'audio'", good, {"valid": {"audio": [True] * 3}}),
            (r"valid\['video'\]: shape \[2\]", good, {"valid": {"video": [True] * 2}}),
            ("kinds: no modality 'audio'", good, {"kinds": {"audio": "audio"}}),
            ("smell", good, {"kinds": {"video": "smell"}}),
            ("dtype 'int8'", good, {"dtype": "int8"}),
            ("dtype 'float64'", good, {"dtype": np.float64}),
            ("dtype 'bfloat'", good, {"dtype": "bfloat"}),
        ]:
            with self.subTest(problem=problem):
                self.refused(problem, modalities, **arguments)
        with self.assertRaisesRegex(mmdg.InputError, "modalities: expected at least one array"):
            mmdg.write(self.path, {}, labels=[0])
        with self.assertRaises(ValueError):
            self.write(good, recipe={"a": float("nan")})
        with self.assertRaises(TypeError):
            self.write(good, recipe={"a": object()})

    def test_what_is_there_stays(self):
        self.write({"video": np.zeros((3, 2))})
        with self.assertRaisesRegex(mmdg.InputError, "this is there already"):
            self.write({"video": np.ones((3, 2))})
        self.assertEqual(mmdg.open(self.path).read("video").sum(), 0)
        (self.folder / "file").write_text("mine")
        with self.assertRaises(mmdg.InputError):
            mmdg.write(self.folder / "file", {"video": np.ones((3, 2))}, labels=[0] * 3)
        self.assertEqual((self.folder / "file").read_text(), "mine")

    def test_ctrl_c_leaves_nothing(self):
        # whoever runs the tests in the background has SIGINT ignored
        program = (
            "import os, signal, sys, threading, time, numpy, mmdg\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "def interrupt():\n"
            "    while not os.path.exists(sys.argv[1] + '.part'): time.sleep(0.001)\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "rows = numpy.zeros((60_000, 1000), numpy.float16)\nthreading.Thread(target=interrupt).start()\n"
            "try: mmdg.write(sys.argv[1], {'video': rows}, labels=[0] * len(rows))\nexcept KeyboardInterrupt: print('interrupted')"
        )
        ended = subprocess.run([sys.executable, "-c", program, self.path], capture_output=True, text=True)
        self.assertEqual((ended.stdout, ended.stderr), ("interrupted\n", ""))
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_full_disk_leaves_nothing(self):
        program = "import sys, numpy, mmdg\nmmdg.write(sys.argv[1], {'video': numpy.ones((50, 3))}, labels=[0] * 50)"
        for step in range(1, 1000, 2):
            environment = {**os.environ, "MMDG_FAULT": f"full:{step}"}
            ended = subprocess.run([sys.executable, "-c", program, self.path], env=environment, capture_output=True, text=True)
            if ended.returncode == 0:
                break
            self.assertIn("mmdg.errors.IoError", ended.stderr)
            if os.listdir(self.folder):
                # only that the folder's name is on the disk could not be made sure of
                self.assertEqual((os.listdir(self.folder), len(mmdg.open(self.path))), (["store"], 50), step)
                break
        self.assertGreater(step, 10)
        self.assertEqual(len(mmdg.open(self.path)), 50)


if __name__ == "__main__":
    unittest.main()
