#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93 (its wheel for Linux, x86-64)
#
# VideoCapture.read() turns the colours of a video that is tagged with BT.2020's primaries into BT.709's: pure red of such a video comes as a red
# with green and blue in it, since it lies outside. Other decoders, and OpenCV 4.12, apply the matrix alone. Nothing says so but the pixels.
# So one script gives features of other colours after an upgrade of OpenCV.
#
# Seen on 2026-11-30 (a 64x64 HEVC video of ten bits, pure red, green and blue, tagged bt2020nc and primaries bt2020; middle pixel, RGB):
#   opencv 5.0.0 red [255, 40, 38]  green [0, 223, 98]  blue [0, 135, 218]
#   opencv 4.12.0 red [246, 0, 4]  green [9, 255, 10]  blue [1, 0, 241]
#   pyav 18.1.0 red [254, 0, 0]  green [0, 254, 0]  blue [0, 0, 253]
#
# Needs Python 3.11 with venv and pip. Exits 1 if OpenCV 5 no longer does so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv new && new/bin/pip -q install opencv-python-headless==5.0.0.93 av==18.1.0 numpy==2.4.6
python3 -m venv old && old/bin/pip -q install opencv-python-headless==4.12.0.88

cat > make.py <<'PYTHON'
import av
import numpy as np

# luma and chroma of BT.2020's pure colours, limited range, ten bits
red, blue = 0.2627, 0.0593
for name, (r, g, b) in {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}.items():
    luma = red * r + (1 - red - blue) * g + blue * b
    values = (64 + 876 * luma, 512 + 896 * (b - luma) / (2 * (1 - blue)), 512 + 896 * (r - luma) / (2 * (1 - red)))
    with av.open(f"{name}.mp4", "w") as container:
        stream = container.add_stream("libx265", rate=8, options={"x265-params": "log-level=error:colorprim=bt2020:transfer=bt2020-10:colormatrix=bt2020nc:range=limited"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 14, 9, 1
        for number in range(8):
            frame = av.VideoFrame(64, 64, "yuv420p10le")
            for plane, value in zip(frame.planes, values):
                plane.update(np.full(plane.buffer_size // 2, round(value), np.uint16).tobytes())
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
PYTHON
cat > read.py <<'PYTHON'
import sys
import cv2

pixels = {name: cv2.VideoCapture(f"{name}.mp4").read()[1][32, 32, ::-1].tolist() for name in ("red", "green", "blue")}
print(f"opencv {cv2.__version__}", *(f"{name} {value} " for name, value in pixels.items()))
sys.exit(min(pixels["red"][1:]) > 20)
PYTHON
cat > other.py <<'PYTHON'
import av

pixels = {name: next(av.open(f"{name}.mp4").decode(video=0)).to_ndarray(format="rgb24")[32, 32].tolist() for name in ("red", "green", "blue")}
print(f"pyav {av.__version__}", *(f"{name} {value} " for name, value in pixels.items()))
PYTHON
new/bin/python make.py
old=0 new=0
new/bin/python read.py || new=1
old/bin/python read.py || old=1
new/bin/python other.py
if [ "$new" = 1 ] && [ "$old" = 0 ]; then
  echo "as seen: OpenCV 5 maps the primaries, OpenCV 4.12 does not"
else
  echo "CHANGED"
  exit 1
fi
