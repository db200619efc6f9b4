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
DATA := $(LAKE)/data/$(EVENTS)

.PHONY: help build run test lint fmt bench clean

help: ## Show what there is to do
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

build: ## Compile the program `tarn` and the sample's generator
	cargo build --release --locked -p tarn-cli -p shop-generator

run: build $(DATA)/.done ## Run the main job: sample events become audited tables, a mart and a report
	@$(TARN) --lake $(LAKE) ingest site_events $(DATA)/site_events.ndjson
	@$(TARN) --lake $(LAKE) ingest orders $(DATA)/orders.ndjson
	@$(TARN) --lake $(LAKE) ingest customers $(DATA)/customers.parquet
	@$(TARN) --lake $(LAKE) ingest contracts $(DATA)/contracts.parquet
	@$(TARN) --lake $(LAKE) run
	@$(TARN) --lake $(LAKE) query --mart reporting - < $(LAKE)/report.sql

$(DATA)/.done:
	@$(GENERATOR) $(DATA) --events $(EVENTS)
	@touch $@

test: build ## Run all tests
	tests/set-up
	cargo build --release --locked --workspace --bins
	cargo test --release --locked --workspace

lint: ## Check formatting, lints and dependencies' licences
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

fmt: ## Format the code
	cargo fmt --all

bench: build ## Measure beside named peers; raw results in benches/results (BENCH_EVENTS=10000000 for the big one)
	python3 benches/ingest.py --events $(BENCH_EVENTS)
	python3 benches/run.py --events $(BENCH_EVENTS)

clean: ## Remove what the sample lake made
	rm -rf $(LAKE)/.tarn $(LAKE)/data
