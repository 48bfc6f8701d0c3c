//go:build !darwin

package zkserver

import (
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// newMasters makes voters, each with an address of its own (which loopback has not on all systems), and observers that join
// followers.
func newMasters(t *testing.T, voters, observers int) *ensemble {
	t.Helper()
	port := freePorts(t, 1)[0]
	e := newEnsemble(t, voters, observers, func(c *config.Config) { c.ObserverMasterPort = port })
	for i := range voters {
		e.members[i].server.Addresses[0].Host = fmt.Sprintf("127.0.0.%d", i+1)
	}
	return e
}

// startInTurn starts the voters, and the observers only when there are followers: one that comes while those are not yet sure of
// their leader goes on to the next, and to the leader at last.
func (e *ensemble) startInTurn(voters int) {
	e.t.Helper()
	for _, m := range e.members[:voters] {
		m.start()
	}
	for _, m := range e.members[:voters] {
		e.await("the voters serve", m.serves)
	}
	e.startAll()
}

// master is where a member's data come from.
func (m *member) master() (id quorum.Sid) {
	m.onCore(func() { id = m.core.replica.Node().Upstream() })
	return id
}

func TestObserversJoinFollowers(t *testing.T) {
	e := newMasters(t, 3, 2)
	e.startInTurn(3)
	observers := e.members[3:]
	for _, o := range observers {
		require.NotEqual(t, e.leader().id, o.master())
		st := o.ensembleStatus()
		require.Equal(t, o.master(), st.Master)
		require.Equal(t, e.leader().id, st.Leader)
	}
	require.NotEqual(t, observers[0].master(), observers[1].master(), "they share the followers")
	master := e.members[observers[0].master()-1]
	st := master.ensembleStatus()
	require.True(t, st.ObserverMaster)
	require.Len(t, st.Learners, 1)
	require.Equal(t, observers[0].id, st.Learners[0].ID)
	require.True(t, st.Learners[0].Synced)
	require.NotEmpty(t, st.Learners[0].Addr)
	require.Contains(t, master.ask("mntr"), "zk_synced_observers\t1\n")
	require.Len(t, e.leader().ensembleStatus().Learners, 2)

	c := e.connect(observers[0])
	_, err := c.Create("/o", []byte("x"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, err = c.Sync("/o")
	require.NoError(t, err)
	w := e.write(4)
	w.more(30)
	killed := e.members[observers[0].master()-1]
	killed.kill() // the master
	w.more(30)
	e.startAll()
	e.leader().kill()
	w.more(30)
	e.startAll()
	observers[0].kill()
	w.more(30)
	e.startAll()
	w.stop()
	require.True(t, observers[0].has("/o"), "the session lives on")
}

// An observer that comes with nothing gets a snapshot of its follower's, and what is written meanwhile.
func TestFollowerSendsASnapshotToAnObserver(t *testing.T) {
	e := newMasters(t, 3, 1)
	change := e.change
	e.change = func(c *config.Config) { change(c); c.CommitLogCount, c.SnapCount = 5, 50 }
	o := e.members[3]
	for _, m := range e.members[:3] {
		m.start()
	}
	for _, m := range e.members[:3] {
		e.await("the voters serve", m.serves)
	}
	w := e.writeAt(2, e.members[:3])
	w.more(300)
	o.start()
	e.await("the observer serves", func() bool { return o.serves() })
	w.more(30)
	w.stop()
	require.NotEqual(t, e.leader().id, o.master())
}

// With all followers gone but for those that have no port for observers, the leader serves.
func TestObserverFallsBackToTheLeader(t *testing.T) {
	e := newMasters(t, 3, 1)
	change := e.change
	e.change = func(c *config.Config) {
		change(c)
		if c.MyID != 4 {
			c.ObserverMasterPort = 0
		}
	}
	e.startAll()
	require.Equal(t, zab.Observing, e.members[3].role())
	require.Equal(t, e.leader().id, e.members[3].master())
	c := e.connect(e.members[3])
	_, err := c.Create("/o", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
}

// When followers can be joined again the observer leaves the leader, and its clients, which write all the time, keep their
// connections.
func TestObserverReturnsToAFollower(t *testing.T) {
	e := newMasters(t, 3, 1)
	e.returnAfter = 50 * time.Millisecond
	masters := false
	change := e.change
	e.change = func(c *config.Config) {
		change(c)
		if c.MyID != 4 && !masters {
			c.ObserverMasterPort = 0
		}
	}
	e.startAll()
	o, l := e.members[3], e.leader()
	require.Equal(t, l.id, o.master())
	r := running{Server: o.Server, t: t}
	c := r.raw(zkclient.Handshake{Timeout: 10 * time.Second})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/o", nil, 0)).Err)
	write := func() {
		rep := c.ask(zkproto.OpSetData, setBody("/o", []byte("x")))
		require.Equal(t, zkproto.ErrOK, rep.Err)
	}
	for range 50 {
		write() // while it asks the followers in vain
	}
	masters = true
	for _, f := range e.followers() {
		f.stop()
		f.start()
		e.await("the follower serves", f.serves)
	}
	n := 0
	e.await("the observer joins a follower", func() bool { write(); n++; return o.master() != l.id && o.serves() })
	require.Equal(t, l, e.leader())
	write()
	require.EqualValues(t, 50+n+1, r.versionOf("/o"), "each once")
	e.same()
	require.Contains(t, e.members[o.master()-1].ask("mntr"), "zk_synced_observers\t1\n")
}

// Garbage on the port for observers costs nobody anything.
func TestGarbageOnThePortForObservers(t *testing.T) {
	e := newMasters(t, 3, 1)
	e.startInTurn(3)
	c := e.connect(e.members[3])
	master := e.members[e.members[3].master()-1]
	info := zab.LearnerInfo{Sid: 9, ProtocolVersion: zab.ProtocolVersion}
	hello := append([]byte{0, 0, 0, byte(zab.ObserverInfo), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20}, info.AppendTo(nil)...)
	hello = append(hello, 0xff, 0xff, 0xff, 0xff)
	packet := func(t zab.Type, data []byte) []byte {
		b := append([]byte{0, 0, 0, byte(t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(data))}, data...)
		return append(b, 0xff, 0xff, 0xff, 0xff)
	}
	for _, m := range e.members[:3] {
		for _, after := range [][]byte{
			[]byte("GET / HTTP/1.1\r\n\r\n"),
			packet(zab.Request, []byte{1}),
			packet(zab.AckEpoch, nil),
			packet(zab.Snap, nil),
			append(packet(zab.AckEpoch, []byte{0, 0, 0, 0}), append(packet(zab.Ack, nil), packet(zab.Ping, []byte{1, 2, 3})...)...),
			{0x7f, 0xff, 0xff, 0xff, 0xff},
		} {
			nc, err := net.Dial("tcp", net.JoinHostPort(m.server.Addresses[0].Host, strconv.Itoa(m.config().ObserverMasterPort)))
			require.NoError(t, err)
			_, _ = nc.Write(append(append([]byte(nil), hello...), after...))
			_, err = nc.Read(make([]byte, 1<<16)) // an answer, or the end
			_ = err
			_ = nc.Close()
		}
	}
	_, err := c.Create("/o", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	require.True(t, master.serves())
	e.await("they are forgotten", func() bool { return len(master.ensembleStatus().Learners) == 1 })
}
