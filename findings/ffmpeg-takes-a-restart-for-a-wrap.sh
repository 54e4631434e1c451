#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8 in its wheel)
#
# Two MPEG transport streams joined, the clock of the second starting again near 0: if the first began after 60 s, FFmpeg's demuxer takes the step
# down for the wrap of the 33-bit clock and puts the second part 26.5 hours (2^33 / 90000 s) later; if it began before, the step is left as it is.
# So a gap of a day in a joined recording is a clock that started again, and whether there is one depends on where the first part was cut.
#
# Seen on 2026-11-30 (times of the pictures at the join):
#   first part from 100 s: ... 101.96 s, 95443.7577 s ...
#   first part from 50 s: ... 51.96 s, 0.04 s ...
#
# Needs Python 3.11 with venv and pip. Exits 1 if FFmpeg no longer does so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v && v/bin/pip -q install av==18.1.0 numpy==2.4.6
cat > check.py <<'PYTHON'
import sys
import av


def stream(path, offset):
    with av.open(path, "w", format="mpegts", options={}) as container:
        video = container.add_stream("mpeg2video", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        for number in range(50):
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([16 + number * 4]) * plane.buffer_size)
            frame.pts = number + 25 * offset
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def join(first):
    stream("a.ts", first)
    stream("b.ts", 0)
    open("joined.ts", "wb").write(open("a.ts", "rb").read() + open("b.ts", "rb").read())
    with av.open("joined.ts") as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    place = max(range(1, len(times)), key=lambda i: abs(times[i] - times[i - 1]))
    print(f"first part from {times[0]:.4g} s: ... {times[place - 1]:.6g} s, {times[place]:.9g} s ...")
    return times[place] - times[place - 1]


day = 2**33 / 90000
late, early = join(100), join(50)
as_seen = abs(late - (day - 102)) < 2 and -53 < early < -50
print("as seen" if as_seen else "CHANGED")
sys.exit(not as_seen)
PYTHON
v/bin/python check.py
