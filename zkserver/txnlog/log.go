package txnlog

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// DefaultPreallocSize is the default of Options.PreallocSize, the original's: 64 MiB.
const DefaultPreallocSize = 64 << 20

// MaxRecord is the longest body a record may have, in bytes, when written and when read.
const MaxRecord = 128 << 20

// ErrClosed is answered by a Log after Close.
var ErrClosed = errors.New("txnlog: closed")

// Options are what an operator sets, and the logger. The zero value of each field asks for its default, except ForceSync.
type Options struct {
	// PreallocSize is by how many bytes a segment grows at a time (preAllocSize). 0: DefaultPreallocSize; negative: none.
	// On a volume with less than sixteen times that free it is made smaller.
	PreallocSize int64
	// NoSync leaves out every fsync (forceSync=no): fast, and a power loss may lose acknowledged writes.
	NoSync bool
	// SyncWarn is how long a sync may take before a warning is logged (fsync.warningthresholdms). 0: one second.
	SyncWarn time.Duration
	// SizeLimit rolls to a new segment once this many bytes are in the current one (txnLogSizeLimitInKb). 0: no limit.
	SizeLimit int64
	// Park lets AppendSync keep no processor while the disk works, where the system can do that, however quick the disk has been:
	// a little slower, and a disk that hangs at once holds nobody up.
	Park bool
	// Logger gets rolls, slow syncs and fallbacks. nil: none.
	Logger *zap.Logger
	// OnSync is called after each fsync with how long it took and whether it was slow (metrics). nil: none.
	OnSync func(took time.Duration, slow bool)
}

// Record is one transaction as it stands in the log and in a proposal.
type Record struct {
	Zxid zkproto.Zxid // the zxid in the header at the start of Data
	Data []byte       // TxnHeader, Txn and perhaps TxnDigest, encoded
}

// quickSync is how long a sync may take for AppendSync to let the next one keep its thread, where it does.
const quickSync = time.Millisecond

// keepBuffer is the largest batch buffer kept for the next Append, in bytes.
const keepBuffer = 8 << 20

// Log appends records to a directory. It is not safe for concurrent use, except LastZxid, Size and Err.
type Log struct {
	fs  vfs.FS
	dir string
	opt Options

	f         vfs.File // the current segment, nil before its first record
	path      string
	off       int64 // behind the last record
	allocated int64 // length of the file, if preallocated
	step      int64 // by which it grows, 0 for none
	dirty     bool  // records not synced
	newName   bool  // the segment's name is not synced
	quick     bool  // the last sync took less than quickSync
	buf       []byte

	last   atomic.Int64
	size   atomic.Int64
	failed atomic.Pointer[error]
}

// Open prepares a log for appending. It reads nothing and creates nothing: run Replay first, which also repairs; the
// first Append starts a new segment, as the original does.
func Open(fs vfs.FS, dir string, opt Options) (*Log, error) {
	if opt.PreallocSize == 0 {
		opt.PreallocSize = DefaultPreallocSize
	}
	if opt.SyncWarn == 0 {
		opt.SyncWarn = time.Second
	}
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	st, err := fs.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("txnlog: %w", err)
	}
	if !st.Dir {
		return nil, fmt.Errorf("txnlog: %s is not a directory", dir)
	}
	return &Log{fs: fs, dir: dir, opt: opt}, nil
}

// fail makes the log answer err from now on.
func (l *Log) fail(what string, err error) error {
	err = fmt.Errorf("txnlog: %s: %w", what, err)
	l.failed.Store(&err)
	return err
}

// Append writes the records behind the others with one write. Zxids must rise. Nothing is durable before Sync. Data is
// not kept. After an error the log has failed for good.
func (l *Log) Append(recs []Record) error {
	if err := l.Err(); err != nil || len(recs) == 0 {
		return err
	}
	b, err := l.encode(recs)
	if err != nil {
		return err
	}
	l.dirty = true
	if _, err := l.f.WriteAt(b, l.off); err != nil {
		return l.fail("write "+l.path, err)
	}
	l.appended(b, recs)
	return nil
}

// AppendSync is Append and then Sync, for a few records on whose way to the disk nothing else waits: cheaper than the two,
// where the system allows. Behind the records a segment holds zeros or ends, as WriteSync wants it.
func (l *Log) AppendSync(recs []Record) error {
	f, ok := l.f.(vfs.WriteSyncer)
	if !ok || l.dirty || l.newName || !l.quick && !f.Parks() || l.opt.NoSync || l.Err() != nil || len(recs) == 0 {
		if err := l.Append(recs); err != nil {
			return err
		}
		return l.Sync()
	}
	b, err := l.encode(recs)
	if err != nil {
		return err
	}
	l.dirty = true
	start := time.Now()
	if err := f.WriteSync(b, l.off, l.opt.Park || !l.quick); err != nil {
		return l.fail("write and sync "+l.path, err)
	}
	l.appended(b, recs)
	l.timed(time.Since(start))
	return l.synced()
}

// encode returns the records as they stand in the segment, which it begins if there is none, and sets space aside for them.
func (l *Log) encode(recs []Record) ([]byte, error) {
	b := l.buf[:0]
	if l.f == nil {
		b = appendHeader(b)
	}
	last := zkproto.Zxid(l.last.Load())
	for _, r := range recs {
		if n := len(r.Data); n < minBody || n > MaxRecord {
			return nil, l.fail("append "+r.Zxid.String(), fmt.Errorf("record of %d bytes, allowed are %d to %d", n, minBody, MaxRecord))
		}
		if z := bodyZxid(r.Data); z != r.Zxid || z <= last {
			return nil, l.fail("append "+r.Zxid.String(), fmt.Errorf("header has zxid %s, the record before %s", z, last))
		}
		last = r.Zxid
		b = appendRecord(b, r.Data)
	}
	if l.f == nil {
		if err := l.create(recs[0].Zxid); err != nil {
			return nil, err
		}
	}
	l.preallocate(int64(len(b)))
	return b, nil
}

// appended takes note that b, the records encoded, is in the segment.
func (l *Log) appended(b []byte, recs []Record) {
	l.off += int64(len(b))
	l.last.Store(int64(recs[len(recs)-1].Zxid))
	l.size.Store(l.off)
	if l.buf = b; cap(b) > keepBuffer {
		l.buf = nil
	}
}

// create starts a segment; its header goes out with its first records.
func (l *Log) create(first zkproto.Zxid) error {
	path := filepath.Join(l.dir, SegmentName(first))
	f, err := l.fs.Create(path)
	if err != nil {
		return l.fail("create segment", err)
	}
	l.f, l.path, l.off, l.allocated, l.newName = f, path, 0, 0, true
	l.step = max(0, l.opt.PreallocSize)
	if free, err := l.fs.FreeSpace(l.dir); err == nil {
		l.step = min(l.step, max(free/16, 64<<10))
	}
	l.opt.Logger.Debug("new log segment", zap.String("file", path), zap.Int64("prealloc", l.step))
	return nil
}

// Sync makes durable what was appended; for a new segment that includes its name. After an error the log has failed for
// good. With nothing new it does nothing.
func (l *Log) Sync() error {
	if err := l.Err(); err != nil || !l.dirty {
		return err
	}
	if !l.opt.NoSync {
		start := time.Now()
		if err := l.f.Sync(); err != nil {
			return l.fail("sync "+l.path, err)
		}
		if l.newName {
			if err := l.fs.SyncDir(l.dir); err != nil {
				return l.fail("sync directory "+l.dir, err)
			}
		}
		l.timed(time.Since(start))
	}
	return l.synced()
}

// synced takes note that all is durable, and begins a new segment if this one is large enough.
func (l *Log) synced() error {
	l.dirty, l.newName = false, false
	if l.opt.SizeLimit > 0 && l.off >= l.opt.SizeLimit {
		return l.Roll()
	}
	return nil
}

func (l *Log) timed(took time.Duration) {
	l.quick = took < quickSync
	slow := took > l.opt.SyncWarn
	if slow {
		l.opt.Logger.Warn("slow sync of the transaction log: writes wait for it; give the log a disk of its own",
			zap.String("file", l.path), zap.Duration("took", took), zap.Int64("bytes", l.off))
	}
	if l.opt.OnSync != nil {
		l.opt.OnSync(took, slow)
	}
}

// Roll syncs and ends the current segment, cutting off its unused preallocation; the next Append starts a new one.
// Called when a snapshot starts.
func (l *Log) Roll() error {
	if err := l.Err(); err != nil || l.f == nil {
		return err
	}
	if l.allocated > l.off {
		if err := l.f.Truncate(l.off); err != nil {
			return l.fail("cut "+l.path, err)
		}
		l.dirty = true
	}
	limit := l.opt.SizeLimit
	l.opt.SizeLimit = 0 // Sync would come back here
	err := l.Sync()
	l.opt.SizeLimit = limit
	if err != nil {
		return err
	}
	f := l.f
	l.f = nil
	l.size.Store(0)
	if err := f.Close(); err != nil {
		return l.fail("close "+l.path, err)
	}
	return nil
}

// Truncate removes, durably, every record after zxid, from whichever segment (the follower's answer to TRUNC). It fails
// the log if it cannot (ZOOKEEPER-3701).
func (l *Log) Truncate(zxid zkproto.Zxid) error {
	if err := l.Roll(); err != nil {
		return err
	}
	if err := truncate(l.fs, l.dir, zxid); err != nil {
		return l.fail("truncate to "+zxid.String(), err)
	}
	if l.LastZxid() > zxid {
		l.last.Store(int64(zxid))
	}
	return nil
}

// Restart tells that the caller has rolled the log, removed all its segments, and goes on behind zxid.
func (l *Log) Restart(zxid zkproto.Zxid) { l.last.Store(int64(zxid)) }

// LastZxid is the zxid of the last record appended through this Log, 0 before the first. Safe for concurrent use.
func (l *Log) LastZxid() zkproto.Zxid { return zkproto.Zxid(l.last.Load()) }

// Size is the number of bytes of header and records in the current segment. Safe for concurrent use.
func (l *Log) Size() int64 { return l.size.Load() }

// Err is the error that failed the log for good (ErrClosed after Close), or nil. Safe for concurrent use.
func (l *Log) Err() error {
	if p := l.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// Close syncs, cuts the unused preallocation off the current segment, and releases it. It is idempotent. On a failed
// log it only releases, and answers nil: the failure was answered when it happened.
func (l *Log) Close() error {
	if l.Err() == nil {
		if err := l.Roll(); err != nil {
			l.release()
			return err
		}
		closed := ErrClosed
		l.failed.Store(&closed)
	}
	l.release()
	return nil
}

// release gives the file back whatever happened.
func (l *Log) release() {
	if l.f != nil {
		_ = l.f.Close() // the log has failed already
		l.f = nil
	}
}
