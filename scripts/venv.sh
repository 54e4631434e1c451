#!/usr/bin/env bash
# Makes target/python/NAME, a virtual environment with what scripts/wheel-NAME.txt pins and nothing else; quick when it is there.
#
#   scripts/venv.sh build|lint|test|torch|parquet|polars-1.33|polars-1.42
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1 list=scripts/wheel-$1.txt at=target/python/$1
wanted=$({ python3 --version; cat "$list" scripts/venv.sh; } | sha256sum | cut -c1-64)
[ "$(cat "$at/stamp" 2>/dev/null)" != "$wanted" ] || exit 0

rm -rf "$at"
mkdir -p target/python
python3 -m venv "$at"
PIP_REQUIRE_VIRTUALENV=0 "$at/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-input --retries 2 \
  --no-deps --only-binary=:all: --require-hashes -r "$list" >"$at/log" 2>&1 || {
  printf 'venv: pip could not install what %s pins; is the package registry reachable? %s\n' "$list" "$(grep "^ERROR" "$at/log" | head -n 1)" >&2
  exit 6
}

# The registry's torch wants the CUDA libraries (2 GB) to be there when it is loaded, though on a machine without a GPU it calls none of them.
# Empty ones stand in for all but those that its CPU half needs: libraries without content under the names that it asks for, and one with the functions.
if [ "$name" = torch ]; then
  lib=$(echo "$at"/lib/python3*/site-packages/torch/lib)
  mapfile -t functions < <(objdump -T "$lib"/libtorch_*.so | awk '/\*UND\*/ && $NF ~ /^(cublas|cudnn|cufft|cuFile|curand|cusparse|nccl|nvshmem)/ {print $NF}' | sort -u)
  {
    printf '.globl %s\n' "${functions[@]}"
    printf '.type %s, @function\n' "${functions[@]}"
    printf '%s:\n' "${functions[@]}"
    printf 'ud2\n.section .note.GNU-stack,"",@progbits\n'
  } >"$at/stand_in.s"
  cc -shared -nostdlib -Wl,-soname,libstand_in.so -o "$lib/libstand_in.so" "$at/stand_in.s"
  for wanted_library in $(objdump -p "$lib"/libtorch_*.so | awk '$1 == "NEEDED" && $2 ~ /^lib(cu|nccl|nvshmem)/ && $2 !~ /^libcu(dart|pti)/ {print $2}' | sort -u); do
    # shellcheck disable=SC2016 # for the loader, not the shell
    cc -shared -nostdlib -Wl,--no-as-needed,-rpath,'$ORIGIN',-soname,"$wanted_library" -o "$lib/$wanted_library" -L"$lib" -lstand_in
  done
fi
echo "$wanted" >"$at/stamp"
