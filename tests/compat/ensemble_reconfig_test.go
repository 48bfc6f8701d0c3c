//go:build compat

package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Servers of both makes are added, change their role and are removed, the leader among them, while a client writes; with a
// leader of each make. All of them must know the same at each step, and still know it after a restart.
func TestReconfigInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][]*serverMake{
		"an original leads": {java39, golang, java39, golang}, "one of ours leads": {golang, java39, golang, java39},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnsemble(t, "reconfigEnabled=true\nskipACL=yes", makes[:3]...)
			e.start()
			e.lead(makes[2])
			w := e.write("w")

			fourth := e.add(makes[3], true)
			e.configure(fourth, e.members) // it knows all others and itself, as an observer
			fourth.start()
			e.settle()
			w.goesOn(30)
			fourth.observer = false
			e.reconfig(fourth.line(true), "", "1=participant", "2=participant", "3=participant", "4=participant")
			w.goesOn(30)
			e.await(func() string { return fourth.String() + " follows" }, func() bool { return fourth.mode() == "follower" })

			second := e.member(2)
			second.observer = true
			e.reconfig(second.line(true), "", "1=participant", "2=observer", "3=participant", "4=participant")
			w.goesOn(30)

			leader := e.leader()
			e.reconfig("", fmt.Sprint(leader.id), except(leader, "1=participant", "2=observer", "3=participant", "4=participant")...)
			e.await(func() string { return leader.String() + " has handed over" }, func() bool { return leader.mode() != "leader" })
			leader.kill()
			w.goesOn(30)

			for _, m := range e.members {
				m.kill()
			}
			for _, m := range e.members {
				if m != leader {
					m.start()
				}
			}
			e.settle()
			w.goesOn(30)
			e.knows(except(leader, "1=participant", "2=observer", "3=participant", "4=participant")...)
			w.end()
			w.check(e.same())
		})
	}
}

func except(m *member, all ...string) []string {
	var out []string
	for _, s := range all {
		if !strings.HasPrefix(s, fmt.Sprintf("%d=", m.id)) {
			out = append(out, s)
		}
	}
	return out
}

// reconfig changes the membership and waits until everybody in it knows it.
func (e *ensemble) reconfig(joining, leaving string, want ...string) {
	e.t.Helper()
	e.settle()
	at := slices.DeleteFunc(e.up(), func(m *member) bool { return leaving == fmt.Sprint(m.id) })
	if ours := slices.DeleteFunc(slices.Clone(at), func(m *member) bool { return m.make.java }); leaving == fmt.Sprint(e.leader().id) && len(ours) > 0 {
		at = ours // an original that is told of another leader ends its connections, sometimes before the answer is out
	}
	c := e.session(10*time.Second, at...)
	text, _, err := c.Reconfig(e.t.Context(), joining, leaving, "", -1)
	require.NoError(e.t, err, "-add %q -remove %q", joining, leaving)
	require.Equal(e.t, want, roles(string(text)))
	require.NoError(e.t, c.Close())
	e.knows(want...)
}

// roles are the servers of a configuration with their roles.
func roles(text string) []string {
	var out []string
	for line := range strings.SplitSeq(sortedLines(text), "\n") {
		if server, ok := strings.CutPrefix(line, "server."); ok {
			id, rest, _ := strings.Cut(server, "=")
			address, _, _ := strings.Cut(rest, ";")
			out = append(out, id+"="+address[strings.LastIndexByte(address, ':')+1:])
		}
	}
	return out
}

// knows waits until all members of a configuration that run have it in their trees and in their files.
func (e *ensemble) knows(want ...string) {
	e.t.Helper()
	for _, m := range e.up() {
		in := false
		for _, s := range want {
			in = in || strings.HasPrefix(s, fmt.Sprintf("%d=", m.id))
		}
		if !in {
			continue
		}
		e.await(func() string { return m.String() + " serves again" }, func() bool { return m.mode() != "" })
		c := e.session(10*time.Second, m)
		var text string
		e.await(func() string { return fmt.Sprintf("%s knows %v, it has %q", m, want, text) }, func() bool {
			data, _, err := c.Get(e.t.Context(), "/zookeeper/config", false)
			if err != nil {
				require.ErrorIs(e.t, err, zkproto.ErrConnectionLoss)
				return false
			}
			text = string(data)
			return fmt.Sprint(roles(text)) == fmt.Sprint(want)
		})
		c.Leave()
		_, version, _ := strings.Cut(text, "version=")
		name := m.cfg() + ".dynamic." + version
		e.await(func() string { return name + " is written" }, func() bool {
			data, err := os.ReadFile(name)
			cfg, cfgErr := os.ReadFile(m.cfg())
			return err == nil && cfgErr == nil && fmt.Sprint(roles(string(data))) == fmt.Sprint(want) &&
				strings.Contains(string(cfg), "dynamicConfigFile="+filepath.ToSlash(name)) && !strings.Contains(string(cfg), "server.")
		})
	}
}
