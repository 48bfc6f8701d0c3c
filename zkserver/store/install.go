package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// receivePrefix begins the names of snapshots on their way, installFile is the note that one is being put in place.
const (
	receivePrefix = "tmp.receive."
	installFile   = "install"
)

// Received is a snapshot from the leader: whole, checked and durable, but not in place yet. Either Install or Discard it.
type Received struct {
	// Zxid is that of the SNAP packet.
	Zxid     zkproto.Zxid
	Sessions map[zkproto.SessionID]int32
	Nodes    int
	loader   *tree.Loader
	path     string
	s        *Store
}

// counting passes znodes on and counts them.
type counting struct {
	*tree.Loader
	nodes int
}

// AddNode implements snapshot.Visitor.
func (c *counting) AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error {
	c.nodes++
	return c.Loader.AddNode(path, data, acl, st)
}

// Receive reads the snapshot that follows a SNAP packet, up to its end and not a byte further, into a temporary file and a
// new tree. It runs on the goroutine that reads from the leader, while the server goes on with what it has. settle is that of
// snapshot.ReadStream.
func (s *Store) Receive(zxid zkproto.Zxid, r io.Reader, settle snapshot.Settle) (*Received, error) {
	path := filepath.Join(s.opt.SnapDir, fmt.Sprintf("%s%d", receivePrefix, s.temps.Add(1)))
	f, err := s.opt.FS.Create(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	got := &Received{Zxid: zxid, loader: tree.NewLoader(s.opt.Tree...), path: path, s: s}
	to := &counting{Loader: got.loader}
	in := bufio.NewReaderSize(r, 256<<10)
	got.Sessions, err = snapshot.ReadStream(in, f, to, settle)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil { // its name must be there before the note that names it
		err = s.opt.FS.SyncDir(s.opt.SnapDir)
	}
	if err != nil {
		got.Discard()
		return nil, fmt.Errorf("store: the leader's snapshot: %w", err)
	}
	got.Nodes = to.nodes
	return got, nil
}

// Discard gives a snapshot up that will not be installed.
func (r *Received) Discard() {
	if err := r.s.opt.FS.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.s.opt.Logger.Warn("a temporary file could not be removed; the next start does it", zap.String("path", r.path), zap.Error(err))
	}
}

// Install makes a snapshot from the leader the whole history of this server. An error must end the server. No snapshot may
// be written meanwhile, and the log must have finished.
//
// The note comes first: from then on Open ends with the new history, whatever happens. The log is closed and opened again
// for it: its current segment goes, too.
func (s *Store) Install(r *Received) (*State, error) {
	if r == nil {
		return nil, errNoReceived
	}
	fail := func(err error) (*State, error) {
		return nil, fmt.Errorf("store: putting the leader's snapshot at %s in place: %w", r.Zxid, err)
	}
	t, err := r.loader.Finish(r.Zxid)
	if err != nil {
		return fail(err)
	}
	t.Expect(tree.ZxidDigest{}) // the stream has none
	if err := s.Log.Roll(); err != nil {
		return fail(err)
	}
	note := fmt.Sprintf("%x %s\n", uint64(r.Zxid), filepath.Base(r.path))
	if err := writeFile(s.opt.FS, filepath.Join(s.opt.SnapDir, installFile), []byte(note)); err != nil {
		return fail(err)
	}
	if err := s.finishInstall(); err != nil {
		return fail(err)
	}
	s.Log.Restart(r.Zxid)
	s.history.reset(r.Zxid)
	path := filepath.Join(s.opt.SnapDir, snapshot.Name(r.Zxid))
	return &State{Tree: t, Sessions: r.Sessions, LastZxid: r.Zxid, Snapshot: path, SnapshotZxid: r.Zxid}, nil
}

// finishInstall does what the note says, as often as needed. Without a note there is nothing to do.
func (s *Store) finishInstall() error {
	fsys, note := s.opt.FS, filepath.Join(s.opt.SnapDir, installFile)
	text, err := readFile(fsys, note)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	var zxid uint64
	var tmp string
	if _, err := fmt.Sscanf(string(text), "%x %s", &zxid, &tmp); err != nil || !strings.HasPrefix(tmp, receivePrefix) ||
		tmp != filepath.Base(tmp) || zxid > 1<<63-1 {
		return fmt.Errorf("store: %s cannot be read (%.60q): move this server's version-2 directories away so that it copies the data from "+
			"the leader", note, text)
	}
	z := zkproto.Zxid(zxid)
	path := filepath.Join(s.opt.SnapDir, snapshot.Name(z))
	err = fsys.Rename(filepath.Join(s.opt.SnapDir, tmp), path)
	if errors.Is(err, fs.ErrNotExist) { // it was renamed before the crash
		_, err = fsys.Stat(path)
	}
	if err == nil {
		err = fsys.SyncDir(s.opt.SnapDir)
	}
	if err == nil {
		err = s.removeSnapshots(func(name string, _ zkproto.Zxid) bool { return name != snapshot.Name(z) })
	}
	if err == nil {
		err = s.removeLogs()
	}
	if err == nil {
		err = fsys.Remove(note)
	}
	if err == nil {
		err = fsys.SyncDir(s.opt.SnapDir)
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
