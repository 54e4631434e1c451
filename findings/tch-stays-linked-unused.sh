#!/usr/bin/env bash
# tch 0.24.0 (torch-sys 0.24.0) with torch 2.11.0 from its wheel for Linux, x86-64; linked by LLD, as rustc does there since 1.90
#
# A program of a crate that uses tch somewhere stays linked to libtorch_cpu.so and libc10.so, though it reaches none of that code: nothing of tch is called, the linker
# collects unreachable code (--gc-sections) and drops libraries that nothing needs (--as-needed), and other libraries that the same crate binds do go. The C++ half
# of the bindings is in the way: it is compiled into the crate with inline functions and virtual tables of PyTorch's headers, which libtorch has too, so that the linker
# exports them from the program for libtorch to find; what is exported counts as reached, and it calls into libtorch. A light program beside a training one then
# loads some 100 MB and takes half a second to start. Hiding the symbols of static libraries (-Wl,--exclude-libs,ALL) for that program alone frees it of both.
#
# Seen on 2026-11-30:
#   as it is: libtorch_cpu.so libc10.so
#   with --exclude-libs: none
#   a program that calls tch, with --exclude-libs: libtorch_cpu.so libc10.so
#
# Needs Rust 1.90 or newer, a C++ compiler, readelf, Python 3.11 with venv and pip, and room for 4 GB. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && venv/bin/pip -q install torch==2.11.0 setuptools==80.9.0
export PATH="$folder/venv/bin:$PATH" LIBTORCH_USE_PYTORCH=1 CARGO_TARGET_DIR="$folder/target"
unset LIBTORCH LIBTORCH_INCLUDE LIBTORCH_LIB

mkdir -p src/bin
cat > Cargo.toml <<'TOML'
[package]
name = "both"
version = "0.1.0"
edition = "2024"

[dependencies]
tch = "=0.24.0"

# one object file, so that what is called and what is not come together
[profile.release]
codegen-units = 1
TOML
cat > src/lib.rs <<'RUST'
#[inline(never)]
pub fn light(words: usize) -> usize {
    words * 3
}

#[inline(never)]
pub fn heavy(rows: i64) -> f64 {
    tch::Tensor::ones([rows], (tch::Kind::Double, tch::Device::Cpu)).sum(None).double_value(&[])
}
RUST
echo 'fn main() { println!("{}", both::light(std::env::args().count())); }' > src/bin/light.rs
echo 'fn main() { println!("{}", both::heavy(std::env::args().count() as i64)); }' > src/bin/heavy.rs

torch_of() {
  local found
  found=$(readelf -d "target/release/$1" | sed -n 's/.*(NEEDED).*\[\(lib\(torch\|c10\)[^]]*\)\].*/\1/p' | sort -r | paste -sd ' ')
  echo "${found:-none}"
}
linked() { cargo rustc -q --release --bin "$1" -- "${@:2}"; torch_of "$1"; }

plain=$(linked light)
hidden=$(linked light -C link-arg=-Wl,--exclude-libs,ALL)
calls=$(linked heavy -C link-arg=-Wl,--exclude-libs,ALL)
echo "as it is: $plain"
echo "with --exclude-libs: $hidden"
echo "a program that calls tch, with --exclude-libs: $calls"
[ "$plain" = "libtorch_cpu.so libc10.so" ] && [ "$hidden" = none ] && [ "$calls" = "libtorch_cpu.so libc10.so" ]
