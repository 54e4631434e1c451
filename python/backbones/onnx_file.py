"""From a net to an ONNX file that says how it is fed, with a golden pair beside it."""

import contextlib
import io
import json
import logging
import os
import warnings
from pathlib import Path

import onnx
import safetensors.torch
import torch

from . import weights

BATCH = 2
# largest difference from torch, over the largest value
TOLERANCE = 1e-4


def export(backbone, folder, file=None, seed=0, opset=17, cut=False, size=None):
    """Writes NAME.onnx and NAME.golden.safetensors into `folder`; with `cut`, NAME.trunk.onnx, its golden pair and NAME.tail.pt too.

    Weights come from the checkpoint `file`, or are drawn from `seed`. `size` is the side of the pictures where the net takes others than
    its own. Every model is compared with torch in ONNX Runtime before it gets its name. Returns what was written, with the largest
    difference of each model.
    """
    if size is not None and not backbone.resizable:
        raise weights.Unfit(f"--size: {backbone.name} takes rows of {list(backbone.row)} only")
    if cut and not backbone.cut:
        raise weights.Unfit(f"--cut: {backbone.name} has no place where it is cut")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise weights.Unfit(f"{folder}: {error.strerror or error}") from error
    net = backbone.net().eval()
    sha256 = weights.load(net, backbone.published, file) if file else weights.draw(net, seed)
    row, parameters = tuple(backbone.row), backbone.parameters
    if size is not None and 0 not in row:
        row, parameters = (row[0], size, size, row[3]), {**parameters, "crop": size}
    said = {
        "backbone": backbone.name,
        "preset": backbone.preset,
        "preset_parameters": json.dumps(parameters),
        "input": backbone.input,
        "row": json.dumps(row),
        "mean": json.dumps(backbone.mean),
        "std": json.dumps(backbone.std),
        "weights": file.name if file else f"random seed {seed}",
        "weights_sha256": sha256,
        "paper": backbone.paper,
    }
    sample = rows(backbone, row, size or backbone.usual, seed)
    whole = backbone.whole(net)
    written = save(whole, sample, row, folder / backbone.name, said, {"embedding": (backbone.width,)}, opset)
    if cut:
        place = {"after": backbone.cut.after, "tail": f"{backbone.name}.tail.pt"}
        maps = backbone.cut.maps
        written += save(whole.trunk, sample, row, folder / f"{backbone.name}.trunk", {**said, "cut": json.dumps(place)}, maps, opset)
        script = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(whole.tail), script)
        written.append((write(folder / place["tail"], script.getvalue()), None))
    return written


def rows(backbone, row, side, seed):
    """A batch of made-up rows as the net gets them: coarse blocks under noise, so that no two look alike to it. float32 `[2, …]`"""
    random = torch.Generator().manual_seed(seed + 1)
    if len(row) == 2:
        coarse = torch.randn((BATCH, 1, 8, 8), generator=random)
        plain = torch.nn.functional.interpolate(coarse, row, mode="nearest")
        return 0.7 * plain + 0.7 * torch.randn(plain.shape, generator=random)
    frames, height, width, channels = row[0], row[1] or side, row[2] or side, row[3]
    coarse = torch.rand((BATCH, channels, 4, 4, 4), generator=random)
    plain = torch.nn.functional.interpolate(coarse, (frames, height, width), mode="nearest")
    pixels = (192 * plain + 64 * torch.rand(plain.shape, generator=random)).floor()
    mean, std = (torch.tensor(of).reshape(1, -1, 1, 1, 1) for of in (backbone.mean, backbone.std))
    return (pixels - mean) / std


def save(net, sample, row, stem, said, outputs, opset):
    """One model and its golden pair: `outputs` by name, with their shapes as the backbone's own size gives them."""
    with torch.inference_mode():
        made = net(sample)
    made = dict(zip(outputs, made if isinstance(made, tuple) else (made,), strict=True))
    open_row = 0 in row
    axes = {said["input"]: {0: "batch", 3: "height", 4: "width"} if open_row else {0: "batch"}}
    shapes = {}
    for name, tensor in made.items():
        axes[name] = {0: "batch"}
        shapes[name] = list(tensor.shape[1:])
        for place, length in enumerate(outputs[name]):
            if length == 0:
                axes[name][place + 1] = f"{name}_{place + 1}"
                shapes[name][place] = 0
    # a width alone, but the whole shape of a map
    said = {**said, "outputs": json.dumps({name: shape[0] if len(shape) == 1 else shape for name, shape in shapes.items()})}
    model = traced(net, sample, said["input"], axes, opset)
    for key, value in said.items():
        model.metadata_props.add(key=f"mmdg.{key}", value=value)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    difference = compare(data, said["input"], sample, made)
    golden = safetensors.torch.save({"input": sample, **{name: tensor.contiguous() for name, tensor in made.items()}})
    # the model last: where it is, its golden pair is
    pair = write(stem.with_name(stem.name + ".golden.safetensors"), golden)
    return [(write(stem.with_name(stem.name + ".onnx"), data), difference), (pair, None)]


def traced(net, sample, name, axes, opset):
    """The graph, by torch's tracing exporter, which folds batch normalisation into convolutions.

    The newer one (`dynamo=True`) makes the same of a ResNet, but needs onnxscript, and cannot go below opset 18 (torch 2.11).
    """
    held = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            net,
            (sample,),
            held,
            input_names=[name],
            output_names=[output for output in axes if output != name],
            dynamic_axes=axes,
            opset_version=opset,
            dynamo=False,
        )
    return onnx.load_from_string(held.getvalue())


def compare(data, name, sample, expected):
    """The largest difference between ONNX Runtime and torch. None without ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = dict(zip(expected, session.run(list(expected), {name: sample.numpy()}), strict=True))
    worst = 0.0
    for output, tensor in expected.items():
        difference = (torch.from_numpy(found[output]) - tensor).abs().max().item()
        limit = TOLERANCE * max(1.0, tensor.abs().max().item())
        if not difference <= limit:
            raise weights.Unfit(f"{output}: ONNX Runtime differs from torch by {difference:.2e}; expected at most {limit:.2e}")
        worst = max(worst, difference)
    return worst


def write(path, data):
    """Whole or not at all."""
    part = Path(f"{path}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise weights.Unfit(f"{path}: {error.strerror or error}") from error
    return path
