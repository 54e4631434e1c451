"""Pickles, forks, new processes, and threads beside a reader."""

import multiprocessing
import os
import pathlib
import pickle
import tempfile
import threading
import time
import unittest
import warnings

import numpy as np
from made import ROWS, WithStore, arrays

import mmdg


def check(store):
    """Whether all that a store does works here."""
    batches = [batch["row"].tolist() for batch in store.batches(10, 1, threads=2)]
    same = [batch["row"].tolist() for batch in store.batches(10, 1)] == batches
    rows = np.array_equal(store[[4, 2]]["video"], arrays()["video"][[4, 2]]) and np.array_equal(store[3]["video"], arrays()["video"][3])
    with tempfile.TemporaryDirectory() as folder:
        mmdg.write(f"{folder}/other", {"video": np.ones((3, 2))}, labels=[0, 1, 0])
        return same and rows and len(store) == ROWS and len(mmdg.open(f"{folder}/other")) == 3


def walk(iterator):
    return [batch["row"].tolist() for batch in iterator]


class Processes(WithStore):
    def in_child(self, method, task, argument):
        with warnings.catch_warnings():
            # Python 3.12 and later warn of any fork of a process with threads
            warnings.simplefilter("ignore", DeprecationWarning)
            with multiprocessing.get_context(method).Pool(1) as pool:
                return pool.apply_async(task, (argument,)).get(timeout=60)

    def test_a_pickle_is_the_path_and_opens_when_used(self):
        store = mmdg.open(os.path.relpath(self.path), dtype="stored", copy=True)
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps(store, protocol)
            self.assertLess(len(data), 500)
            copy = pickle.loads(data)
            self.assertIn("not yet opened", repr(copy))
            self.assertTrue(copy.path.is_absolute() and copy.path.samefile(self.path))
            self.assertTrue(copy[0]["video"].flags.writeable)
            self.assertEqual(copy[0]["audio"].dtype, np.float16)
        gone = pickle.loads(pickle.dumps(mmdg.Store("/nowhere")))
        with self.assertRaises(mmdg.InputError):
            len(gone)

    def test_stores_work_in_children(self):
        store = mmdg.open(self.path)
        self.assertTrue(check(store))
        for method in ("fork", "spawn"):
            self.assertTrue(self.in_child(method, check, store), method)

    def test_an_epoch_that_is_under_way_goes_on_after_a_fork(self):
        store = mmdg.open(self.path)
        for threads in (0, 2):
            expected = walk(store.batches(10, 1))
            iterator = iter(store.batches(10, 1, threads=threads, ahead=3))
            next(iterator)
            receive, send = multiprocessing.Pipe(duplex=False)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                try:
                    send.send(walk(iterator))
                finally:
                    os._exit(0)
            self.assertTrue(receive.poll(60))
            self.assertEqual(receive.recv(), expected[1:])
            os.waitpid(child, 0)
            self.assertEqual(walk(iterator), expected[1:])

    def test_errors_can_be_pickled(self):
        for error in (mmdg.InputError("why"), mmdg.IoError("why"), mmdg.IntegrityError("why")):
            copy = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(copy), str(copy), copy.code), (type(error), "why", error.code))


class Threads(unittest.TestCase):
    def test_others_run_while_a_batch_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "store"
            rows = np.random.default_rng(0).standard_normal((4096, 1024), np.float32).astype(np.float16)
            mmdg.write(path, {"video": rows}, labels=[0] * len(rows))
            store = mmdg.open(path)
            index = np.random.default_rng(1).integers(0, len(rows), 40_000)
            ticks, done = [], threading.Event()

            def tick():
                while not done.is_set():
                    ticks.append(time.perf_counter())
                    time.sleep(0.0005)

            thread = threading.Thread(target=tick)
            thread.start()
            try:
                start = time.perf_counter()
                batch = store[index]
                end = time.perf_counter()
            finally:
                done.set()
                thread.join()
            during = sum(start < tick < end for tick in ticks)
            self.assertGreater(during, 5, f"{during} ticks in {end - start:.3f} s")
            np.testing.assert_array_equal(batch["video"][:5], rows[index[:5]])

    def test_many_threads_read_one_epoch_together(self):
        with tempfile.TemporaryDirectory() as folder:
            mmdg.write(f"{folder}/store", {"video": np.arange(4000.0).reshape(1000, 4)}, labels=[0] * 1000)
            store = mmdg.open(f"{folder}/store")
            for threads in (0, 2):
                iterator, seen = iter(store.batches(7, threads=threads)), []
                readers = [threading.Thread(target=lambda seen=seen, iterator=iterator: seen.extend(walk(iterator))) for _ in range(4)]
                for reader in readers:
                    reader.start()
                for reader in readers:
                    reader.join(60)
                self.assertEqual(sorted(row for batch in seen for row in batch), list(range(1000)))


if __name__ == "__main__":
    unittest.main()
