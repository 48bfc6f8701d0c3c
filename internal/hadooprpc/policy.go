package hadooprpc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Policy is Hadoop's service level authorization of one protocol (ServiceAuthorizationManager): who may call it at all, and from
// where. What it refuses never reaches the protocol's own rules.
type Policy struct {
	Protocol            string // the Java interface
	Allowed, Blocked    ACL
	Hosts, BlockedHosts Machines
}

// Check is a ServerOptions.Before. Its errors have the original's class and words; the original refuses the connection, here
// each call is refused.
func (p Policy) Check(ctx context.Context, i *CallInfo) error {
	if i.Protocol != p.Protocol {
		return nil // the server's own answer is that it does not know it
	}
	if !p.Allowed.Allows(ctx, i.User) || p.Blocked.Allows(ctx, i.User) {
		return NewException(ClassAuthorization, fmt.Sprintf("User %s (auth:SIMPLE) is not authorized for protocol interface %s: "+
			"denied by configured ACL", i.User, p.Protocol))
	}
	host := i.Remote.String()
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || !p.Hosts.Has(ctx, addr) || p.BlockedHosts.Has(ctx, addr) {
		return NewException(ClassAuthorization, fmt.Sprintf("Host %s is not authorized for protocol interface %s", host, p.Protocol))
	}
	return nil
}
