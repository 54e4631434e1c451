#!/usr/bin/env bash
# onnxruntime 1.32.0 and onnx 1.23.2 (their wheels for Linux, x86-64)
#
# In a model that quantize_dynamic has made, what comes out of a row depends on the rows that happen to be in its batch: activations are quantised by the range
# of the whole tensor, batch included, as the operator DynamicQuantizeLinear is defined. A quiet row beside a loud one keeps a few of its 256 levels, and nothing
# says so. The same rows in another order, another batch size or a last batch that is filled up give other features; only a batch of one is safe.
#
# Seen on 2026-11-30 (one MatMul of 64 by 32; a row of standard normal numbers, and a second row of a hundred times their size; errors relative to the model
# in floats):
#   onnxruntime 1.32.0: alone 0.009, beside a loud row 0.535
#
# Needs Python 3.11 with venv and pip. Exits 1 if the row is the same in both batches.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && venv/bin/pip -q install onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6

cat > rows.py <<'PYTHON'
import logging
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

logging.disable()
random = np.random.default_rng(0)
weight = random.standard_normal((64, 32), dtype=np.float32)
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"])],
    "rows",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 64])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 32])],
    [numpy_helper.from_array(weight, "w")],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "floats.onnx")
quantize_dynamic("floats.onnx", "quantized.onnx", weight_type=QuantType.QInt8)

row = random.standard_normal((1, 64), dtype=np.float32)
loud = 100 * random.standard_normal((1, 64), dtype=np.float32)
exact = (row @ weight)[0]
session = onnxruntime.InferenceSession("quantized.onnx")


def error(batch):
    return float(np.linalg.norm(session.run(None, {"x": batch})[0][0] - exact) / np.linalg.norm(exact))


alone, beside = error(row), error(np.concatenate([row, loud]))
print(f"onnxruntime {onnxruntime.__version__}: alone {alone:.3f}, beside a loud row {beside:.3f}")
sys.exit(not (alone < 0.05 and beside > 4 * alone))
PYTHON
venv/bin/python rows.py
