"""Sound files to 16 kHz log-mel spectrograms: mmdg beside librosa, torchaudio and torchcodec, on the same files, in one run.

    python3 -m venv V
    V/bin/pip install torch==2.11.0 torchaudio==2.11.0 torchcodec librosa soundfile
    cargo build --release --no-default-features --features video --example log_mel
    V/bin/python benches/peers/audio.py DIR

Needs the ffmpeg program, which makes the inputs in DIR on the first run: 10 s of noise and tones, mono, as AAC in m4a and as 16-bit
wav, at 44.1, 48 and (wav) 16 kHz. Every program makes 128 mel bins of 25 ms windows every 10 ms, and a logarithm.

The figure is seconds of sound per CPU second (user and system, of the process and its children), one process, one thread. Peers
are measured after imports and a warm-up; mmdg as a whole process, start-up included, which goes through the files ten times.
Programs take turns within a round; the table has the median over rounds, and the median of the ratios within rounds.

The programs resample differently. soxr's HQ, which librosa takes, and ours keep the band up to 0.91 and 0.95 of the new Nyquist
frequency and remove what would alias by 100 dB and more. torchaudio's default (6 zero crossings a side) and FFmpeg's, which torchcodec
takes, are much shorter filters. With --fine the two are also measured with torchaudio's resampler at 64 crossings.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

RATE, WINDOW, HOP, N_FFT, BINS = 16000, 400, 160, 512, 128
SECONDS = 10
# of mmdg through the files, so that loading its libraries (0.04 s) is a small part
PASSES = 10
KINDS = {
    "AAC, 44.1 kHz": ("aac", 44100),
    "AAC, 48 kHz": ("aac", 48000),
    "wav, 44.1 kHz": ("wav", 44100),
    "wav, 48 kHz": ("wav", 48000),
    "wav, 16 kHz": ("wav", 16000),
}


def generate(folder, kind, rate, count):
    """The files of one kind, made where they are missing."""
    suffix, codec = {"aac": ("m4a", ["-c:a", "aac", "-b:a", "96k"]), "wav": ("wav", ["-c:a", "pcm_s16le"])}[kind]
    files = [folder / f"{kind}_{rate}_{i:03}.{suffix}" for i in range(count)]
    for i, path in enumerate(files):
        if path.exists():
            continue
        partial = path.with_name("partial." + suffix)
        noise = f"anoisesrc=color=pink:amplitude=0.3:sample_rate={rate}:seed={i}:duration={SECONDS}"
        tones = f"aevalsrc='0.3*sin(2*PI*{150 + 7 * i}*t*(1+0.1*sin(t)))+0.1*sin(2*PI*{2000 + 31 * i}*t)*lt(mod(t,0.5),0.2)':s={rate}:d={SECONDS}"
        sources = ["-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", tones]
        command = ["ffmpeg", "-v", "error", "-y", *sources, "-filter_complex", "amix=inputs=2:duration=shortest", "-ac", "1", *codec]
        subprocess.run([*command, str(partial)], check=True)
        partial.rename(path)
    return files


def peers(fine):
    """Name to function of a path, each returning the spectrogram."""
    import librosa
    import numpy as np
    import torch
    import torchaudio
    from torchcodec.decoders import AudioDecoder

    torch.set_num_threads(1)
    mel = torchaudio.transforms.MelSpectrogram(RATE, n_fft=N_FFT, win_length=WINDOW, hop_length=HOP, n_mels=BINS)
    # transforms are made once, as a user would
    short = {rate: torchaudio.transforms.Resample(rate, RATE) for rate in (44100, 48000)}
    long = {rate: torchaudio.transforms.Resample(rate, RATE, lowpass_filter_width=64, rolloff=0.95) for rate in (44100, 48000)}

    def level(samples):
        return (mel(samples) + 1e-6).log()

    def with_torchaudio(resamplers):
        def run(path):
            samples, rate = torchaudio.load(path)
            return level(samples if rate == RATE else resamplers[rate](samples))

        return run

    def with_torchcodec(path):
        return level(AudioDecoder(path, sample_rate=RATE, num_channels=1).get_all_samples().data)

    def with_librosa(path):
        samples, _ = librosa.load(path, sr=RATE, mono=True)
        power = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=N_FFT, win_length=WINDOW, hop_length=HOP, n_mels=BINS)
        return np.log(power + 1e-6)

    def torchcodec_then_torchaudio(path):
        decoded = AudioDecoder(path, num_channels=1).get_all_samples()
        return level(decoded.data if decoded.sample_rate == RATE else long[decoded.sample_rate](decoded.data))

    found = {"torchcodec": with_torchcodec, "torchaudio": with_torchaudio(short), "librosa": with_librosa}
    if fine:
        found["torchcodec, fine"] = torchcodec_then_torchaudio
        found["torchaudio, fine"] = with_torchaudio(long)
    return found


def cpu_seconds():
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=50, help="files of each kind")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fine", action="store_true", help="also torchaudio's resampler at a filter length like ours")
    parser.add_argument("--mmdg", type=Path, default=Path("target/release/examples/log_mel"))
    arguments = parser.parse_args()
    if not arguments.mmdg.is_file():
        sys.exit(f"{arguments.mmdg}: no such program; cargo build --release --no-default-features --features video --example log_mel")
    arguments.folder.mkdir(parents=True, exist_ok=True)

    programs = dict(peers(arguments.fine))
    stock = [name for name in programs if "fine" not in name]
    header = ["from", "mmdg", *programs, "mmdg / best stock peer"]
    print("| " + " | ".join(header) + " |")
    print("| --- |" + " ---: |" * (len(header) - 1))
    for title, (kind, rate) in KINDS.items():
        files = [str(path) for path in generate(arguments.folder, kind, rate, arguments.files)]

        def ours():
            command = [str(arguments.mmdg), '{"log": "ln"}', *(PASSES * files)]
            count, mean = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            # all of it was made, and it is no silence
            assert int(count) == PASSES * len(files) * (1 + SECONDS * RATE // HOP) * BINS and float(mean) > -13, (count, mean)

        def each(program):
            def run():
                for path in files:
                    shape = tuple(program(path).shape)
                    assert shape[-2:] in ((BINS, 1 + SECONDS * RATE // HOP), (BINS, 2 + SECONDS * RATE // HOP)), shape

            return run

        turns = {"mmdg": ours} | {name: each(program) for name, program in programs.items()}
        # librosa reads AAC through a program that it starts for each file: one round tells enough
        slow = kind == "aac"
        speeds = {name: [] for name in turns}
        for number in range(arguments.rounds + 1):
            for name, turn in turns.items():
                if name == "librosa" and slow and number > 1:
                    continue
                before = cpu_seconds()
                turn()
                if number > 0:  # the first is a warm-up
                    sound = len(files) * SECONDS * (PASSES if name == "mmdg" else 1)
                    speeds[name].append(sound / (cpu_seconds() - before))
        best = [max(speeds[name][min(i, len(speeds[name]) - 1)] for name in stock) for i in range(arguments.rounds)]
        ratio = statistics.median(a / b for a, b in zip(speeds["mmdg"], best))
        cells = [f"{statistics.median(speeds[name]):.0f}" for name in turns]
        print(f"| {title} | " + " | ".join(cells) + f" | {ratio:.2f} |", flush=True)


main()
