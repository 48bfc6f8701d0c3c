package history

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// op makes operations for tables: by session 1, on key x, answered OK, unless changed.
func op(kind Kind, call, ret int64, change ...func(*Op)) Op {
	o := Op{Session: 1, Kind: kind, Key: "x", Expect: AnyVersion, Call: call, Return: ret, Outcome: OK}
	for _, c := range change {
		c(&o)
	}
	return o
}

func value(v string) func(*Op)      { return func(o *Op) { o.Value, o.Found = v, true } }
func version(v int32) func(*Op)     { return func(o *Op) { o.Version = v } }
func expect(v int32) func(*Op)      { return func(o *Op) { o.Expect = v } }
func session(s int64) func(*Op)     { return func(o *Op) { o.Session = s } }
func refused(r Reason) func(*Op)    { return func(o *Op) { o.Outcome, o.Reason = Refused, r } }
func zxids(m, seen int64) func(*Op) { return func(o *Op) { o.Mzxid, o.Seen = m, seen } }
func unknown(o *Op)                 { o.Outcome, o.Return = Unknown, Forever }

func TestWrites(t *testing.T) {
	for name, tc := range map[string]struct {
		ops []Op
		bad bool
	}{
		"in order": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), version(1)), op(Delete, 4, 5, expect(1)),
			op(Set, 6, 7, value("c"), refused(NoNode)), op(Create, 8, 9, value("d")),
		}},
		"concurrent sets in either order": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 9, value("b"), version(2)), op(Set, 3, 8, value("c"), version(1), session(2)),
		}},
		"acknowledged write lost": {bad: true, ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), version(1)), op(Set, 4, 5, value("c"), version(1)),
		}},
		"write done twice": {bad: true, ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), version(2)),
		}},
		"unknown write may have happened": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), unknown), op(Set, 4, 5, value("c"), version(2)),
		}},
		"unknown write may not have happened": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), unknown), op(Set, 4, 5, value("c"), version(1)),
		}},
		"unknown write happened twice": {bad: true, ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), unknown), op(Set, 4, 5, value("c"), version(3)),
		}},
		"unknown write may happen late": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), unknown), op(Set, 4, 5, value("c"), version(1)),
			op(Set, 6, 7, value("d"), version(3)),
		}},
		"unknown write makes another fail": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), version(1)), op(Set, 4, 5, value("c"), unknown),
			op(Set, 6, 7, value("d"), expect(1), refused(BadVersion)),
		}},
		"write that was not sent": {bad: true, ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), func(o *Op) { o.Outcome = Never }), op(Set, 4, 5, value("c"), version(2)),
		}},
		"conditional writes: one wins": {bad: true, ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 9, value("b"), expect(0), version(1)),
			op(Set, 3, 8, value("c"), expect(0), version(1), session(2)),
		}},
		"refused for no reason": {bad: true, ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), expect(0), refused(BadVersion)),
		}},
		"two creates": {bad: true, ops: []Op{
			op(Create, 0, 1, value("a")), op(Create, 2, 3, value("b")),
		}},
		"old read": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), version(1)), op(Read, 4, 5, value("a"), session(2)),
		}},
		"old read behind a sync": {bad: true, ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), version(1)),
			op(Sync, 4, 5, session(2)), op(Read, 6, 7, value("a"), session(2)),
		}},
		"read behind a sync may miss what came after the sync": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Sync, 2, 3, session(2)), op(Set, 4, 5, value("b"), version(1)),
			op(Read, 6, 7, value("a"), session(2)),
		}},
		"read behind a sync that failed": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), version(1)),
			op(Sync, 4, 5, session(2), unknown), op(Read, 6, 7, value("a"), session(2)),
		}},
		"keys apart": {ops: []Op{
			op(Create, 0, 1, value("a")), op(Create, 2, 3, value("b"), func(o *Op) { o.Key = "y" }),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			err := Writes(tc.ops, time.Minute)
			if !tc.bad {
				require.NoError(t, err)
				return
			}
			var v *Violation
			require.ErrorAs(t, err, &v)
			require.Equal(t, "x", v.Key)
			var page bytes.Buffer
			require.NoError(t, Draw(&page, tc.ops, "x"))
			require.Contains(t, page.String(), "<html")
		})
	}
	require.Error(t, Draw(&bytes.Buffer{}, nil, "x"))
}

func TestSessions(t *testing.T) {
	a, b := op(Create, 0, 1, value("a"), zxids(1, 1)), op(Set, 2, 3, value("b"), version(1), zxids(2, 2))
	for name, tc := range map[string]struct {
		ops []Op
		bad string
	}{
		"own write seen":           {ops: []Op{a, b, op(Read, 4, 5, value("b"), zxids(2, 2))}},
		"another may lag":          {ops: []Op{a, b, op(Read, 4, 5, value("a"), zxids(1, 1), session(2))}},
		"own write not seen":       {ops: []Op{a, b, op(Read, 4, 5, value("a"), zxids(1, 0))}, bad: "key go back"},
		"state goes back":          {ops: []Op{a, b, op(Read, 4, 5, value("a"), zxids(1, 1))}, bad: "state go back"},
		"state goes back, refused": {ops: []Op{a, b, op(Create, 4, 5, refused(NodeExists), zxids(0, 1))}, bad: "state go back"},
		"read goes back": {ops: []Op{
			a, b, op(Read, 4, 5, value("b"), zxids(2, 0), session(2)), op(Read, 6, 7, value("a"), zxids(1, 0), session(2)),
		}, bad: "key go back"},
		"out of thin air": {ops: []Op{a, op(Read, 4, 5, value("z"), zxids(1, 1))}, bad: "nobody wrote"},
		"from the future": {ops: []Op{a, op(Read, 0, 1, value("b"), zxids(2, 2), session(2)), b}, bad: "future"},
		"two places":      {ops: []Op{a, op(Read, 4, 5, value("a"), zxids(2, 2), session(2))}, bad: "two places"},
		"older than its state": {
			ops: []Op{a, b, op(Read, 4, 5, value("a"), zxids(1, 2), session(2))}, bad: "older than the state",
		},
		"nothing known": {ops: []Op{a, b, op(Read, 4, 5, value("a"), session(2))}},
		"not there":     {ops: []Op{op(Read, 0, 1, func(o *Op) { o.Seen = 7 }), op(Sync, 2, 3, zxids(0, 7)), op(Read, 2, 3, unknown)}},
	} {
		t.Run(name, func(t *testing.T) {
			err := Sessions(tc.ops)
			if tc.bad == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.bad)
		})
	}
}

func TestRecorder(t *testing.T) {
	var r Recorder
	n := r.Begin(Op{Session: 7, Kind: Set, Key: "x", Value: "a", Expect: 3, Call: 10, Outcome: OK})
	m := r.Begin(Op{Session: 7, Kind: Read, Key: "x", Call: 11})
	r.End(n, 20, func(o *Op) { o.Outcome, o.Version = OK, 4 })
	r.End(m, 21, func(o *Op) {})
	require.Equal(t, 2, r.Len())
	ops := r.Ops()
	require.Equal(t, int64(20), ops[0].Return)
	require.Equal(t, Unknown, ops[1].Outcome, "no answer: it stays open")
	require.Equal(t, Forever, ops[1].Return)
	require.Equal(t, `session 0x7 set x "a" version 3 [10,20] ok version 4 mzxid 0x0 seen 0x0`, ops[0].String())
	require.Equal(t, `session 0x7 read x [11,...) unknown`, ops[1].String())
}

// Sixty writes of unknown outcome leave 2^60 orders to be tried, unless the versions tell that none of them happened.
func TestVersionsTellWhatBecameOfUnknownWrites(t *testing.T) {
	ops := []Op{{Kind: Create, Key: "k", Value: "a", Call: 0, Return: 1, Outcome: OK}}
	for i := range int64(60) {
		ops = append(ops, Op{Session: 9, Kind: Set, Key: "k", Value: fmt.Sprint("lost", i), Expect: AnyVersion, Call: i, Return: Forever})
	}
	for i := range int64(60) {
		ops = append(ops, Op{
			Session: 1, Kind: Set, Key: "k", Value: fmt.Sprint(i), Expect: AnyVersion, Call: 10 * i, Return: 10*i + 5, Outcome: OK,
			Version: int32(i) + 1,
		})
	}
	require.NoError(t, Writes(ops, 10*time.Second))
	// One more version than there are writes that were acknowledged: it must be one of the lost ones, and which one was read.
	seen := Op{
		Session: 2, Kind: Read, Key: "k", Found: true, Value: "lost7", Version: 61, Call: 1000, Return: 1001, Outcome: OK,
	}
	require.NoError(t, Writes(append(ops, seen), 10*time.Second))
	// It cannot have been before a write that was acknowledged before it with a higher version.
	late := Op{
		Session: 2, Kind: Set, Key: "k", Value: "z", Expect: AnyVersion, Call: 990, Return: 995, Outcome: OK, Version: 63,
	}
	require.Error(t, Writes(append(ops, seen, late, Op{
		Session: 3, Kind: Set, Key: "k", Value: "y", Expect: AnyVersion, Call: 996,
		Return: 998, Outcome: OK, Version: 62,
	}), 10*time.Second))
}

func TestExplain(t *testing.T) {
	create, set := op(Create, 0, 1, value("a")), op(Set, 2, 3, value("b"), version(1))
	for name, tc := range map[string]struct {
		ops    []Op
		places []int64
		bad    string
	}{
		"in order": {ops: []Op{create, set, op(Read, 4, 5, value("b"), version(1))}, places: []int64{1, 2, 2}},
		"concurrent, the later call first": {
			ops: []Op{create, op(Set, 2, 9, value("b"), version(2)), op(Set, 3, 8, value("c"), version(1))}, places: []int64{1, 3, 2},
		},
		"old read":   {ops: []Op{create, set, op(Read, 4, 5, value("a"))}, places: []int64{1, 2, 1}},
		"wrong read": {ops: []Op{create, set, op(Read, 4, 5, value("a"))}, places: []int64{1, 2, 2}, bad: "does not follow"},
		"old read behind a sync": {
			ops: []Op{create, set, op(Sync, 4, 5), op(Read, 6, 7, value("a"))}, places: []int64{1, 2, 2, 1}, bad: "had returned before",
		},
		"old sync":             {ops: []Op{create, set, op(Sync, 4, 5)}, places: []int64{1, 2, 1}, bad: "had returned before"},
		"against time":         {ops: []Op{create, op(Set, 2, 3, value("b"), version(2)), op(Set, 4, 5, value("c"), version(1))}, places: []int64{1, 3, 2}, bad: "had returned before"},
		"unknown, happened":    {ops: []Op{create, op(Set, 2, 3, value("b"), unknown), op(Set, 4, 5, value("c"), version(2))}, places: []int64{1, 2, 3}},
		"unknown, did not":     {ops: []Op{create, op(Set, 2, 3, value("b"), unknown), op(Set, 4, 5, value("c"), version(1))}, places: []int64{1, 0, 3}},
		"refused":              {ops: []Op{create, op(Create, 2, 3, value("b"), refused(NodeExists))}, places: []int64{1, 2}},
		"refused for nothing":  {ops: []Op{create, op(Delete, 2, 3, expect(0), refused(BadVersion))}, places: []int64{1, 2}, bad: "does not follow"},
		"two with the same":    {ops: []Op{create, op(Set, 2, 3, value("b"), version(1))}, places: []int64{1, 1}, bad: "had returned before"},
		"nothing that was not": {ops: []Op{create, op(Read, 4, 5)}, places: []int64{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			err := Explain(tc.ops, tc.places)
			if tc.bad == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.bad)
		})
	}
}
