#!/usr/bin/env bash
# Builds the targets of fuzz/ with the stable compiler, and has each run over its corpus for some seconds. Ends in 1 where one finds something:
# the input then lies in target/fuzz/artifacts.
#
#   scripts/fuzz.sh [SECONDS [TARGET …]]     20 seconds, all targets
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20} at=$PWD/target/fuzz triple=x86_64-unknown-linux-gnu
targets=("${@:2}")
if [ ${#targets[@]} -eq 0 ]; then
  for source in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$source" .rs)"); done
fi

# what cargo-fuzz asks the compiler for; RUSTC_BOOTSTRAP has the stable one build with the sanitizer
flags="--cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module -Cforce-frame-pointers"
for option in level=4 inline-8bit-counters pc-table trace-compares; do flags+=" -Cllvm-args=-sanitizer-coverage-$option"; done
# with the triple named, build scripts and macros are built without all that
RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags cargo build --quiet --locked --release --manifest-path fuzz/Cargo.toml --target $triple --target-dir "$at"

one() { # target
  local log=$at/$1.log corpus=("fuzz/corpus/$1")
  [ "$1" != pickle ] || corpus+=(fixtures/pickles)
  mkdir -p "$at/found/$1" "$at/artifacts"
  if ASAN_OPTIONS=detect_leaks=0 "$at/$triple/release/$1" "$at/found/$1" "${corpus[@]}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
      -max_len=32768 -artifact_prefix="$at/artifacts/$1-" >"$log" 2>&1; then
    printf '%s: %s\n' "$1" "$(grep -E '^#[0-9]+\s+DONE' "$log" | tail -n 1)"
  else
    printf '%s: found something; %s ends:\n' "$1" "$log"
    tail -n 40 "$log"
    return 1
  fi
}
export -f one
export at triple seconds
# inputs that are files are written over and over
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' bash -euo pipefail -c 'one {}'
