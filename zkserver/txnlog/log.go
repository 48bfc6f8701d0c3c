package txnlog

import (
	"errors"
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

// Log appends records to a directory. It is not safe for concurrent use, except LastZxid, Size and Err.
type Log struct {
	fs  vfs.FS
	dir string
	opt Options
}

// Open prepares a log for appending. It reads nothing and creates nothing: run Replay first, which also repairs; the
// first Append starts a new segment, as the original does.
func Open(fs vfs.FS, dir string, opt Options) (*Log, error) { return &Log{fs: fs, dir: dir, opt: opt}, nil }

// Append writes the records behind the others with one write. Zxids must rise. Nothing is durable before Sync. Data is
// not kept. After an error the log has failed for good.
func (l *Log) Append(recs []Record) error { return nil }

// Sync makes durable what was appended; for a new segment that includes its name. After an error the log has failed for
// good. With nothing new it does nothing.
func (l *Log) Sync() error { return nil }

// Roll syncs and ends the current segment; the next Append starts a new one. Called when a snapshot starts.
func (l *Log) Roll() error { return nil }

// Truncate removes, durably, every record after zxid, from whichever segment (the follower's answer to TRUNC). It fails
// the log if it cannot (ZOOKEEPER-3701).
func (l *Log) Truncate(zxid zkproto.Zxid) error { return nil }

// LastZxid is the zxid of the last record appended through this Log, 0 before the first. Safe for concurrent use.
func (l *Log) LastZxid() zkproto.Zxid { return 0 }

// Size is the number of bytes of records in the current segment. Safe for concurrent use.
func (l *Log) Size() int64 { return 0 }

// Err is the error that failed the log for good, or nil. Safe for concurrent use.
func (l *Log) Err() error { return nil }

// Close syncs, cuts the unused preallocation off the current segment, and releases it. It is idempotent.
func (l *Log) Close() error { return nil }
