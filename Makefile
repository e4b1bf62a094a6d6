# Needs Go and python3; everything else is fetched by the targets themselves.
PYTHON ?= python3
# A python3 that is a script, as pyenv's is, takes longer to find the interpreter than that takes to start, and the tests start
# hundreds: they find the interpreter first.
INTERPRETER := $(shell python3 -c 'import os, sys; print(os.path.dirname(sys.executable) if open(sys.argv[1], "rb").read(2) == b"\x23!" else "")' "$$(command -v python3)" 2>/dev/null)
ifneq ($(INTERPRETER),)
export PATH := $(INTERPRETER):$(PATH)
endif
CACHE  := $(CURDIR)/.cache
VENV   := $(CACHE)/venv
# At a terminal a dot for each test as it ends, a line for each package; elsewhere a line when a package has ended.
FORMAT ?= $(shell test -t 2 && echo dots-v2 || echo pkgname-and-test-fails)
# make lint vets.
SUM     = go tool gotestsum --format $(FORMAT) -- -vet=off -ldflags=-w -timeout 20m -parallel 8
BUDGET ?= 5m
EXECS  ?= 0
FOR    ?= 2m
TOOL   := go tool -modfile=.github/tools/go.mod
GOFILES = $(shell git ls-files '*.go')

.PHONY: help explore conformance implementations test test-slow test-quick test-rest test-rest-packages test-observers test-race test-race-bubbles test-python test-python-rest lint lint-go lint-python lint-workflows vulnerabilities requirements soak bench vectors generate clean fuzz libfuzzer matrix mutate bench-full bench-compare bench-prove bench-baseline conformance-packages conformance-async release-check site site-look site-results browser

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

conformance: ## the reference and the bundled worker, clause by clause
	@mkdir -p $(CACHE); rm -f $(CACHE)/summary.txt
	@go test ./conformance -count=1 -run '^Test(Framer|Worker|Pool)$$' -parallel 8 -summary $(CACHE)/summary.txt; \
	  status=$$?; cat $(CACHE)/summary.txt 2>/dev/null; exit $$status

conformance-packages: $(VENV)/ready ## the bundled worker again, with the packages that its pyproject.toml names
	go test ./conformance -count=1 -run '^TestWorker$$' -parallel 8 -worker '$(VENV)/bin/python $(CURDIR)/pyworker/conformance_worker.py --msgspec'

conformance-async: ## the bundled worker again, with async handlers alone
	go test ./conformance -count=1 -run '^TestWorker$$' -parallel 8 -worker '$(PYTHON) $(CURDIR)/pyworker/conformance_worker.py --async'

# go test ./... runs these too, and skips what has no toolchain; here that is a failure.
implementations: ## pyproc-worker and the small implementations in C, Java, Node, Python, Ruby and Rust; all their toolchains must be there
	PYPROCTEST_TOOLCHAINS=required go test ./conformance/implementations -count=1 -v -timeout 30m
	PYPROCTEST_TOOLCHAINS=required go test ./conformance/cmd/pyproctest -count=1 -run '^TestScripts$$/^(init|filled)-'

browser: $(CACHE)/browser/ready ## the pages of the report in a real browser: axe, filters, keyboard, phone; needs Chromium and Node
	PYPROCTEST_BROWSER=required go test ./conformance/report -count=1 -v -timeout 30m -run '^TestPagesInABrowser$$'

$(CACHE)/browser/ready: conformance/report/browser/package-lock.json
	@mkdir -p $(@D)
	cp conformance/report/browser/package.json $< $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund
	@touch $@

matrix: ## every planted fault and control through the whole suite; writes conformance/MATRIX.md
	go test ./conformance -count=1 -timeout 120m -run '^TestMatrixIsThatOfTheseFaults$$' -matrix .

explore: ## what does no case list? generated histories on all of ours, shrunk; BUDGET=5m, SEED=N for the same again
	go test ./conformance -count=1 -timeout 0 -v -run '^TestExploreOurs$$' $(if $(SEED),-explore-seed $(SEED)) \
	  -explore-for $$(echo $(BUDGET) | awk '{n = $$1 + 0; if ($$1 ~ /h$$/) n *= 3600; else if ($$1 ~ /m$$/) n *= 60; printf "%ds", n / 4}')

mutate: ## does the suite notice small changes? BUDGET=5m, TARGET=frame, message, pool or worker
	go run ./conformance/mutate -budget $(BUDGET) -target "$(TARGET)"

# Tests and linters allocate much that dies young: a tenth of their work is the collector's, and most of that is saved so.
test-quick test-rest test-rest-packages test-race test-race-bubbles test-observers lint-go: export GOGC ?= 400

# What make test runs is every case on every implementation of ours, every planted fault on the cases that must catch it, and
# all other tests that are quick. The rest is named here once: make test skips it, make test-slow runs it.
SLOWTESTS = Test(NothingElseIsAccused|FramerBesideTheFaultyOnesIsRight|JUnitIsGreenExactlyWhereTheRunSucceeds|PageIsSoundWhateverItTells|HostileTextBreaksOutOfNothing|JSONOfRandomRunsIsValidAndStable|EachCaseIsInOnePartOfARun|LargeBodiesBothWaysAtOnce|FaultsOfAPoolAreFoundThroughTheGoStarter|APoolIsAsItsModel|TheModelSeesPlantedBugs|EachPropertyCanFail|EachPropertyOfTheCodecCanFail|ACrowdAmongFaults|DecodeOfAGigabyteOfZerosIsShort|Reference(Framer|Pool)PassesThroughItsAdapter|LinesFollowTheSchema|PoolAdaptersThatInitWritesPassEverythingOn|AFramerThatCutsItsWritesAtRandomPasses|AFramerWithOneWriteForEachFrameNeedsNoLock|ActionWritesSummaryAndReportsAndEndsAsTheRun|ActionRunsPartsThatBecomeOneRunAndAnnotatesWhatFails|ActionExploresAndMeasuresAfterTheRun|ActionFailsNothingBecauseOfABenchmark|HostileTextStaysTextInComparisonAndHistory|AWorkerThatSkipsChecksumsGetsNoNumbers|RealNoiseAloneAlarmsAtMostOnceInTwentyComparisons|AWorkerStartedByAShellThatTakesItsTimeAndPrintsPasses|AnAdapterThatSplitsWritesIsTold|AFreshModuleGetsItsTableInTenLines|AStallOfAWorkerIsSeenAtARateAndHiddenByAClosedLoop|DeathAndIdlenessAreMeasuredAgainstBareProcesses|ExploreAccusesNothingRight|WhatIsLeftOpenBesideStartAndShutdownAccusesNobody|WhatIsWrongBesideStartAndShutdownIsTold|WhatIsWrongAfterTroubleIsToldAndWhatIsRightIsNot|ExploreFindsPlantedFaultsAndTheirHistoriesReplay|ExploreSaysWhatItCannotUse|SavedHistoriesPass|WhatExploreFindsIsInTheReport)
SLOW = ^$(SLOWTESTS)$$|^TestScripts$$/^(bench-|explore$$|filled-|init-go$$|report$$|run-(adapter|known|part|worker)$$)
SLOWPACKAGES = /internal/explore(/[a-z]+)?$$|/fuzz$$|/fuzz/run$$|/bench/soak$$|/conformance/mutate$$
QUICK = $$(go list ./... | grep -vE '$(SLOWPACKAGES)')
# Two parts at a time, here and below, since tests wait more than they compute; but the planted faults and the race detector
# apart, or they starve each other.
test: ## every case on all of ours, every planted fault; some five minutes on two idle cores
	@$(MAKE) --no-print-directory -j2 test-quick test-python

test-quick:
	$(SUM) -p 3 -count=1 -skip '$(SLOW)' $(QUICK)

test-slow: $(VENV)/ready ## what make test leaves out, and the race detector
	@$(MAKE) --no-print-directory -j2 test-race test-python-rest test-race-bubbles test-rest-packages test-observers
	@$(MAKE) --no-print-directory test-rest

# Only where there are any: each package that is tested is linked anew.
test-rest:
	$(SUM) -p 3 -count=1 -run '$(SLOW)' $$(git grep -lE '^func ($(SLOWTESTS)|TestScripts)\(' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|')

test-rest-packages:
	$(SUM) -count=1 $$(go list ./... | grep -E '$(SLOWPACKAGES)')

# These are Go modules of their own, so that the pool needs nothing but the standard library.
OBSERVERS = ref/pool/poolprometheus ref/pool/poolotel
test-observers: ## the hooks of ref/pool with the real clients of Prometheus and OpenTelemetry
	@for module in $(OBSERVERS); do (set -x; cd $$module && $(subst go tool,go tool -modfile $(CURDIR)/go.mod,$(SUM)) -count=1 .) || exit 1; done

# Left out are packages that start no goroutine (QUIET, which a test holds), and packages and tests that do their work in other
# programs, which the detector does not see into. Packages that use testing/synctest have one processor: with more, the detector
# itself crashes now and then in bubbles whose timers are received from when they are due (golang.org/issue/78156). What plants
# bugs to see that a test finds them is not raced, since that would look for races in the bugs.
BUBBLES = ./ref/frame ./ref/pool ./conformance/internal/pool
QUIET   = conformance/(catalog/gen|inspect|internal/(seeded|text|wire)|known|report|result|spec|spec/gen)|ref/message|vectors|vectors/gen
RACED   = $$(go list ./... | grep -vE '/($(QUIET))$$|/(bench|implementations|mutate|release|site|templates|fuzz)(/|$$)|/ref/frame$$|/ref/pool$$|/internal/pool$$')
APART   = ^Test(ExploreFinds|WhatIsWrongBesideStartAndShutdown|WhatIsWrongAfterTrouble|WhatExploreFinds|SavedHistories|Reference(Framer|Pool)Passes|PythonFramer|FaultsOfAPythonFramer|FaultsOfAFramerAreFound|FaultsOfAPoolAreFound|AFramerThatCuts|AFramerWithOneWrite|FramerBesideTheFaultyOnes|LinesFollow|Scripts|Action|NothingElseIsAccused|AWorkerStartedByAShell|FramerFaultsOfTheSecondBlindBatchesShow|PoolFaultsOfTheSecondBlindBatchesShow|WorkerFaultsOfTheSecondBlindBatchesShow|FramerFaultsOfTheFourthBlindBatchShow|PoolFaultsOfTheFourthBlindBatchShow|WorkerFaultsOfTheFourthBlindBatchShow|AnAdapterThatSplits)
RACE    = @if [ "$$(go env CGO_ENABLED)" = 1 ]; then set -x; $(SUM) -race -parallel 4 -count=1 $(1); \
	else echo "NOT RUN: go test -race needs a C compiler, and there is none"; fi
# The case of 65,536 calls takes longer than a case may with the detector in it.
test-race:
	$(call RACE,-skip '$(APART)|^TestPool$$/^RID-2$$/^ids-are-not-used-again-after-65536-calls' $(RACED))

test-race-bubbles:
	$(call RACE,-cpu 1 -skip '^Test(TheModelSeesPlantedBugs|EachPropertyCanFail)$$' $(BUBBLES))

# On the bare interpreter; make test-slow runs the same with the packages that pyproject.toml names, and both in other modes.
test-python:
	cd pyworker && $(PYTHON) -m unittest discover -s tests -t .

test-python-rest: $(VENV)/ready
	cd pyworker && $(PYTHON) -m unittest discover -s tests -t . -p 'mode_*.py'
	cd pyworker && $(VENV)/bin/python -m pytest -q tests

lint: lint-go lint-python lint-workflows ## gofmt, vet, staticcheck, ruff, mypy, actionlint, zizmor

lint-go:
	@unformatted=$$(gofmt -l $(GOFILES)); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	GOOS=darwin go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff
	cd bench/rivals && go vet . && go tool -modfile ../../go.mod staticcheck . && go mod tidy -diff
	@for module in $(OBSERVERS); do (set -ex; cd $$module; go vet .; go tool -modfile $(CURDIR)/go.mod staticcheck .; go mod tidy -diff) || exit 1; done

lint-python: $(VENV)/ready
	cd pyworker && $(VENV)/bin/ruff check . ../fuzz && $(VENV)/bin/ruff format --check . ../fuzz && $(VENV)/bin/mypy && $(VENV)/bin/mypy ../fuzz/python_codec.py
	cd bench && $(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && \
	  for script in */*.py; do $(VENV)/bin/mypy --no-error-summary $$script || exit 1; done
	$(VENV)/bin/ruff check --config pyworker/pyproject.toml conformance/implementations
	$(VENV)/bin/ruff format --config pyworker/pyproject.toml --check conformance/implementations
	$(VENV)/bin/mypy --strict conformance/implementations/pyproc-worker/reproduce.py
	$(VENV)/bin/ruff check --config pyworker/pyproject.toml vectors/python
	$(VENV)/bin/ruff format --config pyworker/pyproject.toml --check vectors/python
	$(VENV)/bin/mypy --strict vectors/python/src
	$(VENV)/bin/mypy --strict conformance/implementations/asyncio-pool/*.py

# zizmor needs Python 3.11. -pyflakes and -shellcheck are off, or the verdict would depend on what else the machine has.
lint-workflows: $(CACHE)/tools-venv/ready
	$(TOOL) actionlint -pyflakes= -shellcheck=
	$(CACHE)/tools-venv/bin/zizmor --offline --no-progress --quiet .github
# A token that may write: only in the workflows that publish, which a pull request never starts, and there for a job and not for all.
	@for workflow in $$(grep -lE ':[[:space:]]*(write|write-all)\>' .github/workflows/*); do \
	  case $$workflow in */release.yml|*/site.yml) may=yes;; *) may=no;; esac; \
	  if [ $$may = no ] || grep -qE '^ *(pull_request|pull_request_target|workflow_run|issue_comment)\>' $$workflow || grep -qE '^permissions: *.*write|^  [a-z-]+: *write' $$workflow; then \
	    echo "$$workflow: no workflow that pull requests start gets a token that may write, and one that publishes gets it for single jobs"; exit 1; fi; done
	cd .github/tools && go mod tidy -diff

vulnerabilities: ## known vulnerabilities that the code can reach; asks vuln.go.dev
	$(TOOL) govulncheck ./...
	cd bench/rivals && go tool -modfile=$(CURDIR)/.github/tools/go.mod govulncheck .
	@for module in $(OBSERVERS); do (set -x; cd $$module && go tool -modfile=$(CURDIR)/.github/tools/go.mod govulncheck .) || exit 1; done

# WORKER='CMD' measures a worker of yours too; FORCE=1 even if it fails the checks.
BENCH = PYPROCTEST_PYTHON=$(CACHE)/bench-venv/bin/python go run ./bench/cmd/pyprocbench
YOURS = $(if $(WORKER),-worker '$(WORKER)') $(if $(FORCE),-force)

bench: $(CACHE)/bench-venv/ready ## benchmarks: floors, rivals, goals, in some minutes; WORKER='CMD' adds yours
	$(BENCH) run $(YOURS)

bench-full: $(CACHE)/bench-venv/ready ## the same with all rows, in about an hour
	$(BENCH) run -full $(YOURS)

bench-compare: $(CACHE)/bench-venv/ready ## is the work tree slower than BASE=<git ref>? turn by turn, with a verdict
	$(BENCH) compare -base '$(BASE)'

bench-prove: $(CACHE)/bench-venv/ready ## is bench-compare to be trusted? 20 comparisons with itself, 10 with each planted fault; an hour
	$(BENCH) prove

soak: $(VENV)/ready ## calls beside kills, stops and garbage, and starts and stops; FOR=2m, SEED=N for the same plan again
	go build -o $(CACHE)/soak ./bench/soak
	$(CACHE)/soak -for $(FOR) -python $(VENV)/bin/python $(if $(SEED),-seed $(SEED))

bench-baseline: ## keep the ratios of the last make bench as bench/baselines/NAME.txt
	go run ./bench/cmd/pyprocbench baseline -name '$(NAME)'

fuzz: ## fuzz every target; all share BUDGET, EXECS ends a target before its time
	go run ./fuzz/run -budget $(BUDGET) -execs $(EXECS)

libfuzzer: ## build the fuzz targets for libFuzzer, and run their seeds
	.clusterfuzzlite/check.sh

# Goes on to signing and publishing only in the release workflow, which passes TAG. ONLY='regexp' runs the steps of such names again.
release-check: $(CACHE)/tools-venv/ready ## build all that a release has, install each where there is nothing else, and run it; needs node, cargo
	go run ./conformance/release -tag '$(TAG)' -only '$(ONLY)'

site: ## build the site into .cache/site; open index.html
	go run ./conformance/site

# Takes node and a Chromium, which CHROMIUM names; npm fetches the rest.
site-look: site ## look at the site in a browser: axe, widths of a phone and a desk, light and dark; pictures in .cache/site-look
	npm install --silent --no-audit --no-fund --prefix $(CACHE)/look playwright-core@1.56.1 axe-core@4.11.0
	node conformance/site/look.mjs $(CACHE)/site $(CACHE)/look $(CACHE)/site-look

site-results: ## run the suite on every implementation that the site shows, and keep what came of it; some minutes, all toolchains
	conformance/site/collect.sh

vectors: ## write the golden vectors anew
	go run ./vectors/gen -dir vectors

generate: vectors ## write what is made from other files: vectors, the clauses as Go, the numbers in README.md
	cd conformance/spec && go run ./gen
	cd conformance/catalog && go run ./gen

$(VENV)/ready: pyworker/pyproject.toml
	@mkdir -p $(CACHE)
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -e './pyworker[dev]'
	@touch $@

# By hash, and no source packages: what builds those would come without one.
$(CACHE)/bench-venv/ready: bench/rivals/requirements.txt
$(CACHE)/tools-venv/ready: .github/tools/requirements.txt
$(CACHE)/bench-venv/ready $(CACHE)/tools-venv/ready:
	@mkdir -p $(CACHE)
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

requirements: ## write the requirements.txt with hashes anew, from each requirements.in; needs Python 3.11 or newer
	@mkdir -p $(CACHE)
	$(PYTHON) -m venv --clear $(CACHE)/compile-venv
	$(CACHE)/compile-venv/bin/python -m pip install -q --disable-pip-version-check pip-tools==7.6.2
	@set -e; for dir in bench/rivals .github/tools; do (set -ex; cd $$dir; CUSTOM_COMPILE_COMMAND='make requirements' $(CACHE)/compile-venv/bin/pip-compile \
	  -q --upgrade --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements.txt requirements.in); done

clean: ## forget what was fetched for these targets
	rm -rf $(CACHE)
