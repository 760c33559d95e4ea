# Targets of hotpath; `make` alone lists them. Go and make are all that build, run and test need.

GO      ?= go
PYTHON  ?= python3
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
export CGO_ENABLED = 0

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Builds on a machine without a version control system, and gives the same bytes wherever the source lies.
BUILD = $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -X github.com/hotpath/hotpath/internal/build.version=$(VERSION)"

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

build: ## the static binary, bin/hotpath
	$(BUILD) -o bin/hotpath ./cmd/hotpath

run: build ## build, then serve the embedded digits model on 127.0.0.1:8080
	bin/hotpath serve

test: ## vet and all tests
	$(GO) vet ./...
	$(GO) test ./...

gen: ## regenerate kernels/z* from asm, the messages of gRPC and the lists in README.md
	$(GO) test ./asm -run TestGenerated -write
	$(GO) test ./internal/check -run 'TestReadmeLists|TestProtos' -write

digits: build ## retrain the embedded digits model; the file keeps its SHA-256
	bin/hotpath train --data cmd/hotpath/digits/digits.csv --target label --model mlp:128,64 --out cmd/hotpath/digits/digits.onnx

lint: ## gofmt, vet, staticcheck, govulncheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags noasm ./...
	GOARCH=arm64 $(GO) vet ./...
	sh internal/check/fused.sh
	$(GO) run $(STATICCHECK) ./...
	sh bench/govulncheck.sh "$(GO) run $(GOVULNCHECK)" ./...

race: ## tests under the race detector (needs gcc), save those of asm, which starts no goroutine
	CGO_ENABLED=1 $(GO) test -race -short $$($(GO) list ./... | grep -v /asm)

FUZZTIME ?= 10s
fuzz: ## every fuzz target for FUZZTIME (10s)
	sh bench/fuzz.sh $(FUZZTIME)

bench: build ## kernels side by side with peak and roof, K=gemm_f32 for one; bench/results gets JSON, benchstat's format and a roofline plot
	bin/hotpath bench kernels --op=$(K) --out=bench/results
	$(GO) run ./bench/roofline bench/results/kernels.json bench/results/kernels.svg

bench-record: build ## the figures of this kind of machine, on one thread and two, into bench/results/MICROARCH.json
	bin/hotpath bench kernels --op=$(K) --record --out=bench/results
	bin/hotpath bench kernels --op=$(or $(K),gemm) --threads=2 --record

models: ## real models for tests and comparisons into .cache/models (needs python3 with pip, numpy, onnx: PYTHON=.cache/venv/bin/python)
	$(PYTHON) bench/models/fetch.py .cache/models

conformance: ## the public cases of ONNX (needs python3 with onnx: PYTHON=.cache/venv/bin/python); a table of them into graph/CONFORMANCE.md
	$(PYTHON) bench/peers/conformance_cases.py .cache/conformance
	$(GO) run ./bench/conformance -table graph/CONFORMANCE.md .cache/conformance

bench-guard: build ## profile the hot path; fail over its budget of allocations and overhead
	bin/hotpath bench guard

bench-life: build ## requests while models come, change and go, publishers killed, memory over loads, time to ready
	$(GO) run ./bench/life

bench-overload: build ## answers in time at 2 and 10 times the load that the server can bear, M=model.onnx (default: a small network)
	$(GO) run ./bench/overload -model "$(M)"

bench-peers: build ## requests/s against Flask + onnxruntime, in one run (needs python3, wrk)
	bench/peers/http_compare.sh bin/hotpath

.cache/peers-%/pyvenv.cfg: bench/peers/requirements-%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install -q --disable-pip-version-check -r $< || { rm $@; exit 1; }
	touch $@

bench-serve: build .cache/peers-serve/pyvenv.cfg .cache/peers-triton/pyvenv.cfg .cache/peers-mlserver/pyvenv.cfg ## requests/s and latency against ASGI, Flask, Triton, MLServer, in one run (needs python3, wrk; `make models` for MiniLM)
	.cache/peers-serve/bin/python bench/peers/serve_compare.py

line: build ## a CSV trained, quantised, published and answered over authenticated TLS, on every tier
	bench/line.sh bin/hotpath

.PHONY: help build run test gen digits lint race fuzz bench bench-record bench-guard bench-life bench-overload bench-peers bench-serve models conformance line
