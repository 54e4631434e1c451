"""The peers of decode.py: functions of (path, start, end) that give a clip, uint8 [32, 224, 224, 3]. What each calls for is imported when it runs.

A clip: 32 frames, those on show in the middles of 32 equal parts of the segment; short side to 256, bilinear; the middle 224 × 224; RGB bytes.
"""

import subprocess

import numpy as np

FRAMES, SHORT, CROP = 32, 256, 224


def middles(start, end):
    return start + (np.arange(FRAMES) + 0.5) * ((end - start) / FRAMES) + 1e-6


def scaled(width, height):
    return (int(SHORT * width / height + 0.5), SHORT) if width >= height else (SHORT, int(SHORT * height / width + 0.5))


def middle(pixels):
    top, left = (pixels.shape[-3] - CROP) // 2, (pixels.shape[-2] - CROP) // 2
    return pixels[..., top:top + CROP, left:left + CROP, :]


def av_shown(path, start, end, convert, skip=False):
    """[convert(frame on show) for each middle], each frame converted once; with `skip`, frames that nothing references are not decoded
    unless they are wanted."""
    import av
    wanted = middles(start, end)
    with av.open(path) as container:
        stream = container.streams.video[0]
        base, codec = float(stream.time_base), stream.codec_context
        codec.thread_count, codec.thread_type = 1, "NONE"
        container.seek(int(start / base), stream=stream)
        packets = []
        for packet in container.demux(stream):
            if packet.dts is None or packet.dts * base > end + 0.5:
                break
            packets.append(packet)
        times = np.sort([packet.pts for packet in packets])
        chosen = times[np.maximum(np.searchsorted(times * base, wanted, "right") - 1, 0)].tolist()
        needed, made = set(chosen), {}
        for packet in [*packets, None]:
            if skip and packet is not None:
                codec.skip_frame = "DEFAULT" if packet.pts in needed else "NONREF"
            for frame in codec.decode(packet):
                if frame.pts in needed:
                    made[frame.pts] = convert(frame)
            if len(made) == len(needed):
                break
        return [made[pts] for pts in chosen]


def by_opencv(frame):
    import cv2
    return middle(cv2.resize(frame.to_ndarray(format="rgb24"), scaled(frame.width, frame.height), interpolation=cv2.INTER_LINEAR))


def by_swscale(frame):
    width, height = scaled(frame.width, frame.height)
    return middle(frame.reformat(width, height, "rgb24", interpolation="BILINEAR").to_ndarray())


def pyav(path, start, end):
    return np.stack(av_shown(path, start, end, by_opencv))


def pyav_swscale(path, start, end):
    return np.stack(av_shown(path, start, end, by_swscale))


def pyav_tuned(path, start, end):
    """By hand: frames that nothing needs are skipped, and one scaler serves the whole clip."""
    from av.video.reformatter import VideoReformatter
    scaler = VideoReformatter()

    def convert(frame):
        return middle(scaler.reformat(frame, *scaled(frame.width, frame.height), "rgb24", interpolation="BILINEAR").to_ndarray())

    return np.stack(av_shown(path, start, end, convert, skip=True))


def decode_only(path, start, end):
    av_shown(path, start, end, lambda frame: None)


def decode_only_skip(path, start, end):
    av_shown(path, start, end, lambda frame: None, skip=True)


def decord(path, start, end):
    import decord as library
    width, height = size_of(path)
    reader = library.VideoReader(path, ctx=library.cpu(0), num_threads=1, width=width, height=height)
    places = np.minimum((middles(start, end) * reader.get_avg_fps()).astype(int), len(reader) - 1)
    return middle(reader.get_batch(places).asnumpy())


def size_of(path, known={}):
    import av
    if path not in known:
        with av.open(path) as container:
            codec = container.streams.video[0].codec_context
            known[path] = scaled(codec.width, codec.height)
    return known[path]


def torchcodec(path, start, end, mode="exact"):
    import torch
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import CenterCrop, Resize
    torch.set_num_threads(1)
    width, height = size_of(path)
    transforms = [Resize((height, width)), CenterCrop((CROP, CROP))]
    decoder = VideoDecoder(path, seek_mode=mode, num_ffmpeg_threads=1, dimension_order="NHWC", transforms=transforms)
    return decoder.get_frames_played_at(middles(start, end).tolist()).data.numpy()


def torchcodec_approximate(path, start, end):
    return torchcodec(path, start, end, "approximate")


def opencv(path, start, end):
    import cv2
    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    places = np.minimum((middles(start, end) * capture.get(cv2.CAP_PROP_FPS)).astype(int), int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) - 1)
    capture.set(cv2.CAP_PROP_POS_FRAMES, int(places[0]))
    at, clip = int(places[0]) - 1, []
    for place in places:
        if place != at:
            while at < place:
                capture.grab()
                at += 1
            frame = capture.retrieve()[1]
            picture = middle(cv2.cvtColor(cv2.resize(frame, scaled(frame.shape[1], frame.shape[0])), cv2.COLOR_BGR2RGB))
        clip.append(picture)
    return np.stack(clip)


def ffmpeg(path, start, end):
    """A process a clip. Its `fps` filter takes the nearest frame, not the one on show."""
    width, height = size_of(path)
    rate = FRAMES / (end - start)
    filters = f"fps={rate:.9f},scale={width}:{height}:flags=bilinear,crop={CROP}:{CROP}"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-filter_threads", "1", "-ss", f"{start:.6f}", "-t", f"{end - start:.6f}",
               "-i", path, "-an", "-vf", filters, "-frames:v", str(FRAMES), "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    clip = np.frombuffer(raw, np.uint8).reshape(-1, CROP, CROP, 3)
    return np.concatenate([clip, np.repeat(clip[-1:], FRAMES - len(clip), 0)])


STOCK = [pyav, pyav_swscale, decord, torchcodec, torchcodec_approximate, opencv, ffmpeg]
LIMITS = [decode_only, decode_only_skip]
PEERS = {function.__name__: function for function in [*STOCK, pyav_tuned, *LIMITS]}
