//go:build compat

package compat

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// apart gives each member an address of its own for the other servers: all of them open the same port for observers. It
// works where all of 127.0.0.0/8 is the machine's own.
func (e *ensemble) apart() {
	e.t.Helper()
	for _, m := range e.members {
		text, err := os.ReadFile(m.cfg())
		require.NoError(e.t, err)
		s := string(text)
		for _, other := range e.members {
			s = strings.ReplaceAll(s, fmt.Sprintf("server.%d=127.0.0.1:", other.id), fmt.Sprintf("server.%d=127.0.0.%d:", other.id, other.id))
		}
		require.NoError(e.t, os.WriteFile(m.cfg(), []byte(s), 0o644))
	}
}

// master waits until observers get their data from a server.
func (e *ensemble) master(master *member, observers ...*member) {
	e.t.Helper()
	for _, o := range observers {
		e.await(func() string {
			return fmt.Sprintf("%s joins %s, it is at %s", o, master, o.metric("zk_observer_master_id"))
		}, func() bool {
			return o.mode() == "observer" && o.metric("zk_observer_master_id") == fmt.Sprint(master.id)
		})
	}
}

// Observers of both makes get their data from followers of both makes, under leaders of both makes.
func TestObserverMastersInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][]*serverMake{
		"an original leads": {golang, java39, java39, nil, golang, nil, java39},
		"one of ours leads": {golang, java39, golang, nil, golang, nil, java39},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, fmt.Sprintf("tickTime=500\nobserverMasterPort=%d", freePort(t)), makes...)
			e.apart()
			e.start()
			e.lead(makes[2])
			observers, followers := e.members[3:], e.followers()
			require.NotEqual(t, followers[0].make, followers[1].make)
			w := e.write("w")
			for i, follower := range followers {
				other := followers[1-i]
				other.kill()
				e.master(follower, observers...)
				w.goesOn(30)
				e.await(func() string { return follower.String() + " has two observers" }, func() bool { return follower.metric("zk_synced_observers") == "2" })
				for _, o := range observers {
					e.behind(o, follower)
				}
				other.start()
				e.settle()
				w.goesOn(30)
			}
			// The leader dies: a follower leads, the other serves the observers.
			leader := e.leader()
			leader.kill()
			e.leader()
			e.master(e.followers()[0], observers...)
			w.goesOn(30)
			leader.start()
			e.settle()
			w.end()
			w.check(e.same())
		})
	}
}

// One of our observers that had to join the leader moves to an original follower when there is one for it, and its client, which
// writes all the time, keeps its connection. It looks for one after 30 to 60 seconds.
func TestObserverReturnsToAnOriginalFollower(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][]*serverMake{
		"an original leads": {java39, golang, java39, nil, golang},
		"one of ours leads": {java39, java39, golang, nil, golang},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := fmt.Sprintf("observerMasterPort=%d", freePort(t))
			e := newEnsemble(t, "tickTime=500\n"+port, makes...)
			e.apart()
			voters, o := e.members[:3], e.members[3]
			for _, m := range voters {
				m.edit(port, "")
			}
			e.start()
			leader := e.lead(makes[2])
			e.master(leader, o)
			follower := e.followers()[0]
			if follower.make != java39 {
				follower = e.followers()[1]
			}
			require.Equal(t, java39, follower.make)
			follower.kill()
			follower.edit("", port)
			follower.start()
			e.settle()

			ctx := t.Context()
			c := e.session(8*time.Second, o)
			_, err := c.Create(ctx, "/moves", nil, world, zkproto.ModePersistent, 0)
			require.NoError(t, err)
			writes := int32(0)
			e.awaitFor(3*time.Minute, func() string { // it may ask before the follower is there, and then once more
				return fmt.Sprintf("%s moves to %s, it is at %s", o, follower, o.metric("zk_observer_master_id"))
			}, func() bool {
				_, err := c.Set(ctx, "/moves", fmt.Append(nil, writes), writes)
				require.NoError(t, err, "the connection is kept, and each write happens once")
				writes++
				return o.metric("zk_observer_master_id") == fmt.Sprint(follower.id)
			})
			require.Equal(t, leader, e.leader())
			e.await(func() string { return follower.String() + " has one observer" }, func() bool { return follower.metric("zk_synced_observers") == "1" })
			_, err = c.Set(ctx, "/moves", nil, writes)
			require.NoError(t, err)
			require.NoError(t, c.Close())
			e.behind(o, follower)
			e.same()
		})
	}
}

// edit replaces a text in the member's zoo.cfg; an empty one stands for its end.
func (m *member) edit(from, to string) {
	m.t.Helper()
	text, err := os.ReadFile(m.cfg())
	require.NoError(m.t, err)
	s := string(text)
	if from == "" {
		s += "\n" + to + "\n"
	} else {
		require.Contains(m.t, s, from)
		s = strings.ReplaceAll(s, from, to)
	}
	require.NoError(m.t, os.WriteFile(m.cfg(), []byte(s), 0o644))
}

// behind shows that an observer behind a follower does everything that others do.
func (e *ensemble) behind(o, follower *member) {
	t, ctx := e.t, e.t.Context()
	t.Helper()
	name := fmt.Sprintf("behind-%s-of-%s-", o, follower)
	c, at := e.session(8*time.Second, o), e.session(8*time.Second, follower)
	path := "/" + name
	_, err := c.Create(ctx, path, []byte("x"), world, zkproto.ModePersistent, 0)
	require.NoError(t, err)
	data, _, err := c.Get(ctx, path, false)
	require.NoError(t, err)
	require.Equal(t, "x", string(data), "an observer answers when it has applied the write itself")
	for i := range 20 { // what somebody else has written is there after a sync
		_, err = at.Set(ctx, path, fmt.Append(nil, i), -1)
		require.NoError(t, err)
		require.NoError(t, c.Sync(ctx, path))
		data, _, err = c.Get(ctx, path, false)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), string(data))
	}
	require.NoError(t, c.Close())
	require.NoError(t, at.Close())
	e.sessionMoves(name, o, e.leader())
	e.ephemeralsEnd(name, o, follower)
}

// A change of the membership reaches observers behind followers of both makes; and an observer becomes a voter.
func TestReconfigReachesObserversBehindFollowers(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][]*serverMake{
		"an original leads": {golang, java39, java39, nil, golang, nil, java39},
		"one of ours leads": {java39, golang, golang, nil, java39, nil, golang},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, fmt.Sprintf("reconfigEnabled=true\nskipACL=yes\nobserverMasterPort=%d", freePort(t)), makes...)
			e.apart()
			e.start()
			w := e.write("w")
			line := func(m *member) string {
				return strings.Replace(m.line(true), "127.0.0.1:", fmt.Sprintf("127.0.0.%d:", m.id), 1)
			}
			all := []string{"1=participant", "2=participant", "3=participant", "4=observer", "5=observer"}
			e.knows(all...)
			for i, o := range e.members[3:] {
				o.observer = false
				all[3+i] = fmt.Sprintf("%d=participant", o.id)
				e.reconfig(line(o), "", all...)
				e.await(func() string { return o.String() + " follows" }, func() bool { return o.mode() == "follower" })
				w.goesOn(30)
				o.observer = true
				all[3+i] = fmt.Sprintf("%d=observer", o.id)
				e.reconfig(line(o), "", all...)
				e.await(func() string { return o.String() + " observes" }, func() bool { return o.mode() == "observer" })
				w.goesOn(30)
			}
			w.end()
			w.check(e.same())
		})
	}
}
