package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// finishEnsemble completes the configuration of one server of several.
func (p *parser) finishEnsemble(clientPortGiven bool) {
	c := &p.cfg
	p.readMyID()
	if c.ConnectLimit == 0 {
		c.ConnectLimit = c.InitLimit
	}
	if p.given("fastleader.maxNotificationInterval") == (place{}) {
		c.NotifyMax = max(c.NotifyMax, c.NotifyMin) // the original's default is a minute
	}
	if mine := c.Server(c.MyID); mine != nil {
		clientPortGiven = p.clientPortOf(mine, clientPortGiven)
		p.checkRole(mine)
	}
	if p.file = c.Source; !clientPortGiven && c.HasSecurePort() {
		p.plainPort(false)
	} else if !clientPortGiven && c.Server(c.MyID) != nil {
		p.problem(0, "clientPort", "missing", fmt.Sprintf("add a line such as clientPort=2181, or ;2181 to the line server.%d", c.MyID))
	}
	if c.ReconfigEnabled && c.Source == environment {
		at := p.given("reconfigEnabled")
		p.file = at.file
		p.problem(at.line, "reconfigEnabled", "needs a zoo.cfg: beside it the server keeps who is in the ensemble",
			"write the settings into a zoo.cfg in place of the variables, or remove it")
	}
	p.lastSeen()
	for _, text := range c.Advice() {
		p.file = c.Source
		p.warn(0, "", text)
	}
}

// checkRole compares peerType with the server's line, which counts.
func (p *parser) checkRole(mine *Server) {
	role := "participant"
	if mine.Observer {
		role = "observer"
	}
	if at, ok := p.seen["peerType"]; ok && p.peerType != role {
		p.file = at.file
		p.warn(at.line, "peerType", fmt.Sprintf("is %s, and the line server.%d says %s, which counts", p.peerType, mine.ID, role))
	}
}

// lastSeen reads the membership that was being decided when the server stopped, as the original does: only beside a
// dynamicConfigFile.
func (p *parser) lastSeen() {
	if p.cfg.DynamicFile == "" || !p.cfg.ReconfigEnabled {
		return
	}
	name := NextDynamicFile(p.cfg.Source)
	text, err := p.readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	p.file = name
	if err != nil {
		p.problem(0, "", "cannot be read: "+err.Error(), "it holds the membership that was being decided when the server stopped")
		return
	}
	inner := parser{file: name, table: p.table, seen: map[string]place{}, readFile: p.readFile}
	version := inner.dynamicLines(text)
	m := inner.members(inner.memberLines)
	m.Version = version
	p.problems = append(p.problems, inner.problems...)
	if len(inner.problems) == 0 {
		p.cfg.LastSeen = &m
	}
}

// Advice says what is allowed in an ensemble and unwise, in one sentence each.
func (c *Config) Advice() []string {
	var out []string
	if !c.Distributed() {
		return nil
	}
	n := len(c.Voters())
	switch {
	case len(c.Groups) > 0 || n == 1: // the weights decide; one is on its way to more
	case n == 2 && c.OraclePath == "":
		out = append(out, "two voters tolerate the failure of none, less than a single server: use three")
	case n%2 == 0 && n > 2:
		out = append(out, fmt.Sprintf("%d voters tolerate the failure of %d, as %d do: add one, or make one an observer "+
			"(3 tolerate 1, 4 tolerate 1, 5 tolerate 2, 6 tolerate 2, 7 tolerate 3)", n, Tolerance(n), n-1))
	}
	if c.OraclePath != "" && (n != 2 || len(c.Groups) > 0) {
		out = append(out, fmt.Sprintf("oraclePath decides between two voters, and there are %d: it does nothing", n))
	}
	if c.LocalSessionsUpgrading && !c.LocalSessions {
		out = append(out, "localSessionsUpgradingEnabled does nothing without localSessionsEnabled=true")
	}
	if mine := c.Server(c.MyID); mine != nil {
		for _, a := range mine.Addresses {
			if isWildcard(a.Host) {
				out = append(out, fmt.Sprintf("server.%d, this server, is given as %s: the other servers need a line with its true address, "+
					"and quorumListenOnAllIPs=true listens on all addresses just as well", mine.ID, a.Host))
			}
		}
	}
	return out
}

// ensembleProblems is Validate's part for the server lines and what depends on them.
func (c *Config) ensembleProblems() Problems {
	var p Problems
	add := func(key, reason, remedy string) {
		p = append(p, Problem{File: c.Source, Key: key, Reason: reason, Remedy: remedy})
	}
	voters := len(c.Voters())
	if !c.Distributed() {
		switch {
		case len(c.Servers) == 0 && !c.StandaloneEnabled:
			add("standaloneEnabled", "is false, and there are no server.N lines", "add them, or remove this line")
		case len(c.Servers) > 0 && voters == 0:
			add(serverKey(c.Servers[0].ID), "is an observer, and there are no voters", "list the voters, too: all servers of the ensemble belong into the file")
		case len(c.Servers) > 1:
			add(serverKey(c.Servers[0].ID), "there is one voter, which would run alone, and observers, which could not join it",
				"list all voters, or add standaloneEnabled=false")
		}
		return p
	}
	if voters == 0 {
		add(serverKey(c.Servers[0].ID), "is an observer, and there are no voters", "list the voters, too: all servers of the ensemble belong into the file")
	}
	if c.InitLimit < 1 {
		add("initLimit", "missing", "add a line such as initLimit=10: the ticks that a server may take to get the leader's data")
	}
	if c.SyncLimit < 1 {
		add("syncLimit", "missing", "add a line such as syncLimit=5: the ticks that another server may be silent")
	}
	if c.NotifyMax < c.NotifyMin {
		add("fastleader.maxNotificationInterval", "is "+millis(c.NotifyMax)+", less than fastleader.minNotificationInterval, "+millis(c.NotifyMin),
			"raise it")
	}
	switch most := quorum.Sid(MaxServerID - 1); {
	case c.MyID == quorum.None: // the parser says it better
		if c.Source == "" {
			add("MyID", "missing", "set it to the number of this server, one of "+c.ids())
		}
	case c.Server(c.MyID) == nil:
		add("myid", fmt.Sprintf("is %d, and there is no line server.%d", c.MyID, c.MyID),
			"give this server's line to all servers, or correct the number: the lines are for "+c.ids())
	case c.ExtendedTypes && c.MyID > most:
		add("myid", fmt.Sprintf("is %d, which znodes with a time to live need for themselves (extendedTypesEnabled)", c.MyID),
			fmt.Sprintf("number the servers from 1 to %d", most))
	}
	p = append(p, c.addressProblems()...)
	p = append(p, c.masterProblems()...)
	return append(p, c.groupProblems()...)
}

func serverKey(id quorum.Sid) string { return "server." + id.String() }

// addressProblems finds addresses that cannot be those of different servers.
func (c *Config) addressProblems() Problems {
	var p Problems
	owner := map[string]quorum.Sid{}
	for i := range c.Servers {
		s := &c.Servers[i]
		problem := func(reason, remedy string) {
			p = append(p, Problem{File: c.Source, Key: serverKey(s.ID), Reason: reason, Remedy: remedy})
		}
		if len(s.Addresses) > 1 && !c.MultiAddress {
			problem("has several addresses", "add multiAddress.enabled=true (all servers must be of release 3.6 or newer), or keep one")
		}
		for _, a := range s.Addresses {
			if isWildcard(a.Host) {
				if s.ID != c.MyID {
					problem(a.Host+" is the address of no other server: nobody could connect to it", "give its host name or address")
				}
				continue
			}
			for _, addr := range []string{a.Quorum(), a.Election()} {
				if other, ok := owner[strings.ToLower(addr)]; ok {
					problem(fmt.Sprintf("has the address %s of server.%d", addr, other), "give each server addresses of its own")
					break
				}
				owner[strings.ToLower(addr)] = s.ID
			}
		}
	}
	return p
}

// masterProblems finds servers that could not all open the port for observers.
func (c *Config) masterProblems() Problems {
	var p Problems
	if c.ObserverMasterPort == 0 {
		return nil
	}
	add := func(reason, remedy string) {
		p = append(p, Problem{File: c.Source, Key: "observerMasterPort", Reason: reason, Remedy: remedy})
	}
	owner := map[string]quorum.Sid{}
	for _, id := range c.Voters() {
		for _, a := range c.Server(id).Addresses {
			host := strings.ToLower(a.Host)
			if a.QuorumPort == c.ObserverMasterPort || a.ElectionPort == c.ObserverMasterPort {
				add(fmt.Sprintf("%d is a port of server.%d for other servers", c.ObserverMasterPort, id), "choose another port, the same for all servers")
			}
			if other, ok := owner[host]; ok && other != id {
				add(fmt.Sprintf("server.%d and server.%d have the address %s, and both would open the port %d there", other, id, a.Host, c.ObserverMasterPort),
					"give each of them an address of its own (such as 127.0.0.1 and 127.0.0.2), or remove this line")
			}
			owner[host] = id
		}
	}
	if c.ObserverMasterPort == c.ClientPort {
		add(fmt.Sprintf("%d is the clientPort, too", c.ObserverMasterPort), "choose another port, the same for all servers")
	}
	return p
}

// groupProblems checks group.N and weight.N against the servers.
func (c *Config) groupProblems() Problems {
	var p Problems
	add := func(key, reason, remedy string) {
		p = append(p, Problem{File: c.Source, Key: key, Reason: reason, Remedy: remedy})
	}
	grouped := map[quorum.Sid]bool{}
	for _, g := range c.Groups {
		for _, id := range g.Members {
			grouped[id] = true
			if s := c.Server(id); s == nil || s.Observer {
				add(fmt.Sprintf("group.%d", g.ID), fmt.Sprintf("server %d is no voter", id), "groups are of voters: correct the number, or add its server line")
			}
		}
	}
	for _, id := range c.Voters() {
		_, weighted := c.Weights[id]
		switch {
		case len(c.Groups) > 0 && !grouped[id]:
			add(serverKey(id), "is in no group", fmt.Sprintf("add %d to a group.N line: with groups, each voter is in one", id))
		case len(c.Groups) == 0 && weighted:
			add("weight."+id.String(), "there are weights and no groups", "add group.1="+strings.ReplaceAll(c.ids(), ", ", ":"))
		}
	}
	for i := range c.Servers {
		if _, ok := c.Weights[c.Servers[i].ID]; ok && c.Servers[i].Observer {
			add("weight."+c.Servers[i].ID.String(), "is of an observer, which has no vote", "remove the line")
		}
	}
	if len(p) == 0 && len(c.Voters()) > 0 {
		if _, err := c.Quorum(); err != nil {
			add(firstGroup(c.Groups), err.Error(), "correct the lines group.N and weight.N")
		}
	}
	return p
}

func firstGroup(groups []quorum.Group) string {
	if len(groups) == 0 {
		return ""
	}
	return fmt.Sprintf("group.%d", groups[0].ID)
}
