package snapshot

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// NodeFunc takes one znode. data may be kept; it is immutable. The path is good until Next is called again.
type NodeFunc func(path string, data []byte, acl int64, st zkproto.StatPersisted)

// Source is the state to write. Write calls its methods from one goroutine: Sessions, then ACLs, then Next until it
// answers false. Sessions and ACLs answer copies.
type Source interface {
	// Sessions is session id -> timeout in milliseconds.
	Sessions() map[zkproto.SessionID]int32
	// ACLs is the table of ACL ids, without the open ACL (-1).
	ACLs() map[int64][]zkproto.ACL
	// Next hands at most max further znodes to fn, parents before children, the root first with the path "", and answers
	// whether there may be more. It takes the tree's read lock for as long as it runs and calls fn under it.
	Next(max int, fn NodeFunc) (more bool)
	// ACL looks up one id, nil if there is none. It is called only by fn, so under Next's lock, and only for an id that
	// appeared after ACLs was answered.
	ACL(id int64) []zkproto.ACL
}

// DigestSource is a Source that knows the tree's digest. Digest is called when all znodes have been handed out; ok is false
// when digests are off, and the snapshot then has none.
type DigestSource interface {
	Digest() (d Digest, ok bool)
}

// Written describes a new snapshot.
type Written struct {
	Path  string
	Size  int64
	Nodes int
}

// Write writes snapshot.<zxid> into dir, durably, and replaces a file of that name. zxid is the last transaction applied
// before Source's first answer. On failure nothing but a temporary file, removed by the next Write, may be left. Only one
// Write may run in a directory.
//
// An ACL that appears while the znodes are walked is in no table any more (it comes before the znodes): the original then
// writes a snapshot that it cannot load. Here the file is written a second time, with the table complete.
func Write(fs vfs.FS, dir string, zxid zkproto.Zxid, src Source) (Written, error) {
	return WriteWith(fs, dir, zxid, src, WriteOptions{})
}

// WriteWith is Write in another form: packed, the file's name then ends in .gz or .snappy.
func WriteWith(fs vfs.FS, dir string, zxid zkproto.Zxid, src Source, opts WriteOptions) (Written, error) {
	comp, err := opts.compression()
	if err != nil {
		return Written{}, err
	}
	if err := sweep(fs, dir); err != nil {
		return Written{}, err
	}
	w := writer{
		fs: fs, zxid: zxid, comp: comp, noLast: opts.NoLastZxid, pace: opts.Pace, path: filepath.Join(dir, Name(zxid)+string(comp)),
		tmp: filepath.Join(dir, tmpPrefix+fmt.Sprintf("%x", uint64(zxid))),
	}
	if err := w.write(src); err != nil {
		return Written{}, fmt.Errorf("snapshot: write %s: %w", w.path, err)
	}
	if err := fs.Rename(w.tmp, w.path); err != nil {
		return Written{}, fmt.Errorf("snapshot: %w", err)
	}
	if err := fs.SyncDir(dir); err != nil {
		return Written{}, fmt.Errorf("snapshot: sync %s: %w", dir, err)
	}
	return Written{Path: w.path, Size: w.size, Nodes: w.nodes}, nil
}

// sweep removes the temporary files that a crash left.
func sweep(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("snapshot: list %s: %w", dir, err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, tmpPrefix) {
			if err := fs.Remove(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("snapshot: %w", err)
			}
		}
	}
	return nil
}

// writer is the state of one Write.
type writer struct {
	fs        vfs.FS
	zxid      zkproto.Zxid
	comp      compression
	noLast    bool
	pace      func() int
	path, tmp string
	size      int64
	nodes     int

	digest   Digest
	noDigest bool

	head  []byte // up to the ACL table
	acls  map[int64][]zkproto.ACL
	late  bool  // acls grew while the nodes were walked
	from  int64 // where the nodes begin
	until int64 // behind the last node
}

func (w *writer) write(src Source) error {
	f, err := w.fs.Create(w.tmp)
	if err != nil {
		return err
	}
	defer func() {
		if f != nil {
			_ = f.Close() // the failure before is the one to tell
		}
	}()
	if err := w.nodesTo(f, src); err != nil {
		return err
	}
	if w.late {
		again, err := w.again(f)
		_ = f.Close() // its content has been read, it is removed
		f = again
		if err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	err = f.Close()
	f = nil
	return err
}

// Piece is how many bytes of a snapshot wait to be on disk, if Pace does not say how many. One sync of hundreds of megabytes at
// the end would fill the disk's queue, and each write to the transaction log meanwhile would wait behind it: with this much it
// waits for one such piece at most. Larger ones are felt: the p99 of small synced writes beside pieces of 1 MiB was one and a
// half times to five times that beside these.
const Piece = 256 << 10

// nodesTo writes the whole snapshot.
func (w *writer) nodesTo(f vfs.File, src Source) error {
	file := &counter{w: f}
	packer := newPacker(file, w.comp)
	s := newSums(packer)
	w.head = appendHead(nil, src.Sessions())
	w.acls = src.ACLs()
	s.buf = appendACLTable(append(s.buf, w.head...), w.acls)
	if err := s.flush(); err != nil {
		return err
	}
	w.from = s.n
	add := func(path string, data []byte, acl int64, st zkproto.StatPersisted) {
		w.nodes++
		if acl != openACL {
			w.know(acl, src)
		}
		s.buf = appendNode(s.buf, path, data, acl, &st)
	}
	synced, piece := int64(0), Piece
	for more := true; more; {
		more = src.Next(chunk, add)
		if len(s.buf) >= min(flushAt, piece) {
			if err := s.flush(); err != nil {
				return err
			}
		}
		if file.n-synced >= int64(piece) {
			synced = file.n
			if err := f.Sync(); err != nil {
				return err
			}
			if w.pace != nil {
				if piece = w.pace(); piece <= 0 {
					piece = Piece
				}
			}
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	w.until = s.n
	w.digest = Digest{Version: emptyVer}
	if d, ok := src.(DigestSource); ok {
		if w.digest, ok = d.Digest(); !ok {
			w.noDigest = true
		}
	}
	return w.finish(s, packer, file)
}

// know remembers an ACL that the table lacks.
func (w *writer) know(id int64, src Source) {
	if _, ok := w.acls[id]; ok {
		return
	}
	acl := src.ACL(id)
	if acl == nil {
		return // a tree that refers to nothing: loading answers what it does then
	}
	if w.acls == nil {
		w.acls = map[int64][]zkproto.ACL{}
	}
	w.acls[id], w.late = acl, true
}

func (w *writer) finish(s *sums, packer io.Closer, file *counter) error {
	s.buf = jute.AppendString(s.buf, endPath)
	digest := &w.digest
	if w.noDigest {
		digest = nil
	}
	last := &w.zxid
	if w.noLast {
		last = nil
	}
	if err := s.tails(digest, last); err != nil {
		return err
	}
	err := packer.Close()
	w.size = file.n
	return err
}

// again writes the snapshot anew with the complete ACL table, copying the nodes from the first file.
func (w *writer) again(first vfs.File) (vfs.File, error) {
	old := w.tmp
	w.tmp += ".acl"
	f, err := w.fs.Create(w.tmp)
	if err != nil {
		return nil, err
	}
	file := &counter{w: f}
	packer := newPacker(file, w.comp)
	s := newSums(packer)
	s.buf = appendACLTable(append(s.buf, w.head...), w.acls)
	written, err := unpack(io.NewSectionReader(first, 0, w.size), w.comp)
	if err != nil {
		return f, err
	}
	if _, err := io.CopyN(io.Discard, written, w.from); err != nil {
		return f, err
	}
	nodes := io.LimitReader(written, w.until-w.from)
	for {
		if err := s.flush(); err != nil {
			return f, err
		}
		n, err := nodes.Read(s.buf[:flushAt])
		s.buf = s.buf[:n]
		if err == io.EOF { //nolint:errorlint // the reader's own end
			break
		}
		if err != nil {
			return f, err
		}
	}
	if err := w.finish(s, packer, file); err != nil {
		return f, err
	}
	if err := w.fs.Remove(old); err != nil {
		return f, err
	}
	return f, nil
}
