package sim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// dir is where a server keeps everything.
const dir = "data"

const (
	acceptedFile = "acceptedEpoch"
	currentFile  = "currentEpoch"
	receiving    = "receiving"
)

var errDisk = errors.New("input/output error (simulated)")

// disk is a server's disk: memory that forgets what was not synced, behind a file system that fails and dies on demand.
// The formats on it are the real ones.
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

// writeEpoch writes an epoch file: old or new content after a crash, nothing else (ZOOKEEPER-2307).
func (d *disk) writeEpoch(name string, epoch uint32) error {
	tmp := filepath.Join(dir, name+".tmp")
	if err := d.fs.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.fs.Create(tmp)
	if err != nil {
		return err
	}
	if _, err = f.Write([]byte(strconv.FormatUint(uint64(epoch), 10))); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = d.fs.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return err
	}
	return d.fs.SyncDir(dir)
}

func (d *disk) readEpoch(name string) (uint32, error) {
	f, err := d.fs.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 16)
	n, err := f.ReadAt(buf, 0)
	if n == 0 {
		return 0, fmt.Errorf("%s is empty: %w", name, err)
	}
	v, err := strconv.ParseUint(string(buf[:n]), 10, 32)
	return uint32(v), err
}

// state is what a server has in memory: the tree and the sessions.
type state struct {
	tree     *tree.Tree
	sessions map[zkproto.SessionID]int32
}

// load builds the state from the newest snapshot and the log behind it.
func (d *disk) load() (state, zab.Zxid, error) {
	loaded, err := snapshot.Load(d.fs, dir, dir, func() snapshot.Loader[*tree.Tree] { return tree.NewLoader() })
	if err != nil {
		return state{}, 0, err
	}
	st := state{tree: loaded.State, sessions: loaded.Sessions}
	if !loaded.Found {
		st.tree = tree.New()
	}
	if st.tree.Expect(tree.ZxidDigest(loaded.Digest)) {
		return state{}, 0, fmt.Errorf("snapshot %s: the digest is wrong", loaded.Path)
	}
	if loaded.Zxid != 0 {
		if err = d.finishInstall(loaded.Zxid); err != nil {
			return state{}, 0, err
		}
	}
	before := loaded.Zxid
	res, err := txnlog.Replay(d.fs, dir, loaded.Zxid, func(r txnlog.Record) error {
		data := bytes.Clone(r.Data)
		if e := d.s.w.oracle.replayed(d.s, before, zab.Entry{Zxid: r.Zxid, Data: data}); e != nil {
			return e
		}
		before = r.Zxid
		return st.apply(data)
	})
	if err != nil {
		return state{}, 0, err
	}
	if n := st.tree.DigestMismatches(); n > 0 {
		return state{}, 0, fmt.Errorf("the replayed log does not fit the tree: %d digests are wrong", n)
	}
	return st, max(loaded.Zxid, res.LastZxid), nil
}

// apply applies one logged transaction.
func (st *state) apply(data []byte) error {
	h, txn, digest, err := decodeTxn(data)
	if err != nil {
		return err
	}
	switch t := txn.(type) {
	case *zkproto.CreateSessionTxn:
		st.sessions[h.ClientID] = t.TimeoutMillis
	case *zkproto.CloseSessionTxn:
		delete(st.sessions, h.ClientID)
	}
	st.tree.Apply(&h, txn, nil)
	st.tree.Verify(digest)
	return nil
}

// decodeTxn reads a transaction as it is logged and proposed.
func decodeTxn(data []byte) (h zkproto.TxnHeader, txn zkproto.Txn, digest zkproto.TxnDigest, err error) {
	d := jute.NewDecoder(data)
	h.Decode(&d)
	if err = d.Err(); err != nil {
		return h, nil, digest, fmt.Errorf("transaction header: %w", err)
	}
	if txn, err = zkproto.DecodeTxn(h.Type, &d); err != nil {
		return h, nil, digest, fmt.Errorf("transaction %s: %w", h.Zxid, err)
	}
	if d.Remaining() > 0 {
		digest.Decode(&d)
	}
	return h, txn, digest, d.Err()
}

// finishInstall removes a log that has nothing to do with the snapshot at z: the server died after a snapshot of its
// leader's became its state and before the old log was gone. Such a log ends at or before z (install sees to it) and does
// not hold z itself; one that does hold z is the same history.
func (d *disk) finishInstall(z zab.Zxid) error {
	segs, err := txnlog.Segments(d.fs, dir)
	if err != nil || len(segs) == 0 || segs[0].First > z {
		return err
	}
	holds := false
	if err = txnlog.Read(d.fs, dir, z-1, func(r txnlog.Record) error {
		holds = holds || r.Zxid == z
		return txnlog.ErrStop
	}); err != nil {
		return err
	}
	if holds {
		return nil
	}
	d.s.w.tracef("%s: removes the log of before the snapshot %s", d.s, z)
	return d.removeLog(func(txnlog.Segment) bool { return true })
}

func (d *disk) removeLog(which func(txnlog.Segment) bool) error {
	segs, err := txnlog.Segments(d.fs, dir)
	if err != nil {
		return err
	}
	for _, seg := range segs {
		if which(seg) {
			if err = d.fs.Remove(seg.Path); err != nil {
				return err
			}
		}
	}
	return d.fs.SyncDir(dir)
}

// received is a snapshot that has come with a SNAP packet, in a temporary file.
type received struct {
	path     string
	loader   *tree.Loader
	sessions map[zkproto.SessionID]int32
}

// receive takes the bytes behind a SNAP packet.
func (d *disk) receive(link zab.Link, zxid zab.Zxid, b []byte) (*received, error) {
	r := &received{path: filepath.Join(dir, fmt.Sprintf("%s.%d.%d", receiving, link.Peer, link.Link)), loader: tree.NewLoader()}
	if err := d.fs.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := d.fs.Create(r.path)
	if err != nil {
		return nil, err
	}
	if r.sessions, err = snapshot.ReadStream(bufio.NewReader(bytes.NewReader(b)), zxid, f, r.loader); err != nil {
		return nil, err
	}
	return r, f.Close()
}

// install makes a received snapshot this server's state. The order is what a crash in between asks for: first the log
// loses what lies behind the snapshot (it is in no leader's history); then the snapshot takes its name; then the rest of
// the log goes. Without the log, but with the old snapshot, the server would have forgotten what it has acknowledged.
func (d *disk) install(r *received, z zab.Zxid, log *txnlog.Log) (state, error) {
	if err := log.Truncate(z); err != nil {
		return state{}, err
	}
	if err := log.Close(); err != nil {
		return state{}, err
	}
	if err := d.fs.Rename(r.path, filepath.Join(dir, snapshot.Name(z))); err != nil {
		return state{}, err
	}
	if err := d.fs.SyncDir(dir); err != nil {
		return state{}, err
	}
	if err := d.removeLog(func(txnlog.Segment) bool { return true }); err != nil {
		return state{}, err
	}
	t, err := r.loader.Finish(z)
	return state{tree: t, sessions: r.sessions}, err
}

// tidy removes what an interrupted reception has left.
func (d *disk) tidy() error {
	names, err := d.fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, receiving) {
			if err = d.fs.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Floor implements zab.Storage.
func (d *disk) Floor(z zab.Zxid) (floor zab.Zxid, ok bool) {
	if d.s.w.plan.noFloor {
		return 0, false
	}
	segs, err := txnlog.Segments(d.fs, dir)
	if err != nil || len(segs) == 0 {
		return 0, false
	}
	if segs[0].First > z {
		return 0, segs[0].First == 1
	}
	err = txnlog.Read(d.fs, dir, 0, func(r txnlog.Record) error {
		if r.Zxid > z {
			return txnlog.ErrStop
		}
		floor = r.Zxid
		return nil
	})
	return floor, err == nil && floor != 0
}
