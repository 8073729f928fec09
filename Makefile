# make run    the whole system on this machine: cameras, lift, voice box, light, gate and the server
# make test   every test
# make check  formatting and lints
# make web-test  the page: its units, then its stories in a real Chromium against the demo
# make web   builds the page into web/dist, which the binary embeds
# make bench  the benches of the hot pure parts
# make model  renders, trains, judges and exports the e-bike detector (hours; QUICK=1: a miniature)
export ORT_DYLIB_PATH ?= $(CURDIR)/.deps/onnxruntime-current/libonnxruntime.so
CARGO_FLAGS ?= --locked
LISTEN ?= 127.0.0.1:8080

.PHONY: run test web web-test web-setup check bench setup model
run: setup
	cargo build --release $(CARGO_FLAGS)
	./target/release/yunti demo --listen $(LISTEN)

test: setup web-setup
	cargo test $(CARGO_FLAGS)
	$(MAKE) web-test

web: web-setup
	cd web && npm run --silent build

# The binary that `cargo test` builds anyway: `cargo build` would compile it and its dependencies with other features.
web-test: web-setup
	cargo test $(CARGO_FLAGS) --no-run
	cd web && npm run --silent check && npm test --silent && npm run --silent e2e

web-setup:
	@./scripts/setup web

check: setup
	cargo fmt --check
	cargo clippy $(CARGO_FLAGS) --all-targets -- --deny warnings

bench: setup
	cargo bench $(CARGO_FLAGS)

setup:
	@./scripts/setup

model:
	$(MAKE) -C models/ebike QUICK=$(QUICK)
