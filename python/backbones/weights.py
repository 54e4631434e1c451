"""Weights from published checkpoints, strictly, or from a seed."""

import csv
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

KEYS = Path(__file__).resolve().parent / "keys"
# heads, and what later versions normalise pixels with
MMACTION2 = ("cls_head.", "data_preprocessor.")
# where checkpoints keep their weights
FOLDERS = ("state_dict", "model_state_dict", "module", "model")


class Unfit(Exception):
    """A file that cannot be used; the message says which, where and what was expected."""


@dataclass(frozen=True)
class Published:
    """How the published checkpoint of a net is laid out."""

    # keys/NAME.csv lists its keys and shapes; without it, they are the net's own
    name: str = ""
    # before every key that is the net's
    prefix: str = ""
    # before every key in some of the files
    outer: tuple[str, ...] = ()
    # keys, or beginnings of keys, of what an embedding does not need
    ignored: tuple[str, ...] = ()
    # from those keys, without prefix, to the net's
    convert: Callable[[dict], dict] | None = None

    def wanted(self, net):
        """Every key and its shape, without what is ignored."""
        if not self.name:
            return {key: tuple(value.shape) for key, value in net.state_dict().items() if not counts(key)}
        return {key: shape for key, shape in listed(self.name).items() if not key.startswith(self.ignored)}


def counts(key):
    """Batch normalisation counts its batches in training; nothing depends on it."""
    return key.endswith(".num_batches_tracked")


def listed(name):
    """The published keys and shapes of keys/NAME.csv."""
    with open(KEYS / f"{name}.csv", newline="") as file:
        rows = csv.reader(line for line in file if not line.startswith("#"))
        return {key: tuple(int(size) for size in shape.split("x")) for key, shape in rows}


def read(path):
    """The tensors of a checkpoint by name. Nothing in it is run."""
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        held = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise Unfit(f"{path}: {error.strerror or error}") from error
    except Exception as error:
        raise Unfit(f"{path}: expected a checkpoint of torch that holds tensors and plain values only, or .safetensors: {error}") from error
    for name in FOLDERS:
        if isinstance(held, dict) and isinstance(held.get(name), dict):
            held = held[name]
    if not isinstance(held, dict) or not held or not all(isinstance(value, torch.Tensor) for value in held.values()):
        raise Unfit(f"{path}: expected tensors by name, at the top or under one of {', '.join(FOLDERS)}")
    return held


def load(net, published, path):
    """Loads a published checkpoint into `net`. Every key that is missing, not expected or of another shape is named."""
    held = read(path)
    for outer in ("module.", *published.outer):
        if all(key.startswith(outer) for key in held):
            held = {key[len(outer) :]: value for key, value in held.items()}
    held = {key: value for key, value in held.items() if not counts(key) and not key.startswith(published.ignored)}
    wanted = published.wanted(net)
    problems = [f"missing: {key} {list(shape)}" for key, shape in wanted.items() if key not in held]
    problems += [f"not expected: {key} {list(value.shape)}" for key, value in held.items() if key not in wanted]
    problems += [
        f"{key} is {list(held[key].shape)}; expected {list(shape)}"
        for key, shape in wanted.items()
        if key in held and tuple(held[key].shape) != shape
    ]
    if problems:
        raise Unfit("\n  ".join([f"{path} does not fit ({len(problems)} of {len(wanted)} keys):", *problems]))
    for key, value in held.items():
        if not value.is_floating_point() or not value.isfinite().all():
            raise Unfit(f"{path}: {key} is {value.dtype} or holds values that are not finite; expected finite floats")
    held = {key.removeprefix(published.prefix): value.float() for key, value in held.items()}
    fill(net, published.convert(held) if published.convert else held)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fill(net, state):
    missing, unexpected = net.load_state_dict(state, strict=False)
    missing = [key for key in missing if not counts(key)]
    if missing or unexpected:
        raise Unfit(f"the key map does not fit the net: missing {missing}, not expected {unexpected}")


def draw(net, seed):
    """Random weights under which the signal keeps its size through any depth, the same on every machine."""
    random = torch.Generator().manual_seed(seed)

    def normal(parameter, spread, middle=0.0):
        parameter.copy_(middle + spread * torch.randn(parameter.shape, generator=random))

    def between(parameter, low, high):
        parameter.copy_(low + (high - low) * torch.rand(parameter.shape, generator=random))

    ends = {id(branch_end(module)) for module in net.modules() if hasattr(module, "downsample")}
    with torch.no_grad():
        for key, parameter in net.named_parameters():
            if parameter.ndim > 1:
                # He et al., ICCV 2015; biases and single tokens are small
                fan = math.prod(parameter.shape[1:])
                normal(parameter, 0.02 if parameter.shape[0] == 1 else math.sqrt((2 if parameter.ndim > 2 else 1) / fan))
            else:
                normal(parameter, 0.02)
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                scale = 0.3 if id(module) in ends else 1.0
                between(module.weight, 0.8 * scale, 1.2 * scale)
                normal(module.bias, 0.1)
                normal(module.running_mean, 0.1)
                between(module.running_var, 0.8, 1.2)
            elif isinstance(module, nn.LayerNorm):
                between(module.weight, 0.8, 1.2)
                normal(module.bias, 0.1)
    return hashlib.sha256(safetensors.torch.save({key: value.contiguous() for key, value in net.state_dict().items()})).hexdigest()


def branch_end(block):
    """The last normalisation of a residual block's own branch."""
    found = [module for key, module in block.named_modules() if isinstance(module, nn.modules.batchnorm._BatchNorm) and "downsample" not in key]
    return found[-1]
