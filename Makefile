# The commands of this repository; `make` alone lists them.
CACHE ?= $(or $(SKEP_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/skep-build)
export CARGO_TARGET_DIR ?= $(CACHE)/target

SPARK ?= 4.0
PARTS ?= thrift transports s3 hmsclient flight hive-java hiveserver2 trino spark-4.0 merges iceberg delta hudi s3-warehouse
ROUNDS ?= 100
CASES ?= 2000
SEED ?= 1
SECONDS ?= 60

.PHONY: help setup demo test check it conformance idle crash model race merge-suite fuzz differential soak bench run

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 13

setup: ## fetch what the demo and the real-engine tests need into a cache folder
	integration/engines/spark.sh $(SPARK) true
	integration/engines/clients.sh true
	integration/engines/hive-java.sh fetch

demo: ## the main job: Spark works on a branch, one merge lands all of it (SPARK=3.5 for the older one)
	integration/demo/demo.sh $(SPARK)

# `setup` first: the Rust tests compare the IDL with the classes of real clients
# the program of `check` serves all that follows: a build of `server` alone has other features, and so is another
test: setup check ## everything: checks, Rust tests, real clients, the demo, Hive's client tests, short crash, model, fuzz and soak runs
	$(MAKE) it demo SKEP_BIN=$(CARGO_TARGET_DIR)/debug/skep
	$(MAKE) conformance PARTS= SKEP_BIN=$(CARGO_TARGET_DIR)/debug/skep
	$(MAKE) crash ROUNDS=5 SKEP_BIN=$(CARGO_TARGET_DIR)/debug/skep
	$(MAKE) model CASES=200
	$(MAKE) race CASES=200
	$(MAKE) fuzz SECONDS=5
	$(MAKE) soak SECONDS=20 SKEP_BIN=$(CARGO_TARGET_DIR)/debug/skep
	$(MAKE) differential PARTS=golden SKEP_BIN=$(CARGO_TARGET_DIR)/debug/skep

check: ## format, lints, Rust tests
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked

it: ## real clients: Spark, Iceberg, Delta, Hudi, Trino, Hive's clients, plain Thrift and S3 (PARTS="spark-3.5" for more)
	integration/tests/run.sh $(PARTS)

conformance: ## Hive 3.1.3's own client tests against a skep with a plain warehouse (PARTS="databases tables" for some)
	integration/conformance/conformance.sh $(if $(filter command line environment,$(origin PARTS)),$(PARTS))

idle: ## the memory of CONNECTIONS idle connections to the metastore
	integration/engines/skep.sh "$$(mktemp -d)" python3 integration/idle/idle.py $(or $(CONNECTIONS),10000)

crash: ## kill -9 under load, ROUNDS times; every acknowledged write has to be there afterwards
	integration/crash/crash.sh --rounds $(ROUNDS)

model: ## CASES random histories against a naive model
	CASES=$(CASES) SEED=$(or $(SEED),1) cargo test --locked -p versioning --test it -- --nocapture model::

race: ## CASES histories of two servers on one store that fails, from SEED, for SECONDS at most
	CASES=$(CASES) SEED=$(SEED) SECONDS=$(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),3600) \
		cargo test --locked -p versioning --test it -- --nocapture race::

# built optimized, which makes it ten times as fast; CASES of the other targets is not meant
merge-suite: ## every cell of the merge tables, and CASES random histories (100000) from SEED merged by skep and by a naive model
	CASES=$(if $(filter command line environment,$(origin CASES)),$(CASES),100000) SEED=$(SEED) \
		cargo test --release --locked -p catalog --test it -- --nocapture merge_suite::

fuzz: ## fuzz what reads bytes of strangers, each target for SECONDS
	fuzz/fuzz.sh $(SECONDS)

differential: ## the same calls on skep and on Hive Metastores, CASES random scripts from SEED too (PARTS="golden scenarios random")
	integration/differential/differential.sh $(if $(filter command line environment,$(origin PARTS)),$(PARTS))

soak: ## CLIENTS clients on one table for SECONDS (64, 600), and the history that they wrote is checked
	integration/soak/soak.sh --clients $(or $(CLIENTS),64) --seconds $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),600)

bench: ## skep beside a Hive Metastore 4.0.1 on PostgreSQL (PARTITIONS=100000 for the largest table; ALONE=1 for skep alone)
	bench/bench.sh --partitions $(or $(PARTITIONS),10000)

run: ## start a server with the embedded default in ./skep-data
	cargo run --locked -p server -- serve
