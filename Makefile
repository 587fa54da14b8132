# The only entry point, for people and for CI. `make` alone prints what there is.
.DEFAULT_GOAL := help
.PHONY: help run test thorough check build lint crds certs image worker-runtime cluster cluster-down deploy e2e bench clean \
        template-golden FORCE

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/stationmaster
TOOLS := $(CACHE)/tools
DENY_VERSION := 0.20.2
MACHETE_VERSION := 0.9.2
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
CARGO ?= cargo
# What images are built as: release, or quick, which takes half the time and makes a slower program.
PROFILE ?= release
STATIC := target/$(HOST)/$(PROFILE)/stationmaster
SOURCES := Cargo.toml Cargo.lock $(shell find src -type f)

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## a local cluster, the server and the samples; prints "ready" and what to try; Ctrl-C stops the server
	@tests/cluster/run

test: ## every test, those on the real API server and the real node included
	tests/cluster/up --binaries
	$(CARGO) test --locked --tests
	$(CARGO) test --locked --doc

e2e: ## only the tests that need a cluster
	tests/cluster/up --binaries
	$(CARGO) test --locked $(patsubst tests/%.rs,--test %,$(wildcard tests/e2e_*.rs))

thorough: ## the tests of workers' updates and of killed servers at their full length, which takes 20 minutes
	tests/cluster/up --binaries
	THOROUGH=1 $(CARGO) test --locked --test e2e_workers_updates --test e2e_workers_kill -- --nocapture

check: lint ## what CI asks before the tests: format, clippy, docs, licences, unused dependencies, generated files
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	$(MAKE) --no-print-directory $(TOOLS)/bin/cargo-deny $(TOOLS)/bin/cargo-machete
	$(CARGO) fetch --locked
	$(TOOLS)/bin/cargo-deny --offline --log-level error check licenses bans sources
	$(TOOLS)/bin/cargo-machete
	$(CARGO) build --locked
	target/debug/stationmaster crds --out target/crds
	diff -r crds target/crds || { echo "crds/ is not what the types say: run make crds"; exit 1; }

lint: ## format and clippy, warnings denied
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

build: ## the debug binary
	$(CARGO) build --locked

crds: build ## writes crds/, one file per kind
	target/debug/stationmaster crds --out crds

certs: build ## a development authority and certificate for localhost, in certs/
	target/debug/stationmaster certs --out certs --host localhost --host 127.0.0.1

image: target/stationmaster.oci.tar ## the container image: by Docker where an engine answers, else as an OCI archive

target/stationmaster.oci.tar: $(SOURCES) Dockerfile manifests/image manifests/oci.sh target/profile-of-images
	@if docker info >/dev/null 2>&1; then \
	  docker build -t stationmaster:dev . && docker save stationmaster:dev -o $@; \
	else \
	  $(MAKE) --no-print-directory $(STATIC) && \
	  manifests/image $(STATIC) docker.io/library/stationmaster:dev $@; \
	fi

worker-runtime: target/worker-runtime.tar ## the image that workers and their build Jobs run in, as an OCI archive

target/worker-runtime.tar: $(SOURCES) manifests/worker-runtime manifests/oci.sh tests/cluster/workerd target/profile-of-images
	@$(MAKE) --no-print-directory $(STATIC)
	@workerd=$${WORKERD:-$$(tests/cluster/workerd)} && \
	  manifests/worker-runtime "$$workerd" $(STATIC) docker.io/library/stationmaster-worker-runtime:dev $@

$(STATIC): $(SOURCES)
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) build --profile $(PROFILE) --locked --target $(HOST)
	@touch $@

# An image of one profile is none of another.
target/profile-of-images: FORCE
	@mkdir -p target && { echo $(PROFILE) | cmp -s - $@ || echo $(PROFILE) >$@; }

cluster: ## the local cluster, started or reused
	@tests/cluster/up

cluster-down: ## ends the local cluster and leaves nothing behind
	@tests/cluster/down

deploy: image ## installs the image in the local cluster
	@tests/cluster/deploy

bench: ## every figure of the README, measured on this machine
	$(CARGO) bench --locked --bench '*'

template-golden: ## renders tests/data/templates anew with Go's own text/template and Sprig
	cd tests/data/templates && go run .

clean: ## removes what was built; not the cluster's binaries in the cache
	$(CARGO) clean

$(TOOLS)/bin/cargo-deny:
	@echo "installing cargo-deny $(DENY_VERSION) (about two minutes, once)"
	$(CARGO) install --quiet --locked --root $(TOOLS) cargo-deny@$(DENY_VERSION)

$(TOOLS)/bin/cargo-machete:
	@echo "installing cargo-machete $(MACHETE_VERSION) (about a minute, once)"
	$(CARGO) install --quiet --locked --root $(TOOLS) cargo-machete@$(MACHETE_VERSION)
