package config

import (
	"fmt"
	"net"
	"strings"
	"unicode/utf8"
)

// serverLine is one line server.N=host:port:port[:role][;[address:]clientPort].
type serverLine struct {
	place
	name       string
	clientAddr string // of the part behind the semicolon
	clientPort string // empty when there is none
}

// isServer tells whether the key is server.N, N a number.
func isServer(name string) bool {
	n, ok := strings.CutPrefix(name, "server.")
	return ok && n != "" && strings.Trim(n, "0123456789") == ""
}

// server takes a server line.
func (p *parser) server(line int, name, value string) {
	s := serverLine{place: place{p.file, line}, name: name}
	_, client, _ := strings.Cut(value, ";")
	client, secure, _ := strings.Cut(client, ";")
	if secure = strings.TrimSpace(secure); secure != "" {
		p.problem(line, name, "names a secure client port: TLS on the client port "+later, "remove the part behind the second semicolon")
	}
	if client = strings.TrimSpace(client); client != "" {
		s.clientPort = client
		if i := strings.LastIndexByte(client, ':'); i >= 0 {
			s.clientAddr, s.clientPort = strings.Trim(client[:i], "[]"), client[i+1:]
		}
	}
	p.servers = append(p.servers, s)
	if len(p.servers) == 2 {
		p.problem(line, name, "this version runs single servers only, and the file names more than one",
			"remove the server.N lines; ensembles come with a later release")
	}
}

// dynamic reads the file that dynamicConfigFile names: server lines, in a file of their own.
func (p *parser) dynamic(line int, name string) {
	if len(p.servers) > 0 {
		p.problem(line, "dynamicConfigFile", "there are server lines in this file, too", "keep them in one of the two files")
		return
	}
	text, err := p.readFile(name)
	if err != nil {
		p.problem(line, "dynamicConfigFile", "cannot be read: "+err.Error(), "check the path")
		return
	}
	outer := p.file
	p.file = name
	defer func() { p.file = outer }()
	if !utf8.Valid(text) {
		p.problem(0, "", "is not UTF-8 text", "save it as UTF-8")
		return
	}
	for _, l := range logicalLines(string(text)) {
		if key, _, _ := strings.Cut(l.text, "="); strings.TrimSpace(key) == "version" {
			continue // the number of the configuration
		} else if key = strings.TrimSpace(key); !isServer(key) && !strings.HasPrefix(key, "group.") && !strings.HasPrefix(key, "weight.") {
			p.problem(l.number, key, "does not belong into a dynamic configuration file", "only server.N, group.N and weight.N may stand here")
			continue
		}
		p.line(l)
	}
}

// finishServers takes the client port from the server line when nothing else gives it.
func (p *parser) finishServers() {
	_, given := p.seen["clientPort"]
	if len(p.servers) == 1 {
		s := p.servers[0]
		p.file = s.file
		p.warn(s.line, s.name, "accepted, has no meaning for a single server: it runs standalone")
		if s.clientPort != "" {
			p.clientPortOf(&s, given)
			given = true // or complained about
		}
	}
	p.file = p.cfg.Source
	if !given && len(p.servers) < 2 {
		p.problem(0, "clientPort", "missing", "add a line such as clientPort=2181")
	}
}

// clientPortOf takes the client port of the server line.
func (p *parser) clientPortOf(s *serverLine, given bool) {
	port, err := number(s.clientPort, "", 1, 65535)
	switch {
	case err != nil:
		p.problem(s.line, s.name, fmt.Sprintf("has no usable client port: %v", err), "write it like server.1=host:2888:3888;2181")
		return
	case given && int(port) != p.cfg.ClientPort:
		p.problem(s.line, s.name, fmt.Sprintf("gives the client port %d, and clientPort is %d", port, p.cfg.ClientPort), "keep one of them")
		return
	}
	p.cfg.ClientPort = int(port)
	if s.clientAddr != "" && p.cfg.ClientPortAddress == "" {
		p.cfg.ClientPortAddress = s.clientAddr
		if ip := net.ParseIP(s.clientAddr); ip != nil && ip.IsUnspecified() {
			p.cfg.ClientPortAddress = ""
		}
	}
}
