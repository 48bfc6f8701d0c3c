package hadooprpc

import (
	"context"
	"net"
)

// CallInfo is what a server's handler knows of the call besides its message.
type CallInfo struct {
	User          string // as the client claims (SIMPLE authentication)
	CallerContext string // "CLI" from haadmin; empty when the client sent none
	Remote        net.Addr
	Protocol      string
	Method        string
	ClientID      []byte
	CallID        int32
}

type callInfoKey struct{}

type callerContextKey struct{}

// InfoFrom is the call that ctx belongs to; nil outside a handler.
func InfoFrom(ctx context.Context) *CallInfo {
	info, _ := ctx.Value(callInfoKey{}).(*CallInfo)
	return info
}

// WithCallerContext makes calls under ctx carry the given caller context. Calls made by a handler carry that of the call
// they serve without being told, as in the original.
func WithCallerContext(ctx context.Context, caller string) context.Context {
	return context.WithValue(ctx, callerContextKey{}, caller)
}

func callerContext(ctx context.Context, fallback string) string {
	if s, ok := ctx.Value(callerContextKey{}).(string); ok {
		return s
	}
	if info := InfoFrom(ctx); info != nil && info.CallerContext != "" {
		return info.CallerContext
	}
	return fallback
}
