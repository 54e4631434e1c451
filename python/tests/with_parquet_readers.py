"""What `mmdg export` writes as Parquet, read by whichever of its readers are here; the same rows as .npz say what is right. And what they write, imported.

    PINNED=scripts/wheel-parquet.txt PARQUET=rows.parquet NPZ=rows.npz MMDG=target/debug/mmdg python -m unittest with_parquet_readers.py
"""

import importlib.util
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np

PARQUET = os.environ["PARQUET"]
MMDG = os.path.abspath(os.environ["MMDG"])
RIGHT = np.load(os.environ["NPZ"])
MODALITIES = [name.removesuffix(".valid") for name in RIGHT.files if name.endswith(".valid")]


PINNED = pathlib.Path(os.environ["PINNED"]).read_text()


def here(name):
    """For a reader that is here; every one that the environment pins is."""
    pinned = any(line.startswith(f"{name}==") for line in PINNED.splitlines())
    return unittest.skipUnless(pinned or importlib.util.find_spec(name), f"{name} is not of this environment")


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


class Writers(unittest.TestCase):
    """What others write, as they do without being told otherwise and by each of their compressions, is imported."""

    def imported(self, write):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            values = np.random.Generator(np.random.PCG64(3)).standard_normal((300, 6)).astype(np.float32)
            values[:, 3] = 0
            ids = [f"row {i}" for i in range(300)]
            rows = [f"{name},{'xyz'[i % 3]},{'pq'[i % 2]}" for i, name in enumerate(ids)]
            (folder / "labels.csv").write_text("id,label,domain\n" + "\n".join(rows) + "\n")
            write(folder / "rows.parquet", {"id": ids, "emb": list(values)})
            words = ["import", "store", "--labels", "labels.csv", "--modality", "video=rows.parquet:emb", "-q"]
            subprocess.run([MMDG, *words], cwd=folder, check=True)
            subprocess.run([MMDG, "export", "store", "rows.npz", "-q"], cwd=folder, check=True)
            with np.load(folder / "rows.npz") as found:
                order = [ids.index(name) for name in found["ids"]]
                np.testing.assert_array_equal(found["video"], values[order])

    @here("pyarrow")
    def test_pandas(self):
        import pandas

        for compression in ["snappy", "gzip", "zstd", "lz4", None]:
            with self.subTest(compression):
                self.imported(lambda path, table, compression=compression: pandas.DataFrame(table).to_parquet(path, compression=compression))
        self.imported(lambda path, table: pandas.DataFrame(table).to_parquet(path))

    @here("polars")
    def test_polars(self):
        import polars

        for compression in ["snappy", "gzip", "zstd", "lz4", "uncompressed"]:
            with self.subTest(compression):
                self.imported(lambda path, table, compression=compression: polars.DataFrame(table).write_parquet(path, compression=compression))
        self.imported(lambda path, table: polars.DataFrame(table).write_parquet(path))


if __name__ == "__main__":
    unittest.main()
