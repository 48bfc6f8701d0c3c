// Package rpcpb holds the generated messages of the Hadoop RPC envelope (../proto/rpc.proto).
package rpcpb
