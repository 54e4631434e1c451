#!/usr/bin/env python3
"""The RGB of ten-bit videos and of JPEG frames: ours beside PyAV's, torchcodec's, OpenCV's and Pillow's. The tables of docs/colour.md.

    colour.py videos     ten-bit (and, to compare, eight-bit) pictures, the middle 256x256 of 320x256, unscaled: largest and mean difference
    colour.py jpeg       the same for JPEG frames
    colour.py scaling    digests of what this OpenCV's resize makes, for INTER_LINEAR and INTER_AREA; run it under two versions

"Exact" is computed here in doubles from the decoded planes, chroma interpolated linearly from where its samples lie, by the frame's matrix.
Needs: pip install av torch torchcodec opencv-python-headless pillow h5py numpy; the ffmpeg program; ours in $MMDG or target/release/mmdg
(`scaling` needs OpenCV and numpy only).
"""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIDE, WIDTH, FRAMES = 256, 320, 8
LEFT = (WIDTH - SIDE) // 2
TAGS = {
    "untagged": "",
    "BT.601": "-colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m -color_range tv",
    "BT.709": "-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv",
    "BT.2020": "-colorspace bt2020nc -color_primaries bt2020 -color_trc bt2020-10 -color_range tv",
    "BT.709, full range": "-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range pc",
}
X265 = "-c:v libx265 -preset fast -x265-params log-level=error"
VIDEOS = [  # what stands in the table, encoder, tags
    ("H.264, 8 bits, 4:2:0", "-c:v libx264 -pix_fmt yuv420p", "BT.709", "mp4"),
    ("HEVC, 10 bits, 4:2:0", f"{X265} -pix_fmt yuv420p10le", "untagged", "mp4"),
    ("HEVC, 10 bits, 4:2:0", f"{X265} -pix_fmt yuv420p10le", "BT.601", "mp4"),
    ("HEVC, 10 bits, 4:2:0", f"{X265} -pix_fmt yuv420p10le", "BT.709", "mp4"),
    ("HEVC, 10 bits, 4:2:0", f"{X265} -pix_fmt yuv420p10le", "BT.2020", "mp4"),
    ("HEVC, 10 bits, 4:2:0", f"{X265} -pix_fmt yuv420p10le", "BT.709, full range", "mp4"),
    ("H.264, 10 bits, 4:2:0", "-c:v libx264 -pix_fmt yuv420p10le", "BT.709", "mp4"),
    ("H.264, 10 bits, 4:2:2", "-c:v libx264 -pix_fmt yuv422p10le", "BT.709", "mp4"),
    ("HEVC, 10 bits, 4:4:4", f"{X265} -pix_fmt yuv444p10le", "BT.709", "mp4"),
    ("VP9, 10 bits, 4:2:0", "-c:v libvpx-vp9 -pix_fmt yuv420p10le -b:v 1M", "BT.709", "webm"),
    ("AV1, 10 bits, 4:2:0", "-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p10le -b:v 1M", "BT.709", "mp4"),
    ("ProRes, 10 bits, 4:2:2", "-c:v prores_ks -pix_fmt yuv422p10le", "BT.709", "mov"),
]
SOURCES = {"pattern": f"testsrc2=size={WIDTH}x{SIDE}:rate={FRAMES}:duration=1", "fractal": f"mandelbrot=size={WIDTH}x{SIDE}:rate={FRAMES}:end_pts=40:maxiter=500"}


def ffmpeg(*words: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, words)], check=True)


def ours(folder: Path, rows: list[tuple[Path, str]]) -> list[np.ndarray]:
    """The pictures of each row, u8 [FRAMES, SIDE, SIDE, 3], as `mmdg preprocess` stores them; a row is a path and its `frame_rate`."""
    import h5py

    lines = [f"r{i},{path},0,1,x,d,train,{rate}" for i, (path, rate) in enumerate(rows)]
    (folder / "table.csv").write_text("id,path,start,end,label,domain,split,frame_rate\n" + "\n".join(lines) + "\n")
    settings = f'[data]\ndataset = "table"\ntable = "table.csv"\n\n[preprocess]\nstore = "clips"\n\n[preprocess.modalities.video]\npreset = "uniform"\nframes = {FRAMES}\nresize = {SIDE}\ncrop = {SIDE}\n'
    (folder / "pipeline.toml").write_text(settings)
    program = Path(os.environ.get("MMDG", "target/release/mmdg")).absolute()
    subprocess.run([program, "preprocess", "pipeline.toml", "--workers", "1", "--quiet"], cwd=folder, check=True)
    index = json.loads((folder / "clips/store.json").read_text())
    stored = np.concatenate([h5py.File(folder / "clips" / shard["file"])["data"][:] for shard in index["shards"]["video"]])
    manifest = (folder / "clips/manifest.csv").read_text().splitlines()
    ids = [line.split(",")[manifest[0].split(",").index("id")] for line in manifest[1:]]
    return [stored[ids.index(f"r{i}")] for i in range(len(rows))]


def by_pyav(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def by_torchcodec(path: Path) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder

    return VideoDecoder(str(path), dimension_order="NHWC").get_frames_in_range(0, FRAMES).data.numpy()


def by_opencv(path: Path) -> np.ndarray | None:
    import cv2

    capture, frames = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    while (read := capture.read())[0]:
        frames.append(read[1][..., ::-1])
    return np.stack(frames) if frames else None


def exact(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        return np.stack([rgb_of(frame) for frame in container.decode(video=0)])


def rgb_of(frame) -> np.ndarray:
    bits = frame.format.components[0].bits
    wide = np.uint16 if bits > 8 else np.uint8
    planes = [np.frombuffer(plane, wide).reshape(plane.height, -1)[:, : plane.width].astype(float) for plane in frame.planes]
    luma, chroma = planes[0], [spread(plane, planes[0].shape) for plane in planes[1:]]
    red, blue = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}.get(int(frame.colorspace), (0.299, 0.114))
    full = int(frame.color_range) == 2
    top, unit = (1 << bits) - 1, 1 << (bits - 8)
    y = luma / top if full else (luma - 16 * unit) / (219 * unit)
    cb, cr = [(plane - 128 * unit) / (top if full else 224 * unit) for plane in chroma]
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], -1) * 255, 0, 255)


def spread(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Chroma at each pixel: samples lie on every second column, and where rows are halved between two rows."""
    columns, rows = np.arange(shape[1]) / (shape[1] / plane.shape[1]), np.arange(shape[0]) * 1.0
    if plane.shape[0] < shape[0]:
        rows = (rows - 0.5) / 2
    wide = np.stack([np.interp(columns, np.arange(plane.shape[1]), row) for row in plane])
    return np.stack([np.interp(rows, np.arange(wide.shape[0]), column) for column in wide.T], -1)


def middle(pictures: np.ndarray | None) -> np.ndarray | None:
    return None if pictures is None else pictures[:, :, LEFT : LEFT + SIDE]


def apart(a: np.ndarray | None, b: np.ndarray | None) -> str:
    if a is None or b is None:
        return "not read"
    difference = np.abs(a.astype(float) - b.astype(float))
    return f"{difference.mean():.2f} / {difference.max():.0f}"


def versions(*packages: str) -> None:
    said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    print("Versions: " + ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages) + f"; the ffmpeg program {said}.\n")


def videos(folder: Path) -> None:
    versions("av", "torchcodec", "opencv-python-headless", "numpy")
    made = []
    for number, (name, encoder, tags, form) in enumerate(VIDEOS):
        for source, graph in SOURCES.items():
            path = folder / f"{source}-{number}.{form}"
            matrix = {"BT.709": "bt709", "BT.2020": "bt2020"}.get(tags.split(",")[0], "smpte170m")
            scale = f"scale=out_color_matrix={matrix}:out_range={'pc' if 'full' in tags else 'tv'}"
            ffmpeg("-f", "lavfi", "-i", graph, "-frames:v", FRAMES, "-vf", scale, *encoder.split(), *TAGS[tags].split(), "-g", 4, path)
            made.append((name, tags, source, path))
    pictures = ours(folder, [(path, "") for *_, path in made])
    print("| video | tags | picture | PyAV | torchcodec | OpenCV | exact | exact, PyAV | exact, torchcodec | exact, OpenCV |\n|---|---|---|---|---|---|---|---|---|---|")
    for (name, tags, source, path), own in zip(made, pictures):
        peers = [middle(read(path)) for read in (by_pyav, by_torchcodec, by_opencv)]
        true = middle(exact(path))
        cells = [apart(own, peer) for peer in peers] + [apart(one, true) for one in (own, *peers)]
        print(f"| {name} | {tags} | {source} | {' | '.join(cells)} |", flush=True)


def jpeg(folder: Path) -> None:
    import cv2
    from PIL import Image, features

    versions("pillow", "opencv-python-headless")
    print(f"Pillow's libjpeg-turbo is {features.version('libjpeg_turbo')}.\n")
    kinds = [(f"Pillow, {chroma}, quality {quality}{', progressive' * progressive}", chroma, quality, progressive)
             for chroma, quality, progressive in (("4:2:0", 75, 0), ("4:2:0", 95, 0), ("4:2:0", 90, 1), ("4:2:2", 90, 0), ("4:4:4", 90, 0), ("grey", 90, 0))]
    rows = []
    for source, graph in SOURCES.items():
        ffmpeg("-f", "lavfi", "-i", graph, "-frames:v", FRAMES, folder / f"{source}_%d.png")
        for number, (name, chroma, quality, progressive) in enumerate(kinds):
            target = folder / f"{source}-{number}"
            target.mkdir()
            for i in range(1, FRAMES + 1):
                picture = Image.open(folder / f"{source}_{i}.png").convert("L" if chroma == "grey" else "RGB")
                more = {} if chroma == "grey" else {"subsampling": chroma}
                picture.save(target / f"frame_{i:010}.jpg", quality=quality, progressive=bool(progressive), **more)
            rows.append((name, source, target))
        for name, words in (("ffmpeg, 4:2:0, -q:v 2", "-q:v 2 -pix_fmt yuvj420p"), ("ffmpeg, 4:4:4, -q:v 2", "-q:v 2 -pix_fmt yuvj444p")):
            target = folder / f"{source}-{name.split()[1][:5]}"
            target.mkdir()
            ffmpeg("-f", "lavfi", "-i", graph, "-frames:v", FRAMES, *words.split(), target / "frame_%010d.jpg")
            rows.append((name, source, target))
    pictures = ours(folder, [(path, str(FRAMES)) for *_, path in rows])
    print("| JPEG | picture | Pillow (libjpeg-turbo) | OpenCV (libjpeg-turbo) | Pillow, OpenCV |\n|---|---|---|---|---|")
    for (name, source, path), own in zip(rows, pictures):
        files = sorted(path.glob("*.jpg"))
        pillow = middle(np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files]))
        opencv = middle(np.stack([cv2.imread(str(file))[..., ::-1] for file in files]))
        print(f"| {name} | {source} | {apart(own, pillow)} | {apart(own, opencv)} | {apart(pillow, opencv)} |")


def scaling(_: Path) -> None:
    import cv2

    print(f"OpenCV {cv2.__version__}")
    for kind in ("INTER_LINEAR", "INTER_AREA"):
        for depth in (np.uint8, np.float32):
            for channels in (1, 3):
                draw, digest = np.random.Generator(np.random.PCG64(5)), hashlib.sha256()
                for _ in range(400):
                    height, width, tall, wide = (int(n) for n in draw.integers(2, 500, 4))
                    picture = draw.integers(0, 256, (height, width, channels), dtype=np.uint8).astype(depth)
                    digest.update(cv2.resize(picture, (wide, tall), interpolation=getattr(cv2, kind)).tobytes())
                print(f"{kind} {depth.__name__} {channels} channels, 400 pictures: {digest.hexdigest()[:32]}")


if __name__ == "__main__":
    tables = {"videos": videos, "jpeg": jpeg, "scaling": scaling}
    if sys.argv[1:] == [] or sys.argv[1] not in tables:
        sys.exit(__doc__.strip())
    with tempfile.TemporaryDirectory() as scratch:
        tables[sys.argv[1]](Path(scratch))
