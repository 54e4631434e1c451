"""What needs more than numpy: torch, scikit-learn, h5py and mypy. Run by `make test-torch`."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import warnings

import numpy as np
import torch
from made import DOMAINS, ROWS, THERE, WithStore, arrays
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

import mmdg

HERE = pathlib.Path(__file__).resolve().parent


class Tensors(WithStore):
    def test_batches_are_tensors_without_a_copy(self):
        for dtype, expected in [("float32", torch.float32), ("stored", torch.float16)]:
            store = mmdg.open(self.path, dtype=dtype)
            for batch in (store[[3, 1]], next(iter(store.batches(2))), next(iter(store.batches(2, threads=1)))):
                for to_tensor in (torch.from_dlpack, torch.from_numpy):
                    tensor = to_tensor(batch["audio"])
                    self.assertEqual(tensor.dtype, expected)
                    self.assertEqual(tensor.data_ptr(), batch["audio"].ctypes.data)
                    tensor[0] = 7
                    self.assertTrue((batch["audio"][0] == 7).all())
                self.assertEqual(torch.from_dlpack(batch["clip"]).dtype, torch.uint8)
                self.assertEqual(torch.from_dlpack(batch["label"]).dtype, torch.int64)

    def test_a_tensor_outlives_its_store(self):
        tensor = torch.from_dlpack(mmdg.open(self.path).read("video"))
        np.testing.assert_array_equal(tensor.numpy(), arrays()["video"])

    def test_views_of_single_rows(self):
        store = mmdg.open(self.path)
        # torch has no tensors that cannot be written to, and says so
        with self.assertWarnsRegex(UserWarning, "not writable"):
            view = torch.as_tensor(store[4]["video"])
        np.testing.assert_array_equal(view.numpy(), arrays()["video"][4])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            copy = mmdg.open(self.path, copy=True)[4]
            self.assertEqual(torch.from_dlpack(copy["video"]).data_ptr(), copy["video"].ctypes.data)
            # what is converted is a copy anyway
            torch.from_dlpack(store[4]["audio"])

    def test_dlpack_of_a_view(self):
        # as with from_numpy the tensor can be written to, which ends the process
        row = mmdg.open(self.path)[4]["video"]
        tensor = torch.from_dlpack(row)
        np.testing.assert_array_equal(tensor.numpy(), arrays()["video"][4])
        self.assertEqual(tensor.data_ptr(), row.ctypes.data)


class Loaders(WithStore):
    def loaders(self, method, **arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield from DataLoader(num_workers=2, multiprocessing_context=method, **arguments)

    def test_workers_collate_samples(self):
        store = mmdg.open(self.path, copy=True)
        # threads of this process do not come along into the workers
        next(iter(store.batches(4, threads=2)))
        for method in ("fork", "spawn"):
            seen = []
            for batch in self.loaders(method, dataset=store, batch_size=10, shuffle=True):
                rows = batch["row"].tolist()
                self.assertEqual(batch["id"], [f"row {row}" for row in rows])
                np.testing.assert_array_equal(batch["video"].numpy(), arrays()["video"][rows])
                np.testing.assert_array_equal(batch["audio"].numpy(), self.audio[rows])
                np.testing.assert_array_equal(batch["valid"]["audio"].numpy(), THERE[rows])
                self.assertEqual([store.domains[domain] for domain in batch["domain"]], [DOMAINS[row] for row in rows])
                seen += rows
            self.assertEqual(sorted(seen), list(range(ROWS)), method)

    def test_workers_read_whole_batches(self):
        store = mmdg.open(self.path)
        sampler = BatchSampler(RandomSampler(store), 10, drop_last=True)
        for method in ("fork", "spawn"):
            batches = list(self.loaders(method, dataset=store, sampler=sampler, batch_size=None))
            self.assertEqual(len(batches), 10)
            for batch in batches:
                np.testing.assert_array_equal(batch["video"].numpy(), arrays()["video"][batch["row"]])

    def test_the_readme_runs(self):
        second = re.findall(r"```python\n(.*?)```", (HERE.parent / "README.md").read_text(), re.DOTALL)[1]
        names = {"store": mmdg.open(self.path)}
        exec(second, names)
        self.assertEqual((names["batch"]["video"].dtype, names["batch"]["video"].shape), (torch.float32, (64, 6)))

    def test_an_error_in_a_worker_comes_back(self):
        store = mmdg.open(self.path)
        for method in ("fork", "spawn"):
            with self.assertRaisesRegex(IndexError, f"row {ROWS}: the store has"):
                list(self.loaders(method, dataset=store, sampler=[ROWS], batch_size=None))
            with self.assertRaisesRegex(mmdg.InputError, "no store.json"):
                list(self.loaders(method, dataset=mmdg.Store("/nowhere"), sampler=[0], batch_size=None))


class Examples(unittest.TestCase):
    """Two classes that lie apart in both modalities, in three domains."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.path = f"{folder.name}/store"
        random, labels = np.random.default_rng(0), np.arange(300) % 2
        cls.video = (random.standard_normal((300, 20)) + 3 * labels[:, None]).astype(np.float16)
        audio = random.standard_normal((300, 8)) + labels[:, None]
        mmdg.write(
            cls.path, {"video": cls.video, "audio": audio}, labels=labels, classes=["open", "close"],
            domain=[f"D{row % 3}" for row in range(300)], valid={"audio": np.arange(300) % 10 > 0},
        )

    def run_example(self, name, *arguments):
        command = [sys.executable, "-W", "error", HERE.parent / "examples" / name, self.path, *arguments]
        ended = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout

    def test_a_training_loop(self):
        self.assertRegex(self.run_example("train_torch.py", "D2"), r"^D2: (9\d|100)\.\d % of 100 rows")

    def test_scikit_learn(self):
        self.assertRegex(self.run_example("sklearn_one_modality.py", "video", "D0"), r"^video, D0: (9\d|100)\.\d % of 100 rows")
        self.assertRegex(self.run_example("sklearn_one_modality.py", "audio", "D0"), r"% of 90 rows")

    def test_h5py_reads_stores(self):
        mean = self.video.astype(np.float64).mean()
        self.assertEqual(self.run_example("read_with_h5py.py", "video"), f"300 rows, 300 valid, mean {mean:.6f}\n")
        self.assertRegex(self.run_example("read_with_h5py.py", "audio"), "^300 rows, 270 valid")


class Types(unittest.TestCase):
    def mypy(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            # the standard library's own, which writing.py imports
            (pathlib.Path(folder) / "others").write_text(r"mmdg\.writing\.(Any|Mapping|Sequence)\b.*")
            ended = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=folder)
            return ended.stdout + ended.stderr

    def test_stubs_say_what_the_module_has(self):
        self.assertRegex(self.mypy("mypy.stubtest", "mmdg", "--allowlist", "others", "--ignore-unused-allowlist"), "^Success: no issues found")

    def test_types_in_use(self):
        right = (
            "import mmdg, numpy as np",
            "from numpy.typing import NDArray",
            "from typing_extensions import assert_type",
            "store = mmdg.open('s', dtype='stored')",
            "rows: NDArray[np.int64] = store.select(split='train')",
            "assert_type(store.valid('a'), NDArray[np.bool_])",
            "for batch in store.batches(4, 1, 2, order='domains', modalities=['a'], domains='D1'): batch['video'].sum()",
            "store[0]['video'], store[1:2], store[[1, 2]], store[rows], store[rows > 3], store[np.int64(3)]",
            "mmdg.write('s', {'a': np.zeros((2, 3))}, labels=['a', 'b'], split='val', dtype='float16', kinds={'a': 'audio'})",
        )
        wrong = (
            "store.batches(4, order='random')", "store.batches('4')", "mmdg.open('s', dtype='f16')", "store.reed('a')", "store['a']",
            "mmdg.write('s', {})", "store.classes = []",
        )
        found = self.mypy("mypy", "--strict", "--python-version", "3.10", "-c", "\n".join(right + wrong))
        lines = {int(line.split(":")[1]) for line in found.splitlines() if ": error:" in line}
        self.assertEqual(lines, set(range(len(right) + 1, len(right) + len(wrong) + 1)), found)


if __name__ == "__main__":
    unittest.main()
