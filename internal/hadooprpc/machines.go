package hadooprpc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// lookupDeadline bounds the questions for the addresses of the machines that a list names.
const lookupDeadline = time.Second

// Machines are machines of a list of Hadoop's (MachineList). The zero value has none.
type Machines struct {
	All      bool
	Networks []netip.Prefix // single addresses among them
	Names    []string       // each with all of its addresses at the time of a call
}

// ParseMachines reads addresses, networks (10.0.0.0/8) and names, with commas between them; "*" alone is every machine.
func ParseMachines(text string) (Machines, error) {
	list := names(text)
	if len(list) == 1 && list[0] == "*" {
		return Machines{All: true}, nil
	}
	var m Machines
	for _, n := range list {
		if addr, err := netip.ParseAddr(n); err == nil {
			m.Networks = append(m.Networks, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		if !strings.Contains(n, "/") {
			m.Names = append(m.Names, n)
			continue
		}
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return Machines{}, fmt.Errorf("%q is no network such as 10.0.0.0/8", n)
		}
		m.Networks = append(m.Networks, p)
	}
	return m, nil
}

// Has tells whether addr is one of m's.
func (m Machines) Has(ctx context.Context, addr netip.Addr) bool {
	if m.All {
		return true
	}
	addr = addr.Unmap().WithZone("")
	for _, n := range m.Networks {
		if n.Contains(addr) {
			return true
		}
	}
	look, cancel := context.WithTimeout(ctx, lookupDeadline)
	defer cancel()
	for _, n := range m.Names {
		found, err := net.DefaultResolver.LookupNetIP(look, "ip", n)
		if err != nil {
			continue
		}
		for _, f := range found {
			if f.Unmap().WithZone("") == addr {
				return true
			}
		}
	}
	return false
}
