#!/usr/bin/env bash
# On a machine with a CUDA device: that steps do not wait for it, that it agrees with the CPU, and run-steps a second beside a plain PyTorch
# loop on the same card.
#
#   benches/gpu.sh [PYTHON]      PYTHON has torch 2.11 with CUDA, for the loop beside [default: python3]
#
# The tables go to benches/gpu.txt; what is worth keeping is copied into benches/RESULTS.md.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
refuse() { echo "benches/gpu.sh: $1" >&2; exit 6; }

command -v nvidia-smi >/dev/null || refuse "no nvidia-smi here: this is no machine with a CUDA device"
nvidia-smi --query-gpu=name --format=csv,noheader >/dev/null 2>&1 || refuse "nvidia-smi finds no CUDA device"
find -L .deps -name libtorch_cuda.so | grep -q . ||
  refuse "libtorch is here without its CUDA libraries; run ./setup.sh --cuda"
"$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null ||
  refuse "$python has no torch that sees the device; name one that has, as in: benches/gpu.sh some-environment/bin/python"

features=(--release --no-default-features --features 'cli,torch')
cargo build --quiet "${features[@]}" --example train_steps
out=benches/gpu.txt
{
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  "$python" -c 'import torch; print("torch", torch.__version__)'
  echo
  echo "## Steps return before work queued ahead of them is done; ten steps agree with the CPU in f64"
  cargo test --quiet "${features[@]}" --lib -- --ignored --nocapture --test-threads 1 on_cuda
  cargo test --quiet "${features[@]}" --test promises -- --ignored --nocapture --test-threads 1 on_cuda
  echo
  echo "## Run-steps a second"
  "$python" benches/peers/gpu.py
} | tee "$out.part"
mv "$out.part" "$out"
