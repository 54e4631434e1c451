"""What the package says of itself."""

import importlib.metadata
import inspect
import os
import pathlib
import pydoc
import re
import tempfile
import unittest

import mmdg

HERE = pathlib.Path(__file__).resolve().parent


class Package(unittest.TestCase):
    def test_it_needs_numpy_alone(self):
        self.assertEqual(importlib.metadata.requires("mmdg"), ["numpy>=1.23"])

    def test_its_version_is_the_crates(self):
        crate = re.search(r'^version = "(.*)"', (HERE.parents[1] / "Cargo.toml").read_text(), re.MULTILINE).group(1)
        self.assertEqual((mmdg.__version__, importlib.metadata.version("mmdg")), (crate, crate))

    def test_everything_public_is_documented(self):
        for name in mmdg.__all__:
            thing = getattr(mmdg, name)
            if name == "__version__":
                continue
            self.assertTrue(inspect.getdoc(thing), name)
            for member in vars(thing) if inspect.isclass(thing) else ():
                if not member.startswith("_") and member != "code":
                    self.assertTrue(inspect.getdoc(getattr(thing, member)), f"{name}.{member}")
        self.assertIn("order='shuffled', drop_last=False", str(inspect.signature(mmdg.Store.batches)))
        self.assertIn("One epoch of batches, dicts as", pydoc.plain(pydoc.render_doc(mmdg)))

    def test_the_readme_runs(self):
        first = re.search(r"```python\n(.*?)```", (HERE.parent / "README.md").read_text(), re.DOTALL).group(1)
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                exec(first, {})
            finally:
                os.chdir(before)


if __name__ == "__main__":
    unittest.main()
