package zkcli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/magiconair/properties"
)

// configOf prints the ensemble's configuration.
func configOf(ctx context.Context, s *shell, p *parsed) error {
	data, st, err := s.client.EnsembleConfig(ctx, p.has('w'))
	if err != nil {
		return explain(err, "/zookeeper/config")
	}
	text := string(data)
	if p.has('c') {
		text = clientConfig(text)
	}
	v := struct {
		Config string    `json:"config"`
		Stat   *jsonStat `json:"stat,omitempty"`
	}{Config: text}
	if p.has('s') {
		text += "\n" + formatStat(st)
		v.Stat = newJSONStat(st)
	}
	s.show(text, v)
	return nil
}

// clientConfig is a configuration as a client needs it: its version and the client addresses, by server id.
func clientConfig(text string) string {
	type server struct {
		id   int
		addr string
	}
	var servers []server
	version := ""
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "version" {
			version = value
		}
		id, err := strconv.Atoi(strings.TrimPrefix(key, "server."))
		if !strings.HasPrefix(key, "server.") || err != nil {
			continue
		}
		_, client, ok := strings.Cut(value, ";")
		if ok && !strings.Contains(client, ":") {
			client = "0.0.0.0:" + client
		}
		servers = append(servers, server{id, client})
	}
	slices.SortFunc(servers, func(a, b server) int { return cmp.Compare(a.id, b.id) })
	var addrs []string
	for _, v := range servers {
		addrs = append(addrs, v.addr)
	}
	return version + " " + strings.Join(addrs, ",")
}

// reconfig changes the membership of the ensemble, if the server lets it.
func reconfig(ctx context.Context, s *shell, p *parsed) error {
	given := func(w string) bool { _, ok := p.words[w]; return ok }
	whole, steps := given("file") || given("members"), given("add") || given("remove")
	if !whole && !steps {
		return failf("%s", p.command.help())
	}
	version := int64(-1)
	if p.has('v') {
		var err error
		if version, err = strconv.ParseInt(p.flags['v'], 16, 64); err != nil {
			return failf("-v must be followed by a long (configuration version)")
		}
	}
	switch {
	case whole && steps:
		return failf("Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental modes is not allowed)")
	case given("file") && given("members"):
		return failf("Can't use -file and -members together (conflicting non-incremental modes)")
	}
	members := strings.ToLower(p.words["members"])
	if given("file") {
		var err error
		if members, err = readMembers(p.words["file"]); err != nil {
			return failf("Error processing %s: %v", p.words["file"], err)
		}
	}
	data, st, err := s.client.Reconfig(ctx, strings.ToLower(p.words["add"]), strings.ToLower(p.words["remove"]), members, version)
	if err != nil {
		return explain(err, "")
	}
	text := "Committed new configuration:\n" + string(data)
	v := struct {
		Config string    `json:"config"`
		Stat   *jsonStat `json:"stat,omitempty"`
	}{Config: string(data)}
	if p.has('s') {
		text += "\n" + formatStat(st)
		v.Stat = newJSONStat(st)
	}
	s.show(text, v)
	return nil
}

// readMembers reads a membership file: server.N, group.N and weight.N lines, one per line of the result.
func readMembers(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	props, err := (&properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}).LoadBytes(data)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, key := range props.Keys() {
		value, _ := props.Get(key)
		switch {
		case strings.HasPrefix(key, "server."), strings.HasPrefix(key, "group"), strings.HasPrefix(key, "weight"):
			lines = append(lines, key+"="+value)
		case key == "version":
		default: // a whole zoo.cfg may be given
		}
	}
	if len(lines) == 0 {
		return "", fmt.Errorf("no server.N=host:port:port;port line in it")
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}
