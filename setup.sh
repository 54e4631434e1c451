#!/usr/bin/env bash
# Everything mmdg needs to build and run: system packages by apt, and pinned native libraries in .deps/.
# Safe to run again, and at the same time as itself; quick when nothing is missing.
# Writes nothing outside this folder but system packages. Ends in 0, in 2 (usage) or in 6 with one line that says what is missing.
#
#   ./setup.sh          libtorch (CPU), ONNX Runtime, CMake: 0.6 GB to download, 0.6 GB in .deps/
#   ./setup.sh --cuda   also the CUDA libraries that libtorch loads on a GPU machine: 2.3 GB to download, 2.9 GB more in .deps/
#   ./setup.sh --openvino   also an ONNX Runtime with Intel's OpenVINO, for `provider = "openvino"`: 84 MB to download, 128 MiB more in .deps/
#   ./setup.sh --test   also the programs that only tests use (ffmpeg, mkvmerge, valgrind), where they can be had
set -euo pipefail
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 6; }

cuda=no openvino=no test=no
for argument in "$@"; do
  case $argument in
    --cuda) cuda=yes ;;
    --openvino) openvino=yes ;;
    --test) test=yes ;;
    *) printf 'setup: unknown argument %s; usage: ./setup.sh [--cuda] [--openvino] [--test]\n' "$argument" >&2; exit 2 ;;
  esac
done

kernel=$(uname -s) machine=$(uname -m)
[ "$kernel-$machine" = Linux-x86_64 ] || die "only Linux on x86-64 is supported, this is $kernel on $machine"
{ command -v apt-get && command -v dpkg-query; } >/dev/null || die "apt-get is missing: Debian 12 and Ubuntu 24.04 are supported"
command -v cargo >/dev/null || die "cargo is missing: install Rust 1.95 or newer (https://rustup.rs) and have it on PATH"

# one at a time: a second run waits here and then finds everything in place
mkdir -p .deps
exec 9>.deps/lock
flock -n 9 || { say "another setup.sh is at work in this folder; waiting for it"; flock 9; }

# ---- system packages -------------------------------------------------------------------------------------------------
packages=(build-essential pkg-config clang libclang-dev nasm libavcodec-dev libavformat-dev libavutil-dev
  libswscale-dev libswresample-dev python3 python3-pip python3-venv hdf5-tools ca-certificates)
# dpkg-query ends in 1 where one of them is unknown
installed=" $({ dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true; } \
  | awk '$2 == "installed" {printf "%s ", $1}') "
# a Python that did not come from apt (pyenv, conda) does as well
has_module() { python3 -c "import importlib.util as u, sys; sys.exit(u.find_spec('$1') is None)" 2>/dev/null; }
missing=()
for package in "${packages[@]}"; do
  [[ $installed == *" $package "* ]] && continue
  case $package in
    python3) command -v python3 >/dev/null && continue ;;
    python3-pip) has_module pip && continue ;;
    python3-venv) has_module ensurepip && continue ;;
  esac
  missing+=("$package")
done

install() { # packages; ends in 1 with the reason in `reason`
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      root=(sudo)
    else
      reason="these system packages are missing, and this is neither root nor a user with sudo; ask for: apt-get install $*"
      return 1
    fi
  fi
  say "installing $*"
  apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >.deps/apt.log 2>&1; }
  # a third-party list that does not answer is no reason to stop; what matters is whether the packages come
  apt update || say "apt-get update had errors; trying with the lists that are there"
  apt install -y --no-install-recommends "$@" || {
    reason="apt-get could not install $*: $(grep -E '^(E|Err|sudo)' .deps/apt.log | tail -n 1)"
    return 1
  }
  rm -f .deps/apt.log
}

[ ${#missing[@]} -eq 0 ] || install "${missing[@]}" || die "$reason"
if [ $test = yes ]; then
  missing=()
  command -v ffmpeg >/dev/null || missing+=(ffmpeg)
  command -v mkvmerge >/dev/null || missing+=(mkvtoolnix)
  command -v valgrind >/dev/null || missing+=(valgrind)
  # what they are for is skipped without them
  [ ${#missing[@]} -eq 0 ] || install "${missing[@]}" || say "$reason"
fi

# ---- native libraries, out of wheels ---------------------------------------------------------------------------------
# pip downloads to .deps/wheels and checks the hashes in scripts/; members are unpacked to .deps/partial and renamed into place.
# A component is there when its stamp, written last, names the list it was made from.
platforms=()
for tag in manylinux1 manylinux2010 manylinux2014 manylinux_2_{5..28}; do platforms+=(--platform "${tag}_x86_64"); done
stamp_of() { cat scripts/unpack_wheels.py "$@" | sha256sum | cut -c1-64; }
is_there() { [ -f ".deps/$1.stamp" ] && [ "$(<".deps/$1.stamp")" = "$2" ]; }

find_pip() {
  local candidate version
  for candidate in python3 /usr/bin/python3; do
    version=$("$candidate" -m pip --version 2>/dev/null | cut -d' ' -f2) || continue
    [ "${version%%.*}" -ge 21 ] 2>/dev/null && python=$candidate && return
  done
  die "neither python3 nor /usr/bin/python3 has pip 21 or newer; for instance: python3 -m pip install --upgrade pip"
}

fetch() { # names of wheels in scripts/wheels*.txt
  [ -n "${python:-}" ] || find_pip
  mkdir -p .deps/wheels/tmp
  grep -hE "^($(IFS='|'; echo "$*"))==" scripts/wheels.txt scripts/wheels-cuda.txt scripts/wheels-openvino.txt >.deps/wheels/wanted.txt
  say "downloading $(cut -d' ' -f1 .deps/wheels/wanted.txt | paste -sd' ')"
  TMPDIR=$PWD/.deps/wheels/tmp PYTHONDONTWRITEBYTECODE=1 PIP_REQUIRE_VIRTUALENV=0 "$python" -m pip download \
    --quiet --disable-pip-version-check --no-cache-dir --no-input --retries 2 --no-deps --require-hashes --only-binary=:all: \
    --implementation cp --python-version 3.11 "${platforms[@]}" \
    -d .deps/wheels -r .deps/wheels/wanted.txt >.deps/wheels/pip.log 2>&1 \
    || die "pip could not download what scripts/wheels*.txt pin; is the package registry reachable? $(grep "^ERROR" .deps/wheels/pip.log | head -n 1) (more in .deps/wheels/pip.log)"
}

unpack() { # component
  rm -rf .deps/partial
  "$python" scripts/unpack_wheels.py .deps/wheels .deps/partial "$1" || die "could not unpack $1 (is the disk full?)"
}

stamp=$(stamp_of scripts/wheels.txt)
for component in libtorch onnxruntime cmake; do
  is_there "$component" "$stamp" && continue
  case $component in
    libtorch) fetch torch nvidia-cuda-runtime nvidia-cuda-cupti ;;
    *) fetch "$component" ;;
  esac
  unpack "$component"
  case $component in
    libtorch)
      # torch-sys links -ltorch; the real libtorch.so would ask for the CUDA half
      echo 'INPUT(libtorch_cpu.so)' >.deps/partial/lib/libtorch.so
      # the wheel has no such file, and without it torch-sys does not check the version
      echo '2.11.0+cu130' >.deps/partial/build-version
      rm -f .deps/cuda.stamp ;;
    onnxruntime) (cd .deps/partial && ln -s libonnxruntime.so.* libonnxruntime.so) ;;
  esac
  rm -rf ".deps/$component.stamp" ".deps/$component"
  mv .deps/partial ".deps/$component"
  echo "$stamp" >".deps/$component.stamp"
done

if [ $cuda = yes ]; then
  stamp=$(stamp_of scripts/wheels.txt scripts/wheels-cuda.txt)
  if ! is_there cuda "$stamp"; then
    fetch torch 'nvidia-[a-z0-9-]+'
    unpack cuda
    # beside libtorch_cpu.so, where the wheels' own search paths find them; mmdg loads them when libtorch_cuda.so is there, so that comes last
    mv .deps/partial/libtorch_cuda.so .deps/wheels/
    mv -f .deps/partial/* .deps/libtorch/lib/
    mv -f .deps/wheels/libtorch_cuda.so .deps/libtorch/lib/
    echo "$stamp" >.deps/cuda.stamp
  fi
fi
if [ $openvino = yes ]; then
  stamp=$(stamp_of scripts/wheels-openvino.txt)
  if ! is_there openvino "$stamp"; then
    fetch onnxruntime-openvino
    unpack openvino
    (cd .deps/partial && ln -s libonnxruntime.so.* libonnxruntime.so)
    rm -rf .deps/openvino.stamp .deps/openvino
    mv .deps/partial .deps/openvino
    echo "$stamp" >.deps/openvino.stamp
  fi
fi
rm -rf .deps/wheels .deps/partial
say "ready"
