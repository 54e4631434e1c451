#!/usr/bin/env bash
# onnxruntime-openvino 1.24.1 (its wheel for Linux, x86-64)
#
# The provider option `load_config` (OpenVINO's own properties, such as the precision that it computes in) takes JSON text. Given the name of a file
# with that text, or text that is no JSON, the provider is dropped and the session runs by ONNX Runtime's CPU provider: nothing is raised, the only sign
# is a line of the log and `get_providers()`. A property that OpenVINO does not know, in the same option, is an exception. So a script that asks for
# bfloat16 by a file is half as quick as it should be, and its results are those of single precision.
#
# Seen on 2026-12-01:
#   text: OpenVINOExecutionProvider, CPUExecutionProvider
#   the name of a file with that text: CPUExecutionProvider
#   a property that it does not know: Fail
#
# Needs Python 3.11 with venv and pip. Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && venv/bin/pip -q install onnxruntime-openvino==1.24.1 onnx==1.19.1 numpy==2.2.6

cat > look.py <<'PYTHON'
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

weight = helper.make_tensor("weight", TensorProto.FLOAT, [8, 8], np.eye(8, dtype=np.float32).ravel())
rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("MatMul", ["x", "weight"], ["y"])], "graph", rows[:1], rows[1:], [weight])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "model.onnx")

text = json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "f32"}})
pathlib.Path("config.json").write_text(text)
onnxruntime.set_default_logger_severity(4)


def providers(load_config):
    options = {"device_type": "CPU", "load_config": load_config}
    try:
        session = onnxruntime.InferenceSession("model.onnx", providers=[("OpenVINOExecutionProvider", options)])
    except Exception as error:
        return type(error).__name__
    return ", ".join(session.get_providers())


seen = {
    "text": providers(text),
    "the name of a file with that text": providers(str(pathlib.Path("config.json").resolve())),
    "a property that it does not know": providers(json.dumps({"CPU": {"NO_SUCH_PROPERTY": "1"}})),
}
for what, found in seen.items():
    print(f"{what}: {found}")
sys.exit(list(seen.values()) != ["OpenVINOExecutionProvider, CPUExecutionProvider", "CPUExecutionProvider", "Fail"])
PYTHON
venv/bin/python look.py 2>/dev/null
