package sim

import (
	"strconv"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// machine is the pure part of a server: what decides what is done with its disk, its links and its clients.
type machine interface {
	// The inputs. Before each, pass tells the time; deadline is how far the server may sleep, in milliseconds of the same
	// clock.
	pass(now int64)
	deadline() int64
	step(m zab.Message) error
	disconnected(l zab.Link)
	persisted(z zab.Zxid)
	oracle(yes bool)

	// The outputs, which the server performs as package zab says.
	hasReady() bool
	ready() zab.Ready
	// apply makes committed entries visible, in order; finish does what comes after them, and answers what waits for no
	// entry. Without a Ready it does only that.
	apply(entries []zab.Entry)
	finish(r *zab.Ready)
	// replaced tells that the server's state is another: a snapshot was installed, or the log truncated.
	replaced()

	node() *zab.Node
	// sessionTimeouts is what a snapshot says of the sessions.
	sessionTimeouts() map[zkproto.SessionID]int32
}

// bare is zab alone: entries are proposed at the leader by nobody in particular, and applied to the tree. It is several
// times faster than the whole and has what the whole has below it.
type bare struct {
	s *server
	n *zab.Node
	// waiting are proposals of this leadership, which are acknowledged when they are applied.
	waiting map[zab.Zxid]uint64
	changes uint64
	counted int64 // the ticks up to this moment are counted, milliseconds
}

func newBare(s *server, cfg zab.Config) (*bare, error) {
	n, err := zab.New(cfg)
	if err != nil {
		return nil, err
	}
	return &bare{s: s, n: n, waiting: map[zab.Zxid]uint64{}, counted: s.time().Mono}, nil
}

// pass does what replica.Pass does.
func (b *bare) pass(now int64) {
	tick := b.s.w.plan.tick / millisecond
	if deadline := b.deadline(); now >= deadline {
		b.n.Skip(int((deadline-b.counted)/tick) - 1)
		b.counted = now
		b.n.Tick()
		return
	}
	k := (now - b.counted) / tick
	b.n.Skip(int(k))
	b.counted += k * tick
}

func (b *bare) deadline() int64 {
	return b.counted + int64(min(b.n.NextTick(), 25))*b.s.w.plan.tick/millisecond
}

func (b *bare) step(m zab.Message) error { return b.n.Step(m) }
func (b *bare) disconnected(l zab.Link)  { b.n.Disconnected(l) }
func (b *bare) persisted(z zab.Zxid)     { b.n.Persisted(z) }
func (b *bare) oracle(yes bool)          { b.n.SetOracle(yes) }
func (b *bare) hasReady() bool           { return b.n.HasReady() }
func (b *bare) replaced()                {}
func (b *bare) node() *zab.Node          { return b.n }

func (b *bare) sessionTimeouts() map[zkproto.SessionID]int32 { return b.s.state.Sessions }

func (b *bare) finish(*zab.Ready) {
	if b.n.CanMove() {
		b.n.Move()
	}
}

func (b *bare) ready() zab.Ready {
	r := b.n.Ready()
	if r.Status.Changes != b.changes {
		b.changes = r.Status.Changes
		clear(b.waiting)
	}
	return r
}

func (b *bare) apply(entries []zab.Entry) {
	for i := range entries {
		e := &entries[i]
		if err := apply(b.s.state, e.Data); err != nil {
			b.s.w.failf("%s: committed entry %s: %v", b.s, e.Zxid, err)
		}
		if _, mine := b.waiting[e.Zxid]; mine {
			delete(b.waiting, e.Zxid)
			b.s.w.oracle.acknowledged(b.s, e.Zxid)
		}
	}
}

// propose writes something, if this server leads.
func (b *bare) propose(number uint64) bool {
	z := b.n.NextZxid()
	if z == 0 {
		if st := b.n.Status(); st.Role == zab.Leading && st.Serving() {
			b.n.StepDown("the counter of this epoch is used up")
		}
		return false
	}
	h := zkproto.TxnHeader{ClientID: 1, Cxid: int32(number), Zxid: z, Time: b.s.clock() / 1000}
	var txn zkproto.Txn
	data := h.AppendTo(nil)
	// Only what a leader could have prepared may be in the log: replaying it onto a fuzzy snapshot relies on that.
	switch number % 6 {
	case 0:
		h.Type = zkproto.OpCreate
		txn = &zkproto.CreateTxn{Path: barePath(number), Data: data, ACL: openACL, ParentCVersion: int32(number)}
	case 3:
		h.Type = zkproto.OpDelete
		txn = &zkproto.DeleteTxn{Path: barePath(number - 63)}
	case 4:
		h.Type = zkproto.OpSetData
		txn = &zkproto.SetDataTxn{Path: barePath(number - 16), Data: data, Version: int32(number)}
	default:
		h.Type = zkproto.OpSetData
		txn = &zkproto.SetDataTxn{Path: "/", Data: data, Version: int32(number)}
	}
	if b.s.w.plan.members != nil && number%20 == 7 {
		if change := b.reconfigure(z); change != nil {
			h.Type, txn = zkproto.OpReconfig, change
		}
	}
	if err := b.n.Propose(zab.Entry{Zxid: z, Data: txn.AppendTo(h.AppendTo(nil))}); err != nil {
		b.s.w.failf("%s: propose %s: %v", b.s, z, err)
	}
	b.waiting[z] = number
	return true
}

func barePath(number uint64) string { return "/" + strconv.FormatUint(number, 10) }

var openACL = zkproto.WorldAll()
