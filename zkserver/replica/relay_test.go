package replica

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// behindMasters configures servers 1 to 3 as voters, and all others as observers that join a follower.
func behindMasters(c *Config) {
	c.Zab.ObserverMaster = true
	c.Zab.Observer = c.Zab.ID > 3
	c.Zab.Quorum, _ = quorum.NewMajority(1, 2, 3)
}

// relayed starts three voters and n observers behind followers.
func relayed(t *testing.T, n int) (c *cluster, leader *server, observers []*server) {
	t.Helper()
	c = newCluster(t, 3+n, behindMasters)
	leader = c.leader()
	for i := range n {
		o := c.servers[zab.Sid(4+i)]
		require.Equal(t, zab.Observing, o.r.Node().Status().Role)
		observers = append(observers, o)
	}
	return c, leader, observers
}

func (s *server) master() *server { return s.c.servers[s.r.Node().Upstream()] }

func TestObserversSpreadOverTheFollowers(t *testing.T) {
	c, leader, observers := relayed(t, 4)
	load := map[zab.Sid]int{}
	for _, o := range observers {
		load[o.master().id]++
		require.Equal(t, leader.id, o.r.Node().Status().Leader)
	}
	require.Zero(t, load[leader.id])
	require.Equal(t, map[zab.Sid]int{c.learner(0).id: 2, c.learner(1).id: 2}, load)
	for _, l := range leader.r.Node().Learners() {
		require.False(t, l.Observer)
	}
	require.Len(t, c.learner(0).r.Node().Learners(), 2)
	require.True(t, c.learner(0).r.Node().Relays())
}

func TestObserverBehindAFollowerAnswersEveryWrite(t *testing.T) {
	for _, batch := range []bool{false, true} {
		t.Run(fmt.Sprint("batch=", batch), func(t *testing.T) {
			c, leader, observers := relayed(t, 2)
			c.batch = batch
			for i, o := range observers {
				w := o.connect()
				everyWrite(t, w, fmt.Sprintf("/o%d", i))
				require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCloseSession, nil).Result.Err)
				require.Empty(t, o.master().r.behind)
			}
			everyWrite(t, leader.connect(), "/l")
			everyWrite(t, observers[0].master().connect(), "/f")
			c.tick(1)
			c.same()
			require.Equal(t, "yy", observers[1].data("/l"))
		})
	}
}

// Clients of observers, their master and the leader mix writes and syncs; the harness checks the order of each client's
// answers.
func TestObserversPipelineKeepsItsOrder(t *testing.T) {
	for _, batch := range []bool{false, true} {
		t.Run(fmt.Sprint("batch=", batch), func(t *testing.T) {
			c, leader, observers := relayed(t, 2)
			var clients []*client
			for _, s := range []*server{observers[0], observers[0], observers[1], observers[0].master(), leader} {
				clients = append(clients, s.connect())
			}
			c.batch = batch
			for i, w := range clients {
				w.do(zkproto.OpCreate, createBody(fmt.Sprintf("/%d", i), "", 0))
			}
			const each = 50
			for n := range each {
				for i, w := range clients {
					switch n % 5 {
					case 3:
						w.submit(zkproto.OpSync, pathBody("/"))
					case 4:
						w.submit(zkproto.OpSetData, []byte{1})
					default:
						w.submit(zkproto.OpCreate, createBody(fmt.Sprintf("/%d/s", i), "", zkproto.ModePersistentSequential))
					}
				}
				if n%7 == 0 {
					c.tick(1)
				}
			}
			c.tick(2)
			for i, w := range clients {
				require.Empty(t, w.sent, "client %d", i)
				require.Equal(t, each*3/5, leader.tree.NumDescendants(fmt.Sprintf("/%d", i)))
			}
			c.same()
		})
	}
}

// SYNC comes to the observer between the commits where it came to the follower.
func TestRelayedSyncKeepsItsPlace(t *testing.T) {
	c, leader, observers := relayed(t, 1)
	o := observers[0]
	a, b, own := o.connect(), leader.connect(), o.master().connect()
	a.do(zkproto.OpCreate, createBody("/q", "", 0))
	c.batch = true
	own.submit(zkproto.OpSync, pathBody("/q"))
	a.submit(zkproto.OpSync, pathBody("/q"))
	own.submit(zkproto.OpSync, pathBody("/q"))
	creates(b, 1)
	creates(a, 1)
	var order []zab.Type
	for len(c.wire) > 0 {
		batch := c.wire
		c.wire = nil
		for _, p := range batch {
			if p.To == o.id && (p.Type == zab.Sync || p.Type == zab.Inform) {
				order = append(order, p.Type)
			}
			c.deliver(p)
		}
		for _, id := range c.order {
			c.servers[id].perform()
		}
	}
	require.Len(t, order, 3)
	require.NotEqual(t, zab.Sync, order[2], "the SYNC was asked for before the last write")
	require.Empty(t, a.sent)
	require.Empty(t, own.sent)
}

func TestSessionLivesByTheTouchesOfTheObserver(t *testing.T) {
	c, leader, observers := relayed(t, 1)
	w, quiet := observers[0].connect(), observers[0].connect()
	quiet.silent = true
	c.tick(900)
	require.NoError(t, w.closed)
	require.Error(t, quiet.closed, "4 s of silence")
	require.Len(t, leader.r.Sessions(), 1)
}

func TestSessionMovesBetweenObserversAndTheirMaster(t *testing.T) {
	c, _, observers := relayed(t, 5)
	first, second := observers[0], observers[2]
	require.Same(t, first.master(), second.master())
	w := first.connect()
	w.do(zkproto.OpCreate, createBody("/e", "", zkproto.ModeEphemeral))
	c.tick(1)
	moved := w.again(second)
	c.settle()
	require.NotNil(t, moved.est)
	require.Equal(t, zkproto.ErrOK, moved.do(zkproto.OpSetData, setBody("/e", "2")).Result.Err)

	// What the old connection still brings must not come after that: its observer is dropped, and finds out when it is back.
	w.submit(zkproto.OpSetData, setBody("/e", "late"))
	c.tick(30)
	require.Error(t, w.closed)
	require.Equal(t, "2", second.data("/e"))
	require.Equal(t, ModeReadWrite, first.r.Mode())
	c.leader()

	// From an observer to its master.
	third := moved.again(second.master())
	c.settle()
	require.NotNil(t, third.est)
	moved.submit(zkproto.OpSetData, setBody("/e", "late"))
	c.tick(30)
	require.Error(t, moved.closed)
	require.Equal(t, "2", first.data("/e"))
	require.Equal(t, zkproto.ErrOK, third.do(zkproto.OpSetData, setBody("/e", "3")).Result.Err)

	// And from the master to one of its observers: the master closes its own connection.
	for _, o := range observers {
		if o.master() == third.at {
			fourth := third.again(o)
			c.settle()
			require.NotNil(t, fourth.est)
			require.ErrorIs(t, third.closed, ErrMoved)
			require.Equal(t, zkproto.ErrOK, fourth.do(zkproto.OpSetData, setBody("/e", "4")).Result.Err)
			c.tick(1)
			c.same()
			return
		}
	}
	t.Fatal("no observer is left at that master")
}

func TestUnknownSessionIsRefusedThroughAFollower(t *testing.T) {
	c, _, observers := relayed(t, 1)
	w := observers[0].connect()
	w.do(zkproto.OpCloseSession, nil)
	again := w.again(observers[0])
	c.settle()
	require.ErrorIs(t, again.refused, ErrExpired)
}

// When the follower dies the observer goes to the next one, and its clients stay.
func TestObserverChangesOverWhenItsMasterDies(t *testing.T) {
	c, leader, observers := relayed(t, 1)
	o := observers[0]
	w := o.connect()
	w.do(zkproto.OpCreate, createBody("/a", "", 0))
	c.tick(1)
	dead := o.master()
	c.crash(dead.id)
	c.tick(30)
	require.Equal(t, ModeReadWrite, o.r.Mode())
	require.NotEqual(t, dead.id, o.master().id)
	require.NotEqual(t, leader.id, o.master().id, "there is another follower")
	require.NoError(t, w.closed)
	require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpSetData, setBody("/a", "2")).Result.Err)
	c.same()
}

// With no follower that takes it, an observer gets its data from the leader.
func TestObserverFallsBackToTheLeader(t *testing.T) {
	c := newCluster(t, 4, func(cfg *Config) {
		behindMasters(cfg)
		cfg.Zab.ObserverMaster = cfg.Zab.Observer
	})
	leader := c.leader()
	o := c.servers[4]
	require.Same(t, leader, o.master())
	everyWrite(t, o.connect(), "/o")
	c.tick(1)
	c.same()
}

func TestObserverFollowsAChangeOfLeader(t *testing.T) {
	for range 3 {
		c, leader, observers := relayed(t, 2)
		w := observers[0].connect()
		w.do(zkproto.OpCreate, createBody("/a", "", 0))
		for _, o := range observers {
			o.r.Unreachable(leader.id, true) // as the driver tells
		}
		c.crash(leader.id)
		now := c.leader()
		require.NotSame(t, leader, now)
		require.NoError(t, w.closed)
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpSetData, setBody("/a", "2")).Result.Err)
		leader.start()
		c.leader()
		c.tick(100)
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpSetData, setBody("/a", "3")).Result.Err)
		c.tick(1)
		c.same()
	}
}

// An observer that knows of a commit that its new master has not heard of waits for it; it is not told to truncate.
func TestObserverWaitsForAMasterThatIsBehind(t *testing.T) {
	c, leader, observers := relayed(t, 1)
	o := observers[0]
	w, writer := o.connect(), leader.connect()
	writer.do(zkproto.OpCreate, createBody("/a", "1", 0))
	c.tick(1)
	dead := o.master()
	next := c.learner(0)
	if next == dead {
		next = c.learner(1)
	}
	writer.submit(zkproto.OpSetData, setBody("/a", "2"))
	var held []parcel
	for len(c.wire) > 0 {
		p := c.wire[0]
		c.wire = c.wire[1:]
		if p.To == next.id && p.Type == zab.Commit {
			held = append(held, p)
			continue
		}
		c.deliver(p)
	}
	require.Equal(t, "2", o.data("/a"))
	require.Equal(t, "1", next.data("/a"))
	c.crash(dead.id)
	c.tick(10)
	require.Same(t, next, o.master())
	require.Equal(t, ModeHeld, o.r.Mode())
	for _, p := range held {
		c.deliver(p)
	}
	c.settle()
	require.Equal(t, ModeReadWrite, o.r.Mode())
	require.NoError(t, w.closed)
	require.Equal(t, "2", o.data("/a"))
	require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpSetData, setBody("/a", "3")).Result.Err)
}

// What observers must not send costs them their link, and nobody else anything.
func TestFollowerCutsOffWhoBreaksTheProtocol(t *testing.T) {
	for name, m := range map[string]zab.Message{
		"short request":    {Type: zab.Request, Data: make([]byte, 15)},
		"read":             {Type: zab.Request, Data: appendRequest(nil, 7, 1, zkproto.OpGetData, nil)},
		"short revalidate": {Type: zab.Revalidate, Data: make([]byte, 11)},
		"ragged ping":      {Type: zab.Ping, Data: make([]byte, 13)},
		"proposal":         {Type: zab.Proposal, Zxid: 1 << 40},
		"ack epoch":        {Type: zab.AckEpoch, Data: make([]byte, 4)},
		"sync":             {Type: zab.Sync},
	} {
		t.Run(name, func(t *testing.T) {
			c, leader, observers := relayed(t, 2)
			o, master := observers[0], observers[0].master()
			l := master.r.Node().Learners()[0]
			require.Equal(t, o.id, l.ID)
			changes := master.r.Node().Status().Changes
			m.From, m.To, m.Link = o.id, master.id, l.Link
			_ = master.r.Step(m)
			master.perform()
			require.Empty(t, master.r.Node().Learners())
			require.Equal(t, changes, master.r.Node().Status().Changes, "the follower goes on")
			c.tick(20)
			require.Equal(t, ModeReadWrite, o.r.Mode())
			everyWrite(t, o.connect(), "/o")
			require.Equal(t, zkproto.ErrOK, leader.connect().do(zkproto.OpCreate, createBody("/l", "", 0)).Result.Err)
		})
	}
}

func TestFollowerRefusesWhoMayNotJoin(t *testing.T) {
	info := zab.LearnerInfo{Sid: 9, ProtocolVersion: zab.ProtocolVersion}
	ahead := info
	ahead.ConfigVersion = 1 << 40
	for name, m := range map[string]zab.Message{
		"follower":       {Type: zab.FollowerInfo, From: 9, Data: info.AppendTo(nil)},
		"no data":        {Type: zab.ObserverInfo, From: 9},
		"another's id":   {Type: zab.ObserverInfo, From: 8, Data: info.AppendTo(nil)},
		"ahead":          {Type: zab.ObserverInfo, From: 9, Data: ahead.AppendTo(nil)},
		"negative epoch": {Type: zab.ObserverInfo, From: 9, Zxid: -1, Data: info.AppendTo(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			c, leader, observers := relayed(t, 1)
			master := observers[0].master()
			m.To, m.Link, m.Relay = master.id, 1<<32, true
			require.Error(t, master.r.Step(m))
			require.Len(t, master.r.Node().Learners(), 1)
			m.To = leader.id
			_ = leader.r.Step(m)
			require.Len(t, leader.r.Node().Learners(), 2, "a leader serves nobody by that port")
			c.tick(1)
			require.Equal(t, ModeReadWrite, observers[0].r.Mode())
		})
	}
}

// Observers that say nothing are dropped in time.
func TestFollowerDropsSilentObservers(t *testing.T) {
	c, _, observers := relayed(t, 1)
	o, master := observers[0], observers[0].master()
	c.cut[[2]zab.Sid{o.id, master.id}] = true
	c.tick(60)
	require.Empty(t, master.r.Node().Learners())
	require.Equal(t, ModeReadWrite, master.r.Mode())
	delete(c.cut, [2]zab.Sid{o.id, master.id})
	c.tick(100)
	require.Equal(t, ModeReadWrite, o.r.Mode())
}
