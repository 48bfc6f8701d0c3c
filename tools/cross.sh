#!/bin/sh
# Vets and builds every package for every platform we ship for, without cgo.
set -eu
for os in linux darwin windows; do
  for arch in amd64 arm64; do
    echo "$os/$arch"
    CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build ./...
  done
done
# Linux-only tests must not break the others: vet compiles the tests too.
CGO_ENABLED=0 GOOS=windows go vet ./...
CGO_ENABLED=0 GOOS=darwin go vet ./...
