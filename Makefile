# Stapes: `make demo` listens, thinks and answers on a bare Debian 12; `make test` builds and tests everything.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

PRESET ?= release
JOBS ?= $(shell nproc)
# A quarter of the time tests wait: for processes, sockets, signals.
TEST_JOBS ?= $(shell expr $(JOBS) + 1)
SAMPLE ?= samples/five-zero-nine-two.wav
QUESTION ?= Which digits are spoken?

# What is built from nothing is built for the first use, so a folder at a time; a build folder stays as it is
# (CONTRIBUTING.md).
unity = $(if $(wildcard build/$(1)/CMakeCache.txt),,-DSTAPES_UNITY=ON)

.PHONY: build demo test asan tsan format clean help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

build: ## install what is missing, build stapes and stapes-train into build/bin
	@scripts/setup.sh train
	@cmake --preset release -DSTAPES_TRAIN=ON $(call unity,release)
	@cmake --build --preset release -j $(JOBS) --target programs

# Needs the inference packages only. A build folder that also has the training program or the tests stays as it is.
demo: ## install what is missing, build stapes, ask the small model about a real recording
	@scripts/setup.sh run
	@[ -f build/release/build.ninja ] || cmake --preset release -DSTAPES_TRAIN=OFF -DSTAPES_TESTS=OFF -DSTAPES_UNITY=ON
	@cmake --build --preset release -j $(JOBS) --target stapes
	@printf '\n  sound      %s\n  question   %s\n\n' '$(SAMPLE)' '$(QUESTION)'
	@build/bin/stapes ask '$(SAMPLE)' '$(QUESTION)'

test: ## install what is missing, build everything, run all tests (PRESET=release, asan, tsan or dev)
	@scripts/setup.sh test
	@cmake --preset $(PRESET) -DSTAPES_TRAIN=ON -DSTAPES_TESTS=ON $(call unity,$(PRESET))
	@cmake --build --preset $(PRESET) -j $(JOBS)
	@ctest --preset $(PRESET) -j $(TEST_JOBS)

asan: ## all tests under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory test PRESET=asan

tsan: ## all tests under the thread sanitizer
	@$(MAKE) --no-print-directory test PRESET=tsan

format: ## clang-format on all of our sources
	@git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' | xargs -0 clang-format -i

clean: ## remove everything that was built
	@rm -rf build
