# ecgraft's commands. `make experiments` and `make test` are all that is needed to begin.

# Manifest files, or folders of them.
PATHS ?= experiments
# auto, cpu, cuda or cuda:N
DEVICE ?= auto
# Where runs, checkpoints and caches are kept.
RESULTS ?= results
CARGO ?= cargo
# Makes the environment of `bench-peer`; 3.11 or later.
PYTHON ?= python3

.PHONY: experiments test lint doc bench bench-peer help

experiments: ## Run every manifest under PATHS on DEVICE, then print the comparison
	@$(CARGO) build --release --locked
	@target/release/ecgraft run $(PATHS) --device $(DEVICE) --results $(RESULTS)

test: ## The whole test suite
	$(CARGO) test --release --locked

lint: ## Formatting and clippy, warnings denied
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings

doc: ## The library's documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --no-deps

bench: ## Benchmarks of ecgraft alone; see benches/README.md
	$(CARGO) bench --locked

bench-peer: target/peer-env/made ## ecgraft and its peers in Python, in turn; see benches/README.md
	@$(CARGO) build --release --locked
	@target/peer-env/bin/python benches/peer/run.py

target/peer-env/made: benches/peer/requirements.txt
	$(PYTHON) -m venv --clear target/peer-env
	target/peer-env/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)
