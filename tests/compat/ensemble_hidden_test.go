//go:build compat

package compat

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// A leader that serves no clients (leaderServes=no), of each make: followers of both makes serve them, and whoever begins to
// lead stops serving.
func TestLeaderServesNobodyInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range mixes() {
		t.Run(name, func(t *testing.T) {
			e := newEnsemble(t, "leaderServes=no", makes...)
			for _, m := range e.members {
				m.start()
			}
			e.hidden()
			c := e.session(20*time.Second, e.up()...)
			_, err := c.Create(t.Context(), "/w", nil, world, zkproto.ModePersistent, 0)
			require.NoError(t, err)
			c.Leave()
			w := e.writeBelow("/w")
			led := map[string]bool{}
			for range 8 {
				leader := e.hidden()
				w.goesOn(50)
				leader.kill()
				next := e.hidden()
				w.goesOn(50)
				leader.start()
				require.Equal(t, next, e.hidden())
				w.goesOn(50)
				led[leader.make.name], led[next.make.name] = true, true
				if len(led) == 2 {
					break
				}
			}
			require.Len(t, led, 2, "both makes have led")
			w.end()
			for _, m := range e.members {
				m.kill()
			}
			e.extra = ""
			for _, m := range e.members {
				e.configure(m, e.members)
			}
			e.start()
			w.check(e.same())
		})
	}
}

// hidden waits until all that run follow but for one, which leads and serves no clients, and answers that one.
func (e *ensemble) hidden() *member {
	e.t.Helper()
	var leader *member
	e.await(func() string { return "all follow but for one" }, func() bool {
		leader = nil
		followers := 0
		for _, m := range e.up() {
			switch {
			case m.mode() == "follower":
				followers++
			case m.make.java && m.leadsByLog(), !m.make.java && m.mode() == "leader": // ours answers words, at least
				leader = m
			}
		}
		return leader != nil && followers == len(e.up())-1
	})
	if leader.make.java {
		require.Contains(e.t, leader.said("srvr"), "not currently serving requests")
	}
	_, err := zkclient.Dial(e.t.Context(), leader.addr(), zkclient.Handshake{})
	require.Error(e.t, err, "%s leads and takes a client", leader)
	return leader
}

// leadsByLog tells whether the last change that an original has logged was that it leads.
func (m *member) leadsByLog() bool {
	text := m.logText()
	last := strings.LastIndex(text, "Peer state changed: ")
	return last >= 0 && strings.HasPrefix(text[last:], "Peer state changed: leading - broadcast")
}
