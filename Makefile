# ecgraft's commands. `make experiments` and `make test` are all that is needed to begin.

# Manifest files, or folders of them.
PATHS ?= experiments
# auto, cpu, cuda or cuda:N
DEVICE ?= auto
# Where runs, checkpoints and caches are kept.
RESULTS ?= results
CARGO ?= cargo

.PHONY: experiments test lint doc bench help

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

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)
