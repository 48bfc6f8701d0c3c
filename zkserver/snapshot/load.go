package snapshot

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// Loader takes a snapshot's content and makes a T of it. *tree.Loader is a Loader[*tree.Tree].
type Loader[T any] interface {
	AddACL(id int64, acls []zkproto.ACL)
	AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error
	Finish(lastZxid zkproto.Zxid) (T, error)
}

// Loaded is what Load found.
type Loaded[T any] struct {
	// State is what the Loader made; the zero T when there was no snapshot.
	State T
	// Found tells whether a snapshot was loaded. Without one (and without an error) the log, if any, starts at the
	// beginning: start from an empty tree and replay from zxid 0.
	Found bool
	// Sessions is session id -> timeout in milliseconds, never nil.
	Sessions map[zkproto.SessionID]int32
	// Zxid is the snapshot's: replay the log from here (exclusive). 0 when there is none.
	Zxid zkproto.Zxid
	// Digest is that of the tree at Digest.Zxid, which replay may have to reach first. Its Zxid is 0 when the file has none.
	Digest Digest
	// Path is the file, empty when there is none.
	Path string
	// Skipped are newer snapshots that did not check. Log them as warnings.
	Skipped []Skipped
}

// Skipped is a snapshot file that was not usable.
type Skipped struct {
	Path string
	Err  error
}

// MissingError refuses to start without a snapshot where that would lose data.
type MissingError struct {
	SnapDir, LogDir string
	// FirstZxid is where the log begins, 0 if there is no log.
	FirstZxid zkproto.Zxid
	// Skipped are the snapshots that do not check.
	Skipped []Skipped
}

func (e *MissingError) Error() string {
	what := "there is no snapshot in " + e.SnapDir
	if len(e.Skipped) > 0 {
		what = fmt.Sprintf("none of the %d snapshots in %s checks (%s: %v)", len(e.Skipped), e.SnapDir, e.Skipped[0].Path, e.Skipped[0].Err)
	}
	why := "and no transaction log in " + e.LogDir
	if e.FirstZxid != 0 {
		why = fmt.Sprintf("and the transaction log in %s does not start at the beginning but at zxid %s", e.LogDir, e.FirstZxid)
	}
	return what + " " + why + ": starting would lose data. Check dataDir and dataLogDir, put the missing files back, or, in an " +
		"ensemble, move this server's version-2 directories away so that it copies the data from the leader"
}

// Load loads the newest snapshot of snapDir that checks. newLoader is called once per file tried. Without one it looks
// at logDir: no files at all is a new, empty server; logs that start with the first transaction ever can be replayed
// from nothing; anything else is refused with a *MissingError, since it would lose data (ZOOKEEPER-2325, 3056, 3644).
// The original refuses logs without a snapshot always, so a new server that it may take over should Write one at zxid 0.
func Load[T any](fs vfs.FS, snapDir, logDir string, newLoader func() Loader[T]) (Loaded[T], error) {
	return LoadWith(fs, snapDir, logDir, newLoader, LoadOptions{})
}

// LoadOptions are the settings of loading.
type LoadOptions struct {
	// TrustEmpty starts from the log even when there is no snapshot file and the log begins later than with the first
	// transaction (snapshot.trust.empty); what came before is lost. It does not help when there are snapshots and none is good.
	TrustEmpty bool
	// RefuseEmpty refuses to start with no files at all (db.autocreate=false without a file "initialize").
	RefuseEmpty bool
}

// ErrEmpty refuses to start a server that has no data, where that was not announced.
var ErrEmpty = errors.New("there is neither a snapshot nor a transaction log, and db.autocreate is false: if this server " +
	"is meant to begin without data, create an empty file named initialize in its dataDir and start it again")

// LoadWith is Load with other settings than the default.
func LoadWith[T any](fs vfs.FS, snapDir, logDir string, newLoader func() Loader[T], opts LoadOptions) (Loaded[T], error) {
	none := Loaded[T]{Sessions: map[zkproto.SessionID]int32{}}
	files, err := list(fs, snapDir)
	if err != nil {
		return none, err
	}
	for _, f := range files {
		got, err := load(fs, f, newLoader())
		if err == nil {
			got.Skipped = none.Skipped
			return got, nil
		}
		none.Skipped = append(none.Skipped, Skipped{Path: f.path, Err: err})
	}
	first, ok, err := txnlog.FirstZxid(fs, logDir)
	if err != nil {
		return none, err
	}
	fromStart := ok && first.Counter() == 1 && first.Epoch() <= 1
	switch {
	case fromStart, ok && len(files) == 0 && opts.TrustEmpty:
		return none, nil
	case !ok && len(files) == 0 && opts.RefuseEmpty:
		return none, fmt.Errorf("snapshot: %s: %w", snapDir, ErrEmpty)
	case !ok && len(files) == 0:
		return none, nil
	}
	return none, &MissingError{SnapDir: snapDir, LogDir: logDir, FirstZxid: first, Skipped: none.Skipped}
}

// load reads one file.
func load[T any](fs vfs.FS, f file, l Loader[T]) (Loaded[T], error) {
	h, r, err := open(fs, f)
	if err != nil {
		return Loaded[T]{}, err
	}
	defer func() { _ = h.Close() }() // opened for reading
	defer WithoutGC()()
	sessions, tail, err := decode(r, l)
	if err != nil {
		return Loaded[T]{}, err
	}
	state, err := l.Finish(f.zxid)
	if err != nil {
		return Loaded[T]{}, err
	}
	got := Loaded[T]{State: state, Found: true, Sessions: sessions, Zxid: f.zxid, Path: f.path}
	if tail.digest != nil {
		got.Digest = *tail.digest
	}
	return got, nil
}
