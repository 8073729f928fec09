# make run    the whole system on this machine: cameras, lift, voice box, light, gate and the server
# make test   every test
# make check  formatting and lints
# make bench  the benches of the hot pure parts
# make model  renders, trains, judges and exports the e-bike detector (hours; QUICK=1: a miniature)
export ORT_DYLIB_PATH ?= $(CURDIR)/.deps/onnxruntime-current/libonnxruntime.so
CARGO_FLAGS ?= --locked
LISTEN ?= 127.0.0.1:8080

.PHONY: run test check bench setup model
run: setup
	cargo build --release $(CARGO_FLAGS)
	./target/release/yunti demo --listen $(LISTEN)

test: setup
	cargo test $(CARGO_FLAGS)

check: setup
	cargo fmt --check
	cargo clippy $(CARGO_FLAGS) --all-targets -- --deny warnings

bench: setup
	cargo bench $(CARGO_FLAGS)

setup:
	@./scripts/setup

model:
	$(MAKE) -C models/ebike QUICK=$(QUICK)
