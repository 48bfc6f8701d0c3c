package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// memberLine is one line server.N, group.N or weight.N.
type memberLine struct {
	place
	name, value string
}

// members makes a membership of its lines, in any order.
func (p *parser) members(lines []memberLine) Members {
	var m Members
	weights := map[quorum.Sid]int64{}
	for _, l := range lines {
		kind, n, _ := strings.Cut(l.name, ".")
		var err error
		switch {
		case !isMember(l.name):
			err = bad("number it, as in "+kind+".1", "is no %s line: %q is no number", kind, n)
		case kind == "server":
			err = m.addServer(n, l.value)
		case kind == "group":
			err = m.addGroup(n, l.value)
		default:
			err = addWeight(weights, n, l.value)
		}
		var b *badValue
		if errors.As(err, &b) {
			p.file = l.file
			p.problem(l.line, l.name, b.reason, b.remedy)
		}
	}
	slices.SortStableFunc(m.Servers, func(a, b Server) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(m.Groups, func(a, b quorum.Group) int { return cmp.Compare(a.ID, b.ID) })
	if len(m.Groups) > 0 {
		for _, id := range m.Voters() {
			if _, ok := weights[id]; !ok {
				weights[id] = 1
			}
		}
	}
	if len(weights) > 0 {
		m.Weights = weights
	}
	return m
}

func (m *Members) addServer(n, value string) error {
	id, err := serverID(n)
	if err != nil {
		return err
	}
	if m.Server(id) != nil {
		return bad("give each server a number of its own", "there is another line for server %d", id)
	}
	s, err := parseServer(id, value)
	if err == nil {
		m.Servers = append(m.Servers, s)
	}
	return err
}

func (m *Members) addGroup(n, value string) error {
	const remedy = "write it like group.1=1:2:3"
	id, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return bad(remedy, "%s is no number of a group", n)
	}
	if slices.ContainsFunc(m.Groups, func(g quorum.Group) bool { return g.ID == id }) {
		return bad("keep one of them", "there is another line for group %d", id)
	}
	g := quorum.Group{ID: id}
	for part := range strings.SplitSeq(value, ":") {
		sid, err := serverID(strings.TrimSpace(part))
		if err != nil {
			return bad(remedy, "%q is no number of a server", part)
		}
		g.Members = append(g.Members, sid)
	}
	m.Groups = append(m.Groups, g)
	return nil
}

func addWeight(weights map[quorum.Sid]int64, n, value string) error {
	id, err := serverID(n)
	if err != nil {
		return err
	}
	if _, ok := weights[id]; ok {
		return bad("keep one of them", "there is another line for the weight of server %d", id)
	}
	weights[id], err = number(value, "", 0, 1<<31)
	return err
}

// dynamic reads the file that dynamicConfigFile names: the membership, in a file of its own.
func (p *parser) dynamic(line int, name string) {
	text, err := p.readFile(name)
	if err != nil {
		p.problem(line, "dynamicConfigFile", "cannot be read: "+err.Error(), "check the path")
		return
	}
	outer := p.file
	defer func() { p.file = outer }()
	p.file = name
	version := p.dynamicLines(text)
	if v, ok := versionOfName(name); ok {
		version = v
	}
	p.cfg.Version = version
}

// dynamicLines reads a dynamic configuration's lines; the answer is the version that stands there.
func (p *parser) dynamicLines(text []byte) (version int64) {
	if !utf8.Valid(text) {
		p.problem(0, "", "is not UTF-8 text", "save it as UTF-8")
		return 0
	}
	for _, l := range logicalLines(string(text)) {
		key, value, _ := strings.Cut(l.text, "=")
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); {
		case key == "version":
			v, err := strconv.ParseInt(value, 16, 64)
			if err != nil || v < 0 {
				p.problem(l.number, key, fmt.Sprintf("%q is no hexadecimal number", value), "remove the line")
				continue
			}
			version = v
		case !isMember(key):
			p.problem(l.number, key, "does not belong into a dynamic configuration file", "only server.N, group.N and weight.N may stand here")
		default:
			p.line(l)
		}
	}
	return version
}

// finishServers makes the membership, finds out which of the servers this one is, and takes the client port from its line
// when nothing else gives it.
func (p *parser) finishServers() {
	c := &p.cfg
	if c.DynamicFile != "" {
		for _, l := range p.memberLines {
			if l.file == c.Source {
				p.file = l.file
				p.problem(l.line, l.name, "there is a dynamicConfigFile, too", "keep the lines server.N, group.N and weight.N in that file alone")
			}
		}
	}
	version := c.Version
	c.Members = p.members(p.memberLines)
	c.Version = version
	_, given := p.seen["clientPort"]
	if c.Distributed() {
		p.finishEnsemble(given)
		return
	}
	p.aloneWarnings()
	if len(c.Servers) == 1 {
		given = p.clientPortOf(&c.Servers[0], given)
	}
	p.plainPort(given)
}

// plainPort notes that there is no port without TLS, which is a problem only where there is none with it.
func (p *parser) plainPort(given bool) {
	switch p.file = p.cfg.Source; {
	case given:
	case p.cfg.HasSecurePort():
		p.cfg.ClientPort = -1
	default:
		p.problem(0, "clientPort", "missing", "add a line such as clientPort=2181")
	}
}

// aloneWarnings names the settings that do nothing for a server that runs alone.
func (p *parser) aloneWarnings() {
	for _, l := range p.memberLines {
		p.file = l.file
		if isServer(l.name) && len(p.cfg.Servers) == 1 {
			p.warn(l.line, l.name, "accepted, has no meaning for a single server: it runs standalone")
		} else if !isServer(l.name) {
			p.warn(l.line, l.name, "accepted, has no meaning for a single server")
		}
	}
	for _, l := range p.ensembleLines {
		p.file = l.file
		p.warn(l.line, l.name, "accepted, has no meaning for a single server")
	}
}

// clientPortOf takes the client port of a server line; the answer tells whether there is one, or was a complaint.
func (p *parser) clientPortOf(s *Server, given bool) bool {
	if s.ClientPort == 0 {
		return given
	}
	at := p.seen[fmt.Sprintf("server.%d", s.ID)]
	if given && s.ClientPort != p.cfg.ClientPort {
		p.file = at.file
		p.problem(at.line, fmt.Sprintf("server.%d", s.ID),
			fmt.Sprintf("gives the client port %d, and clientPort is %d", s.ClientPort, p.cfg.ClientPort), "keep one of them")
		return true
	}
	p.cfg.ClientPort = s.ClientPort
	if p.cfg.ClientPortAddress == "" && !isWildcard(s.ClientHost) {
		p.cfg.ClientPortAddress = s.ClientHost
	}
	return true
}

// isWildcard tells whether an address stands for all addresses of a machine.
func isWildcard(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

// readMyID finds this server's number: the file myid in the data directory, or else the key.
func (p *parser) readMyID() {
	c := &p.cfg
	at, given := p.seen["myid"]
	if !given {
		at, given = p.fromProperties["myid"]
	}
	if c.DataDir == "" {
		return // has been complained about
	}
	file := filepath.Join(c.DataDir, "myid")
	text, err := p.readFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !given {
			p.file = file
			p.problem(0, "", "there is no such file, and this server must know which of the ensemble's it is",
				"write its number there, the N of its server.N line ("+p.cfg.ids()+"), or give -Dzookeeper.myid=N or ZOO_MY_ID")
		}
		return
	case err != nil:
		p.file = file
		p.problem(0, "", "cannot be read: "+err.Error(), "it holds this server's number")
		return
	}
	first, _, _ := strings.Cut(string(text), "\n")
	id, err := serverID(strings.TrimSpace(first))
	var b *badValue
	switch {
	case errors.As(err, &b):
		p.file = file
		p.problem(1, "", fmt.Sprintf("%q is no number of a server", strings.TrimSpace(first)),
			fmt.Sprintf("it must hold one number from 1 to %d, the N of this server's server.N line (%s)", MaxServerID, p.cfg.ids()))
	case given && id != c.MyID && at.file == "ZOO_MY_ID": // as in the official image
		p.file = at.file
		p.warn(0, "myid", fmt.Sprintf("is %d, and %s says %d, which counts", c.MyID, file, id))
		c.MyID = id
	case given && id != c.MyID:
		p.file = at.file
		p.problem(at.line, "myid", fmt.Sprintf("is %d, and %s says %d", c.MyID, file, id), "keep one of them")
	default:
		c.MyID = id
	}
}

func (m *Members) ids() string {
	all := make([]string, len(m.Servers))
	for i := range m.Servers {
		all[i] = m.Servers[i].ID.String()
	}
	return strings.Join(all, ", ")
}
