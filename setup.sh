#!/usr/bin/env bash
# Everything mmdg needs to build and run: system packages by apt, and pinned native libraries in .deps/.
# Safe to run again; quick when nothing is missing. Writes nothing outside this folder but system packages.
#
#   ./setup.sh          libtorch (CPU), ONNX Runtime, CMake
#   ./setup.sh --cuda   also the CUDA libraries that libtorch loads on a GPU machine (about 2 GB to download)
set -euo pipefail
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 6; }

cuda=no
for argument in "$@"; do
  case $argument in
    --cuda) cuda=yes ;;
    *) printf 'setup: unknown argument %s; usage: ./setup.sh [--cuda]\n' "$argument" >&2; exit 2 ;;
  esac
done

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || die "only Linux on x86-64 is supported, this is $(uname -s) on $(uname -m)"
command -v apt-get >/dev/null || die "apt-get is missing: Debian 12 and Ubuntu 24.04 are supported"

packages=(build-essential pkg-config clang libclang-dev nasm libavcodec-dev libavformat-dev libavutil-dev
  libswscale-dev libswresample-dev python3 python3-pip python3-venv ca-certificates)
missing=()
for package in "${packages[@]}"; do
  case $package in
    # a Python that did not come from apt (pyenv, conda) does as well
    python3) command -v python3 >/dev/null && continue ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
    python3-venv) python3 -c 'import venv, ensurepip' >/dev/null 2>&1 && continue ;;
  esac
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      root=(sudo)
    else
      die "these system packages are missing, and this is neither root nor a user with sudo; ask for: apt-get install ${missing[*]}"
    fi
  fi
  "${root[@]}" apt-get update -qq || die "apt-get update failed; the packages wanted are: ${missing[*]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
    || die "apt-get could not install: ${missing[*]}"
fi
command -v cargo >/dev/null || die "cargo is missing: install Rust 1.95 or newer (https://rustup.rs)"

# Wheels are downloaded to .deps/wheels, checked by pip against the hashes in scripts/, and removed after use.
# A component is there when its stamp names the list it was made from; a half-unpacked one has no stamp.
platforms=()
for tag in manylinux1 manylinux2010 manylinux2014 $(seq -f 'manylinux_2_%g' 5 28); do platforms+=(--platform "${tag}_x86_64"); done
stamp_of() { cat scripts/unpack_wheels.py "$@" | sha256sum | cut -c1-64; }
is_there() { [ -f ".deps/$1.stamp" ] && [ "$(cat ".deps/$1.stamp")" = "$2" ]; }
fetch() { # list pattern...
  local list=$1; shift
  mkdir -p .deps/wheels
  grep -E "^($(IFS='|'; echo "$*"))==" "$list" > .deps/wheels/wanted.txt
  say "downloading $(cut -d' ' -f1 .deps/wheels/wanted.txt | tr '\n' ' ')"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --implementation cp --python-version 3.11 "${platforms[@]}" -d .deps/wheels -r .deps/wheels/wanted.txt \
    || die "pip could not download what scripts/$(basename "$list") pins; is the package registry reachable?"
}

stamp=$(stamp_of scripts/wheels.txt)
needed=()
for component in libtorch onnxruntime cmake; do is_there "$component" "$stamp" || needed+=("$component"); done
for component in "${needed[@]}"; do
  case $component in
    libtorch) fetch scripts/wheels.txt torch nvidia-cuda-runtime nvidia-cuda-cupti ;;
    *) fetch scripts/wheels.txt "$component" ;;
  esac
  rm -rf ".deps/$component" ".deps/$component.stamp"
  python3 scripts/unpack_wheels.py .deps/wheels ".deps/$component" "$component"
  case $component in
    libtorch)
      # torch-sys links -ltorch; the real libtorch.so would ask for the CUDA half
      echo 'INPUT(libtorch_cpu.so)' > .deps/libtorch/lib/libtorch.so
      echo '2.11.0+cu130' > .deps/libtorch/build-version
      rm -f .deps/cuda.stamp ;;
    onnxruntime) ln -sf "$(basename .deps/onnxruntime/libonnxruntime.so.*)" .deps/onnxruntime/libonnxruntime.so ;;
  esac
  echo "$stamp" > ".deps/$component.stamp"
done

if [ $cuda = yes ]; then
  stamp=$(stamp_of scripts/wheels.txt scripts/wheels-cuda.txt)
  if ! is_there cuda "$stamp"; then
    fetch scripts/wheels-cuda.txt '[a-z0-9-]+'
    fetch scripts/wheels.txt torch
    python3 scripts/unpack_wheels.py .deps/wheels .deps/libtorch cuda
    echo "$stamp" > .deps/cuda.stamp
  fi
fi
rm -rf .deps/wheels
say "ready"
