package zkserver

import (
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func TestEphemeralsEndWithTheirSession(t *testing.T) {
	r := start(t)
	owner, other := r.connect(), r.connect()
	_, err := owner.Create("/e", nil, zk.FlagEphemeral, open)
	require.NoError(t, err)
	_, err = owner.Create("/e/child", nil, 0, open)
	require.Equal(t, zk.ErrNoChildrenForEphemerals, err)
	ok, stat, watch, err := other.ExistsW("/e")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, owner.SessionID(), stat.EphemeralOwner)
	owner.Close()
	require.Equal(t, zk.EventNodeDeleted, awaitEvent(t, watch).Type)
}

func TestSilentSessionExpires(t *testing.T) {
	r := start(t)
	const timeout = time.Second // a loaded machine may stand still for a part of it
	watcher := r.connect()
	silent := r.raw(zkclient.Handshake{Timeout: timeout})
	require.Equal(t, timeout, silent.Session.Timeout)
	begin := time.Now()
	require.Equal(t, zkproto.ErrOK, silent.ask(zkproto.OpCreate, createBody("/e", nil, zkproto.ModeEphemeral)).Err)
	there, _, watch, err := watcher.ExistsW("/e")
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, zk.EventNodeDeleted, awaitEvent(t, watch).Type)
	require.Greater(t, time.Since(begin), timeout*3/4, "expired too early")
	require.ErrorIs(t, silent.ReadBatch(func([]byte) error { return nil }), io.EOF, "its connection is closed")
	_, err = zkclient.Dial(t.Context(), r.Addr().String(), zkclient.Handshake{Resume: &silent.Session})
	require.ErrorIs(t, err, zkproto.ErrSessionExpired)
}

func TestPingsKeepASessionAlive(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{Timeout: time.Second}) // a loaded machine may stand still for a part of it
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/e", nil, zkproto.ModeEphemeral)).Err)
	for begin := time.Now(); time.Since(begin) < 1500*time.Millisecond; {
		require.NoError(t, c.Write(frame(zkproto.XidPing, zkproto.OpPing, nil)))
		require.Equal(t, zkproto.XidPing, c.next().Xid)
		pause := time.NewTimer(50 * time.Millisecond)
		<-pause.C
	}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpExists, readBody("/e", false)).Err)
}

func TestSessionContinuesOnAnotherConnection(t *testing.T) {
	r := start(t)
	first := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, first.ask(zkproto.OpCreate, createBody("/e", nil, zkproto.ModeEphemeral)).Err)
	second := r.raw(zkclient.Handshake{Resume: &first.Session})
	require.Equal(t, first.Session.ID, second.Session.ID)
	require.Error(t, first.ReadBatch(func([]byte) error { return nil }), "the old connection is closed")
	require.Equal(t, zkproto.ErrOK, second.ask(zkproto.OpDelete, (&zkproto.PathVersionRequest{Path: "/e", Version: -1}).AppendTo(nil)).Err)

	stolen := second.Session
	stolen.Password = make([]byte, 16)
	_, err := zkclient.Dial(t.Context(), r.Addr().String(), zkclient.Handshake{Resume: &stolen})
	require.ErrorIs(t, err, zkproto.ErrSessionExpired, "a wrong password is answered like an expired session")
	require.Equal(t, zkproto.ErrOK, second.ask(zkproto.OpExists, readBody("/", false)).Err, "and harms nobody")
}

func TestClientThatHasSeenTheFutureIsTurnedAway(t *testing.T) {
	r := start(t)
	_, err := zkclient.Dial(t.Context(), r.Addr().String(), zkclient.Handshake{LastZxid: 1 << 40})
	require.Error(t, err)
	r.awaitLog("has seen zxid 0x10000000000")
}

func TestTimeoutsAreNegotiated(t *testing.T) {
	r := start(t)
	require.Equal(t, 200*time.Millisecond, r.raw(zkclient.Handshake{Timeout: time.Millisecond}).Session.Timeout)
	require.Equal(t, 2*time.Second, r.raw(zkclient.Handshake{Timeout: time.Hour}).Session.Timeout)
}

// Clients of ZooKeeper 3.3 and older send the connect request without its last byte, and want the answer so
// (ZOOKEEPER-4814).
func TestOldClientsHandshake(t *testing.T) {
	nc := start(t).dial()
	req := zkproto.ConnectRequest{TimeoutMillis: 1000, Password: make([]byte, 16)}
	body := req.AppendTo(nil)
	require.Len(t, body, 44)
	_, err := nc.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	require.NoError(t, err)
	answer := make([]byte, 40)
	_, err = io.ReadFull(nc, answer)
	require.NoError(t, err)
	require.Equal(t, uint32(36), binary.BigEndian.Uint32(answer))
	var resp zkproto.ConnectResponse
	d := jute.NewDecoder(answer[4:])
	resp.Decode(&d)
	require.NoError(t, d.Err())
	require.NotZero(t, resp.SessionID)
}

func TestSessionsAndDataSurviveRestart(t *testing.T) {
	r := start(t, func(c *config.Config) { c.SnapCount = 20 }) // several snapshots on the way
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/e", []byte("mine"), zkproto.ModeEphemeral)).Err)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/p", nil, 0)).Err)
	for i := range 200 {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/p", []byte{byte(i)})).Err)
	}
	gone := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, gone.ask(zkproto.OpCreate, createBody("/gone", nil, zkproto.ModeEphemeral)).Err)
	require.Equal(t, zkproto.ErrOK, gone.ask(zkproto.OpCloseSession, nil).Err)
	zxid := r.tree.LastZxid()

	r = r.restart()
	require.Equal(t, zxid, r.tree.LastZxid())
	c = r.raw(zkclient.Handshake{Resume: &c.Session})
	get := c.ask(zkproto.OpGetData, readBody("/p", false))
	var data zkproto.GetDataReply
	data.Decode(&get.body)
	require.Equal(t, []byte{199}, data.Data)
	require.Equal(t, int32(200), data.Stat.Version)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpExists, readBody("/e", false)).Err)
	require.Equal(t, zkproto.ErrNoNode, c.ask(zkproto.OpExists, readBody("/gone", false)).Err)
	_, err := zkclient.Dial(t.Context(), r.Addr().String(), zkclient.Handshake{Resume: &gone.Session})
	require.ErrorIs(t, err, zkproto.ErrSessionExpired)

	// A session whose client never comes back expires after the restart.
	require.NoError(t, c.Close())
	_, _, watch, err := r.connect().ExistsW("/e")
	require.NoError(t, err)
	require.Equal(t, zk.EventNodeDeleted, awaitEvent(t, watch).Type)
}

// go-zookeeper sends setWatches after a reconnect: what changed meanwhile fires, the rest is watched again.
func TestWatchesSurviveRestart(t *testing.T) {
	r := start(t)
	c, events := r.connectEvents()
	for _, p := range []string{"/changed", "/same"} {
		_, err := c.Create(p, nil, 0, open)
		require.NoError(t, err)
	}
	_, _, changed, err := c.GetW("/changed")
	require.NoError(t, err)
	_, _, same, err := c.GetW("/same")
	require.NoError(t, err)
	_, _, appears, err := c.ExistsW("/appears")
	require.NoError(t, err)

	r = r.restart()
	awaitState(t, events, zk.StateHasSession)
	other := r.connect()
	_, err = other.Set("/changed", []byte("x"), -1)
	require.NoError(t, err)
	_, err = other.Create("/appears", nil, 0, open)
	require.NoError(t, err)
	require.Equal(t, zk.EventNodeDataChanged, awaitEvent(t, changed).Type)
	require.Equal(t, zk.EventNodeCreated, awaitEvent(t, appears).Type)
	_, err = other.Set("/same", []byte("x"), -1)
	require.NoError(t, err)
	require.Equal(t, zk.EventNodeDataChanged, awaitEvent(t, same).Type)
}

func TestSetWatchesTellsWhatWasMissed(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	created := c.ask(zkproto.OpCreate, createBody("/a", nil, 0))
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", []byte("x"))).Err)
	q := zkproto.SetWatchesRequest{RelativeZxid: created.Zxid, Data: []string{"/a", "/deleted"}, Exist: []string{"/a"}, Child: []string{"/"}}
	require.NoError(t, c.Write(frame(zkproto.XidSetWatches, zkproto.OpSetWatches, q.AppendTo(nil, zkproto.OpSetWatches))))
	var got []zkproto.WatcherEvent
	rep := c.next()
	for ; rep.Xid == zkproto.XidNotification; rep = c.next() {
		var ev zkproto.WatcherEvent
		ev.Decode(&rep.body)
		got = append(got, ev)
	}
	require.Equal(t, zkproto.XidSetWatches, rep.Xid, "the reply comes behind the events")
	connected := zkproto.StateSyncConnected
	require.Equal(t, []zkproto.WatcherEvent{
		{Type: zkproto.EventNodeDataChanged, State: connected, Path: "/a"},
		{Type: zkproto.EventNodeDeleted, State: connected, Path: "/deleted"},
		{Type: zkproto.EventNodeCreated, State: connected, Path: "/a"},
	}, got)
}
