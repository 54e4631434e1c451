"""Parts that are skipped: with CI=true only those that tests/SKIPS.md names."""

import os
import pathlib
import re
import sys
import unittest

LIST = pathlib.Path(__file__).parents[2] / "tests/SKIPS.md"


def skip(part: str, why: str):
    """Ends a test, as skipped or as failed."""
    print(f"SKIPPED {part}: {why}", file=sys.stderr)
    if os.environ.get("CI") == "true" and part not in re.findall(r"^\| `([^`]*)` \|", LIST.read_text(), re.MULTILINE):
        raise AssertionError(f"{part} is skipped: {why}; expected it to run, or a line in tests/SKIPS.md")
    raise unittest.SkipTest(why)
