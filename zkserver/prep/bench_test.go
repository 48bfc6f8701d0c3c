package prep

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// BenchmarkSetData is the pure part of a write of 1 KiB: prepare, apply, forget.
func BenchmarkSetData(b *testing.B) {
	e := newEnv(Config{})
	e.create("/node", 0)
	r := &Request{Session: alice, Owner: 1, Op: zkproto.OpSetData, Body: setData("/node", strings.Repeat("x", 1024), -1), IDs: e.ids}
	ev := func(tree.Event) {}
	b.ReportAllocs()
	for b.Loop() {
		e.zxid++
		h, txn := e.Prepare(r, e.zxid, 1)
		e.tree.Apply(&h, txn, ev)
		e.Applied(e.zxid)
	}
}

// BenchmarkGet is the pure part of a read.
func BenchmarkGet(b *testing.B) {
	e := newEnv(Config{})
	e.create("/node", 0)
	path := []byte("/node")
	b.ReportAllocs()
	for b.Loop() {
		_, _, _, _ = e.tree.GetBytes(path)
	}
}

// BenchmarkMemory reports the bytes a znode with 100 bytes of data takes.
func BenchmarkMemory(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		e := newEnv(Config{})
		body := zkproto.CreateRequest{Path: "/x", ACL: zkproto.WorldAll(), Data: make([]byte, 100)}
		for i := range n {
			body.Path = fmt.Sprintf("/bench-%09d", i)
			e.do(alice, zkproto.OpCreate, body.AppendTo(nil, zkproto.OpCreate))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/znode")
		runtime.KeepAlive(e)
	}
}
