# Needs Go and python3; everything else is fetched by the targets themselves.
PYTHON ?= python3
CACHE  := $(CURDIR)/.cache
VENV   := $(CACHE)/venv
SUM    := go tool gotestsum --format pkgname-and-test-fails --
GOFILES = $(shell git ls-files '*.go')

.PHONY: help conformance implementations test test-go test-race test-python lint lint-go lint-python bench vectors clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

conformance: ## the reference and the bundled worker, clause by clause
	@mkdir -p $(CACHE); rm -f $(CACHE)/summary.txt
	@go test ./conformance -count=1 -run '^Test(Framer|Worker|Pool)$$' -parallel 8 -summary $(CACHE)/summary.txt; \
	  status=$$?; cat $(CACHE)/summary.txt 2>/dev/null; exit $$status

# go test ./... runs these too, and skips what has no toolchain; here that is a failure.
implementations: ## pyproc-worker and the small implementations in C, Java, Node and Rust; all their toolchains must be there
	PYPROCTEST_TOOLCHAINS=required go test ./conformance/implementations -count=1 -v

test: test-go test-race test-python ## all tests: Go with and without the race detector, Python

test-go:
	$(SUM) -count=1 ./...

# -short leaves three of four planted faults out, and nothing else: test-go runs them all.
test-race:
	@if [ "$$(go env CGO_ENABLED)" = 1 ]; then set -x; $(SUM) -race -short -count=1 ./...; \
	else echo "NOT RUN: go test -race needs a C compiler, and there is none"; fi

# Once on the bare interpreter, once with the packages that pyproject.toml names.
test-python: $(VENV)/ready
	cd pyworker && $(PYTHON) -m unittest discover -s tests -t .
	cd pyworker && $(VENV)/bin/python -m pytest -q tests

lint: lint-go lint-python ## gofmt, vet, staticcheck, ruff, mypy

lint-go:
	@unformatted=$$(gofmt -l $(GOFILES)); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	GOOS=darwin go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff

lint-python: $(VENV)/ready
	cd pyworker && $(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy
	$(VENV)/bin/ruff check --config pyworker/pyproject.toml conformance/implementations
	$(VENV)/bin/ruff format --config pyworker/pyproject.toml --check conformance/implementations
	$(VENV)/bin/mypy --strict conformance/implementations/pyproc-worker/reproduce.py

bench: $(VENV)/ready ## benchmarks of the reference against the floor of the same run
	PYPROCTEST_PYTHON=$(VENV)/bin/python go test -run '^$$' -bench . ./ref/...

vectors: ## write the golden vectors anew
	go run ./vectors/gen -dir vectors

$(VENV)/ready: pyworker/pyproject.toml
	@mkdir -p $(CACHE)
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -e './pyworker[dev]'
	@touch $@

clean: ## forget what was fetched for these targets
	rm -rf $(CACHE)
