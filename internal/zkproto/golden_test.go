package zkproto_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// codec writes one record and reads its kind.
type codec struct {
	name   string
	value  any                                      // the record that testdata/records.hex holds
	encode func(b []byte, v any) []byte             // appends a record of the type of value
	decode func(d *jute.Decoder) (v any, err error) // reads one; err is a failure that d does not hold
}

// appender and record are what most records are.
type appender interface{ AppendTo(b []byte) []byte }

type record[T any] interface {
	*T
	appender
	Decode(d *jute.Decoder)
}

// of is the codec of a record.
func of[T any, P record[T]](name string, value T) codec {
	return codec{
		name: name, value: value,
		encode: func(b []byte, v any) []byte { t := v.(T); return P(&t).AppendTo(b) },
		decode: func(d *jute.Decoder) (any, error) { var t T; P(&t).Decode(d); return t, nil },
	}
}

// txn is the codec of the transaction of a type.
func txn(name string, typ zkproto.OpCode, value zkproto.Txn) codec {
	return codec{
		name: name, value: value,
		encode: func(b []byte, v any) []byte { return v.(zkproto.Txn).AppendTo(b) },
		decode: func(d *jute.Decoder) (any, error) { return zkproto.DecodeTxn(typ, d) },
	}
}

func createRequest(name string, op zkproto.OpCode, value zkproto.CreateRequest) codec {
	return codec{
		name: name, value: value,
		encode: func(b []byte, v any) []byte { r := v.(zkproto.CreateRequest); return r.AppendTo(b, op) },
		decode: func(d *jute.Decoder) (any, error) { var r zkproto.CreateRequest; r.Decode(d, op); return r, nil },
	}
}

func setWatches(name string, op zkproto.OpCode, value zkproto.SetWatchesRequest) codec {
	return codec{
		name: name, value: value,
		encode: func(b []byte, v any) []byte { r := v.(zkproto.SetWatchesRequest); return r.AppendTo(b, op) },
		decode: func(d *jute.Decoder) (any, error) { var r zkproto.SetWatchesRequest; r.Decode(d, op); return r, nil },
	}
}

// codecs are all records with the values of testdata/records.hex.
func codecs() []codec {
	const session = 0x1000000abcd
	const ttl = 1234567890123
	password := make([]byte, 16)
	for i := range password {
		password[i] = byte(i * 17)
	}
	data := []byte("däta")
	acl := []zkproto.ACL{
		{Perms: 31, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}, {Perms: 5, ID: zkproto.ID{Scheme: "digest", ID: "u:h"}},
	}
	stat := zkproto.Stat{
		Czxid: 0x100000001, Mzxid: 0x100000002, Ctime: 1700000000001, Mtime: 1700000000002, Version: 3, Cversion: 4,
		Aversion: 5, EphemeralOwner: session, DataLength: 6, NumChildren: 7, Pzxid: 0x100000003,
	}
	list := []string{"a", "bé", ""}
	pathVersion := func(v int32) zkproto.PathVersionRequest { return zkproto.PathVersionRequest{Path: "/a", Version: v} }
	create := zkproto.CreateRequest{Path: "/a", Data: data, ACL: acl}
	multi := []zkproto.MultiOp{
		{Type: zkproto.OpCreate, Create: create},
		{Type: zkproto.OpDelete, PathVersion: zkproto.PathVersionRequest{Path: "/b", Version: -1}},
		{Type: zkproto.OpSetData, SetData: zkproto.SetDataRequest{Path: "/c", Data: data, Version: 4}},
		{Type: zkproto.OpCheck, PathVersion: zkproto.PathVersionRequest{Path: "/d", Version: 5}},
		{Type: zkproto.OpCreateTTL, Create: zkproto.CreateRequest{Path: "/t", Data: data, ACL: acl, Mode: zkproto.ModePersistentWithTTL, TTL: ttl}},
		{Type: zkproto.OpCreateContainer, Create: zkproto.CreateRequest{Path: "/k", Data: data, ACL: acl, Mode: zkproto.ModeContainer}},
	}
	multiTxn := []zkproto.MultiTxnOp{
		{Type: zkproto.OpCreate, Txn: &zkproto.CreateTxn{Path: "/a", Data: data, ACL: acl, ParentCVersion: 1}},
		{Type: zkproto.OpDelete, Txn: &zkproto.DeleteTxn{Path: "/b"}},
		{Type: zkproto.OpSetData, Txn: &zkproto.SetDataTxn{Path: "/c", Data: data, Version: 2}},
		{Type: zkproto.OpCheck, Txn: &zkproto.CheckVersionTxn{Path: "/d", Version: 5}},
		{Type: zkproto.OpError, Txn: &zkproto.ErrorTxn{Err: zkproto.ErrRuntimeInconsistency}},
	}
	return []codec{
		of("Id", acl[1].ID),
		of("ACL", acl[1]),
		of("Stat", stat),
		of("StatPersisted", zkproto.StatPersisted{
			Czxid: stat.Czxid, Mzxid: stat.Mzxid, Ctime: stat.Ctime, Mtime: stat.Mtime, Version: 3, Cversion: 4, Aversion: 5,
			EphemeralOwner: session, Pzxid: stat.Pzxid,
		}),
		of("ConnectRequest", zkproto.ConnectRequest{
			LastZxidSeen: 0x100000001, TimeoutMillis: 30000, SessionID: session, Password: password, ReadOnly: true, HasReadOnly: true,
		}),
		of("ConnectResponse", zkproto.ConnectResponse{TimeoutMillis: 30000, SessionID: session, Password: password, HasReadOnly: true}),
		of("RequestHeader", zkproto.RequestHeader{Xid: 7, Op: zkproto.OpGetData}),
		of("ReplyHeader", zkproto.ReplyHeader{Xid: zkproto.XidNotification, Zxid: 0x100000001, Err: zkproto.ErrNoNode}),
		createRequest("CreateRequest", zkproto.OpCreate, zkproto.CreateRequest{Path: "/a", Data: data, ACL: acl, Mode: zkproto.ModeEphemeralSequential}),
		createRequest("CreateRequestNull", zkproto.OpCreate2, zkproto.CreateRequest{Path: "/a", ACL: acl}),
		createRequest("CreateTTLRequest", zkproto.OpCreateTTL, zkproto.CreateRequest{Path: "/a", Data: data, ACL: acl, Mode: zkproto.ModePersistentWithTTL, TTL: ttl}),
		of("DeleteRequest", pathVersion(-1)),
		of("CheckVersionRequest", pathVersion(9)),
		of("SetDataRequest", zkproto.SetDataRequest{Path: "/a", Data: data, Version: 2}),
		of("SetACLRequest", zkproto.SetACLRequest{Path: "/a", ACL: acl, Version: 2}),
		of("GetDataRequest", zkproto.PathWatchRequest{Path: "/a", Watch: true}),
		of("ExistsRequest", zkproto.PathWatchRequest{Path: "/a"}),
		of("GetACLRequest", zkproto.PathRequest{Path: "/a"}),
		of("SyncRequest", zkproto.PathRequest{Path: "/a"}),
		of("AuthPacket", zkproto.AuthRequest{Scheme: "digest", Auth: []byte("u:p")}),
		setWatches("SetWatches", zkproto.OpSetWatches, zkproto.SetWatchesRequest{RelativeZxid: 0x100000001, Data: list, Exist: []string{"/e"}, Child: []string{}}),
		setWatches("SetWatches2", zkproto.OpSetWatches2, zkproto.SetWatchesRequest{
			RelativeZxid: 0x100000001, Data: list, Exist: []string{"/e"}, Child: []string{},
			Persistent: []string{"/p"}, PersistentRecursive: []string{"/r"},
		}),
		of("AddWatchRequest", zkproto.AddWatchRequest{Path: "/a", Mode: zkproto.WatchPersistentRecursive}),
		of("RemoveWatchesRequest", zkproto.WatchesRequest{Path: "/a", Type: zkproto.WatcherAny}),
		of("ReconfigRequest", zkproto.ReconfigRequest{Joining: "j", Leaving: "l", NewMembers: "n", CurConfigID: 5}),
		of("CreateResponse", zkproto.PathRequest{Path: "/a"}),
		of("Create2Response", zkproto.PathStatReply{Path: "/a", Stat: stat}),
		of("GetDataResponse", zkproto.GetDataReply{Data: data, Stat: stat}),
		of("GetDataResponseNull", zkproto.GetDataReply{Stat: stat}),
		of("GetChildren2Response", zkproto.GetChildren2Reply{Children: list, Stat: stat}),
		of("GetACLResponse", zkproto.GetACLReply{ACL: acl, Stat: stat}),
		of("ClientInfo", zkproto.ClientInfo{Scheme: "digest", User: "u"}),
		of("WatcherEvent", zkproto.WatcherEvent{Type: zkproto.EventNodeDataChanged, State: zkproto.StateSyncConnected, Path: "/a"}),
		of("MultiHeader", zkproto.MultiHeader{Type: zkproto.OpCreate, Err: -1}),
		of("MultiEnd", zkproto.MultiEnd()),
		of("MultiRequest", zkproto.MultiRequest{Ops: multi}),
		of("MultiRead", zkproto.MultiRequest{Ops: []zkproto.MultiOp{
			{Type: zkproto.OpGetData, Path: zkproto.PathWatchRequest{Path: "/a"}},
			{Type: zkproto.OpGetChildren, Path: zkproto.PathWatchRequest{Path: "/b"}},
		}}),
		of("TxnHeader", zkproto.TxnHeader{ClientID: session, Cxid: 7, Zxid: 0x100000001, Time: 1700000000001, Type: zkproto.OpCreate}),
		of("TxnDigest", zkproto.TxnDigest{Version: 2, Digest: 0x123456789abcdef}),
		txn("CreateTxn", zkproto.OpCreate, &zkproto.CreateTxn{Path: "/a", Data: data, ACL: acl, Ephemeral: true, ParentCVersion: 9}),
		txn("CreateTxnNull", zkproto.OpCreate2, &zkproto.CreateTxn{Path: "/a", ACL: acl, ParentCVersion: 9}),
		txn("CreateContainerTxn", zkproto.OpCreateContainer, &zkproto.CreateContainerTxn{Path: "/a", Data: data, ACL: acl, ParentCVersion: 9}),
		txn("CreateTTLTxn", zkproto.OpCreateTTL, &zkproto.CreateTTLTxn{Path: "/a", Data: data, ACL: acl, ParentCVersion: 9, TTL: ttl}),
		txn("DeleteTxn", zkproto.OpDelete, &zkproto.DeleteTxn{Path: "/a"}),
		txn("SetDataTxn", zkproto.OpSetData, &zkproto.SetDataTxn{Path: "/a", Data: data, Version: 2}),
		txn("SetACLTxn", zkproto.OpSetACL, &zkproto.SetACLTxn{Path: "/a", ACL: acl, Version: 2}),
		txn("CheckVersionTxn", zkproto.OpCheck, &zkproto.CheckVersionTxn{Path: "/a", Version: 2}),
		txn("CreateSessionTxn", zkproto.OpCreateSession, &zkproto.CreateSessionTxn{TimeoutMillis: 30000}),
		txn("CloseSessionTxn", zkproto.OpCloseSession, &zkproto.CloseSessionTxn{PathsToDelete: []string{"/e1", "/e2"}}),
		txn("ErrorTxn", zkproto.OpError, &zkproto.ErrorTxn{Err: zkproto.ErrNodeExists}),
		txn("MultiTxn", zkproto.OpMulti, &zkproto.MultiTxn{Ops: multiTxn}),
		txn("MultiTxnEmpty", zkproto.OpMulti, &zkproto.MultiTxn{Ops: []zkproto.MultiTxnOp{}}),
	}
}

// golden reads testdata/records.hex.
func golden(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/records.hex")
	require.NoError(t, err)
	m := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := hex.DecodeString(digits)
		require.NoError(t, err, name)
		m[name] = b
	}
	return m
}

func TestRecordsHaveTheBytesOfTheOriginal(t *testing.T) {
	want := golden(t)
	for _, c := range codecs() {
		t.Run(c.name, func(t *testing.T) {
			b, ok := want[c.name]
			require.True(t, ok, "not recorded")
			require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(c.encode(nil, c.value)))
			d := jute.NewDecoder(b)
			v, err := c.decode(&d)
			require.NoError(t, err)
			require.NoError(t, d.Err())
			require.Zero(t, d.Remaining())
			require.Equal(t, c.value, v)
		})
		delete(want, c.name)
	}
	v0 := want["CreateTxnV0"]
	delete(want, "CreateTxnV0")
	require.Empty(t, want, "recorded, but not tested")

	d := jute.NewDecoder(v0)
	old, err := zkproto.DecodeTxn(zkproto.OpCreate, &d)
	require.NoError(t, err)
	require.EqualValues(t, -1, old.(*zkproto.CreateTxn).ParentCVersion)
	require.True(t, old.(*zkproto.CreateTxn).Ephemeral)
}

func TestEveryCutRecordIsRefused(t *testing.T) {
	short := map[string]bool{ // these records have an older form that is shorter
		"ConnectRequest": true, "ConnectResponse": true, "CreateTxn": true, "CloseSessionTxn": true,
	}
	for _, c := range codecs() {
		b := c.encode(nil, c.value)
		for n := range len(b) {
			d := jute.NewDecoder(b[:n])
			_, err := c.decode(&d)
			if err != nil || d.Err() != nil {
				continue
			}
			older := n == len(b)-1 || n == len(b)-4 || n == 0
			require.True(t, short[c.name] && older, "%s of %d bytes was read from %d", c.name, len(b), n)
		}
	}
}

func TestConnectRecordsWithoutTheReadOnlyByte(t *testing.T) {
	b := golden(t)["ConnectRequest"]
	d := jute.NewDecoder(b[:len(b)-1])
	var req zkproto.ConnectRequest
	req.Decode(&d)
	require.NoError(t, d.Err())
	require.False(t, req.HasReadOnly)
	require.False(t, req.ReadOnly)
	require.Equal(t, b[:len(b)-1], req.AppendTo(nil))
	resp := zkproto.ConnectResponse{Password: []byte{}, ReadOnly: true}
	require.Len(t, resp.AppendTo(nil), 20, "an old client is answered without the byte")
}

func TestOldCloseSessionHasNoBody(t *testing.T) {
	d := jute.NewDecoder(nil)
	v, err := zkproto.DecodeTxn(zkproto.OpCloseSession, &d)
	require.NoError(t, err)
	require.Equal(t, &zkproto.CloseSessionTxn{Bare: true}, v)
	require.Empty(t, v.AppendTo(nil))
}

func TestTransactionsThatCannotBeAreRefused(t *testing.T) {
	d := jute.NewDecoder([]byte{0, 0, 0, 0})
	_, err := zkproto.DecodeTxn(zkproto.OpGetData, &d)
	require.ErrorContains(t, err, "no transaction of type")
	inner := (&zkproto.MultiTxn{}).AppendTo(nil)
	nested := jute.AppendInt32(nil, 1)
	nested = jute.AppendBytes(jute.AppendInt32(nested, int32(zkproto.OpMulti)), inner)
	d = jute.NewDecoder(nested)
	_, err = zkproto.DecodeTxn(zkproto.OpMulti, &d)
	require.ErrorContains(t, err, "within a multi")
	d = jute.NewDecoder(zkproto.MultiHeader{Type: zkproto.OpMulti}.AppendTo(nil))
	var req zkproto.MultiRequest
	req.Decode(&d)
	require.ErrorContains(t, d.Err(), "a part of type multi")
}
