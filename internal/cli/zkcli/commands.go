package zkcli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// command is one command of the shell.
type command struct {
	name, syntax string
	flags        string      // options without a value, a letter each
	valued       string      // options with a value
	words        []string    // options of several letters, with a value
	oneOf        bool        // only one of the options may be given
	required     string      // one of the options must be given: the original's list of them
	raw          bool        // takes whatever is given and looks at nothing
	min, max     int         // arguments required; 0 as max: any number
	none         bool        // no arguments allowed
	describe     [][2]string // options that the usage explains, as the original does for get and set
	offline      bool        // needs no session
	builtin      bool        // of the shell itself: without a session the original says so after it
	run          func(ctx context.Context, s *shell, p *parsed) error
}

// help is the usage that a wrong call gets.
func (c *command) help() string {
	h := c.name + " " + c.syntax
	if len(c.describe) > 0 {
		h += "\n"
		for _, d := range c.describe {
			h += " " + d[0] + "   " + d[1] + "\n"
		}
	}
	return h
}

// commands are all commands in the order of their names, as the original sorts them.
func commands() []*command {
	return []*command{
		{
			name: "addWatch", syntax: "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE",
			valued: "m", min: 1, max: 1, run: addWatch,
		},
		{name: "addauth", syntax: "scheme auth", min: 1, run: addauth},
		{name: "close", raw: true, run: closeSession},
		{name: "config", syntax: "[-c] [-w] [-s]", flags: "cws", run: configOf},
		{name: "connect", syntax: "host:port", raw: true, offline: true, run: connect},
		{name: "create", syntax: "[-s] [-e] [-c] [-t ttl] path [data] [acl]", flags: "sec", valued: "t", min: 1, run: create},
		{name: "delete", syntax: "[-v version] path", valued: "v", min: 1, run: deleteOne},
		{name: "deleteall", syntax: "path [-b batch size]", valued: "b", min: 1, run: deleteAll},
		{name: "delquota", syntax: "[-n|-b|-N|-B] path", flags: "nbNB", oneOf: true, min: 1, run: delQuota},
		{name: "exit", raw: true, offline: true, run: quit},
		{name: "get", syntax: "[-s] [-w] [-b] [-x] path", flags: "swbx", min: 1, run: get, describe: [][2]string{
			{"-b", "Output data in base64 format"},
			{"-s", "Print znode stats additionally"},
			{"-w", "Watch for changes on the znode"},
			{"-x", "Output data in hexdump format"},
		}},
		{name: "getAcl", syntax: "[-s] path", flags: "s", min: 1, run: getACL},
		{name: "getAllChildrenNumber", syntax: "path", min: 1, run: getAllChildrenNumber},
		{name: "getEphemerals", syntax: "path", run: getEphemerals},
		{name: "help", raw: true, offline: true, run: help},
		{name: "history", raw: true, offline: true, builtin: true, run: history},
		{name: "listquota", syntax: "path", min: 1, run: listQuota},
		{name: "ls", syntax: "[-s] [-w] [-R] path", flags: "swR", min: 1, run: ls},
		{name: "printwatches", syntax: "on|off", raw: true, offline: true, builtin: true, run: printWatches},
		{name: "quit", raw: true, offline: true, run: quit},
		{
			name: "reconfig", syntax: "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | " +
				"[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
			flags: "s", valued: "v", words: []string{"file", "members", "add", "remove"}, run: reconfig,
		},
		{name: "redo", syntax: "cmdno", raw: true, offline: true, builtin: true, run: redo},
		{name: "removewatches", syntax: "path [-c|-d|-a] [-l]", flags: "cdpral", min: 1, run: removeWatches},
		{name: "set", syntax: "path data [-s] [-v version] [-b]", flags: "sb", valued: "v", min: 2, run: set, describe: [][2]string{
			{"-b      ", "Supply data in base64 format"},
			{"-s      ", "Print znode stats additionally"},
			{"-v <arg>", "Set with an expected version"},
		}},
		{name: "setAcl", syntax: "[-s] [-v version] [-R] path acl", flags: "sR", valued: "v", min: 2, run: setACL},
		{
			name: "setquota", syntax: "-n|-b|-N|-B val path", valued: "nbNB", oneOf: true, min: 1, run: setQuota,
			required: "[-n num soft quota, -b bytes soft quota, -N num hard quota, -B bytes hard quota]",
		},
		{name: "stat", syntax: "[-w] path", flags: "w", min: 1, run: stat},
		{name: "sync", syntax: "path", min: 1, run: syncPath},
		{name: "version", none: true, offline: true, run: version},
		{name: "whoami", raw: true, run: whoami},
	}
}

func lookup(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

// version is the value of option -v: -1, any version, when it was not given.
func (p *parsed) version() (int32, error) {
	if !p.has('v') {
		return -1, nil
	}
	v, err := strconv.ParseInt(p.flags['v'], 10, 32)
	if err != nil {
		return 0, failf("-v %s: a version is a whole number, -1 means any", p.flags['v'])
	}
	return int32(v), nil
}

// watched tells whether a watch is wanted: by -w, or by a second argument as ZooKeeper 3.4 had it.
func (p *parsed) watched(s *shell, instead string) bool {
	if len(p.args) > 1 {
		s.warn(fmt.Sprintf("'%s path [watch]' has been deprecated. Please use '%s' instead.", p.command.name, instead))
		return true
	}
	return p.has('w')
}

func help(_ context.Context, s *shell, _ *parsed) error {
	s.usage()
	return nil
}

func quit(_ context.Context, s *shell, _ *parsed) error {
	s.closeClient()
	s.quit = true
	return nil
}

func closeSession(_ context.Context, s *shell, _ *parsed) error {
	s.closeClient()
	return nil
}

// closeClient ends the session at the user's wish, of which the original's watcher hears.
func (s *shell) closeClient() {
	if s.client == nil {
		return
	}
	ended := s.client.Err() != nil
	s.disconnect()
	if !ended {
		s.event(zkclient.Event{Type: zkproto.EventNone, State: stateClosed, Zxid: -1})
	}
}

func connect(ctx context.Context, s *shell, p *parsed) error {
	host := s.host
	if len(p.args) > 0 {
		host = p.args[0]
	}
	return s.connect(ctx, host)
}

func history(_ context.Context, s *shell, _ *parsed) error {
	from := max(len(s.history)-11, 0)
	var text []string
	v := struct {
		First   int      `json:"first"`
		History []string `json:"history"`
	}{from, notNil(s.history[from:])}
	for i, line := range v.History {
		text = append(text, fmt.Sprintf("%d - %s", from+i, line))
	}
	if len(text) > 0 {
		s.show(strings.Join(text, "\n"), v)
	}
	return nil
}

// redo executes a line of the history again; the history then holds that line, not the redo.
func redo(ctx context.Context, s *shell, p *parsed) error {
	if len(p.args) == 0 {
		return nil // as the original
	}
	n, err := strconv.Atoi(p.args[0])
	if err != nil || n < 0 || n >= len(s.history)-1 {
		return failf("Command index out of range")
	}
	args := splitLine(s.history[n])
	if args[0] == "redo" {
		return failf("No redoing redos")
	}
	s.history[len(s.history)-1] = s.history[n]
	return s.dispatch(ctx, args)
}

func printWatches(_ context.Context, s *shell, p *parsed) error {
	s.mu.Lock()
	if len(p.args) > 0 {
		s.printEvents = p.args[0] == "on"
		s.mu.Unlock()
		return nil
	}
	state := "off"
	if s.printEvents {
		state = "on"
	}
	s.mu.Unlock()
	s.show("printwatches is "+state, struct {
		State string `json:"printwatches"`
	}{state})
	return nil
}
