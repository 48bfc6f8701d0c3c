//go:build compat

package compat

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ofItself are values that two members of an ensemble differ in, or one member from one moment to the next.
var ofItself = []struct{ pattern, with string }{
	{`(?m)^(clientPort|serverId|electionPort|quorumPort|dataDirSize|dataLogSize)=.*`, "$1=N"},
	{`(?m)^(datadir_size|logdir_size): \d+`, "$1: N"},
	{`(?m)^Proposal sizes last/min/max: .*`, "Proposal sizes"},
	{`(?m)^(Zxid|Node count|Connections|Outstanding): \w+`, "$1: N"},
	{`3\.9\.\d+-\w+, built on [^\n]*`, "VERSION"},
	{`(?m)^ /ADDR.*\n`, ""}, // connections
	{`"(\w*zxid|zab_counter|zab_epoch|server_id|myid|leader_id|leader_ip|client_port|election_port|quorum_port|node_count)" : [^,\n]*`, `"$1" : N`},
	{`"(0\.0\.0\.0|127\.0\.0\.1):\d+"`, `"ADDR"`},
	{`"(client_address|server_address|voting_address)" : "[^"]*"`, `"$1" : ADDR`}, // each knows its own only
	{`\b1\d{4}\b|\b2\d{4}\b|\b3[01]\d{3}\b`, "PORT"},
	{`"server\.\d+" : .*`, "SERVER"},
}

func normalOfRole(s string) string {
	s = normal(s)
	for _, v := range ofItself {
		s = regexp.MustCompile(v.pattern).ReplaceAllString(s, v.with)
	}
	return s
}

// Words and pages that must be equal to the letter, and those that have values of their own in the same places.
var (
	equalOfRoles = strings.Fields("srvr stat conf isro ruok wchs dirs /configuration /is_read_only /leader /voting_view /zabstate /observer_connection_stat_reset")
	sameOfRoles  = strings.Fields("/observers /server_stats /monitor /last_snapshot")
)

// asked collects the answers of a member.
func (e *ensemble) asked(m *member) map[string]string {
	e.t.Helper()
	out := map[string]string{"mntr": m.said("mntr")}
	for _, q := range slices.Concat(equalOfRoles, sameOfRoles) {
		path, isPage := strings.CutPrefix(q, "/")
		if !isPage {
			out[q] = m.said(q)
			continue
		}
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/commands/%s", m.admin, path))
		require.NoError(e.t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(e.t, err)
		require.NoError(e.t, resp.Body.Close())
		out[q] = fmt.Sprintf("%d\n%s", resp.StatusCode, body)
	}
	return out
}

// Metrics that an original has for each learner that has done something by now, or for each part of the tree that was used;
// docs/compatibility.md.
var ofSome = regexp.MustCompile(`_learner_handler_qp_|_\d+_ack_latency|_per_namespace`)

// fields are the keys of a text, sorted.
func fields(text, pattern string) []string {
	var out []string
	for _, key := range regexp.MustCompile(pattern).FindAllString(text, -1) {
		if !ofSome.MatchString(key) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// Leaders, followers and observers of both makes tell operators the same, in four-letter words and over HTTP: the same lines
// and fields everywhere, and the same values where they do not depend on the server.
func TestRolesTellOperatorsTheSame(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "", java39, golang, java39, nil, golang, nil, java39)
	for _, m := range e.members {
		m.admin = freePort(t)
		e.configure(m, e.members)
	}
	e.start()
	w := e.write("w")
	got := map[string]map[bool]map[string]string{"leader": {}, "follower": {}, "observer": {}}
	for _, leads := range []*serverMake{golang, java39} {
		w.goesOn(100)
		e.lead(leads)
		w.goesOn(100)
		w.end()
		e.level()
		for _, m := range e.up() {
			got[m.modeNow()][m.make.java] = e.asked(m)
		}
		w = e.write("w" + leads.name)
	}
	w.end()
	for role, of := range got {
		theirs, ours := of[true], of[false]
		require.NotEmpty(t, theirs, role)
		require.NotEmpty(t, ours, role)
		for _, q := range equalOfRoles {
			require.Equal(t, normalOfRole(theirs[q]), normalOfRole(ours[q]), "%s: %s", role, q)
		}
		for _, q := range sameOfRoles {
			require.Equal(t, fields(theirs[q], `"[^"]+" :`), fields(ours[q], `"[^"]+" :`), "%s: %s", role, q)
		}
		require.Equal(t, fields(theirs["mntr"], `(?m)^zk_\w+`), fields(ours["mntr"], `(?m)^zk_\w+`), "%s: mntr", role)
		for _, key := range []string{"zk_server_state", "zk_peer_state", "zk_quorum_size", "zk_learners", "zk_synced_followers", "zk_synced_observers", "zk_synced_non_voting_followers"} {
			line := regexp.MustCompile(`(?m)^` + key + `\t.*$`)
			require.Equal(t, line.FindString(theirs["mntr"]), line.FindString(ours["mntr"]), "%s: %s", role, key)
		}
	}
	e.same()
}
