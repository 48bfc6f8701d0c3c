package auth

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// ipScheme knows clients by their address; an ACL names an address or a prefix: "10.0.0.0/8", "2001:db8::/32".
type ipScheme struct{}

func (ipScheme) Name() string { return "ip" }

// Authenticated is false: an address proves no user.
func (ipScheme) Authenticated() bool { return false }

func (ipScheme) Authenticate(_ []byte, remote netip.Addr) ([]zkproto.ID, error) {
	return []zkproto.ID{RemoteID(remote)}, nil
}

func (ipScheme) Valid(id string) bool {
	_, ok := parsePrefix(id)
	return ok
}

func (ipScheme) Matches(id, expr string) bool {
	prefix, ok := parsePrefix(expr)
	if !ok {
		return false
	}
	addr, err := netip.ParseAddr(id)
	return err == nil && prefix.Contains(addr.WithZone(""))
}

// parsePrefix reads an address with an optional prefix length, a decimal number.
func parsePrefix(s string) (netip.Prefix, bool) {
	host, length, has := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, false
	}
	bits := addr.BitLen()
	if has {
		if bits, err = strconv.Atoi(length); err != nil || bits < 0 || bits > addr.BitLen() {
			return netip.Prefix{}, false
		}
	}
	return netip.PrefixFrom(addr, bits), true
}

// RemoteID is the id of scheme ip that every connection has from the start. IPv6 addresses are written in full, without
// "::", as Java writes them; an IPv4 address that came in over an IPv6 socket is written as IPv4.
func RemoteID(remote netip.Addr) zkproto.ID {
	remote = remote.Unmap()
	if !remote.Is6() {
		return zkproto.ID{Scheme: "ip", ID: remote.String()}
	}
	a := remote.As16()
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = strconv.FormatUint(uint64(a[2*i])<<8|uint64(a[2*i+1]), 16)
	}
	return zkproto.ID{Scheme: "ip", ID: strings.Join(groups, ":")}
}
