#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8 in its wheel)
#
# Written into a QuickTime file (.mov), the language of a track is silently lost where it is given in the one of its two ISO 639-2 codes that the muxer does
# not know: of German `ger` comes back and `deu` does not, of Czech and French it is the other way round, and Swedish, which has one code only, is lost
# whichever way. The muxer turns languages into Apple's old numbers by a table of mixed codes. An .mp4 keeps all of them. Who chooses sound tracks by
# language then finds none.
#
# Seen on 2026-11-30 (what comes back from .mov; "-" is nothing; from .mp4 all come back):
#   eng eng   jpn jpn   deu -   ger ger   ces ces   cze -   fra fra   fre -   swe -   nld -   dut dut   zho -   chi chi
#
# Needs Python 3.11 with venv and pip. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v && v/bin/pip -q install av==18.1.0 numpy==2.4.6
cat > check.py <<'PYTHON'
import sys
import av
import numpy as np

LANGUAGES = "eng jpn deu ger ces cze fra fre swe nld dut zho chi".split()


def kept(form, language):
    path = f"x.{form}"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=48000)
        stream.layout = "mono"
        stream.metadata["language"] = language
        for at in range(0, 4096, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(path) as container:
        return container.streams.audio[0].metadata.get("language", "-")


found = {language: (kept("mov", language), kept("mp4", language)) for language in LANGUAGES}
for language, (mov, mp4) in found.items():
    print(f"{language}   mov {mov}   mp4 {mp4}")
lost = {"deu", "cze", "fre", "swe", "nld", "zho"}
expected = {language: ("-" if language in lost else language, language) for language in LANGUAGES}
sys.exit(found != expected)
PYTHON
v/bin/python check.py
