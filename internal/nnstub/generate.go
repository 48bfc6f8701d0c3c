package nnstub

// The generated code is committed; protoc (3.21 or newer) and protoc-gen-go v1.36.12 must be on the PATH to renew it.
//
//go:generate protoc -I proto --go_out=. --go_opt=module=github.com/holdfast-ha/holdfast/internal/nnstub namespace.proto
