package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

func localSessions(upgrade bool) func(*Config) {
	return func(c *Config) { c.LocalSessions, c.LocalUpgrade = true, upgrade }
}

func TestLocalSessionStaysLocal(t *testing.T) {
	c := newCluster(t, 3, localSessions(false))
	leader := c.leader()
	for i, s := range []*server{leader, c.learner(0)} {
		path := []string{"/a", "/b"}[i]
		w := s.connect()
		require.True(t, w.est.Local)
		require.Empty(t, leader.r.Sessions())
		require.Equal(t, 1, s.r.LocalSessions())
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody(path, "", 0)).Result.Err)
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpSetData, setBody(path, "x")).Result.Err)
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpSync, pathBody(path)).Result.Err)
		require.Equal(t, zkproto.ErrEphemeralOnLocalSession,
			w.do(zkproto.OpCreate, createBody("/e", "", zkproto.ModeEphemeral)).Result.Err)
		a := w.do(zkproto.OpMulti, multiBody(zkproto.MultiOp{
			Type: zkproto.OpCreate, Create: zkproto.CreateRequest{Path: "/e", ACL: zkproto.WorldAll(), Mode: zkproto.ModeEphemeral},
		}))
		require.Equal(t, zkproto.ErrSessionExpired, a.Result.Multi[0].Err)
		// on another server nobody knows it
		other := w.again(c.learner(1))
		c.settle()
		require.ErrorIs(t, other.refused, ErrExpired)
		again := w.again(s)
		require.True(t, again.est.Renewed && again.est.Local)
		require.ErrorIs(t, w.closed, ErrReplaced)
		again.submit(zkproto.OpSetData, setBody(path, "y"))
		require.Equal(t, zkproto.ErrOK, again.do(zkproto.OpCloseSession, nil).Result.Err, "behind its own write")
		require.Zero(t, s.r.LocalSessions())
		require.Zero(t, s.r.Clients())
		require.Empty(t, leader.r.Sessions())
	}
	c.same()
}

func TestLocalSessionExpiresOnItsServer(t *testing.T) {
	c := newCluster(t, 3, localSessions(true))
	c.leader()
	for _, s := range []*server{c.leader(), c.learner(0)} {
		w, gone := s.connect(), s.connect()
		w.silent, w.heard = true, c.now.Mono
		gone.gone()
		c.tick(430)
		require.ErrorIs(t, w.closed, ErrExpired)
		require.Equal(t, 2, s.saw(EventSessionExpired))
		require.Zero(t, s.r.LocalSessions())
	}
}

func TestLocalSessionIsUpgradedByItsFirstEphemeral(t *testing.T) {
	for _, op := range []zkproto.OpCode{zkproto.OpCreate, zkproto.OpMulti} {
		c := newCluster(t, 3, localSessions(true))
		leader := c.leader()
		for _, s := range []*server{leader, c.learner(0)} {
			w := s.connect()
			body := createBody("/e", "", zkproto.ModeEphemeral)
			if op == zkproto.OpMulti {
				body = multiBody(zkproto.MultiOp{
					Type: zkproto.OpCreate, Create: zkproto.CreateRequest{Path: "/e", ACL: zkproto.WorldAll(), Mode: zkproto.ModeEphemeral},
				})
			}
			a := w.do(op, body)
			require.Equal(t, zkproto.ErrOK, a.Result.Err)
			c.tick(1)
			require.Empty(t, c.learner(1).data("/e"))
			require.Contains(t, leader.r.Sessions(), w.session)
			require.Zero(t, s.r.LocalSessions())
			require.False(t, s.r.seats.of(w.session).upgraded)
			// it can move now, and lives by the touch table
			c.tick(500)
			require.NoError(t, w.closed)
			moved := w.again(c.learner(1))
			c.settle()
			require.NotNil(t, moved.est)
			require.Equal(t, zkproto.ErrOK, moved.do(zkproto.OpCloseSession, nil).Result.Err)
			c.tick(1)
			require.Equal(t, "no /e", s.data("/e"))
			c.same()
		}
	}
}

// C.2 row 26 (ZOOKEEPER-3471): the session is closed, or its client goes, between upgrade and create.
func TestZOOKEEPER3471UpgradeWithCloseInBetween(t *testing.T) {
	for _, how := range []string{"close", "gone", "leader dies"} {
		t.Run(how, func(t *testing.T) {
			c := newCluster(t, 3, localSessions(true))
			leader := c.leader()
			s := c.learner(0)
			w := s.connect()
			c.hold[zab.Request] = true
			w.submit(zkproto.OpCreate, createBody("/e", "", zkproto.ModeEphemeral))
			switch how {
			case "close":
				w.submit(zkproto.OpCloseSession, nil)
			case "gone":
				w.gone()
			case "leader dies":
				c.settle()
				c.crash(leader.id)
			}
			c.hold = map[zab.Type]bool{}
			c.leader()
			c.tick(2)
			if how == "leader dies" {
				require.NoError(t, w.closed)
				require.Empty(t, w.sent)
				require.Empty(t, s.data("/e"))
				require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCloseSession, nil).Result.Err)
			}
			if how == "close" {
				require.Empty(t, c.leader().r.Sessions(), "closed at once, not by expiry")
			}
			c.tick(450)
			require.Equal(t, "no /e", s.data("/e"), "no ephemeral outlives its session")
			require.Empty(t, c.leader().r.Sessions())
			c.same()
		})
	}
}

func TestReadOnlyServer(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.ReadOnly = true; cfg.ReadOnlyAfter = 1500 })
	c.leader()
	s := c.learner(0)
	global := s.connect()
	global.do(zkproto.OpCreate, createBody("/a", "", 0))
	c.isolate(s.id)
	c.tick(120)
	require.Equal(t, ModeDown, s.r.Mode())
	require.ErrorIs(t, s.dial(Connect{ReadOnly: true}).refused, ErrNotServing)
	c.tick(40)
	require.Equal(t, ModeReadOnly, s.r.Mode())
	require.ErrorIs(t, s.dial(Connect{}).refused, ErrReadOnly)
	require.ErrorIs(t, global.again(s).refused, ErrReadOnly)
	require.ErrorIs(t, s.dial(Connect{ReadOnly: true, LastZxidSeen: 0x7f00000000}).refused, ErrAhead)
	w := s.dial(Connect{ReadOnly: true})
	require.NotNil(t, w.est)
	require.True(t, w.est.ReadOnly)
	for _, op := range []zkproto.OpCode{zkproto.OpCreate, zkproto.OpSync, zkproto.OpMulti} {
		require.Equal(t, zkproto.ErrNotReadOnly, w.do(op, pathBody("/a")).Result.Err)
	}
	second := s.dial(Connect{ReadOnly: true})
	require.Equal(t, zkproto.ErrOK, second.do(zkproto.OpCloseSession, nil).Result.Err)
	c.heal()
	c.leader()
	require.ErrorIs(t, w.closed, ErrQuorumBack)
	require.Zero(t, s.r.LocalSessions())
	require.NotNil(t, s.connect().est)
	c.tick(1)
	c.same()
}
