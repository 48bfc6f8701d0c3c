package replica

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

func TestPacketsAreTheOriginals(t *testing.T) {
	const id zkproto.SessionID = 0x0100018bcfe56800
	for _, c := range []struct {
		name, want string
		got        []byte
	}{
		{"REQUEST", "0100018bcfe56800" + "00000007" + "00000005" + "aabb", appendRequest(nil, id, 7, zkproto.OpSetData, []byte{0xaa, 0xbb})},
		{
			"createSession", "0100018bcfe56800" + "00000000" + "fffffff6" + "00001f40",
			appendRequest(nil, id, 0, zkproto.OpCreateSession, []byte{0, 0, 0x1f, 0x40}),
		},
		{"REVALIDATE", "0100018bcfe56800" + "00007530", appendTouch(nil, id, 30000)},
		{"its answer", "0100018bcfe56800" + "01", appendValid(nil, id, true)},
		{"or not", "0100018bcfe56800" + "00", appendValid(nil, id, false)},
	} {
		require.Equal(t, c.want, hex.EncodeToString(c.got), c.name)
	}
}

// What goes over the wire is what the originals send: zxid -1 in what a learner asks, 0 in SYNC, no data and no ids where
// they have none.
func TestPacketsOfALearner(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	s := c.learner(0)
	c.wire = nil
	w := s.dial(Connect{Timeout: 5000})
	require.Len(t, c.wire, 1)
	p := c.wire[0].Message
	require.Equal(t, zab.Request, p.Type)
	require.Equal(t, zkproto.Zxid(-1), p.Zxid)
	require.Nil(t, p.Auth)
	session, xid, op, body, ok := decodeRequest(p.Data)
	require.True(t, ok)
	require.Equal(t, zkproto.OpCreateSession, op)
	require.Zero(t, xid)
	require.Equal(t, []byte{0, 0, 0x13, 0x88}, body)
	c.settle()
	require.Equal(t, session, w.session)
	w.submit(zkproto.OpCloseSession, nil)
	require.Len(t, c.wire[0].Data, requestHeader)
	require.Equal(t, []zkproto.ID{{Scheme: "ip", ID: "127.0.0.1"}}, c.wire[0].Auth)
	c.settle()
	w = leader.connect()
	w.again(s)
	p = c.wire[0].Message
	require.Equal(t, zab.Revalidate, p.Type)
	require.Equal(t, zkproto.Zxid(-1), p.Zxid)
	require.Len(t, p.Data, 12)
	require.Nil(t, p.Auth)
	c.deliver(c.wire[0])
	p = c.wire[1].Message
	require.Equal(t, zab.Revalidate, p.Type)
	require.Equal(t, zkproto.Zxid(-1), p.Zxid)
	require.Len(t, p.Data, 9)
	c.wire = c.wire[1:]
	c.settle()
	w = s.connect()
	c.hold[zab.Sync] = true
	w.submit(zkproto.OpSync, pathBody("/"))
	c.settle()
	require.Len(t, c.wire, 1)
	require.Zero(t, c.wire[0].Zxid)
	require.Nil(t, c.wire[0].Data)
}

func TestPingsCarryWhoWasHeardOf(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	s := c.learner(0)
	one, two := s.connect(), s.connect()
	c.tick(20)
	two.silent, two.heard = true, c.now.Mono
	c.tick(20)
	data := s.r.touches()
	require.Empty(t, data, "asked twice in one moment")
	c.now.Mono += 5
	session, timeout, ok := decodeTouch(s.r.touches())
	require.True(t, ok)
	require.Equal(t, one.session, session)
	require.Equal(t, int32(4000), timeout)
	one.gone()
	require.Empty(t, s.r.touches(), "nothing new was heard of it")
}

func TestBadPacketsAreNamedAndIgnored(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	s := c.learner(0)
	w := s.connect()
	leader.events, s.events = nil, nil
	link := uint64(1)
	for _, m := range []zab.Message{
		{Type: zab.Request, Data: []byte{1, 2}},
		{Type: zab.Request, Data: appendRequest(nil, w.session, 1, zkproto.OpGetData, nil)},
		{Type: zab.Revalidate, Data: []byte{1}},
		{Type: zab.Ping, Data: []byte{1}},
	} {
		leader.r.passedOn([]zab.Message{{Type: m.Type, From: s.id, To: leader.id, Link: link, Data: m.Data}})
	}
	require.Equal(t, 4, leader.saw(EventBadMessage))
	s.r.passedOn([]zab.Message{{Type: zab.Revalidate, Data: []byte{1}}, {Type: zab.Revalidate, Data: appendValid(nil, 5, true)}})
	require.Equal(t, 2, s.saw(EventBadMessage))
	require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody("/a", "", 0)).Result.Err)
}

// A request that an original learner forwards though it cannot be decoded gets a transaction that says so: it waits for one.
func TestMalformedForwardedRequestGetsATransaction(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	s := c.learner(0)
	w := s.connect()
	before := leader.tree.LastZxid()
	leader.r.passedOn([]zab.Message{{
		Type: zab.Request, From: s.id, To: leader.id, Data: appendRequest(nil, w.session, 3, zkproto.OpSetData, []byte{0, 0}),
	}})
	leader.perform()
	c.tick(1)
	require.Equal(t, before+1, s.tree.LastZxid())
	h, txn, _, err := DecodeTxn(s.applied[len(s.applied)-1].Data)
	require.NoError(t, err)
	require.Equal(t, zkproto.OpError, h.Type)
	require.Equal(t, &zkproto.ErrorTxn{Err: zkproto.ErrMarshallingError}, txn)
	c.same()
}

func FuzzPackets(f *testing.F) {
	f.Add(appendRequest(nil, 1, 2, zkproto.OpCreate, createBody("/a", "x", 0)))
	f.Add(appendTouch(nil, 1, 2))
	f.Add(appendValid(nil, 1, true))
	h := zkproto.TxnHeader{Zxid: 1, Type: zkproto.OpCloseSession}
	f.Add(AppendTxn(nil, &h, &zkproto.CloseSessionTxn{PathsToDelete: []string{"/a"}}, zkproto.TxnDigest{Version: 2, Digest: 5}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, xid, op, body, ok := decodeRequest(b); ok {
			require.Equal(t, b, appendRequest(nil, id, xid, op, body))
		}
		if id, timeout, ok := decodeTouch(b); ok {
			require.Equal(t, b[:touchSize], appendTouch(nil, id, timeout))
		}
		decodeValid(b)
		PeekMembership(b)
		if h, txn, digest, err := DecodeTxn(b); err == nil {
			own(txn)
			_, again, _, err := DecodeTxn(AppendTxn(nil, &h, txn, digest))
			require.NoError(t, err)
			require.IsType(t, txn, again)
		}
	})
}
