# Everything there is to do; CI calls only these targets.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Compiled code is kept outside of the clone, so that a second clone does not compile the engine again.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/tarn/target
TARN := $(CARGO_TARGET_DIR)/release/tarn
GENERATOR := $(CARGO_TARGET_DIR)/release/shop-generator

LAKE := examples/shop
EVENTS := 10000
BENCH_EVENTS := 1000000
BENCH_ROWS := 5000000
DATA := $(LAKE)/data/$(EVENTS)

# The processor of the functions, and a file with the authorities that MySQL and PostgreSQL marts are to trust.
ARCHITECTURE := arm64
CA :=
# The workspace of Terraform; by default one by the lake's name.
WORKSPACE :=
DEPLOY = infra/deploy $(1) --lake $(LAKE) $(if $(WORKSPACE),--workspace $(WORKSPACE))

.PHONY: help build program functions run test lint fmt bench fuzz plan deploy destroy clean

help: ## Show what there is to do
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

build: program functions ## Compile `tarn` and the zips of all functions (ARCHITECTURE=x86_64 CA=authorities.pem)

program:
	cargo build --release --locked -p tarn-cli -p shop-generator

functions:
	infra/build --architecture $(ARCHITECTURE) $(if $(CA),--ca $(CA))

run: program $(DATA)/.done ## Run the main job: sample events become audited tables, a mart and a report
	@$(TARN) --lake $(LAKE) ingest site_events $(DATA)/site_events.ndjson
	@$(TARN) --lake $(LAKE) ingest orders $(DATA)/orders.ndjson
	@$(TARN) --lake $(LAKE) ingest customers $(DATA)/customers.parquet
	@$(TARN) --lake $(LAKE) ingest contracts $(DATA)/contracts.parquet
	@$(TARN) --lake $(LAKE) run
	@$(TARN) --lake $(LAKE) query --mart reporting - < $(LAKE)/report.sql

$(DATA)/.done:
	@$(GENERATOR) $(DATA) --events $(EVENTS)
	@touch $@

test: program ## Run all tests
	tests/set-up
	cargo build --release --locked --workspace --bins
	cargo test --release --locked --workspace
	python3 -m unittest discover infra
	python3 -m unittest discover infra/costs

lint: ## Check formatting and lints
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

fmt: ## Format the code
	cargo fmt --all

bench: program ## Measure beside named peers; raw results in benches/results (BENCH_EVENTS=10000000 for the big one)
	python3 benches/ingest.py --events $(BENCH_EVENTS)
	python3 benches/run.py --events $(BENCH_EVENTS)
	python3 benches/handlers.py
	cargo build --release --locked -p tarn-mart --example load
	python3 benches/marts.py --rows $(BENCH_ROWS)
	python3 benches/marts.py --rows 100000 --runs 1 --peers
	cargo build --release --locked --workspace --bins
	python3 benches/functions.py
	python3 benches/orchestration.py

# Coverage is counted by LLVM itself, so the stable compiler will do; the engine of the fuzzer is compiled with `c++`.
FUZZ_SECONDS := 60
FUZZ_TARGETS := flatten dynamodb firehose_event
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1
fuzz: export CARGO_TARGET_DIR := $(CARGO_TARGET_DIR)/fuzz
fuzz: HOST = $(shell rustc -vV | sed -n 's/^host: //p')
fuzz: ## Feed the parsers arbitrary input, each for so many seconds (FUZZ_SECONDS=60 FUZZ_TARGETS="flatten dynamodb")
	@for target in $(FUZZ_TARGETS); do \
	  features=; [ $$target != firehose_event ] || features=--features=pipeline; \
	  RUSTFLAGS="$(FUZZ_FLAGS)" cargo build --release --locked --manifest-path fuzz/Cargo.toml --target $(HOST) --bin $$target $$features; \
	  mkdir -p $(CARGO_TARGET_DIR)/corpus/$$target; \
	  $(CARGO_TARGET_DIR)/$(HOST)/release/$$target -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 \
	    -artifact_prefix=$(CARGO_TARGET_DIR)/ $(CARGO_TARGET_DIR)/corpus/$$target fuzz/corpus/$$target; \
	done

plan: ## Show what a deployment of the lake would change on AWS (LAKE=folder)
	@$(call DEPLOY,plan)

deploy: ## Deploy the lake as Terraform plans it, then push its files (LAKE=folder)
	@$(call DEPLOY,apply) --tarn $(TARN)

destroy: ## Remove what is deployed of the lake; not while its buckets hold data, unless FORCE=yes (LAKE=folder)
	@$(call DEPLOY,destroy) $(if $(filter yes,$(FORCE)),--force)

clean: ## Remove what the sample lake made
	rm -rf $(LAKE)/.tarn $(LAKE)/data
