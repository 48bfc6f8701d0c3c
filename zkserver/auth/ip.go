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
	addr, ok := parseAddr(id)
	return ok && prefix.Contains(addr)
}

// parsePrefix reads an address with an optional prefix length, a decimal number.
func parsePrefix(s string) (netip.Prefix, bool) {
	host, length, has := strings.Cut(s, "/")
	addr, ok := parseAddr(host)
	if !ok {
		return netip.Prefix{}, false
	}
	bits := addr.BitLen()
	if has {
		var err error
		if bits, err = strconv.Atoi(length); err != nil || bits < 0 || bits > addr.BitLen() {
			return netip.Prefix{}, false
		}
	}
	return netip.PrefixFrom(addr, bits), true
}

// parseAddr reads an address as the original does: numbers may have leading zeros or a plus sign, and an IPv6 address
// neither a zone nor an IPv4 address at its end.
func parseAddr(s string) (netip.Addr, bool) {
	if strings.Contains(s, ":") {
		return parseV6(s)
	}
	parts := strings.Split(s, ".")
	var a [4]byte
	if len(parts) != len(a) {
		return netip.Addr{}, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > 255 {
			return netip.Addr{}, false
		}
		a[i] = byte(n)
	}
	return netip.AddrFrom4(a), true
}

func parseV6(s string) (netip.Addr, bool) {
	var a [16]byte
	head, tail, short := strings.Cut(s, "::")
	left, right := groups(head), groups(tail)
	switch n := len(left) + len(right); {
	case short && (n >= 8 || strings.Contains(tail, "::")), !short && n != 8:
		return netip.Addr{}, false
	}
	if !fill(a[:], left) || !fill(a[len(a)-2*len(right):], right) {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16(a), true
}

func groups(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ":")
}

// fill writes groups of up to four hexadecimal digits into a.
func fill(a []byte, groups []string) bool {
	for i, g := range groups {
		n, err := strconv.ParseInt(g, 16, 32)
		if err != nil || len(g) > 4 {
			return false
		}
		a[2*i], a[2*i+1] = byte(n>>8), byte(n)
	}
	return true
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
