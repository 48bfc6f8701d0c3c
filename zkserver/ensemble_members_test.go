package zkserver

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// withZooCfg lets every member have a zoo.cfg that it may rewrite.
func (e *ensemble) withZooCfg() {
	for _, m := range e.members {
		require.NoError(e.t, m.mem.MkdirAll("/conf"))
		cfg := m.config()
		require.NoError(e.t, store.WriteFile(m.mem, zooCfg, []byte(cfg.Text())))
	}
	change := e.change
	e.change = func(c *config.Config) {
		if change != nil {
			change(c)
		}
		c.Source = zooCfg
	}
}

// knows tells whether a member goes by a membership of these servers.
func (m *member) knows(ids ...quorum.Sid) bool {
	active := m.members.Load()
	if len(active.Members) != len(ids) {
		return false
	}
	for _, id := range ids {
		if _, ok := active.Member(id); !ok {
			return false
		}
	}
	return true
}

func TestReconfigurationInPlace(t *testing.T) {
	e := newEnsemble(t, 5, 0, func(c *config.Config) { c.ReconfigEnabled, c.SkipACL = true, true })
	e.joiners = 2
	e.withZooCfg()
	for _, m := range e.members[:3] {
		m.start()
	}
	e.leader()
	for _, m := range e.members[3:] {
		m.start()
	}
	e.startAll()
	w := e.write(3)
	w.more(20)
	c := e.connect(e.members[0])
	for _, m := range e.members[3:] {
		_, err := c.IncrementalReconfig([]string{fmt.Sprintf("server.%d=%s", m.id, &m.server)}, nil, -1)
		require.NoError(t, err)
	}
	e.await("all know of five", func() bool {
		for _, m := range e.members {
			if !m.knows(1, 2, 3, 4, 5) || m.role() == zab.Observing {
				return false
			}
		}
		return true
	})
	w.more(20)
	old := e.leader()
	leaver := e.members[1]
	if leaver == old {
		leaver = e.members[2]
	}
	_, err := c.IncrementalReconfig(nil, []string{leaver.id.String()}, -1)
	require.NoError(t, err)
	leaver.stop()
	var rest []quorum.Sid
	for _, m := range e.members {
		if m != leaver {
			rest = append(rest, m.id)
		}
	}
	e.await("all know of four", func() bool {
		for _, m := range e.members {
			if m != leaver && !m.knows(rest...) {
				return false
			}
		}
		return true
	})
	w.more(20)
	old.kill() // three of the four that are left decide
	w.more(20)
	w.stop()
	require.Regexp(t, "\ndynamicConfigFile=([A-Z]:)?"+zooCfg+`\.dynamic\.`, readAll(t, e.members[4].mem, zooCfg))
}

// Two servers of which the oracle lets one go on alone.
func TestOracleLetsOneOfTwoGoOn(t *testing.T) {
	e := newEnsemble(t, 2, 0, func(c *config.Config) { c.OraclePath = "/oracle/word" })
	for i, m := range e.members {
		require.NoError(t, m.mem.MkdirAll("/oracle"))
		require.NoError(t, store.WriteFile(m.mem, "/oracle/word", fmt.Append(nil, i)))
	}
	e.startAll()
	w := e.write(2)
	w.more(20)
	e.members[0].kill()
	w.more(20)
	e.startAll()
	w.more(20)
	w.stop()
	e.members[1].stop()
	e.await("the other does not go on", func() bool { return !e.members[0].serves() })
}

// A server in a minority answers reads of clients that allow that, when it may.
func TestReadOnlyMinority(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *config.Config) {
		c.ReadOnlyMode, c.RejoinGrace = true, 20*time.Millisecond
	})
	e.startAll()
	c := e.connect(e.members[0])
	_, err := c.Create("/r", []byte("x"), 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	e.same()
	m := e.members[0]
	for _, o := range e.members[1:] {
		o.stop()
	}
	e.await("read-only", func() bool { return replica.Mode(m.mode.Load()) == replica.ModeReadOnly })
	r := &running{Server: m.Server, t: t, logs: m.logs}
	reader := r.raw(zkclient.Handshake{Timeout: time.Second, ReadOnly: true})
	require.Equal(t, zkproto.ErrOK, reader.ask(zkproto.OpGetData, readBody("/r", false)).Err)
	require.Equal(t, zkproto.ErrNotReadOnly, reader.ask(zkproto.OpCreate, createBody("/no", nil, 0)).Err)
	require.Equal(t, "ro", r.word("isro"))
	e.startAll()
	w := e.write(1)
	w.more(3)
	w.stop()
	require.False(t, m.has("/no"))
}

// Local sessions cost the ensemble nothing until they create an ephemeral znode; then everybody knows them.
func TestLocalSessionsAreUpgraded(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *config.Config) { c.LocalSessions, c.LocalSessionsUpgrading = true, true })
	e.startAll()
	before := e.leader().zxid()
	m := e.followers()[0]
	c := e.connect(m)
	_, _, err := c.Get("/")
	require.NoError(t, err)
	require.Equal(t, before, e.leader().zxid(), "no transaction")
	_, err = c.Create("/e", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, err = c.Set("/e", []byte("x"), 0)
	require.NoError(t, err)
	e.same()
	c.Close()
	e.await("the ephemeral is gone", func() bool { return !e.leader().has("/e") && !m.has("/e") })
	e.same()
}

// A member whose epoch files cannot be right does not start, says why, and leaves nothing behind (C.2 row 20).
func TestBadEpochFilesAreRefused(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	m := e.members[0]
	require.NoError(t, m.mem.MkdirAll("/data/version-2"))
	for text, want := range map[string]string{"x": "which is no epoch", "0": "acceptedEpoch says 0 and currentEpoch says 5"} {
		require.NoError(t, store.WriteFile(m.mem, "/data/version-2/acceptedEpoch", []byte(text)))
		require.NoError(t, store.WriteFile(m.mem, "/data/version-2/currentEpoch", []byte("5")))
		s, err := New(m.config(), WithFS(m.mem))
		require.NoError(t, err)
		require.ErrorContains(t, s.Start(), want)
	}
}
