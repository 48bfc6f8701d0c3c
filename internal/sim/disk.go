package sim

import (
	"errors"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// dir is where a server keeps everything.
const dir = "data"

var errDisk = errors.New("input/output error (simulated)")

// disk is a server's disk: memory that forgets what was not synced, behind a file system that fails and dies on demand.
// What is on it is written and read by the real packages store, txnlog and snapshot.
type disk struct {
	s    *server
	mem  *vfs.Mem
	fs   vfs.FS
	fail int // the n-th change from now fails; 0: none
}

func (d *disk) attach() { d.fs = vfs.Inject(d.mem, d.decide) }

// decide is asked before each call. A crash may happen between any two that change something. (Some that read come from
// another goroutine of package snapshot.)
func (d *disk) decide(c vfs.Call) error {
	switch c.Op {
	case vfs.OpWrite, vfs.OpSync, vfs.OpCreate, vfs.OpRename, vfs.OpRemove, vfs.OpSyncDir, vfs.OpTruncate, vfs.OpPreallocate:
	default:
		return nil
	}
	d.s.point()
	if d.fail == 0 {
		return nil
	}
	if d.fail--; d.fail > 0 {
		return nil
	}
	d.s.w.tracef("%s: %s of %s fails", d.s, c.Op, c.Path)
	if c.Op == vfs.OpWrite {
		return &vfs.PartialWrite{N: d.s.w.rng.IntN(64), Err: errDisk}
	}
	return errDisk
}

// crash is what is left when the process is killed, or the power fails.
func (d *disk) crash(power bool) {
	c := vfs.Crash{Keep: true}
	if power {
		c = vfs.Crash{}
		if d.s.w.rng.IntN(2) == 0 {
			c.Rand = d.s.w.rng
		}
	}
	d.mem = d.mem.CrashClone(c)
	d.fail = 0
}

// options are how the store keeps its files.
func (d *disk) options() store.Options {
	w := d.s.w
	return store.Options{
		FS: d.fs, SnapDir: dir, LogDir: dir, History: true,
		Log: txnlog.Options{PreallocSize: w.plan.prealloc, SizeLimit: w.plan.segment},
		OnMismatch: func(_ *tree.Tree, z zab.Zxid) {
			w.failf("%s: the tree does not have the digest that was logged, at %s", d.s, z)
		},
	}
}

// open recovers what is on the disk.
func (d *disk) open() (*store.Store, *store.State, error) {
	if err := d.fs.MkdirAll(dir); err != nil {
		return nil, nil, err
	}
	st, state, err := store.Open(d.options())
	if err != nil {
		return nil, nil, err
	}
	before := state.SnapshotZxid
	err = txnlog.Read(d.mem, dir, before, func(r txnlog.Record) error {
		d.s.w.oracle.replayed(d.s, before, zab.Entry{Zxid: r.Zxid, Data: r.Data})
		before = r.Zxid
		return nil
	})
	return st, state, err
}

// storage is what zab asks of a store.
type storage struct{ s *server }

// Floor implements zab.Storage.
func (o storage) Floor(z zab.Zxid) (floor zab.Zxid, ok bool) {
	if o.s.w.plan.noFloor {
		return 0, false
	}
	return o.s.store.Floor(z, 0)
}

// apply applies one logged transaction to a state.
func apply(st *store.State, data []byte) error {
	h, txn, digest, err := store.DecodeTxn(data)
	if err != nil {
		return err
	}
	switch t := txn.(type) {
	case *zkproto.CreateSessionTxn:
		st.Sessions[h.ClientID] = t.TimeoutMillis
	case *zkproto.CloseSessionTxn:
		delete(st.Sessions, h.ClientID)
	}
	st.Tree.Apply(&h, txn, nil)
	st.Tree.Verify(digest)
	return nil
}
