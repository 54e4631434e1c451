"""What `mmdg export` writes as Parquet, read by whichever of its readers are here; the same rows as .npz say what is right.

    PARQUET=rows.parquet NPZ=rows.npz python -m unittest with_parquet_readers.py
"""

import importlib.util
import os
import unittest

import numpy as np

PARQUET = os.environ["PARQUET"]
RIGHT = np.load(os.environ["NPZ"])
MODALITIES = [name.removesuffix(".valid") for name in RIGHT.files if name.endswith(".valid")]


def here(name):
    return unittest.skipUnless(importlib.util.find_spec(name), f"{name} is not here")


class Readers(unittest.TestCase):
    def same(self, columns):
        """Columns as Python's lists."""
        self.assertEqual(columns["id"], RIGHT["ids"].tolist())
        self.assertEqual(columns["label"], RIGHT["labels"].tolist())
        self.assertEqual(columns["class"], RIGHT["class_names"][RIGHT["labels"]].tolist())
        self.assertEqual(columns["domain"], RIGHT["domain_names"][RIGHT["domains"]].tolist())
        for name in MODALITIES:
            for row, (found, there, right) in enumerate(zip(columns[name], RIGHT[f"{name}.valid"], RIGHT[name])):
                if there:
                    np.testing.assert_array_equal(np.asarray(found, np.float32), right.reshape(-1).astype(np.float32), f"{name} {row}")
                else:
                    self.assertIsNone(found, f"{name} {row}")

    @here("polars")
    def test_polars(self):
        import polars

        self.same(polars.read_parquet(PARQUET).to_dict(as_series=False))
        some = polars.scan_parquet(PARQUET).filter(polars.col("start") >= 0).select("id").collect()
        self.assertEqual(len(some), len(RIGHT["ids"]))

    @here("pyarrow")
    def test_pyarrow(self):
        import pyarrow.parquet

        self.same(pyarrow.parquet.read_table(PARQUET).to_pydict())

    @here("pandas")
    def test_pandas(self):
        import pandas

        table = pandas.read_parquet(PARQUET, engine="pyarrow")
        self.same({name: table[name].tolist() for name in table.columns})

    @here("duckdb")
    def test_duckdb(self):
        import duckdb

        found = duckdb.connect().execute(f"select * from '{PARQUET}'")
        names = [column[0] for column in found.description]
        self.same(dict(zip(names, map(list, zip(*found.fetchall())))))

    @here("fastparquet")
    def test_fastparquet(self):
        import fastparquet

        table = fastparquet.ParquetFile(PARQUET).to_pandas()
        self.same({name: table[name].tolist() for name in table.columns})


if __name__ == "__main__":
    unittest.main()
