"""The middle squares of some frames of a video, as PyAV gives them in RGB.

usage: frames_of_pyav.py VIDEO TURNS WIDTH SECOND...      quarter turns clockwise; the picture's width in pixels as shown before
them, 0 for its own; seconds from the container's start; raw u8 [frames, side, side, 3] goes to standard output
"""
import sys

import av
import numpy as np

path, turns, shown_width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
wanted = [float(second) for second in sys.argv[4:]]
found = {}
with av.open(path) as container:
    stream = container.streams.best("video")
    origin = (container.start_time or 0) / 1e6
    for frame in container.decode(stream):
        time = float(frame.pts * stream.time_base) - origin
        for second in wanted:
            if abs(time - second) < 1e-4 and second not in found:
                # by way of full chroma, which swscale then interpolates; in one step it repeats each value
                full = frame.reformat(format="yuv444p16le", width=shown_width or None, interpolation="BILINEAR")
                pixels = np.rot90(full.to_ndarray(format="rgb24"), -turns)
                height, width = pixels.shape[:2]
                side = min(width, height)
                top, left = (height - side) // 2, (width - side) // 2
                found[second] = np.ascontiguousarray(pixels[top : top + side, left : left + side])
for second in wanted:
    sys.stdout.buffer.write(found[second].tobytes())
