//go:build compat

package compat

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// A leader of the original that runs out of zxids in its epoch steps down; ours follow it through that (ZOOKEEPER-2789,
// ZOOKEEPER-1277).
func TestMixedEnsembleAtTheEndOfAnEpoch(t *testing.T) {
	t.Parallel()
	nearEnd := &serverMake{"javanearend", true, javaServer(theirs, "-Dzookeeper.testingonly.initialZxid=4294966895")} // 400 before
	e := newEnsemble(t, "", golang, golang, nearEnd)
	e.start()
	first := e.write("first")
	first.goesOn(50)
	// Nobody writes while it begins to lead: the property moves its counter some time after it has begun to serve, and zxids before
	// and behind that have a gap between them. Our followers refuse that, as they refuse every hole in the history; the original
	// then applies what nobody else has (fastForwardDataBase) and does not send it to those who join.
	first.end()
	e.lead(nearEnd)
	w := e.write("w")
	mark := func() zkproto.Zxid {
		c := e.session(10*time.Second, e.up()...)
		defer c.Leave()
		stat, err := touch(t.Context(), c)
		require.NoError(t, err)
		return stat.Mzxid
	}
	before := mark()
	require.Greater(t, before.Counter(), uint32(0xffff0000))
	w.longestPause()
	w.goesOn(600)
	t.Logf("the longest pause was %v", w.longestPause())
	e.settle()
	require.Greater(t, mark().Epoch(), before.Epoch(), "the counter is used up")
	w.end()
	tree := e.same()
	first.check(tree)
	w.check(tree)
}

// The quorum is lost and comes back; the leader is frozen and thaws when another leads.
func TestMixedEnsembleLosesItsQuorum(t *testing.T) {
	t.Parallel()
	for name, makes := range mixes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "tickTime=500\nsyncLimit=5", makes...)
			e.start()
			w := e.write("w")
			for _, leads := range e.makesOf() {
				leader := e.lead(leads)
				w.goesOn(30)
				followers := e.followers()
				for _, f := range followers {
					f.kill()
				}
				e.await(func() string { return leader.String() + " knows that it is alone" }, func() bool { return leader.mode() == "" })
				for _, f := range followers {
					f.start()
				}
				e.settle()
				w.goesOn(30)

				leader = e.lead(leads)
				w.goesOn(30)
				leader.freeze()
				w.longestPause()
				w.goesOn(30)
				t.Logf("%s was frozen: no write for %v", leader, w.longestPause())
				require.NoError(t, leader.cmd.Process.Signal(syscall.SIGCONT))
				e.settle()
				w.goesOn(30)
			}
			w.end()
			w.check(e.same())
		})
	}
}

// Sessions that only their server knows, until they create an ephemeral.
func TestLocalSessionsInMixedEnsemble(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "tickTime=500\nlocalSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true", java39, golang, java39)
	e.start()
	for _, leads := range []*serverMake{golang, java39} {
		e.lead(leads)
		for _, m := range e.up() {
			other := e.members[m.id%3]
			path := "/local-" + leads.name + m.String()
			c := e.session(4*time.Second, m)
			_, err := c.Create(t.Context(), path, nil, world, zkproto.ModePersistent, 0)
			require.NoError(t, err, "a local session writes at %s", m)
			session := c.Session()
			_, err = zkclient.Dial(t.Context(), other.addr(), zkclient.Handshake{Timeout: 4 * time.Second, Resume: &session})
			require.Error(t, err, "%s takes a local session of %s", other, m)

			_, err = c.Create(t.Context(), path+"/ephemeral", nil, world, zkproto.ModeEphemeral, 0)
			require.NoError(t, err, "a local session of %s creates an ephemeral", m)
			watcher := e.session(4*time.Second, other)
			require.True(t, e.exists(watcher, path+"/ephemeral"))
			c.Leave()
			wire, err := zkclient.Dial(t.Context(), other.addr(), zkclient.Handshake{Timeout: 4 * time.Second, Resume: &session})
			require.NoError(t, err, "%s takes a session of %s that is global now", other, m)
			require.NoError(t, wire.Close())
			e.await(func() string { return "the ephemeral of " + path + " goes" }, func() bool { return !e.exists(watcher, path+"/ephemeral") })
			require.NoError(t, watcher.Close())
		}
	}
	e.same()
}

// A server whose weight is more than half decides alone, and nobody without it.
func TestWeightsInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][]*serverMake{
		"an original weighs most": {golang, java39, golang}, "one of ours weighs most": {java39, golang, java39},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "group.1=1:2:3\nweight.2=3", makes...)
			heavy := e.member(2)
			e.start(2)
			w := e.write("w")
			w.goesOn(20)
			e.start(1, 3)
			w.goesOn(20)
			e.member(1).kill()
			e.member(3).kill()
			w.goesOn(20)
			require.Equal(t, "leader", heavy.modeNow())
			e.start(1, 3)
			heavy.kill()
			for _, m := range e.up() {
				e.await(func() string { return m.String() + " knows that it may not decide" }, func() bool { return m.mode() == "" })
			}
			heavy.start()
			e.settle()
			w.goesOn(20)
			w.end()
			w.check(e.same())
		})
	}
}

// Two addresses for each server, in the newer form of the first message on an election connection.
func TestMultiAddressInMixedEnsemble(t *testing.T) {
	t.Parallel()
	// The original reads the server lines before it knows its own key multiAddress.enabled: it must be a system property.
	java := &serverMake{"java", true, javaServer(theirs, "-Dzookeeper.multiAddress.enabled=true", "-Dzookeeper.multiAddress.reachabilityCheckEnabled=false")}
	e := newEnsemble(t, "multiAddress.enabled=true", java, golang, java)
	for _, m := range e.members {
		m.twoAddresses = true
	}
	for _, m := range e.members {
		e.configure(m, e.members)
	}
	e.start()
	w := e.write("w")
	for _, leads := range []*serverMake{golang, java} {
		e.leaderIsKilled(w, leads)
	}
	for _, m := range e.members {
		if m.make.java {
			require.NotContains(t, m.logText(), "Initial message parsing error", m)
		}
	}
	w.end()
	w.check(e.same())
}

// Each server is 0.0.0.0 in its own zoo.cfg, as container images write it, and whoever was away comes back, the servers with the
// smaller numbers among them: those have to be dialed back (ZOOKEEPER-2164, ZOOKEEPER-4886).
func TestWildcardAddressesInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range mixes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "", makes...)
			for _, m := range e.members {
				m.wildcard = true
				e.configure(m, e.members)
			}
			e.start()
			w := e.write("w")
			for _, m := range e.members {
				w.goesOn(20)
				m.kill()
				w.goesOn(20)
				m.start()
				e.settle()
			}
			for _, leads := range e.makesOf() {
				e.leaderIsKilled(w, leads)
			}
			w.end()
			w.check(e.same())
		})
	}
}
