#!/usr/bin/env python3
"""What PyAV finds in the recordings of fixtures/make_recordings.py, of fixtures/sound and of ../shared/data: tests/reference/recordings.json.

usage: recordings.py MADE [SHARED]      MADE is the folder that make_recordings.py filled; needs av 18.1.0 (FFmpeg 8), numpy

    {NAME: {"origin": s, "video": {...}, "sound": {...}}}; a name of ../shared/data has its folder in front

Second 0 is the earliest presented time of the tracks played. These are not FFmpeg's `start_time`, which counts priming, covers,
subtitles and what edit lists leave out; they are the least time of what the decoders give back, FFmpeg's times all the same:
a decoder drops priming and moves the time behind it, the mov demuxer applies edit lists, pts of 33 bits are unwrapped.

video: `first` (seconds from the origin), `tick` (numerator, denominator of the track's clock) and `steps`: ticks from each picture shown to
the next, `[ticks, count]` where they repeat; sorted by time, or in the order of the decoder where the time starts again (`again`: how often).
sound: `rate`, `channels`, `samples` decoded, `first`, `holes` ([second where the sound stops, second where it goes on]; the second less than
the first is an overlap), `rms` of the mean of the channels in each 0.25 s from the origin on, in 1/10000, silence in holes.
`failed`: packets that a decoder refused. `stopped`: what FFmpeg said where it read no further.

Where FFmpeg 8 does something else than what is meant by a player's seconds, the numbers here are not FFmpeg's:
- several edits: FFmpeg cuts sound at packets, and leaves out a picture that began before its edit. Here the file is made without the
  edit list, read, and cut by the list: `first`, `steps`, `samples` and `rms` are those of exact cuts, a picture on show at an edit's start
  standing at that start.
- one block of sound with another time, and the next where the count says, is no hole: FFmpeg gives the time of a PES packet to the frame
  before where a frame's first bytes end the packet before (`mpeg2-ac3.vob`).
- MP3 in fragments: its priming, which the edit list leaves out, is not given with times below 0, but dropped as AAC's is.
Where it is FFmpeg's, and one may want another:
- HEVC whose leading pictures lack their reference: FFmpeg 8 leaves out pictures that 5.1 gives (`splice-h265.*`: 126, 154).
- a clock that starts again far enough below: FFmpeg takes it for the wrap at 2^33, so `joined-back.ts` leaps by 95,340 s.
- joined streams: times as they stand; the jump is not closed, so `steps` has it, and `rms` is in the order of the stream, end to end.
"""

import json
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "fixtures"))
from make_recordings import RECORDINGS  # noqa: E402
from recordings.making import run  # noqa: E402

PART = 0.25
SIGNED = {"s16": 1 << 15, "s32": 1 << 31, "s64": 1 << 63, "flt": 1, "dbl": 1}


def chosen(streams):
    """The first default track that is no cover, else the first."""
    real = [stream for stream in streams if not stream.disposition & av.stream.Disposition.attached_pic]
    return next((stream for stream in real if stream.disposition & av.stream.Disposition.default), real[0] if real else None)


def mono(frame) -> np.ndarray:
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(frame.samples, -1).T
    values = values[:, : frame.samples].astype(np.float64)
    kind = frame.format.name.rstrip("p")
    values = (values - 128) / 128 if kind == "u8" else values / SIGNED[kind]
    return values.mean(0)


def read(path: Path) -> dict:
    """Every picture's time and every block of sound, on the container's own clock."""
    found = {"times": [], "blocks": [], "failed": 0}
    with av.open(str(path)) as container:
        video, sound = chosen(container.streams.video), chosen(container.streams.audio)
        for stream in (video, sound):
            if stream is not None:
                stream.codec_context.thread_count = 1
        wanted = [stream for stream in (video, sound) if stream is not None]
        if not wanted:
            return found
        for packet in demuxed(container, wanted, found):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                found["failed"] += 1
                continue
            for frame in frames:
                time = None if frame.pts is None else frame.pts * frame.time_base
                if packet.stream is video:
                    found["times"].append(time)
                    found["tick"] = frame.time_base if frame.pts is not None else video.time_base
                else:
                    found.setdefault("rate", frame.sample_rate)
                    found.setdefault("channels", len(frame.layout.channels))
                    found["clock"] = sound.time_base
                    found["blocks"].append((time, frame.sample_rate, mono(frame)))
    if container.format.name.startswith("mov"):
        unprimed(found)
    return found


def unprimed(found: dict) -> None:
    """Nothing of an mp4 is shown before 0. FFmpeg 8 drops AAC's priming there, but gives that of MP3 in fragments with times below 0."""
    found["times"] = [time for time in found["times"] if time is None or time >= 0]
    for i, (time, rate, values) in enumerate(found["blocks"]):
        if time is not None and time < 0:
            drop = min(round(-time * rate), len(values))
            found["blocks"][i] = (time + Fraction(drop, rate), rate, values[drop:])
    found["blocks"] = [block for block in found["blocks"] if len(block[2])]


def demuxed(container, streams, found: dict):
    """What can be read; FFmpeg gives up where a chained Ogg changes its sample rate."""
    try:
        yield from container.demux(streams)
    except av.error.FFmpegError as error:
        found["stopped"] = type(error).__name__


def again(times: list) -> int:
    """How often a list of times starts over or leaps: back by more than 0.5 s, or forward by more than 10 s."""
    return sum(later - earlier < -0.5 or later - earlier > 10 for earlier, later in zip(times, times[1:]))


def runs(steps: list[int]) -> list:
    out = []
    for step in steps:
        if out and isinstance(out[-1], list) and out[-1][0] == step:
            out[-1][1] += 1
        elif out and out[-1] == step:
            out[-1] = [step, 2]
        else:
            out.append(step)
    return out


def seconds(value) -> float:
    return round(float(value), 6)


def laid(found: dict, origin) -> dict:
    """The sound on the clock from the origin: a jump of more than 1.5 ms and two ticks is a hole or an overlap."""
    rate, blocks = found["rate"], found["blocks"]
    limit = 0.0015 + 2 * float(found["clock"])
    leaps = again([time for time, _, _ in blocks if time is not None]) > 0
    line, holes, place, first, samples = np.zeros(0), [], 0, None, 0

    def back(rest: list, count: int) -> bool:
        """Whether the next block is where the count says: then one time stamp is wrong, and nothing is missing."""
        return bool(rest) and rest[0][0] is not None and abs(float(rest[0][0] - origin) - count / rate) <= limit

    for number, (time, own, values) in enumerate(blocks):
        samples += len(values)
        if own != rate:
            continue
        stated = None if time is None else float(time - origin)
        if first is None:
            first = stated or 0.0
            place = round(first * rate)
        elif (
            stated is not None and not leaps and abs(stated - place / rate) > limit and not back(blocks[number + 1 :], place + len(values))
        ):
            holes.append([seconds(place / rate), seconds(stated)])
            place = round(stated * rate)
        skip = max(-place, 0)
        line = np.concatenate([line[: max(place, 0)], np.zeros(max(place - len(line), 0)), values[skip:]])
        place += len(values)
    return {
        "rate": rate,
        "channels": found["channels"],
        "samples": samples,
        "first": seconds(first),
        "holes": holes,
        "rms": loudness(line, rate),
    }


def loudness(line: np.ndarray, rate: int) -> list[int]:
    parts = [line[round(i * PART * rate) : round((i + 1) * PART * rate)] for i in range(int(np.ceil(len(line) / rate / PART)))]
    return [round(10000 * float(np.sqrt(np.mean(part**2)))) for part in parts if len(part)]


def told(found: dict) -> dict:
    times = [time for time in found["times"] if time is not None]
    leaps = again(times)
    shown = times if leaps else sorted(times)
    starts = shown[:1] + [time for time, _, _ in found["blocks"][:1] if time is not None]
    origin = min(starts, default=Fraction(0))
    out = {"origin": seconds(origin)}
    if found["times"]:
        tick = found["tick"]
        steps = runs([round((b - a) / tick) for a, b in zip(shown, shown[1:])])
        out["video"] = {
            "pictures": len(found["times"]),
            "first": seconds(shown[0] - origin) if shown else 0.0,
            "tick": [tick.numerator, tick.denominator],
            "steps": steps,
        }
        if leaps:
            out["video"]["again"] = leaps
    if found["blocks"]:
        out["sound"] = laid(found, origin)
    out |= {key: found[key] for key in ("failed", "stopped") if found.get(key)}
    return out


def cut(found: dict, vide, soun) -> dict:
    """What edit lists make of a recording read without them: on the clock of the movie, from the first edit on."""
    out = {}
    times = sorted(found["times"])
    shown, at = [], Fraction(0)
    for lasts, start in vide or ([(1 << 20, 0)] if times else []):
        lasts = Fraction(round(lasts * 1000), 1000)
        if start is not None:
            start = Fraction(round(start * 1000), 1000)
            inside = [time for time in times if start < time - times[0] < start + lasts]
            before = [time for time in times if time - times[0] <= start][-1:]
            shown += [at + max(time - times[0] - start, 0) for time in before + inside]
        at += lasts
    pieces, at = [], Fraction(0)
    rate = found.get("rate", 1)
    line = np.concatenate([values for _, _, values in found["blocks"]] or [np.zeros(0)])
    for lasts, start in soun or ([(len(line) / rate, 0)] if len(line) else []):
        if start is not None:
            pieces.append((at, line[round(start * rate) : round((start + lasts) * rate)]))
        at += Fraction(round(lasts * 1000), 1000)
    origin = min(shown[:1] + [time for time, _ in pieces[:1]])
    out = {"origin": seconds(origin), "edited": True}
    if shown:
        tick = Fraction(1, 1000000)
        steps = runs([round((b - a) / tick) for a, b in zip(shown, shown[1:])])
        out["video"] = {"pictures": len(shown), "first": seconds(shown[0] - origin), "tick": [1, 1000000], "steps": steps}
    if pieces:
        holes, whole = [], np.zeros(round((pieces[0][0] - origin) * rate))
        for time, piece in pieces:
            place = round((time - origin) * rate)
            if place > len(whole):
                if len(holes) or time != pieces[0][0]:
                    holes.append([seconds(len(whole) / rate), seconds(time - origin)])
                whole = np.concatenate([whole, np.zeros(place - len(whole))])
            whole = np.concatenate([whole, piece])
        samples = sum(len(piece) for _, piece in pieces)
        out["sound"] = {
            "rate": rate,
            "channels": found["channels"],
            "samples": samples,
            "first": seconds(pieces[0][0] - origin),
            "holes": holes,
            "rms": loudness(whole, rate),
        }
    return out


def golden(name: str, path: Path) -> dict:
    recording = RECORDINGS.get(name)
    lists = getattr(recording.steps[-1], "lists", None) if recording else None
    if lists is None or recording.kind not in ("several edits", "late start", "HE-AAC"):
        return told(read(path))
    source, vide, soun = lists
    with tempfile.TemporaryDirectory() as scratch:
        for step in recording.steps[:-1]:
            run(Path(scratch), step) if isinstance(step, str) else step(Path(scratch))
        return cut(read(Path(scratch) / source), vide[0] if vide else None, soun[0] if soun else None)


def main() -> None:
    av.logging.set_level(av.logging.PANIC)
    made = Path(sys.argv[1])
    files = {name: made / name for name in RECORDINGS if (made / name).exists()}
    files |= {
        f"fixtures/{path.name}": path
        for path in sorted((HERE.parents[1] / "fixtures/sound").glob("*.[ma]*"))
        if path.suffix in (".m4a", ".aac")
    }
    if len(sys.argv) > 2:
        shared = Path(sys.argv[2])
        for part in ("faults", "video", "audio"):
            found = (
                path for path in sorted((shared / part).rglob("*")) if path.is_file() and path.suffix not in (".md", ".py", ".txt", ".json")
            )
            files |= {str(path.relative_to(shared)): path for path in found}
    out = {}
    for name, path in files.items():
        try:
            out[name] = golden(name, path)
        except (av.error.FFmpegError, ValueError, KeyError, IndexError) as error:
            out[name] = {"error": type(error).__name__}
            print(f"{name}: {error!r}", file=sys.stderr)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in out.items())
    (HERE / "recordings.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
