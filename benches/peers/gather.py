"""examples/gather.rs, run by store.py."""

import subprocess

import numpy as np

GATHER = "target/release/examples/gather"


def gather(*arguments):
    return float(subprocess.run([GATHER, *map(str, arguments)], check=True, capture_output=True, text=True).stdout.split()[0])


class Served:
    """examples/gather.rs at the other end of a pipe."""

    def __init__(self, store, scratch):
        self.indices, self.batch = scratch / "indices", scratch / "batch"
        self.process = subprocess.Popen([GATHER, "serve", store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def put(self, indices):
        indices.astype(np.uint32).tofile(self.indices)

    def random(self, reader, indices, threads=1, verb="random"):
        self.put(indices)
        return float(self.ask(verb, reader, threads, self.indices))

    def check(self, reader, indices):
        self.put(indices)
        self.ask("check", reader, self.indices, self.batch)
        return np.fromfile(self.batch, np.uint8)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
