# make demo   set-up, build, and the main job on the embedded demo data set
# make test   set-up, then all that has to hold: formatting, lints, documentation, licences, and the tests in every combination of features;
#             with CI=true what is skipped fails, unless tests/SKIPS.md names it
# make lint   the part of `make test` that runs no test
# make doc    the documentation, in target/doc
# make wheel  the Python wheel, in dist/
# make clean  removes what was built and made; .deps/ stays
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.NOTPARALLEL:
.PHONY: demo test lint doc clean setup setup-test format clippy scripts unit long features valgrind fuzz msrv licences python wheel test-wheel python-test test-torch test-parquet test-backbones recordings test-recordings

# this clone's own native libraries and folders, whatever the surroundings say
unexport LIBTORCH LIBTORCH_INCLUDE LIBTORCH_LIB LIBTORCH_USE_PYTORCH ORT_DYLIB_PATH CMAKE CARGO_BUILD_TARGET
export CARGO_TARGET_DIR := $(CURDIR)/target
# nothing here is compiled twice from a changed state, and without it target/ is a third smaller
export CARGO_INCREMENTAL := 0
FEATURES := cli media video hdf5 onnx torch exchange faults
# those that bring a native library
NATIVE := hdf5 onnx torch
RECORDINGS := $(CURDIR)/target/recordings
NONE := --no-default-features
ALL := --all-features
# a line a step, with the seconds since the start
export STARTED := $(shell date +%s)
step = printf '\n== [%4d s] %s\n' $$(( $$(date +%s) - STARTED ))

demo: setup
	$(step) "building mmdg (the first time takes some minutes)"
	cargo build --release --locked --bins
	$(step) "mmdg demo-data demo/data"
	target/release/mmdg demo-data demo/data
	$(step) "mmdg run pipelines/demo.toml"
	target/release/mmdg run pipelines/demo.toml

test: lint unit python-test test-torch test-parquet test-backbones long features valgrind fuzz msrv
	$(step) "all good"

lint: setup format clippy doc licences scripts

setup:
	./setup.sh

# also the programs that only tests use, and what is optional
setup-test:
	./setup.sh --openvino --test

format:
	$(step) "cargo fmt --check"
	cargo fmt --all --check

clippy: setup
	$(step) "clippy, all features"
	cargo clippy --quiet --locked $(ALL) --all-targets -- -D warnings
	$(step) "clippy, no features"
	cargo clippy --quiet --locked $(NONE) --all-targets -- -D warnings
	$(step) "clippy, the wheel"
	cargo clippy --quiet --locked --package mmdg-python --all-targets -- -D warnings

unit: setup-test python recordings
	$(step) "tests, all features"
	MMDG_RECORDINGS=$(RECORDINGS) cargo test --quiet --locked $(ALL)
	$(step) "tests, no native library"
	cargo test --quiet --locked $(NONE) --features media

# tests that take more than seconds
long: setup
	$(step) "long tests: the whole demo"
	cargo test --quiet --locked $(ALL) --test promises -- --ignored --skip on_cuda
	if [ -e /dev/nvidia0 ] && [ -f .deps/cuda.stamp ]; then
	  $(step) "long tests: CUDA"
	  cargo test --quiet --locked $(ALL) --test promises -- --ignored on_cuda
	else
	  scripts/skip.sh ten_steps_on_cuda_agree_with_the_cpu "no CUDA device, or no libraries for it"
	fi

# clippy is `cargo check` with more lints; -D warnings by RUSTFLAGS would build every dependency again
features: setup
	for feature in $(FEATURES); do
	  $(step) "check, only the feature $$feature"
	  cargo clippy --quiet --locked $(NONE) --features $$feature -- -D warnings
	done
	$(step) "check, the program without FFmpeg, as README.md has it"
	cargo clippy --quiet --locked $(NONE) --features cli,hdf5,onnx,torch -- -D warnings
	for feature in $(NATIVE); do
	  $(step) "tests, only the feature $$feature"
	  cargo build --quiet --locked $(NONE) --features $$feature --examples
	  cargo test --quiet --locked $(NONE) --features $$feature --lib --test promises
	done

# the parts with `unsafe`, and those that take bytes for numbers: kernels are chosen at run time, so that they are those for AVX2 here
valgrind: SLOW := rates_and_lengths_beyond_reason_are_refused
valgrind: setup-test
	if command -v valgrind >/dev/null; then
	  $(step) "stores and signals under valgrind"
	  scripts/skip.sh $(SLOW) "it takes minutes under valgrind"
	  CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind --quiet --error-exitcode=9" cargo test --quiet --locked $(NONE) --features media,hdf5 --lib -- store:: signal:: --skip $(SLOW)
	else
	  scripts/skip.sh valgrind "the program is missing"
	fi

fuzz: setup
	$(step) "fuzzing, 20 s a target"
	scripts/fuzz.sh 20

# the minimum that Cargo.toml states
msrv: setup
	least=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
	active=$$(rustc --version | cut -d' ' -f2)
	case $$active in
	  $$least|$$least.*) $(step) "Rust $$least, the stated minimum, is the one that all of the above ran with" ;;
	  *) if rustup run $$least.0 cargo --version >/dev/null 2>&1; then
	       $(step) "check, Rust $$least.0"
	       rustup run $$least.0 cargo --quiet check --locked --workspace $(ALL) --all-targets
	     else
	       scripts/skip.sh msrv "Rust $$least.0, the stated minimum, is not installed (rustup toolchain install $$least.0); $$active was used"
	     fi ;;
	esac

doc: setup
	$(step) "cargo doc"
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked $(ALL) --no-deps

# the version that deny.toml was written for; its own build takes minutes, so one that is on PATH will do
licences: setup
	deny=$$(command -v cargo-deny || echo .deps/tools/bin/cargo-deny)
	if ! [ -x "$$deny" ]; then
	  $(step) "cargo deny is missing: building it in .deps/tools"
	  CARGO_TARGET_DIR=.deps/tools/build cargo install --quiet --locked --root .deps/tools --version =0.20.2 cargo-deny
	  rm -rf .deps/tools/build
	fi
	$(step) "cargo deny: licences, bans, sources"
	"$$deny" --log-level error --workspace check licenses bans sources
	if "$$deny" --log-level error fetch db 2>/dev/null; then
	  $(step) "cargo deny: advisories"
	  "$$deny" --log-level error --workspace check --disable-fetch advisories
	else
	  scripts/skip.sh advisories "their database cannot be reached"
	fi

# what is not Rust
scripts:
	scripts/venv.sh lint
	$(step) "shellcheck, ruff, mypy"
	target/python/lint/bin/shellcheck setup.sh .ci/run scripts/*.sh benches/*.sh findings/*.sh
	target/python/lint/bin/ruff check --quiet python
	target/python/lint/bin/mypy --no-error-summary --config-file python/pyproject.toml --python-executable target/python/lint/bin/python python/mmdg

# what the tests that read our files through h5py run with; they say that they are skipped where it is missing
python:
	wanted=$$(sha256sum scripts/python-test.txt | cut -c1-64)
	if [ "$$(cat .venv/stamp 2>/dev/null)" != "$$wanted" ]; then
	  $(step) "making .venv with numpy and h5py for the tests"
	  rm -rf .venv
	  if python3 -m venv .venv && PIP_REQUIRE_VIRTUALENV=0 .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-input \
	      --retries 2 --only-binary=:all: --require-hashes -r scripts/python-test.txt >.venv/log 2>&1; then
	    echo "$$wanted" > .venv/stamp
	  else
	    why=$$(grep -s '^ERROR' .venv/log | head -n 1 || true)
	    rm -rf .venv
	    scripts/skip.sh python "no numpy and h5py (no network?), so the tests that need them are left out: $$why"
	  fi
	fi

wheel: setup
	scripts/venv.sh build
	$(step) "building the wheel (the first time takes some minutes)"
	cd python
	../target/python/build/bin/maturin build --quiet --release --locked --out ../dist 2>&1 | sed '/^🍹\|^🐍\|^🔗/d'

# what the tests install: as the other tests are built, so that HDF5 is compiled once
test-wheel: setup
	scripts/venv.sh build
	$(step) "building the wheel for its tests"
	rm -rf target/python/wheel
	cd python
	../target/python/build/bin/maturin build --quiet --profile dev --locked --features faults --out ../target/python/wheel 2>&1 | sed '/^🍹\|^🐍\|^🔗\|^📦/d'

# without an index, pip finds nothing but what is in the environment: numpy
install = $(1)/bin/python -m pip uninstall --quiet --yes mmdg 2>/dev/null && $(1)/bin/python -m pip install --quiet --no-index target/python/wheel/*.whl

python-test: test-wheel
	scripts/venv.sh test
	$(call install,target/python/test)
	$(step) "tests of the wheel, beside numpy alone"
	target/python/test/bin/python -W error -m unittest discover --buffer --start-directory python/tests

test-torch: test-wheel
	scripts/venv.sh torch
	$(call install,target/python/torch)
	$(step) "tests of the wheel, beside torch and scikit-learn"
	OMP_NUM_THREADS=1 target/python/torch/bin/python -m unittest discover --buffer --start-directory python/tests --pattern with_torch.py

# a minute, once
recordings: setup-test
	wanted=$$(cat fixtures/make_recordings.py fixtures/recordings/*.py | sha256sum | cut -c1-64)
	if [ "$$(cat $(RECORDINGS)/stamp 2>/dev/null)" != "$$wanted" ]; then
	  rm -rf $(RECORDINGS)
	  mkdir -p $(RECORDINGS)
	  if command -v ffmpeg >/dev/null; then
	    $(step) "recordings that are hard to read: making them"
	    python3 fixtures/make_recordings.py $(RECORDINGS) >$(RECORDINGS)/log
	    echo "$$wanted" > $(RECORDINGS)/stamp
	  else
	    scripts/skip.sh recordings "the ffmpeg program is missing, so most recordings that are hard to read are left out"
	  fi
	fi

# part of `unit`
test-recordings: setup recordings
	$(step) "recordings that are hard to read"
	MMDG_RECORDINGS=$(RECORDINGS) cargo test --quiet --locked $(ALL) --test recordings

# what export writes as Parquet, in the versions of its readers that people have
test-parquet:
	$(step) "Parquet, for its readers"
	cargo build --quiet --locked $(ALL) --bin mmdg
	rm -rf target/parquet
	mkdir -p target/parquet
	target/debug/mmdg synth target/parquet/store --quiet
	for end in parquet npz; do target/debug/mmdg export --quiet target/parquet/store target/parquet/rows.$$end; done
	for name in parquet polars-1.33 polars-1.42; do
	  scripts/venv.sh $$name
	  $(step) "Parquet: $$name"
	  PINNED=scripts/wheel-$$name.txt PARQUET=target/parquet/rows.parquet NPZ=target/parquet/rows.npz MMDG=target/debug/mmdg target/python/$$name/bin/python -W ignore -m unittest discover --buffer --start-directory python/tests --pattern with_parquet_readers.py
	done

test-backbones:
	scripts/venv.sh torch
	$(step) "backbones: published keys, ONNX Runtime against torch, cuts"
	OMP_NUM_THREADS=2 target/python/torch/bin/python -W ignore -m unittest discover --start-directory python/tests --pattern "with_backbones_*.py"
	$(step) "backbones: exported ones over the real clips"
	for name in r2plus1d-18 vggsound-resnet18; do
	  OMP_NUM_THREADS=2 target/python/torch/bin/python -W ignore python/export_backbones.py $$name target/backbones >/dev/null
	done
	MMDG_MODELS=$(CURDIR)/target/backbones cargo test --quiet --locked $(ALL) --test promises -- exported_backbones_run_over_every_clip

clean:
	rm -rf target demo dist .venv
