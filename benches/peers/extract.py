#!/usr/bin/env python3
"""Clips through backbones: ONNX Runtime and torch on tensors in memory, and `mmdg extract` from a clip store and from recordings.

    extract.py make  FOLDER --export python/export_backbones.py    models of random weights, recordings and tables
    extract.py clips FOLDER                                        clips a second, from tensors in memory and from a clip store
    extract.py media FOLDER                                        from recordings, against decoding and inference each alone

Rounds are interleaved: each runs every peer once, round 0 warms up. Python peers run in a process of their own and are timed after loading and a first
batch. Ours is a whole process; its start (loading, and a run over one clip) is measured in each round and taken off where the table says so. CPU is
user + system time of all processes. Torch's tuned figures have malloc keep its memory, and weights and input channels last.

Needs: pip install numpy onnxruntime torch torchvision, and for `make` onnx and safetensors; ffmpeg in PATH; target/release/mmdg.
"""

import argparse
import datetime
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

BACKBONES = {
    # name -> modality, preset, input without the batch, clips
    "r2plus1d-18": ("video", 'preset = "uniform"\nframes = 16\nresize = 128\ncrop = 112', (3, 16, 112, 112), 64),
    "vggsound-resnet18": ("audio", 'preset = "vggsound"', (1, 257, 1004), 256),
}
OURS = {
    "mmdg": [],
    "mmdg, OpenVINO": ["--provider", "openvino"],
    "mmdg, OpenVINO, bf16": ["--provider", "openvino", "--compute", "bf16"],
}
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(8 << 30), "MALLOC_TRIM_THRESHOLD_": str(8 << 30)}
FILES, SECONDS = 8, 40
# `media` runs over so many times the clips: starting is in its wall time and not shared out between the cores
LONG = 2


def make(options):
    for name in BACKBONES:
        subprocess.run([sys.executable, options.export, name, options.folder / "models"], check=True)
    for i in range(FILES):
        path = options.folder / f"{i}.mp4"
        if not path.exists():
            graph = (f"testsrc2=size=456x256:rate=30:duration={SECONDS},rotate=0.2*sin({1 + i}*t/2),noise=alls=5:allf=t:all_seed={i},format=yuv420p[v];"
                     f"anoisesrc=duration={SECONDS}:color=pink:seed={i}:sample_rate=44100[a]")
            subprocess.run(["ffmpeg", "-y", "-v", "error", "-filter_complex", graph, "-map", "[v]", "-map", "[a]", "-c:v", "libx264", "-preset", "veryfast",
                            "-g", "12", "-c:a", "aac", str(path)], check=True)
    for name, (modality, preset, _, count) in BACKBONES.items():
        for rows in (1, count, LONG * count):
            table = ["id,path,start,end,label,domain"]
            for i in range(rows):
                length = 3 if modality == "video" else 10
                start = (i // FILES) * (SECONDS - length) / max(rows // FILES - 1, 1)
                table.append(f"{i},{i % FILES}.mp4,{start:.2f},{start + length:.2f},{i % 2},{'pq'[i // 2 % 2]}")
            (options.folder / f"{name}-{rows}.csv").write_text("\n".join(table) + "\n")
            (options.folder / f"{name}-{rows}.toml").write_text(
                f'[data]\ndataset = "table"\ntable = "{name}-{rows}.csv"\n[preprocess]\nstore = "clips-{name}-{rows}"\n[preprocess.modalities.{modality}]\n{preset}\n'
                f'[extract]\nstore = "features"\n[extract.backbones.{modality}]\nbackbone = "{name}"\nmodel = "models/{name}.onnx"\n')


def used(who=resource.RUSAGE_CHILDREN):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def peer(options):
    """In a process of its own: prints seconds, CPU seconds and MiB."""
    import numpy as np

    kind, name, batch, threads = options.peer.split(",")
    _, _, shape, count = BACKBONES[name]
    batch, threads = int(batch), int(threads)
    clips = np.random.default_rng(0).standard_normal((batch, *shape), dtype=np.float32)
    if kind == "onnxruntime":
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(options.folder / "models" / f"{name}.onnx", settings, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0].name

        def run():
            session.run(None, {given: clips})
    else:
        import torch
        import torchvision

        torch.set_num_threads(threads)
        net = torchvision.models.video.r2plus1d_18() if name == "r2plus1d-18" else torchvision.models.resnet18()
        if name == "vggsound-resnet18":
            net.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        net.fc, tensor = torch.nn.Identity(), torch.from_numpy(clips)
        if kind == "torch-tuned":
            order = torch.channels_last_3d if tensor.dim() == 5 else torch.channels_last
            net, tensor = net.to(memory_format=order), tensor.to(memory_format=order)
        net.eval()

        def run():
            with torch.inference_mode():
                net(tensor)
    run()
    before, began = used(resource.RUSAGE_SELF), time.perf_counter()
    for _ in range(count // batch):
        run()
    print(time.perf_counter() - began, used(resource.RUSAGE_SELF) - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def python(options, kind, name, batch):
    command = [sys.executable, __file__, "peer", options.folder, "--peer", f"{kind},{name},{batch},{options.threads}"]
    environment = {**os.environ, **(TUNED if kind == "torch-tuned" else {})}
    return [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.split()]


def memory(pid):
    """PSS of a process and all that it started, MiB."""
    pids, total = [pid], 0
    for pid in pids:
        try:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n")
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            pass
    return total / 1024


def mmdg(options, verb, name, rows, more=(), store="features"):
    subprocess.run(["rm", "-rf", options.folder / store], check=True)
    before, began = used(), time.perf_counter()
    process = subprocess.Popen([options.mmdg, verb, f"{name}-{rows}.toml", "--quiet", *more], cwd=options.folder)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, memory(process.pid))
        time.sleep(0.1)
    if process.returncode:
        sys.exit(f"mmdg {verb}: exit code {process.returncode}")
    return [time.perf_counter() - began, used() - before, peak]


def rounds(options, peers):
    """name -> [[seconds, CPU seconds, MiB] by round]"""
    measured = {name: [] for name in peers}
    for number in range(options.rounds + 1):
        for name, run in peers.items():
            figures = run()
            print(f"round {number} {name}: {figures[0]:.2f} s, {figures[1]:.2f} s CPU", file=sys.stderr, flush=True)
            if number:
                measured[name].append(figures)
    return measured


def clips(options):
    for name, (_, _, _, count) in BACKBONES.items():
        for rows in (1, count):
            mmdg(options, "preprocess", name, rows, store=f"clips-{name}-{rows}")
        runs = ["--set", f"extract.runs={options.threads}"]
        peers = {}
        for line in options.ours:
            more = runs + OURS[line]
            peers[f"start of {line}"] = lambda more=more: mmdg(options, "extract", name, 1, more)
            peers[line] = lambda more=more: mmdg(options, "extract", name, count, more)
        for batch in options.batches:
            peers[f"onnxruntime, batch {batch}"] = lambda batch=batch: python(options, "onnxruntime", name, batch)
        peers |= {kind: lambda kind=kind: python(options, kind, name, 8) for kind in options.torch}
        measured = rounds(options, peers)
        for line in options.ours:
            start = measured.pop(f"start of {line}")
            measured[f"{line}, its start taken off"] = [[a - b, c - d, peak] for (a, c, peak), (b, d, _) in zip(measured[line], start)]
        best = min((line for line in measured if line.startswith("onnxruntime")), key=lambda line: statistics.median(f[0] for f in measured[line]))
        print(f"**{name}**, {count} clips, {options.threads} threads, medians of {options.rounds} rounds\n")
        print(f"| | clips/s | CPU ms a clip | clips/s ÷ {best} (least–most) | MiB |\n|---|---:|---:|---:|---:|")
        for line, figures in measured.items():
            ratios = [other[0] / own[0] for own, other in zip(figures, measured[best])]
            seconds, cpu, peak = (statistics.median(column) for column in zip(*figures))
            print(f"| {line} | {count / seconds:.1f} | {cpu / count * 1e3:.1f} | {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) | {peak:.0f} |")
        print(flush=True)


def media(options):
    cores = len(os.sched_getaffinity(0))
    for name, (_, _, _, count) in BACKBONES.items():
        count *= LONG
        peers = {
            "preprocess": lambda: mmdg(options, "preprocess", name, count, store=f"clips-{name}-{count}"),
            "extract from clips": lambda: mmdg(options, "extract", name, count),
            "extract from media": lambda: mmdg(options, "extract", name, count, ["--from", "media"]),
        }
        measured = rounds(options, peers)
        apart = [(a[1] + b[1]) / cores for a, b in zip(measured["preprocess"], measured["extract from clips"])]
        print(f"**{name}**, {count} clips, {cores} cores, medians of {options.rounds} rounds\n")
        print("| | wall s | CPU s | MiB |\n|---|---:|---:|---:|")
        for line, figures in measured.items():
            print("| {} | {:.2f} | {:.2f} | {:.0f} |".format(line, *(statistics.median(column) for column in zip(*figures))))
        ratios = [found[0] / limit for found, limit in zip(measured["extract from media"], apart)]
        print(f"\nwall ÷ ((CPU of preprocess + CPU of extract from clips) ÷ cores): {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["make", "clips", "media", "peer"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--export", type=pathlib.Path, default=pathlib.Path("python/export_backbones.py"))
    parser.add_argument("--mmdg", type=pathlib.Path, default=pathlib.Path("target/release/mmdg"))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batches", type=int, nargs="*", default=[4, 8, 16])
    parser.add_argument("--ours", nargs="*", default=["mmdg"], choices=list(OURS), help="those of OpenVINO need ./setup.sh --openvino, and bf16 its instructions")
    parser.add_argument("--torch", nargs="*", default=["torch", "torch-tuned"])
    parser.add_argument("--backbones", nargs="*", default=list(BACKBONES), choices=list(BACKBONES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.folder, options.mmdg = options.folder.resolve(), options.mmdg.resolve()
    if options.verb != "peer":
        for name in set(BACKBONES) - set(options.backbones):
            del BACKBONES[name]
        print(f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} cores\n")
    {"make": make, "clips": clips, "media": media, "peer": peer}[options.verb](options)


if __name__ == "__main__":
    main()
