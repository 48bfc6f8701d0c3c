package config

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// MaxServerID is the greatest number of a server: it is the first byte of the ids of the sessions made there.
const MaxServerID = 255

const serverForm = "write it like server.1=host:2888:3888;2181 or server.1=host:2888:3888:observer;2181"

// isServer tells whether the key is server.N, N a number.
func isServer(name string) bool { return numbered(name, "server.") }

// isMember tells whether the key is one of the three that say who is in the ensemble.
func isMember(name string) bool {
	return isServer(name) || numbered(name, "group.") || numbered(name, "weight.")
}

func numbered(name, prefix string) bool {
	n, ok := strings.CutPrefix(name, prefix)
	return ok && n != "" && strings.Trim(n, "0123456789") == ""
}

// serverID reads the N of server.N and weight.N.
func serverID(n string) (quorum.Sid, error) {
	id, err := strconv.ParseInt(n, 10, 64)
	if err != nil || id < 0 || id > MaxServerID {
		return 0, bad(fmt.Sprintf("number the servers from 1 to %d", MaxServerID), "%s is no number of a server", n)
	}
	return quorum.Sid(id), nil
}

// ParseServer reads one server line: id is the N of server.N, value what stands behind the equals sign. The error says
// what is wrong and how to write it.
func ParseServer(id quorum.Sid, value string) (Server, error) {
	s, err := parseServer(id, value)
	var b *badValue
	if errors.As(err, &b) {
		return s, fmt.Errorf("config: server.%d=%s: %s; %s", id, value, b.reason, b.remedy)
	}
	return s, nil
}

func parseServer(id quorum.Sid, value string) (Server, error) {
	s := Server{ID: id}
	peer, client, _ := strings.Cut(value, ";")
	client, secure, _ := strings.Cut(client, ";")
	if secure = strings.TrimSpace(secure); secure != "" {
		return s, bad("remove the part behind the second semicolon, and give secureClientPort in zoo.cfg", "names a secure client port, which is not read from there")
	}
	role := ""
	for one := range strings.SplitSeq(peer, "|") {
		a, r, err := parseAddress(strings.TrimSpace(one))
		if err != nil {
			return s, err
		}
		if r != "" && role != "" && r != role {
			return s, bad("give all addresses the same role", "has addresses of different roles")
		}
		role = cmp.Or(role, r)
		s.Addresses = append(s.Addresses, a)
	}
	switch role {
	case "", "participant":
	case "observer":
		s.Observer = true
	default:
		return s, bad("give participant or observer", "%q is no role", role)
	}
	return s, s.parseClient(strings.TrimSpace(client))
}

// parseAddress reads host:quorumPort:electionPort[:role].
func parseAddress(text string) (a Address, role string, err error) {
	host, rest, err := splitHost(text)
	if err != nil {
		return a, "", err
	}
	parts := strings.Split(rest, ":")
	if len(parts) < 2 || len(parts) > 3 || host == "" {
		if len(parts) == 1 && parts[0] != "" && host != "" {
			return a, "", bad(serverForm, "%q has no election port", text)
		}
		return a, "", bad(serverForm, "%q does not have the form host:quorumPort:electionPort", text)
	}
	a.Host = host
	if a.QuorumPort, err = port(parts[0]); err != nil {
		return a, "", err
	}
	if a.ElectionPort, err = port(parts[1]); err != nil {
		return a, "", err
	}
	if a.QuorumPort == a.ElectionPort {
		return a, "", bad("give two ports, 2888 and 3888 are usual", "has the same port, %d, for the quorum and the election", a.QuorumPort)
	}
	if len(parts) == 3 {
		role = strings.ToLower(strings.TrimSpace(parts[2]))
	}
	return a, role, nil
}

// parseClient reads [host:]port.
func (s *Server) parseClient(text string) error {
	if text == "" {
		return nil
	}
	host, digits := "", text
	if strings.Contains(text, ":") {
		var err error
		if host, digits, err = splitHost(text); err != nil {
			return err
		}
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > 65535 {
		return bad(serverForm, "has no usable client port: %q", text)
	}
	if s.ClientHost, s.ClientPort = host, n; host == "" {
		s.ClientHost = "0.0.0.0"
	}
	return nil
}

// splitHost takes the host off the front; one with colons in it stands in brackets.
func splitHost(text string) (host, rest string, err error) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if host, rest, ok = strings.Cut(inner, "]"); !ok || !strings.HasPrefix(rest, ":") {
			return "", "", bad("write it like [fe80::1]:2888:3888", "%q has a bracket that is never closed", text)
		}
		return host, rest[1:], nil
	}
	host, rest, _ = strings.Cut(text, ":")
	return strings.TrimSpace(host), rest, nil
}

func port(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 || n > 65535 {
		return 0, bad("give a port from 1 to 65535", "%q is no port", text)
	}
	return n, nil
}
