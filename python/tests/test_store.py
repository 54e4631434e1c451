"""Opening a store and reading rows of it."""

import gc
import json
import shutil
import tempfile
import unittest

import numpy as np
from made import DOMAINS, LABELS, ROWS, SPLITS, THERE, WithStore, arrays

import mmdg


class Attributes(WithStore):
    def test_what_is_in_a_store(self):
        store = mmdg.open(str(self.path))
        self.assertEqual(len(store), ROWS)
        self.assertEqual((store.path, store.holds), (self.path, "features"))
        self.assertEqual((store.classes, store.domains), (["close", "cut", "open"], ["D1", "D2"]))
        self.assertEqual(store.recipe["backbone"], "none")
        self.assertEqual(repr(store), f'<mmdg.Store "{self.path}": {ROWS} rows of video, audio, clip>')
        seen = {name: (m.kind, m.shape, m.dtype, m.stored, m.views) for name, m in store.modalities.items()}
        expected = {"video": ("video", (6,), "f4", "f4", 0), "audio": ("audio", (4,), "f4", "f2", 0), "clip": ("video", (2, 3), "u1", "u1", 0)}
        self.assertEqual(seen, expected)
        self.assertEqual(mmdg.open(self.path, dtype="stored").modalities["audio"].dtype, np.float16)

    def test_the_manifest_in_columns(self):
        store = mmdg.open(self.path)
        manifest = store.manifest
        self.assertEqual(set(manifest), {"id", "label", "domain", "split", "path", "start", "end"})
        self.assertEqual(manifest["id"], [f"row {row}" for row in range(ROWS)])
        self.assertEqual([store.classes[label] for label in manifest["label"]], LABELS)
        self.assertEqual([store.domains[domain] for domain in manifest["domain"]], DOMAINS)
        self.assertEqual((manifest["split"] == "val").tolist(), [split == "val" for split in SPLITS])
        self.assertEqual((manifest["label"].dtype, manifest["start"].dtype), (np.int64, np.float64))
        self.assertTrue(np.isnan(manifest["end"]).all())
        with self.assertRaises(ValueError):
            manifest["label"][0] = 1
        manifest.clear()
        self.assertEqual(len(store.manifest), 7)

    def test_columns_of_a_modality(self):
        store = mmdg.open(self.path)
        np.testing.assert_array_equal(store.valid("audio"), THERE)
        self.assertTrue(store.valid("video").all())
        self.assertEqual((store.spans("video").shape, store.times("video").shape), ((ROWS, 2), (ROWS, 0)))
        for column in (store.valid, store.spans, store.times, store.read):
            with self.assertRaisesRegex(mmdg.InputError, 'no modality "vidoe"; expected one of video, audio, clip'):
                column("vidoe")

    def test_rows_by_domain_and_split(self):
        store = mmdg.open(self.path)
        np.testing.assert_array_equal(store.select(), np.arange(ROWS))
        wanted = [row for row in range(ROWS) if DOMAINS[row] == "D2" and SPLITS[row] == "train"]
        self.assertEqual(store.select(domains=["D2"], split="train").tolist(), wanted)
        self.assertEqual(store.select(domains="D2", split=("train",)).tolist(), wanted)
        for arguments, problem in [
            ({"domains": "D3"}, 'no domain "D3"; expected one of D1, D2'),
            ({"domains": []}, "domains: an empty list"),
            ({"split": "dev"}, 'split "dev"; expected train, val or test'),
            ({"split": "test"}, "no row is of these"),
        ]:
            with self.assertRaisesRegex(ValueError, problem):
                store.select(**arguments)


class Rows(WithStore):
    def test_a_sample(self):
        store = mmdg.open(self.path)
        for row in (0, 14, 15, ROWS - 1):
            sample = store[row]
            self.assertEqual(set(sample), {"row", "id", "label", "domain", "video", "audio", "clip", "valid"})
            self.assertEqual((sample["row"], sample["id"]), (row, f"row {row}"))
            self.assertEqual((store.classes[sample["label"]], store.domains[sample["domain"]]), (LABELS[row], DOMAINS[row]))
            self.assertEqual(sample["valid"], {"video": True, "audio": bool(THERE[row]), "clip": True})
            for name, expected in {**arrays(), "audio": self.audio.astype(np.float32)}.items():
                self.assertEqual(sample[name].dtype, expected.dtype)
                np.testing.assert_array_equal(sample[name], expected[row])

    def test_rows_as_they_are_stored_are_views(self):
        for dtype, views in [("float32", {"video", "clip"}), ("stored", {"video", "audio", "clip"})]:
            sample = mmdg.open(self.path, dtype=dtype)[3]
            self.assertEqual({name for name in ("video", "audio", "clip") if not sample[name].flags.writeable}, views)
        self.assertEqual(sample["audio"].dtype, np.float16)
        self.assertIsInstance(sample["video"].base, mmdg.Store)
        with self.assertRaises(ValueError):
            sample["video"][0] = 1
        with self.assertRaises(ValueError):
            sample["video"].flags.writeable = True
        copies = mmdg.open(self.path, copy=True)[3]
        self.assertTrue(all(copies[name].flags.writeable for name in ("video", "audio", "clip")))
        copies["video"][:] = 0
        np.testing.assert_array_equal(mmdg.open(self.path)[3]["video"], arrays()["video"][3])

    def test_a_view_keeps_the_store_alive(self):
        view = mmdg.open(self.path)[7]["video"]
        gc.collect()
        np.testing.assert_array_equal(view, arrays()["video"][7])

    def test_rows_in_every_way_that_numpy_has(self):
        store, video = mmdg.open(self.path), arrays()["video"]
        mask = np.arange(ROWS) % 9 == 2
        for index in (
            [5, 2, 2, -1], (1, 2), [], np.array([], np.int64), np.array([3, 1]), np.array([3, -1], np.int8), np.array([3, 1], np.uint64),
            np.array([3, 1], ">i4"), np.arange(ROWS)[::-7], slice(None), slice(90, 200, 3), slice(None, None, -10), slice(5, 5), mask, mask.tolist(), range(4),
        ):
            batch = store[index]
            expected = np.arange(ROWS)[index if isinstance(index, slice) else np.asarray(index, None if len(index) else np.int64)]
            self.assertEqual(batch["row"].tolist(), expected.tolist(), repr(index))
            self.assertEqual(batch["id"], [f"row {row}" for row in expected])
            self.assertEqual(batch["video"].shape, (len(expected), 6))
            np.testing.assert_array_equal(batch["video"], video[expected])
            np.testing.assert_array_equal(batch["audio"], self.audio[expected])
            np.testing.assert_array_equal(batch["clip"], arrays()["clip"][expected])
            np.testing.assert_array_equal(batch["valid"]["audio"], THERE[expected])
            self.assertEqual((batch["audio"].dtype, batch["label"].dtype, batch["valid"]["clip"].dtype), (np.float32, np.int64, np.bool_))
            self.assertTrue(batch["video"].flags.writeable and batch["video"].flags.c_contiguous)
        for index in (4, -1, np.int64(4), np.uint8(4), np.array(4)):
            np.testing.assert_array_equal(store[index]["video"], video[int(index)])

    def test_one_modality(self):
        store, audio = mmdg.open(self.path), self.audio
        np.testing.assert_array_equal(store.read("audio"), audio)
        np.testing.assert_array_equal(store.read("audio", [3, 1]), audio[[3, 1]])
        np.testing.assert_array_equal(store.read("audio", 5), audio[5])
        self.assertEqual(mmdg.open(self.path, dtype="stored").read("audio").dtype, np.float16)

    def test_rows_that_are_not_there(self):
        store = mmdg.open(self.path)
        for index in (ROWS, -ROWS - 1, 10**30, [0, ROWS], np.array([-ROWS - 1]), np.array([2**64 - 1], np.uint64), np.ones(5, bool), [[1, 2]]):
            with self.assertRaises(IndexError):
                store[index]
        for index in ("video", 1.5, None, [1.5], np.array([1.0]), {1: 2}, ["a"]):
            with self.assertRaises(TypeError):
                store[index]
        # what makes `for sample in store` end
        self.assertEqual(sum(1 for _ in store), ROWS)


class Errors(WithStore):
    def test_what_is_no_store(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(mmdg.InputError, "no store.json; expected the folder of a store") as caught:
                mmdg.open(folder)
            self.assertEqual(caught.exception.code, "input")
        with self.assertRaises(ValueError):
            mmdg.open("/nowhere/at/all")
        with self.assertRaisesRegex(ValueError, "dtype"):
            mmdg.open(self.path, dtype="float64")
        with self.assertRaises(TypeError):
            mmdg.open(5)

    def test_damage_is_named(self):
        for name, damage in [
            ("video/00000.h5", lambda path: path.write_bytes(path.read_bytes()[:-100])),
            ("video/00000.json", lambda path: path.write_text("{")),
            ("manifest.csv", lambda path: path.write_text("row\n")),
            ("store.json", lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))),
        ]:
            with tempfile.TemporaryDirectory() as folder:
                copy = shutil.copytree(self.path, f"{folder}/store")
                damage(self.folder / copy / name)
                with self.assertRaisesRegex(mmdg.IntegrityError, name) as caught:
                    mmdg.open(copy)
                self.assertEqual(caught.exception.code, "integrity")

    def test_codes_are_one_a_class(self):
        classes = [mmdg.InputError, mmdg.IntegrityError, mmdg.IoError, mmdg.MediaError, mmdg.MachineError, mmdg.BusyError]
        self.assertEqual(len({error.code for error in classes}), len(classes))
        self.assertTrue(all(issubclass(error, mmdg.Error) and error("why").args == ("why",) for error in classes))


if __name__ == "__main__":
    unittest.main()
