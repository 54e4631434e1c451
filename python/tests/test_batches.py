"""Epochs of batches."""

import itertools
import unittest

import numpy as np
from made import DOMAINS, LABELS, ROWS, SPLITS, THERE, WithStore, arrays

import mmdg


def rows(batches):
    return [batch["row"].tolist() for batch in batches]


class Batches(WithStore):
    def setUp(self):
        self.store = mmdg.open(self.path)

    def test_an_epoch_shows_every_row_once_with_its_values(self):
        batches = self.store.batches(16, seed=3)
        self.assertEqual(len(batches), 7)
        seen = list(batches)
        self.assertEqual([len(batch["id"]) for batch in seen], [16] * 6 + [7])
        self.assertEqual(sorted(itertools.chain(*rows(seen))), list(range(ROWS)))
        for batch in seen:
            place = batch["row"]
            np.testing.assert_array_equal(batch["video"], arrays()["video"][place])
            np.testing.assert_array_equal(batch["audio"], self.audio[place])
            np.testing.assert_array_equal(batch["clip"], arrays()["clip"][place])
            np.testing.assert_array_equal(batch["valid"]["audio"], THERE[place])
            self.assertEqual([self.store.classes[label] for label in batch["label"]], [LABELS[row] for row in place])
            self.assertEqual([self.store.domains[domain] for domain in batch["domain"]], [DOMAINS[row] for row in place])

    def test_seed_and_epoch_alone_decide(self):
        first = rows(self.store.batches(10, 1, 2))
        self.assertEqual(first, rows(mmdg.open(self.path).batches(10, seed=1, epoch=2)))
        for seed, epoch in [(1, 3), (2, 2)]:
            self.assertNotEqual(first, rows(self.store.batches(10, seed, epoch)))
        # and of one object as often as one likes
        batches = self.store.batches(10, 1, 2)
        self.assertEqual((rows(batches), rows(batches)), (first, first))
        self.assertEqual(rows(self.store.batches(50, order="rows"))[0], list(range(50)))

    def test_the_number_of_threads_changes_nothing(self):
        for order in ("shuffled", "domains", "classes", "rows"):
            expected = list(self.store.batches(9, 5, 1, order=order))
            for threads, ahead in [(1, 0), (2, 5), (4, 0)]:
                for one, other in zip(expected, self.store.batches(9, 5, 1, order=order, threads=threads, ahead=ahead), strict=True):
                    self.assertEqual(list(one), list(other))
                    for key in ("row", "label", "domain", "video", "audio", "clip"):
                        self.assertEqual(one[key].dtype, other[key].dtype)
                        np.testing.assert_array_equal(one[key], other[key])
                    np.testing.assert_array_equal(one["valid"]["audio"], other["valid"]["audio"])

    def test_rows_and_modalities_can_be_chosen(self):
        for threads in (0, 2):
            batches = self.store.batches(8, modalities=["audio", "video"], domains="D2", split=["train"], complete=True, threads=threads)
            seen = list(batches)
            self.assertEqual(list(seen[0]), ["row", "id", "label", "domain", "audio", "video", "valid"])
            wanted = [r for r in range(ROWS) if DOMAINS[r] == "D2" and SPLITS[r] == "train" and THERE[r]]
            self.assertEqual(sorted(itertools.chain(*rows(seen))), wanted)
        self.assertEqual([len(batch) for batch in rows(self.store.batches(50, drop_last=True))], [50, 50])
        self.assertEqual(rows(self.store.batches(104, drop_last=True)), [])
        stored = mmdg.open(self.path, dtype="stored")
        self.assertTrue(all(b["audio"].dtype == np.float16 for t in (0, 1) for b in stored.batches(50, modalities="audio", threads=t)))

    def test_domains_are_balanced(self):
        for batch in self.store.batches(10, order="domains", drop_last=True):
            self.assertEqual(np.bincount(batch["domain"]).tolist(), [5, 5])

    def test_what_makes_no_sense(self):
        for arguments, problem in [
            ({"batch_size": 0}, "batches of 0 rows"),
            ({"batch_size": 4, "modalities": ["vidoe"]}, 'no modality "vidoe"'),
            ({"batch_size": 4, "modalities": []}, "modalities: an empty list"),
            ({"batch_size": 4, "domains": ["D9"]}, 'no domain "D9"'),
            ({"batch_size": 4, "split": "test"}, "no row is of these"),
            ({"batch_size": 4, "order": "random"}, 'order "random"; expected shuffled'),
            ({"batch_size": 4, "views": True}, "no training views"),
        ]:
            with self.assertRaisesRegex(ValueError, problem):
                self.store.batches(**arguments)
        with self.assertRaises(OverflowError):
            self.store.batches(-1)

    def test_an_epoch_that_is_left_early_ends(self):
        for threads in (0, 3):
            iterator = iter(self.store.batches(4, threads=threads, ahead=8))
            next(iterator)
            del iterator

    def test_an_ended_epoch_stays_ended(self):
        for threads in (0, 1):
            iterator = iter(self.store.batches(60, threads=threads))
            self.assertEqual(len(list(iterator)), 2)
            self.assertEqual(list(iterator), [])


if __name__ == "__main__":
    unittest.main()
