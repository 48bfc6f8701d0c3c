# Thin over plain go: every target is one or two commands that can be typed by hand.
GO       ?= go
TOOLS     = -modfile=tools/go.mod
FUZZTIME ?= 10s
ROUNDS   ?= 100
SESSIONS ?= 10000
SEEDS    ?= 20000
FROM     ?= 1

.PHONY: build test race lint fmt gen fuzz crash crowd compat hadoop hadoop-table netns sim bench cross wine cover verify

build:            ## all commands into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

test:             ## what a newcomer runs
	$(GO) test ./...

race:             ## the same under the race detector, but for a race of the client library's own (.ci/run says which)
	$(GO) test -race -gcflags=github.com/go-zookeeper/zk=-race=false -shuffle=on ./...

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

hadoop:           ## beside a real Hadoop; needs Java 11+ and Maven. HOLDFAST_HADOOP=matrix for every pair, full with the default times
	$(GO) test -tags hadoop -count=1 -timeout 120m -v ./tests/hadoop

hadoop-table:     ## Hadoop's zkfc and haadmin against ours: one table from one run; nothing else should run meanwhile
	HOLDFAST_HADOOP=table $(GO) test -tags hadoop -count=1 -timeout 60m -v -run TestTable ./tests/hadoop

sim:              ## simulated ensembles: SEEDS of them, or SEED=n to replay one with every event; SIMFLAGS=-bare, -members, -groups, -oracle
ifdef SEED
	$(GO) test ./internal/sim -count=1 -run TestSeed -seed $(SEED) $(SIMFLAGS) -v
else
	$(GO) test ./internal/sim -count=1 -run TestMany -from $(FROM) -seeds $(SEEDS) $(SIMFLAGS) -timeout 24h
endif

netns:            ## ensembles on broken networks; needs Linux, root, iproute2 and iptables. HOLDFAST_NETNS_ROUNDS=n for long
	CGO_ENABLED=0 $(GO) test -tags netns -count=1 -timeout 60m -v ./tests/netns

bench:            ## against an original: ORIGINAL=apache-zookeeper-3.9.5-bin, BENCHFLAGS="--servers 3"
	tools/bench.sh $(ORIGINAL) $(BENCHFLAGS)

cross:            ## every platform we ship for
	tools/cross.sh

wine:             ## what is built for Windows, under wine 9 or newer; WINE=command, PARTS="tests programs demo"
	tools/wine.sh $(PARTS)

cover:
	$(GO) test -coverprofile=cover.out ./... && $(GO) tool cover -func=cover.out | tail -1

verify: lint test race cross
