# Scopewatch: build, try, test. `make help` lists the targets.
#
# Every target installs what is missing (.ci/install). What it builds is kept outside the repository, in
# $XDG_CACHE_HOME/scopewatch (~/.cache/scopewatch). RocksDB is compiled once there and shared by all profiles.
# For cargo by hand with the same settings: eval "$(make env)"

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help install env demo build build-lean test test-lean test-long bench quality lint docs rocksdb kafka-up kafka-down clean

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/scopewatch

## Variables:
##   STORE=rocksdb      state on disk (the default); `memory` needs no RocksDB, for trials
STORE ?= rocksdb
##   PROFILE=release    the cargo profile of `make build`
PROFILE ?= release
##   KAFKA_PORT=9092    the port of `make kafka-up` and `make kafka-down`
KAFKA_PORT ?= 9092
##   SECONDS= AGENTS= RATE= SEED=    passed to the demo if set; DEMO_ARGS= for other options
DEMO_PROFILE ?= demo
##   TEST_ARGS= BENCH_ARGS=          passed to cargo test and cargo bench, e.g. TEST_ARGS='--test kafka_real'

##   QUALITY_PART=all   the part that `make quality` runs: volume, honest, hardship, series or behaviour
QUALITY_PART ?= all
##   TEST_SEED= TEST_FACTOR=20       of `make test-long`: seed of the inputs (random unless set; a failed
##                      test prints it), and how many times as many inputs as `make test` are tried
ifeq ($(origin TEST_SEED),undefined)
TEST_SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif
TEST_FACTOR ?= 20

export CARGO_TARGET_DIR ?= $(CACHE)/target
# No debug information for C and C++ dependencies: it only costs time and space.
export CFLAGS ?= -g0
export CXXFLAGS ?= -g0
# A toolchain that `make install` has just installed is not on the PATH of the calling shell yet.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# The shared archive, unless the caller names another RocksDB.
WITH_ROCKSDB = ROCKSDB_LIB_DIR="$${ROCKSDB_LIB_DIR:-$$(.ci/rocksdb)}"; export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1;
WITH_PYTHON = SCOPEWATCH_TEST_PYTHON="$$(.ci/venv)"; export SCOPEWATCH_TEST_PYTHON;

ifeq ($(STORE),rocksdb)
FEATURES :=
INSTALL_STORE := rocksdb
WITH_STORE = $(WITH_ROCKSDB)
else ifeq ($(STORE),memory)
FEATURES := --no-default-features --features kafka
INSTALL_STORE :=
WITH_STORE =
else
$(error STORE is rocksdb or memory, not $(STORE))
endif

help: ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22
	@echo
	@sed -n 's/^## \?//p' $(MAKEFILE_LIST)

demo: ## A simulated fleet judged live, no Kafka needed; the first build takes 9 minutes
	@.ci/install build $(INSTALL_STORE)
	@$(WITH_STORE) \
	echo "demo: building (the first build takes 9 minutes on two cores, 4 minutes without RocksDB)" >&2; \
	cargo build --profile $(DEMO_PROFILE) $(FEATURES); \
	exec "$$CARGO_TARGET_DIR/$(DEMO_PROFILE)/scopewatch" demo $(DEMO_FLAGS) $(DEMO_ARGS)
DEMO_FLAGS = $(if $(INSTALL_STORE),,--store memory) $(if $(SECONDS),--seconds $(SECONDS)) \
	$(if $(AGENTS),--agents $(AGENTS)) $(if $(RATE),--rate $(RATE)) $(if $(SEED),--seed $(SEED))

build: ## The program, optimised; prints its path
	@.ci/install build $(INSTALL_STORE)
	@$(WITH_STORE) cargo build --profile $(PROFILE) $(FEATURES); \
	folder=$(PROFILE); echo "built $$CARGO_TARGET_DIR/$${folder/#dev/debug}/scopewatch" >&2

build-lean: ## The program without Kafka and RocksDB, unoptimised
	@.ci/install build
	cargo build --no-default-features

test: ## All tests, with a real Kafka broker and the Python validators; the first time takes 24 minutes
	@.ci/install build rocksdb kafka python
	@$(MAKE) test-lean TEST_ARGS=
	@$(WITH_ROCKSDB) $(WITH_PYTHON) \
	echo "test: all features" >&2; \
	cargo test --no-run; \
	broker="$$(mktemp -d)/broker"; \
	trap '.ci/kafka down --dir "$$broker"; rmdir "$${broker%/*}"' EXIT; \
	SCOPEWATCH_TEST_KAFKA="$$(.ci/kafka up --port 0 --dir "$$broker" --owner $$$$)"; \
	export SCOPEWATCH_TEST_KAFKA SCOPEWATCH_REQUIRE_KAFKA=1; \
	cargo test $(TEST_ARGS)

test-lean: ## The tests that need neither Kafka nor RocksDB: the daily loop
	@.ci/install build python
	@$(WITH_PYTHON) \
	echo "test: lean" >&2; \
	cargo test --no-default-features $(TEST_ARGS)

test-long: ## Run property tests and simulations from a random seed, with many more inputs
	@.ci/install build rocksdb python
	@$(WITH_ROCKSDB) $(WITH_PYTHON) \
	export SCOPEWATCH_TEST_SEED=$(TEST_SEED) SCOPEWATCH_TEST_FACTOR=$(TEST_FACTOR); \
	trap 'echo "test-long: to repeat: make test-long TEST_SEED=$(TEST_SEED) TEST_FACTOR=$(TEST_FACTOR)" >&2' EXIT; \
	cargo test --no-default-features --no-fail-fast $(TEST_ARGS); \
	cargo test --lib store:: $(TEST_ARGS)

bench: ## Measure actions per second of the core, of decoding and of the rules
	@.ci/install build $(INSTALL_STORE)
	@$(WITH_STORE) cargo bench $(FEATURES) $(BENCH_ARGS)

quality: ## What is found on synthetic agents, and how often it is wrong, as Markdown
	@.ci/install build
	@cargo bench --profile $(DEMO_PROFILE) --no-default-features --bench quality -- $(QUALITY_PART)

lint: ## Format check and clippy, with warnings as errors
	@.ci/install build rocksdb lint
	cargo fmt --check
	cargo clippy --all-targets --no-default-features -- -D warnings
	@$(WITH_ROCKSDB) \
	echo "cargo clippy --all-targets -- -D warnings"; \
	cargo clippy --all-targets -- -D warnings

docs: ## The crate documentation, with warnings as errors
	@.ci/install build $(INSTALL_STORE)
	@$(WITH_STORE) RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items $(FEATURES)

rocksdb: ## Only the RocksDB archive: once, 5 minutes on two cores
	@.ci/install build rocksdb
	@.ci/rocksdb

kafka-up: ## Start a real Kafka broker on KAFKA_PORT; it runs until kafka-down
	@.ci/install kafka
	@.ci/kafka up --port $(KAFKA_PORT)

kafka-down: ## Stop that broker and remove its data
	@.ci/kafka down --port $(KAFKA_PORT)

install: ## Install what the other targets need: compilers, libraries, Java, Maven, Rust
	@.ci/install

env: ## Print shell lines for cargo by hand, for eval
	@echo 'export CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)" CFLAGS="$(CFLAGS)" CXXFLAGS="$(CXXFLAGS)"'
	@echo 'export ROCKSDB_LIB_DIR="'"$${ROCKSDB_LIB_DIR:-$$(.ci/rocksdb)}"'" ROCKSDB_STATIC=1'
	@echo 'export SCOPEWATCH_TEST_PYTHON="'"$$(.ci/venv)"'"'

clean: ## Remove what cargo built; the RocksDB archive and the Kafka jars are kept
	cargo clean
