package replica

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// creates sends sequential creates below /q.
func creates(w *client, n int) {
	for range n {
		w.submit(zkproto.OpCreate, createBody("/q/s", "", zkproto.ModePersistentSequential))
	}
}

// isolate cuts a server off, both ways, and ends its links.
func (c *cluster) isolate(id zab.Sid) {
	for _, other := range c.order {
		if other != id {
			c.cut[[2]zab.Sid{id, other}], c.cut[[2]zab.Sid{other, id}] = true, true
		}
	}
	for _, other := range c.order {
		if other != id && c.servers[other].up {
			c.servers[other].disconnectedFrom(id)
			c.servers[id].disconnectedFrom(other)
		}
	}
}

func (c *cluster) heal() { c.cut = map[[2]zab.Sid]bool{} }

// drain waits until clients have all their answers.
func (c *cluster) drain(clients ...*client) {
	c.t.Helper()
	for range 300 {
		waiting := 0
		for _, w := range clients {
			if w.closed == nil {
				waiting += len(w.sent)
			}
		}
		if waiting == 0 {
			return
		}
		c.tick(1)
	}
	c.t.Fatal("requests are not answered")
}

// The leader dies with requests of other servers' clients at every stage of their way: none is lost, none doubled, no
// client is closed.
func TestLeaderDiesWithRequestsUnderWay(t *testing.T) {
	for _, stage := range []zab.Type{zab.Request, zab.Proposal, zab.Ack, zab.Commit} {
		t.Run(stage.String(), func(t *testing.T) {
			c := newCluster(t, 3, nil)
			old := c.leader()
			s := c.learner(0)
			w, other := s.connect(), c.learner(1).connect()
			w.do(zkproto.OpCreate, createBody("/q", "", 0))
			c.hold[stage] = true
			creates(w, 5)
			w.submit(zkproto.OpSync, pathBody("/q"))
			creates(other, 3)
			creates(w, 2)
			c.settle()
			require.NotEmpty(t, w.sent)
			c.hold = map[zab.Type]bool{}
			c.crash(old.id)
			require.Equal(t, ModeHeld, s.r.Mode())
			creates(w, 1) // while there is no leader
			leader := c.leader()
			c.drain(w, other)
			require.NoError(t, w.closed)
			require.NoError(t, other.closed)
			c.tick(1)
			require.Equal(t, 11, leader.tree.NumDescendants("/q"))
			old.start()
			c.leader()
			c.tick(1)
			c.same()
		})
	}
}

// The same with clients of the leader itself, which is cut off and comes back within the grace time.
func TestLeaderCutOffKeepsItsClients(t *testing.T) {
	for _, stage := range []zab.Type{zab.Proposal, zab.Ack, zab.Commit} {
		t.Run(stage.String(), func(t *testing.T) {
			c := newCluster(t, 3, nil)
			old := c.leader()
			w := old.connect()
			w.do(zkproto.OpCreate, createBody("/q", "", 0))
			if stage == zab.Proposal {
				c.isolateAll(old.id)
			}
			c.hold[stage] = stage != zab.Proposal
			creates(w, 4)
			w.submit(zkproto.OpSync, pathBody("/q"))
			w.submit(zkproto.OpCreate, []byte{9})
			creates(w, 4)
			c.settle()
			c.hold = map[zab.Type]bool{}
			c.isolate(old.id)
			require.Equal(t, ModeHeld, old.r.Mode())
			creates(w, 1)
			c.tick(20)
			c.heal()
			leader := c.leader()
			require.NotSame(t, old, leader)
			c.drain(w)
			require.NoError(t, w.closed)
			require.Zero(t, w.lost)
			c.tick(1)
			require.Equal(t, 9, leader.tree.NumDescendants("/q"))
			c.same()
		})
	}
}

// isolateAll loses messages without ending links.
func (c *cluster) isolateAll(id zab.Sid) {
	for _, other := range c.order {
		if other != id {
			c.cut[[2]zab.Sid{id, other}], c.cut[[2]zab.Sid{other, id}] = true, true
		}
	}
}

func TestGraceTimeEndsAndClientsAreClosed(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	s := c.learner(0)
	w := s.connect()
	w.do(zkproto.OpCreate, createBody("/q", "", 0))
	c.isolate(s.id)
	creates(w, 2)
	late := s.dial(Connect{})
	c.tick(90)
	require.Equal(t, ModeHeld, s.r.Mode())
	require.NoError(t, w.closed)
	c.tick(20)
	require.Equal(t, ModeDown, s.r.Mode())
	require.ErrorIs(t, w.closed, ErrNotServing)
	require.ErrorIs(t, late.refused, ErrNotServing)
	require.Equal(t, 2, w.lost)
	require.ErrorIs(t, s.dial(Connect{}).refused, ErrNotServing)
	c.heal()
	c.leader()
	require.NotNil(t, s.connect().est)
}

func TestWithoutGraceClientsAreClosedAtOnce(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.RejoinGrace = -1 })
	leader := c.leader()
	s := c.learner(0)
	w := s.connect()
	c.crash(leader.id)
	require.ErrorIs(t, w.closed, ErrNotServing)
}

// A client that connects while there is no leader gets its session when there is one.
func TestConnectWaitsForTheLeader(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	s := c.learner(0)
	w := s.connect()
	asked := w.again(c.learner(1)) // its REVALIDATE is on the wire
	c.crash(leader.id)
	fresh := s.dial(Connect{})
	require.Nil(t, fresh.est)
	c.leader()
	c.tick(1)
	require.NotNil(t, fresh.est)
	require.NotNil(t, asked.est)
	require.NoError(t, asked.closed)
}

// Back with the leader of the same epoch it is unknown whether that leader still proposes what it got by the old link.
func TestSameEpochAgainClosesOnlyWhoHasSomethingUnderWay(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	s := c.learner(0)
	busy, idle := s.connect(), s.connect()
	busy.do(zkproto.OpCreate, createBody("/q", "", 0))
	c.hold[zab.Request] = true
	creates(busy, 1)
	c.settle()
	c.hold = map[zab.Type]bool{}
	epoch := leader.r.Node().Status().Epoch
	c.isolate(s.id)
	c.heal()
	c.leader()
	require.Equal(t, epoch, s.r.Node().Status().Epoch)
	require.ErrorIs(t, busy.closed, ErrUnknownFate)
	require.Equal(t, 1, busy.lost)
	require.NoError(t, idle.closed)
	require.Equal(t, zkproto.ErrOK, idle.do(zkproto.OpSetData, setBody("/q", "x")).Result.Err)
}

// A server that gets a snapshot closes its clients: watches may have missed events.
func TestSnapshotClosesClients(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.Zab.KeepCommitted = 2; cfg.RejoinGrace = 60_000 })
	c.leader()
	s := c.learner(0)
	w := s.connect()
	w.do(zkproto.OpCreate, createBody("/q", "", 0))
	c.isolate(s.id)
	creates(w, 1)
	writer := c.leaderNow().connect()
	creates(writer, 10)
	c.tick(10)
	waiting := s.dial(Connect{})
	c.heal()
	c.leader()
	require.ErrorIs(t, w.closed, ErrStateReplaced)
	require.Equal(t, 1, w.lost)
	require.NotNil(t, waiting.est, "who waits for a session has seen nothing yet")
	c.tick(1)
	c.same()
	require.Equal(t, 10, s.tree.NumDescendants("/q"))
}

func (c *cluster) leaderNow() *server {
	for _, id := range c.order {
		if s := c.servers[id]; s.up && s.r.Leading() {
			return s
		}
	}
	c.t.Fatal("nobody leads")
	return nil
}

// C.2 row 1 (ZOOKEEPER-1154, 1156): an old leader with uncommitted entries comes back and drops them.
func TestZOOKEEPER1154OldLeaderDropsWhatWasNotCommitted(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.RejoinGrace = 10 })
	old := c.leader()
	w := old.connect()
	w.do(zkproto.OpCreate, createBody("/q", "", 0))
	c.isolateAll(old.id)
	creates(w, 3)
	c.crash(old.id)
	c.heal()
	leader := c.leader()
	other := leader.connect()
	creates(other, 1)
	c.tick(1)
	old.start()
	c.leader()
	c.tick(1)
	c.same()
	require.Equal(t, 1, old.tree.NumDescendants("/q"))
}

func TestLeaderServesNot(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.LeaderServesNot = true })
	leader := c.leader()
	require.ErrorIs(t, leader.dial(Connect{}).refused, ErrLeaderDoesNotServe)
	one, two := c.learner(0).connect(), c.learner(1).connect()
	c.crash(leader.id)
	leader = c.leader()
	for _, w := range []*client{one, two} {
		if w.at == leader {
			require.ErrorIs(t, w.closed, ErrLeaderDoesNotServe)
		} else {
			require.NoError(t, w.closed)
			require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody("/a", "", 0)).Result.Err)
		}
	}
}

// C.2 row 31 (ZOOKEEPER-1277, 2789): the zxids of an epoch are used up under load. Clients feel a pause.
func TestZOOKEEPER1277EpochIsUsedUpUnderLoad(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.Zab.MaxCounter = 20 })
	leader := c.leader()
	clients := []*client{leader.connect(), c.learner(0).connect(), c.learner(1).connect()}
	clients[0].do(zkproto.OpCreate, createBody("/q", "", 0))
	epoch := leader.r.Node().Status().Epoch
	for range 20 {
		for _, w := range clients {
			creates(w, 1)
			if w.xid%3 == 0 {
				w.submit(zkproto.OpSync, pathBody("/q"))
			}
		}
	}
	c.drain(clients...)
	for _, w := range clients {
		require.NoError(t, w.closed)
		require.Zero(t, w.lost)
	}
	leader = c.leader()
	require.GreaterOrEqual(t, leader.r.Node().Status().Epoch, epoch+3)
	c.tick(1)
	require.Equal(t, 60, leader.tree.NumDescendants("/q"))
	c.same()
}

// The last zxid of an epoch is given out and applied, and then comes another write: nothing else is under way that would make the
// leader look, and still it begins the next epoch at once, not when its next ping is due.
func TestLonelyWriteBeginsTheNextEpoch(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.Zab.MaxCounter = 20 })
	leader := c.leader()
	w := leader.connect()
	w.do(zkproto.OpCreate, createBody("/q", "", 0))
	for leader.r.Node().ZxidsLeft() > 0 {
		w.do(zkproto.OpSetData, setBody("/q", "x"))
	}
	require.Zero(t, leader.r.Outstanding())
	require.False(t, leader.r.Waiting(), "nobody asks for anything")
	changes := leader.r.Node().Status().Changes
	w.submit(zkproto.OpSetData, setBody("/q", "y"))
	require.Greater(t, leader.r.Node().Status().Changes, changes, "it waits for something else")
	leader = c.leader()
	require.Empty(t, w.sent)
	require.Equal(t, "y", leader.data("/q"))
	require.Equal(t, uint32(2), leader.r.Node().Status().Epoch)
}

// Clients that stay are shown to the new leader before their next request.
func TestKeptClientIsRevalidatedBeforeItsNextRequest(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	one, two := c.learner(0).connect(), c.learner(1).connect()
	c.crash(leader.id)
	leader = c.leader()
	w := one
	if leader == one.at {
		w = two
	}
	c.wire = nil
	w.submit(zkproto.OpCreate, createBody("/a", "", 0))
	w.submit(zkproto.OpCreate, createBody("/b", "", 0))
	require.Len(t, c.wire, 3)
	require.Equal(t, zab.Revalidate, c.wire[0].Type)
	require.Equal(t, zab.Request, c.wire[1].Type)
	c.settle()
	require.Empty(t, w.sent)
	// and if that leader does not know the session, the client is closed
	w.at.r.show(w.at.r.seats.of(w.session))
	w.at.r.passedOn([]zab.Message{{Type: zab.Revalidate, Data: appendValid(nil, w.session, false)}})
	require.ErrorIs(t, w.closed, ErrExpired)
}

// A new leader gives every session its whole timeout, however long it has not been touched here.
func TestNewLeaderGivesFullTimeouts(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	w := c.learner(0).connect()
	c.tick(1000)
	w.gone()
	c.crash(leader.id)
	leader = c.leader()
	c.tick(380)
	require.Contains(t, leader.r.Sessions(), w.session)
	c.tick(60)
	require.NotContains(t, leader.r.Sessions(), w.session)
}

// A client that has moved counts its requests anew. What the former server forwarded for it is not taken for its own.
func TestRequestsOfAFormerConnectionAreNotAnswersToNewOnes(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	w := c.learner(0).connect()
	c.hold[zab.Commit] = true
	w.submit(zkproto.OpCreate, createBody("/old", "", 0))
	c.settle()
	moved := w.again(c.learner(1))
	c.settle()
	require.NotNil(t, moved.est)
	moved.xid = 10
	xid := moved.submit(zkproto.OpCreate, createBody("/new", "", 0))
	c.hold[zab.Commit] = false
	c.settle()
	a, _ := moved.answer(xid)
	require.Equal(t, "/new", a.Result.Path)
	// the same with equal numbers, while there is no leader
	c.hold[zab.Commit], c.hold[zab.Ack] = true, true
	again := moved.again(w.at)
	c.settle()
	require.NotNil(t, again.est)
	again.xid = 20
	again.submit(zkproto.OpCreate, createBody("/old2", "", 0))
	c.settle()
	moved2 := again.again(moved.at)
	c.settle()
	require.NotNil(t, moved2.est)
	c.hold = map[zab.Type]bool{}
	c.crash(leader.id)
	moved2.xid = 20
	xid = moved2.submit(zkproto.OpCreate, createBody("/new2", "", 0))
	c.leader()
	c.drain(moved2)
	a, _ = moved2.answer(xid)
	require.Equal(t, "/new2", a.Result.Path)
	require.NoError(t, moved2.closed)
}

// Random crashes, cuts and restarts with clients that write all the time. What was answered is in the tree once, what was
// lost at most once.
func TestRandomChangesOfRole(t *testing.T) {
	done := 0
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { done += randomChanges(t, seed) })
	}
	require.Greater(t, done, 1000)
}

func randomChanges(t *testing.T, seed uint64) (done int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := newCluster(t, 3, func(cfg *Config) { cfg.Zab.KeepCommitted = 10 + int(seed%3)*100 })
	c.batch = seed%2 == 0
	first := c.leader().connect()
	first.do(zkproto.OpCreate, createBody("/q", "", 0))
	var clients []*client
	name := 0
	for range 60 {
		for _, id := range c.order {
			s := c.servers[id]
			if s.up && s.r.Mode() == ModeReadWrite && rng.IntN(3) == 0 {
				w := s.dial(Connect{})
				clients = append(clients, w)
			}
		}
		for _, w := range clients {
			if w.est == nil || w.closed != nil || !w.at.up || rng.IntN(2) == 0 {
				continue
			}
			for range rng.IntN(4) {
				if rng.IntN(5) == 0 {
					w.submit(zkproto.OpSync, pathBody("/q"))
					continue
				}
				name++
				w.submit(zkproto.OpCreate, createBody(fmt.Sprintf("/q/%d", name), "", 0))
			}
		}
		switch id := c.order[rng.IntN(3)]; rng.IntN(8) {
		case 0:
			if c.servers[id].up {
				c.crash(id)
				for _, w := range clients {
					if w.at.id == id && w.closed == nil {
						w.closed, w.sent = ErrNotServing, nil
					}
				}
			}
		case 1, 2:
			if !c.servers[id].up {
				c.servers[id].start()
			}
		case 3:
			if c.servers[id].up {
				c.isolate(id)
			}
		case 4, 5:
			c.heal()
		}
		c.tick(rng.IntN(12))
	}
	c.heal()
	for _, id := range c.order {
		if !c.servers[id].up {
			c.servers[id].start()
		}
	}
	leader := c.leader()
	c.drain(clients...)
	c.tick(1)
	c.same()
	for _, w := range clients {
		for _, a := range w.answers {
			if a.Op != zkproto.OpCreate {
				continue
			}
			done++
			require.Equal(t, zkproto.ErrOK, a.Result.Err, "done twice, or answered by another's result")
			require.NotContains(t, leader.data(a.Result.Path), "no ", "acknowledged and lost")
		}
	}
	return done
}
