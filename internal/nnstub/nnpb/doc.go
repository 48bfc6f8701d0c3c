// Package nnpb holds the generated messages of the demo NameNode's files (../proto/namespace.proto).
package nnpb
