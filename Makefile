# ecgraft's commands. `make experiments` and `make test` are all that is needed to begin.

# Manifest files, or folders of them.
PATHS ?= experiments
# auto, cpu, cuda or cuda:N; for CUDA it is built with --features cuda
DEVICE ?= auto
# Where runs, checkpoints and caches are kept.
RESULTS ?= results
CARGO ?= cargo
# Makes the environment of `bench-peer`; 3.11 or later.
PYTHON ?= python3
# How often torture and fuzz do each thing.
N ?= 100
# Of the toolkit whose libraries ecgraft is linked with: 13 or 12.
CUDA ?= 13
# Where CUDA's libraries are, if the system does not know: by default those that PyTorch brings along.
CUDA_LIBRARIES ?= $(shell $(PYTHON) -c 'import nvidia; print(next(iter(nvidia.__path__)) + "/cu$(CUDA)/lib")' 2>/dev/null)

# Libraries with the names of CUDA's, for building and testing without it.
EMULATOR = $(CURDIR)/target/emulator/$(CUDA)
# In a folder of its own: target/release/ecgraft needs no such library.
WITH_EMULATOR = CARGO_TARGET_DIR=target/cuda-emulated ECGRAFT_EMULATOR=$(EMULATOR) LD_LIBRARY_PATH=$(EMULATOR)

.PHONY: experiments test verify torture fuzz test-cuda test-cuda-emulated test-cuda-compile carry-cuda lint doc bench bench-peer bench-cuda error-rates help

experiments: ## Run every manifest under PATHS on DEVICE, then print the comparison
	@$(CARGO) build --release --locked $(if $(filter cuda%,$(DEVICE)),--features cuda)
	@target/release/ecgraft run $(PATHS) --device $(DEVICE) --results $(RESULTS)

test: ## The whole test suite
	$(CARGO) test --release --locked
	@echo "Skipped: the tests of the GPU. make test-cuda runs them on one, make test-cuda-emulated without."

verify: ## The default study, and everything that its store says proved again
	@$(CARGO) build --release --locked
	@rm -rf target/verify
	@target/release/ecgraft run experiments/sample.toml --results target/verify
	@target/release/ecgraft verify --results target/verify

torture: ## N kills, full disks, power losses, flipped bits ...: what is lost and what is wrong; see docs/reliability.md
	TORTURE=$(N) $(CARGO) test --release --locked --test suite torture:: -- --nocapture --test-threads 1

fuzz: ## N mutated inputs for each parser; what fails is kept in target/fuzz
	FUZZ=$(N) $(CARGO) test --release --locked --test fuzz -- --nocapture

test-cuda-emulated: target/emulator ## The tests of the GPU, on a machine that has none: every kernel, compiled for the CPU
	@# What other crates are built to is the same.
	@[ -d target/cuda-emulated/release ] || [ ! -d target/release ] || \
		{ mkdir -p target/cuda-emulated && cp -al target/release target/cuda-emulated/release; }
	$(WITH_EMULATOR) $(CARGO) test --release --locked --features cuda-check --lib --test gpu --no-run
	$(WITH_EMULATOR) $(CARGO) test --release --locked --features cuda-check --lib -- cuda
	ECGRAFT_EMULATED_ORDER=backwards $(WITH_EMULATOR) $(CARGO) test --release --locked --features cuda-check --lib -- cuda
	$(WITH_EMULATOR) $(CARGO) test --release --locked --features cuda-check --test gpu

test-cuda-compile: target/emulator target/nvrtc/made ## Every kernel through NVIDIA's own compiler; needs no GPU
	$(WITH_EMULATOR) LD_LIBRARY_PATH=$$(ls -d $(CURDIR)/target/nvrtc/nvidia/*/lib):$(EMULATOR) \
		$(CARGO) test --release --locked --features cuda-check --lib -- --ignored nvrtc

carry-cuda: target/emulator ## What test-cuda and bench-cuda run, to be carried to a machine with a GPU: target/carry
	@$(WITH_EMULATOR) CARGO=$(CARGO) tests/cuda/carry.sh

test-cuda: ## The tests of the GPU, on one: those of carry-cuda, else built here
	@if [ -d target/carry ]; then \
		export LD_LIBRARY_PATH="$(CUDA_LIBRARIES):$$LD_LIBRARY_PATH" CARGO_MANIFEST_DIR=$(CURDIR) ECGRAFT=$(CURDIR)/target/carry/ecgraft; \
		target/carry/ecgraft-tests cuda && target/carry/gpu-tests; \
	else \
		$(CARGO) test --release --locked --features cuda --lib -- cuda && $(CARGO) test --release --locked --features cuda --test gpu; \
	fi

target/emulator: tests/cuda/driver.cpp tests/cuda/cublas.cpp tests/cuda/nvrtc.cpp tests/cuda/emulator.h
	@command -v c++ >/dev/null || { apt-get update -qq && apt-get install -y -qq g++; }
	@$(MAKE) --no-print-directory -C tests/cuda OUT=$(EMULATOR) CUDA=$(CUDA)
	@touch $@

target/nvrtc/made:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --target target/nvrtc nvidia-cuda-nvrtc==13.0.88
	@touch $@

lint: ## Formatting and clippy, warnings denied
	$(CARGO) fmt --check
	@# It does not find the files that macros declare: those of figures, exports and other lists.
	rustfmt --edition 2024 --check $$(find src -name '*.rs')
	$(CARGO) clippy --release --locked --all-targets -- -D warnings
	$(CARGO) clippy --release --locked --features cuda-check --all-targets -- -D warnings

doc: ## The library's documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --no-deps

error-rates: ## How often tests err and intervals cover, in simulations: the tables of docs/statistics.md; STUDIES=N
	$(CARGO) test --release --locked --test suite coverage:: -- --ignored --nocapture --test-threads 1

bench: ## Benchmarks of ecgraft alone; see benches/README.md
	$(CARGO) bench --locked

bench-peer: target/peer-env/made ## ecgraft and its peers in Python, in turn, with CPU=avx2 both on AVX2; see benches/README.md
	@$(CARGO) build --release --locked
	@target/peer-env/bin/python benches/peer/run.py

bench-cuda: ## ecgraft and PyTorch on a GPU, in turn; see benches/README.md
	@LD_LIBRARY_PATH="$(CUDA_LIBRARIES):$$LD_LIBRARY_PATH" PARTS=gpu \
		ECGRAFT="$${ECGRAFT:-$$(ls target/carry/ecgraft target/release/ecgraft 2>/dev/null | head -1)}" $(PYTHON) benches/peer/run.py

target/peer-env/made: benches/peer/requirements.txt
	$(PYTHON) -m venv --clear target/peer-env
	target/peer-env/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)
