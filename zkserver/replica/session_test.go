package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/session"
)

func TestSessionsOfAllServersAreKnownEverywhere(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	for _, id := range c.order {
		w := c.servers[id].connect()
		require.False(t, w.est.Renewed)
		require.Equal(t, int32(4000), w.est.Timeout)
		require.Equal(t, byte(id), byte(uint64(w.session)>>56), "the server's id is the top byte")
	}
	c.tick(1)
	c.same()
	require.Len(t, c.servers[1].r.Sessions(), 3)
}

func TestClosedSessionTakesItsEphemeralsAlongOnAllServers(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	for _, s := range []*server{leader, c.learner(0)} {
		w := s.connect()
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody("/e", "", zkproto.ModeEphemeral)).Result.Err)
		c.tick(1)
		require.Empty(t, c.learner(1).data("/e"))
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCloseSession, nil).Result.Err)
		c.tick(1)
		for _, id := range c.order {
			require.Equal(t, "no /e", c.servers[id].data("/e"))
			require.Empty(t, c.servers[id].r.Sessions())
		}
	}
}

func TestSessionMovesBetweenServers(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	for _, hop := range [][2]*server{{leader, c.learner(0)}, {c.learner(0), c.learner(1)}, {c.learner(1), leader}} {
		w := hop[0].connect()
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody("/e", "", zkproto.ModeEphemeral)).Result.Err)
		c.tick(1)
		moved := w.again(hop[1])
		c.settle()
		require.NotNil(t, moved.est, "%v", moved.refused)
		require.True(t, moved.est.Renewed)
		require.Equal(t, w.session, moved.session)
		require.Equal(t, zkproto.ErrOK, moved.do(zkproto.OpSetData, setBody("/e", "x")).Result.Err)
		if hop[0] == leader {
			require.ErrorIs(t, w.closed, ErrMoved, "a leader sees it move")
		} else {
			w.submit(zkproto.OpSetData, setBody("/e", "late"))
			c.settle()
			require.ErrorIs(t, w.closed, ErrMoved)
			require.Equal(t, 1, w.lost, "closed, not answered")
		}
		c.tick(1)
		require.Equal(t, "x", hop[0].data("/e"))
		moved.do(zkproto.OpCloseSession, nil)
		require.NoError(t, moved.closed)
	}
	c.tick(1)
	c.same()
}

// A multi tells by its parts that the session has moved.
func TestMultiOfAMovedSession(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	w := c.learner(0).connect()
	moved := w.again(c.learner(1))
	c.settle()
	require.NotNil(t, moved.est)
	w.submit(zkproto.OpMulti, multiBody(zkproto.MultiOp{
		Type: zkproto.OpCreate, Create: zkproto.CreateRequest{Path: "/m", ACL: zkproto.WorldAll()},
	}))
	c.settle()
	require.ErrorIs(t, w.closed, ErrMoved)
	require.Equal(t, "no /m", c.learner(0).data("/m"))
}

func TestReconnectOnTheSameServerReplacesTheConnection(t *testing.T) {
	for _, leads := range []bool{true, false} {
		c := newCluster(t, 3, nil)
		s := c.leader()
		if !leads {
			s = c.learner(0)
		}
		w := s.connect()
		again := w.again(s)
		c.settle()
		require.NotNil(t, again.est)
		require.ErrorIs(t, w.closed, ErrReplaced)
		w.gone()
		require.Equal(t, 1, s.r.Clients())
		again.do(zkproto.OpCreate, createBody("/a", "", 0))
	}
}

func TestConnectIsRefused(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	for _, s := range []*server{leader, c.learner(0)} {
		good := session.Password(0x77)
		w := s.dial(Connect{Session: 0x77, Password: good[:]})
		c.settle()
		require.ErrorIs(t, w.refused, ErrExpired, "unknown")
		w = s.dial(Connect{Session: s.connect().session, Password: make([]byte, 16)})
		require.ErrorIs(t, w.refused, ErrPassword)
		w = s.dial(Connect{LastZxidSeen: 0x7fffffff00000000})
		require.ErrorIs(t, w.refused, ErrAhead)
	}
	epoch := leader.r.Node().Status().Epoch
	w := leader.dial(Connect{LastZxidSeen: zkproto.MakeZxid(epoch, 0)})
	c.settle()
	require.NotNil(t, w.est, "an original tells the beginning of the epoch as a zxid")
}

func TestTouchedOnALearnerLivesSilentExpiresByTheLeader(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	alive, silent := c.learner(0).connect(), c.learner(1).connect()
	local := leader.connect()
	require.Equal(t, zkproto.ErrOK, silent.do(zkproto.OpCreate, createBody("/e", "", zkproto.ModeEphemeral)).Result.Err)
	silent.silent, silent.heard = true, c.now.Mono
	local.silent, local.heard = true, c.now.Mono
	c.tick(380)
	require.NoError(t, silent.closed, "not before its timeout")
	c.tick(60)
	require.ErrorIs(t, silent.closed, ErrExpired)
	require.ErrorIs(t, local.closed, ErrExpired)
	require.NoError(t, alive.closed)
	require.Equal(t, 2, leader.saw(EventSessionExpired))
	require.Zero(t, c.learner(0).saw(EventSessionExpired)+c.learner(1).saw(EventSessionExpired))
	c.tick(1)
	c.same()
	require.Equal(t, "no /e", c.learner(0).data("/e"))
	require.Contains(t, leader.r.Sessions(), alive.session)
	require.Len(t, leader.r.Sessions(), 1)
}

func TestGoneClientLivesForItsTimeoutAfterItWasHeard(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	for _, s := range []*server{leader, c.learner(0)} {
		w := s.connect()
		c.tick(200)
		w.gone()
		c.tick(380)
		require.Contains(t, leader.r.Sessions(), w.session)
		c.tick(60)
		require.NotContains(t, leader.r.Sessions(), w.session)
	}
}

func TestCloseFromElsewhereEndsTheConnection(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	w := c.learner(0).connect()
	// a leader's own closeSession, as for an expired session
	q := Request{Session: w.session, Op: zkproto.OpCloseSession}
	c.leader().r.Submit(&q)
	c.leader().perform()
	c.settle()
	require.ErrorIs(t, w.closed, ErrExpired)
	require.Zero(t, c.learner(0).r.Clients())
}

func TestHeldUpServerForgives(t *testing.T) {
	c := newCluster(t, 1, standalone)
	s := c.servers[1]
	w := s.connect()
	w.silent, w.heard = true, c.now.Mono
	c.now.Mono += 60_000
	s.r.Tick(c.now)
	s.perform()
	require.Equal(t, 1, s.saw(EventHeldUp))
	require.NoError(t, w.closed)
	c.tick(450)
	require.ErrorIs(t, w.closed, ErrExpired)
}

// C.2 row 2 (ZOOKEEPER-1367): after a restart of all servers sessions and ephemerals are the same everywhere, and expire.
func TestZOOKEEPER1367SessionsSurviveARestartOfAll(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	w := c.learner(0).connect()
	require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody("/e", "", zkproto.ModeEphemeral)).Result.Err)
	c.tick(1)
	for _, id := range c.order {
		c.crash(id)
	}
	for _, id := range c.order {
		c.servers[id].start()
	}
	leader := c.leader()
	c.tick(1)
	c.same()
	require.Contains(t, leader.r.Sessions(), w.session)
	c.tick(350)
	require.Empty(t, leader.data("/e"), "a new leader gives the full timeout")
	c.tick(100)
	c.same()
	require.Equal(t, "no /e", leader.data("/e"))
}

// C.2 row 25 (ZOOKEEPER-2355): a follower that fails while it reads proposals ends up with the same ephemerals.
func TestZOOKEEPER2355FollowerFailsWithinProposals(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	f := c.learner(0)
	w := leader.connect()
	require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody("/e", "", zkproto.ModeEphemeral)).Result.Err)
	w.submit(zkproto.OpCloseSession, nil)
	c.crash(f.id) // the proposal is on the wire
	c.settle()
	require.Equal(t, "no /e", leader.data("/e"))
	f.start()
	c.leader()
	c.tick(1)
	c.same()
	require.Equal(t, "no /e", f.data("/e"))
}
