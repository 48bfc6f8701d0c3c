package prep

import (
	"testing"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// FuzzPrepare: whatever a client sends, the answer is a transaction that encodes, decodes and applies, or a refusal.
func FuzzPrepare(f *testing.F) {
	open := zkproto.WorldAll()
	f.Add(int32(zkproto.OpCreate), createBody(zkproto.OpCreate, "/a/b", 3, open, 0))
	f.Add(int32(zkproto.OpCreateTTL), createBody(zkproto.OpCreateTTL, "/a/b", 5, open, 1))
	f.Add(int32(zkproto.OpDelete), pathVersion("/a", -1))
	f.Add(int32(zkproto.OpSetData), setData("/a", "x", 0))
	f.Add(int32(zkproto.OpSetACL), setACL("/a", open, 0))
	f.Add(int32(zkproto.OpMulti), multi(mCreate("/a/b", 0), mSet("/a/b", 0), mPath(zkproto.OpDelete, "/a/b", -1)))
	f.Add(int32(zkproto.OpCloseSession), []byte{})
	f.Fuzz(func(t *testing.T, op int32, body []byte) {
		e := newEnv(Config{ExtendedTypes: true})
		e.create("/a", zkproto.ModePersistent)
		h, txn := e.prepare(alice, zkproto.OpCode(op), body)
		if txn == nil {
			return
		}
		d := jute.NewDecoder(txn.AppendTo(nil))
		again, err := zkproto.DecodeTxn(h.Type, &d)
		if err != nil {
			t.Fatalf("%v: %v", h, err)
		}
		if d.Remaining() != 0 {
			t.Fatalf("%v: %d bytes left", h, d.Remaining())
		}
		direct := e.flush()
		if direct.Err != zkproto.ErrOK && h.Type != zkproto.OpError {
			t.Fatalf("%v: applying failed: %v", h, direct.Err)
		}
		replica := newEnv(Config{ExtendedTypes: true})
		replica.create("/a", zkproto.ModePersistent)
		if d := diff(direct, replica.tree.Apply(&h, again, nil)); d != "" {
			t.Fatal(d)
		}
	})
}
