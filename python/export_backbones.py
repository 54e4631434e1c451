#!/usr/bin/env python3
"""Writes a backbone as an ONNX file that mmdg runs, with a golden input/output pair beside it.

  python export_backbones.py --list
  python export_backbones.py slowfast-r101 backbones --weights slowfast_r101_8x8x1_256e_kinetics400_rgb_20210218-0dd54025.pth
  python export_backbones.py vggsound-resnet18 backbones --weights H.pth.tar --cut

Needs torch, torchvision, onnx and safetensors; with onnxruntime, each model is compared with torch before it gets its name.
"""

import argparse
import sys
import time
from pathlib import Path

try:
    import onnx  # noqa: F401
    import safetensors  # noqa: F401
    import torch  # noqa: F401
    import torchvision  # noqa: F401
except ImportError as error:
    sys.exit(f"export_backbones.py: {error}; pip install torch torchvision onnx onnxruntime safetensors")

from backbones import BACKBONES
from backbones.onnx_file import export
from backbones.weights import Unfit


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", metavar="NAME", choices=BACKBONES, help=", ".join(BACKBONES))
    parser.add_argument("folder", nargs="?", metavar="OUT_DIR", type=Path, help="where the files go")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="published checkpoint; without it, weights are random")
    parser.add_argument("--seed", type=int, default=0, help="of random weights and golden input (default 0)")
    parser.add_argument("--opset", type=int, default=17, help="of the ONNX file (default 17, up to 20)")
    parser.add_argument("--cut", action="store_true", help="also trunk and trainable tail")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the pictures, for nets that take any")
    parser.add_argument("--list", action="store_true", help="what there is")
    asked = parser.parse_args()
    if not asked.list and not asked.folder:
        parser.error("expected NAME and OUT_DIR, or --list")
    if not 17 <= asked.opset <= 20:
        parser.error(f"--opset {asked.opset}: expected 17 to 20")
    if asked.size is not None and not 32 <= asked.size <= 1024:
        parser.error(f"--size {asked.size}: expected 32 to 1024")
    return asked


def table():
    for backbone in BACKBONES.values():
        row = " × ".join(str(length or "any") for length in backbone.row)
        cut = f"cut after {backbone.cut.after}" if backbone.cut else "not cut"
        print(f"{backbone.name}: {backbone.about}\n  {row} ({backbone.preset}) → {backbone.width}, {cut}")
        print(f"  {backbone.paper}\n  {backbone.weights}")


def main():
    asked = arguments()
    if asked.list:
        return table()
    started = time.monotonic()
    try:
        written = export(BACKBONES[asked.name], asked.folder, asked.weights, asked.seed, asked.opset, asked.cut, asked.size)
    except Unfit as error:
        sys.exit(f"export_backbones.py: {error}")
    for path, difference in written:
        compared = "" if difference is None else f", at most {difference:.1e} from torch"
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB{compared}")
    if written[0][1] is None:
        print("not compared with torch: onnxruntime is not installed")
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
