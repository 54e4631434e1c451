"""What verbs that neither decode nor train take beside an older build that loaded every library for each, and what `preprocess` holds in memory.

    git worktree add /tmp/older ebe756c       # and .deps/ beside it
    for tree in /tmp/older .; do (cd $tree && cargo build --release --bins); done
    python3 benches/peers/startup.py DIR --older /tmp/older/target/release/mmdg

DIR is made: a store of features and its runs by this build's `synth` and `train`, videos of 456×256 by the ffmpeg program. Each verb runs in turns with the older build, its
output thrown away; seconds are medians from the start of the process to its end, memory is the greatest resident size of any process of the verb (of `doctor` too, which has the
system's linker look at two other programs). For `preprocess` with two workers the proportional set sizes (PSS: a page shared by n processes counts as an nth for each) of all processes
are summed every 10 ms, and the peak is told; the fork server and workers among them.
"""

import argparse
import os
import statistics
import subprocess
import time
from pathlib import Path

LIGHT = ["--version", "--help", "methods", "doctor", "validate table.toml", "inspect {store}", "verify {store}", "report {runs} --out report --quiet"]
PIPELINE = """[data]
dataset = "table"
table = "videos.csv"
[preprocess]
store = "clips-{name}"
[preprocess.modalities.video]
preset = "slowfast"
[preprocess.modalities.audio]
preset = "vggsound"
"""


def measured(program, arguments, folder):
    """Seconds, MiB and exit code of one process and those that it starts."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.execv(program, [str(program), *arguments])
    _, status, usage = os.wait4(child, 0)
    return time.perf_counter() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def pss(root):
    """MiB of a process and all below it."""
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        try:
            waiting += map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def peak(program, folder, name):
    """The greatest PSS of a whole `preprocess`, and its seconds."""
    (folder / f"{name}.toml").write_text(PIPELINE.format(name=name))
    subprocess.run(["rm", "-rf", folder / f"clips-{name}"], check=True)
    start, most = time.perf_counter(), 0
    child = subprocess.Popen([program, "preprocess", f"{name}.toml", "--workers", "2", "--quiet"], cwd=folder)
    while child.poll() is None:
        most = max(most, pss(child.pid))
        time.sleep(0.01)
    if child.returncode:
        raise SystemExit(f"{name}: preprocess ended in {child.returncode}")
    return most, time.perf_counter() - start


def videos(folder, count):
    """Recordings with pictures and sound, and their table."""
    rows = ["id,path,start,end,label,domain"]
    for i in range(count):
        path = folder / f"video-{i}.mp4"
        if not path.exists():
            pictures, sound = f"testsrc2=size=456x256:rate=30:duration=20,hue=h={20 * i}", f"sine=frequency={200 + 40 * i}:duration=20"
            command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", path]
            subprocess.run(command, check=True)
        rows += [f"row-{i}-{j},{path.name},{j},{j + 3},class {i % 2},domain {i % 3}" for j in range(0, 15, 3)]
    (folder / "videos.csv").write_text("\n".join(rows) + "\n")
    (folder / "table.toml").write_text('[data]\ndataset = "table"\ntable = "videos.csv"\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mmdg", type=Path, default=Path("target/release/mmdg"))
    parser.add_argument("--older", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--videos", type=int, default=12)
    given = parser.parse_args()
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    programs = {"older": given.older.absolute(), "mmdg": given.mmdg.absolute()}
    videos(folder, given.videos)
    # stores and runs of one build are not the other's
    for name, program in programs.items():
        if not (folder / f"store-{name}").exists():
            subprocess.run([program, "synth", f"store-{name}", "--rows", "60", "--quiet"], cwd=folder, check=True)
            (folder / "train.toml").write_text(f'[data]\ndataset = "table"\ntable = "videos.csv"\n[protocol]\nseeds = [0]\n[train]\nfeatures = "store-{name}"\nout = "runs-{name}"\nepochs = 1\n')
            subprocess.run([program, "train", "train.toml", "--quiet"], cwd=folder, check=True)
    print("verb | older s | mmdg s | older MiB | mmdg MiB")
    for verb in LIGHT:
        found = {name: [] for name in programs}
        for _ in range(given.rounds):
            for name, program in programs.items():
                words = verb.format(store=f"store-{name}", runs=f"runs-{name}").split()
                found[name].append(measured(program, words, folder))
        codes = {name: {code for _, _, code in all_of} for name, all_of in found.items()}
        seconds = [statistics.median(s for s, _, _ in found[name]) for name in programs]
        memory = [max(m for _, m, _ in found[name]) for name in programs]
        print(f"{verb.split()[0]} | {seconds[0]:.3f} | {seconds[1]:.3f} | {memory[0]:.0f} | {memory[1]:.0f}", "" if codes["older"] == codes["mmdg"] == {0} else codes)
    rounds = [{name: peak(program, folder, name) for name, program in programs.items()} for _ in range(3)]
    for name in programs:
        print(f"preprocess, {name}: peak PSS {statistics.median(round_[name][0] for round_ in rounds):.0f} MiB, {statistics.median(round_[name][1] for round_ in rounds):.2f} s")
    print(f"preprocess: {statistics.median(round_['older'][0] - round_['mmdg'][0] for round_ in rounds):.0f} MiB less")


if __name__ == "__main__":
    main()
