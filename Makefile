# Thin over plain go: every target is one or two commands that can be typed by hand.
GO       ?= go
TOOLS     = -modfile=tools/go.mod
FUZZTIME ?= 10s
ROUNDS   ?= 100
SESSIONS ?= 10000

.PHONY: build test race lint fmt gen fuzz crash crowd compat netns bench cross cover verify

build:            ## all commands into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

test:             ## what a newcomer runs
	$(GO) test ./...

race:             ## the same under the race detector
	$(GO) test -race -shuffle=on ./...

lint:             ## vet, formatting and the house rules
	$(GO) vet ./...
	$(GO) tool $(TOOLS) golangci-lint run ./...

fmt:
	$(GO) tool $(TOOLS) golangci-lint fmt ./...

gen:              ## generated protobuf code; needs protoc
	$(GO) generate ./internal/hadooprpc/...

fuzz:             ## every fuzz target for FUZZTIME
	tools/fuzz.sh $(FUZZTIME)

crash:            ## kill -9 zkserver at random points under load, ROUNDS times
	HOLDFAST_CRASH_ROUNDS=$(ROUNDS) $(GO) test -count=1 -timeout 30m -v ./tests/crash

crowd:            ## SESSIONS idle sessions, and as many connects at 1000 a second
	HOLDFAST_SESSIONS=$(SESSIONS) $(GO) test -count=1 -timeout 10m -v -run 'IdleSessions|StormOfConnects' ./zkserver

compat:           ## against the unmodified originals; needs Java 11+ and Maven
	$(GO) test -tags compat -count=1 -timeout 30m ./tests/compat/...

netns:            ## ensembles on broken networks; needs Linux, root, iproute2 and iptables. HOLDFAST_NETNS_ROUNDS=n for long
	CGO_ENABLED=0 $(GO) test -tags netns -count=1 -timeout 60m -v ./tests/netns

bench:            ## throughput of one zkserver here, with fsync
	tools/bench.sh

cross:            ## every platform we ship for
	tools/cross.sh

cover:
	$(GO) test -coverprofile=cover.out ./... && $(GO) tool cover -func=cover.out | tail -1

verify: lint test race cross
