package quorum

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Address is one host of a server with the ports of its peers.
type Address struct {
	Host         string // a name or an address, without brackets
	QuorumPort   int    // followers of a leader connect to it
	ElectionPort int
}

// Member is one server.N line.
type Member struct {
	ID Sid
	// Addresses has one entry, or several when multiAddress is enabled; they are all of the one server.
	Addresses []Address
	// Observer follows without a vote; all others are participants.
	Observer bool
	// ClientHost and ClientPort say where clients connect: 0.0.0.0 when only the port was given, no host and port 0 when
	// the line does not say (then clientPort of the static configuration holds).
	ClientHost string
	ClientPort int
}

const memberForm = "does not have the form host:quorumPort:electionPort[:role][;[host:]clientPort], several hosts separated by |"

// ParseMember reads the value of a server.N line, as QuorumServer of the original does. Its errors name what is wrong.
func ParseMember(id Sid, value string) (Member, error) {
	m := Member{ID: id}
	server, client, hasClient := strings.Cut(strings.TrimSpace(value), ";")
	if strings.Contains(client, ";") {
		return m, fmt.Errorf("server.%d: %q %s", id, value, memberForm)
	}
	if hasClient && client != "" {
		if err := m.parseClient(client); err != nil {
			return m, err
		}
	}
	role := ""
	for i, one := range strings.Split(server, "|") {
		parts, err := hostAndPorts(strings.TrimSpace(one))
		if err != nil || len(parts) < 3 || len(parts) > 4 || parts[0] == "" {
			return m, fmt.Errorf("server.%d: %q %s", id, value, memberForm)
		}
		a := Address{Host: plain(parts[0])}
		if err = checkHost(a.Host); err != nil {
			return m, fmt.Errorf("server.%d: %w", id, err)
		}
		if a.QuorumPort, err = port(parts[1]); err != nil {
			return m, fmt.Errorf("server.%d: quorum port: %w", id, err)
		}
		if a.ElectionPort, err = port(parts[2]); err != nil {
			return m, fmt.Errorf("server.%d: election port: %w", id, err)
		}
		if a.QuorumPort == a.ElectionPort {
			return m, fmt.Errorf("server.%d: quorum and election port are both %d, they must differ", id, a.QuorumPort)
		}
		m.Addresses = append(m.Addresses, a)
		r := ""
		if len(parts) == 4 {
			r = strings.ToLower(strings.TrimSpace(parts[3]))
			if r != "participant" && r != "observer" {
				return m, fmt.Errorf("server.%d: unknown role %q: it is participant or observer", id, parts[3])
			}
		}
		if i > 0 && r != "" && role != "" && r != role {
			return m, fmt.Errorf("server.%d: its addresses have different roles, %s and %s", id, role, r)
		}
		if role == "" {
			role = r
		}
	}
	m.Observer = role == "observer"
	return m, nil
}

func (m *Member) parseClient(s string) error {
	parts, err := hostAndPorts(strings.TrimSpace(s))
	if err != nil || len(parts) > 2 || len(parts) == 0 {
		return fmt.Errorf("server.%d: client address %q is not [host:]port", m.ID, s)
	}
	m.ClientHost = "0.0.0.0"
	if len(parts) == 2 {
		if m.ClientHost = plain(parts[0]); checkHost(m.ClientHost) != nil {
			return fmt.Errorf("server.%d: client address: %w", m.ID, checkHost(m.ClientHost))
		}
	}
	if m.ClientPort, err = port(parts[len(parts)-1]); err != nil {
		return fmt.Errorf("server.%d: client port: %w", m.ID, err)
	}
	return nil
}

// checkHost refuses what would not come back as the same host when the text is read again.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	for _, r := range host {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`:;|,=[]#!\\"`, r) {
			return fmt.Errorf("%q is no host name or address", host)
		}
	}
	if host == "" {
		return errors.New("the host is missing")
	}
	return nil
}

func port(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 || n > 65535 {
		return 0, fmt.Errorf("%q is no port: give a number from 1 to 65535", s)
	}
	return n, nil
}

// hostAndPorts splits at colons; an IPv6 address stands in brackets.
func hostAndPorts(s string) ([]string, error) {
	if !strings.HasPrefix(s, "[") {
		return strings.Split(s, ":"), nil
	}
	host, rest, ok := strings.Cut(s[1:], "]")
	if !ok || (rest != "" && rest[0] != ':') {
		return nil, fmt.Errorf("%q has no matching bracket followed by a colon", s)
	}
	if rest == "" {
		return []string{host}, nil
	}
	return append([]string{host}, strings.Split(rest[1:], ":")...), nil
}

// String is the value of the server.N line as the original prints it: the role always, the client address if it is known.
func (m Member) String() string {
	var b strings.Builder
	addrs := slices.Clone(m.Addresses)
	slices.SortStableFunc(addrs, func(a, b Address) int { return strings.Compare(a.Host, b.Host) })
	for i, a := range addrs {
		if i > 0 {
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%s:%d:%d", bracketed(a.Host), a.QuorumPort, a.ElectionPort)
	}
	if m.Observer {
		b.WriteString(":observer")
	} else {
		b.WriteString(":participant")
	}
	if m.ClientPort != 0 || m.ClientHost != "" {
		fmt.Fprintf(&b, ";%s:%d", bracketed(m.ClientHost), m.ClientPort)
	}
	return b.String()
}

// Equal tells whether both lines say the same.
func (m Member) Equal(o Member) bool {
	return m.ID == o.ID && m.String() == o.String()
}

// SamePeerAddress tells whether both are reached on the same quorum addresses: a server that only changes its client
// address goes on leading.
func (m Member) SamePeerAddress(o Member) bool {
	return slices.EqualFunc(m.Addresses, o.Addresses, func(a, b Address) bool { return a.Host == b.Host && a.QuorumPort == b.QuorumPort })
}

// plain writes an IPv6 address in full, as the original does: fe80::1 is fe80:0:0:0:0:0:0:1. Names are kept.
func plain(host string) string {
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil || a.Is4():
		return host
	case a.Is4In6():
		return a.Unmap().String()
	}
	var b strings.Builder
	for i, part := range a.As16() {
		if i%2 == 1 {
			fmt.Fprintf(&b, ":%x", uint16(a.As16()[i-1])<<8|uint16(part))
		}
	}
	if a.Zone() != "" {
		return b.String()[1:] + "%" + a.Zone()
	}
	return b.String()[1:]
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// conflict names an address that both servers claim, or is empty. Wildcard and loopback addresses do not count: the first
// says nothing, and servers of a test share the second. Names are compared as written.
func (m Member) conflict(o Member) string {
	for _, a := range m.endpoints() {
		if slices.Contains(o.endpoints(), a) {
			return a
		}
	}
	return ""
}

func (m Member) endpoints() []string {
	var out []string
	add := func(host string, port int) {
		switch {
		case host == "" || host == "0.0.0.0" || host == "::" || host == "0:0:0:0:0:0:0:0":
		case host == "localhost" || host == "::1" || host == "0:0:0:0:0:0:0:1" || strings.HasPrefix(host, "127."):
		default:
			out = append(out, bracketed(strings.ToLower(host))+":"+strconv.Itoa(port))
		}
	}
	for _, a := range m.Addresses {
		add(a.Host, a.QuorumPort)
		add(a.Host, a.ElectionPort)
	}
	if m.ClientPort != 0 {
		add(m.ClientHost, m.ClientPort)
	}
	return out
}
