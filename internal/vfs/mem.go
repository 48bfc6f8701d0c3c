package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Mem is a file system in memory that remembers what has been synced, so that CrashClone can answer what a disk could
// hold after a power loss. Directories are durable as soon as they are made; names in them are not.
type Mem struct {
	mu    sync.Mutex
	dirs  map[string]*memDir
	locks map[string]bool
	tick  int64 // stands in for modification times: the count of changes
	free  int64
}

// memDir maps names to files, as seen now and as on disk; pending leads from the second to the first.
type memDir struct {
	now     map[string]*memNode
	durable map[string]*memNode
	pending []dirOp
}

// dirOp is one volatile change: put node under add, and take away the name del.
type dirOp struct {
	add  string
	node *memNode
	del  string
}

// apply performs the change on one of the maps.
func (o dirOp) apply(m map[string]*memNode) {
	if o.del != "" {
		delete(m, o.del)
	}
	if o.add != "" {
		m[o.add] = o.node
	}
}

// memNode is a file: its content now, its content on disk, and the volatile changes in between.
type memNode struct {
	now     []byte
	durable []byte
	pending []dataOp
	mtime   int64
}

// dataOp writes data at off or, with data nil, sets the length to off.
type dataOp struct {
	off  int64
	data []byte
}

// apply performs the change on a content and answers the new one.
func (o dataOp) apply(b []byte) []byte {
	end := o.off + int64(len(o.data))
	if int64(len(b)) < end {
		b = slices.Grow(b, int(end)-len(b))
		old := len(b)
		b = b[:end]
		clear(b[old:])
	}
	if o.data == nil {
		return b[:o.off]
	}
	copy(b[o.off:], o.data)
	return b
}

// NewMem returns an empty file system with the directories "." and "/".
func NewMem() *Mem {
	return &Mem{
		dirs:  map[string]*memDir{".": newMemDir(), string(filepath.Separator): newMemDir()},
		locks: map[string]bool{},
		free:  1 << 40,
	}
}

func newMemDir() *memDir {
	return &memDir{now: map[string]*memNode{}, durable: map[string]*memNode{}}
}

// SetFreeSpace sets what FreeSpace answers (1 TiB at first). It limits nothing.
func (m *Mem) SetFreeSpace(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = n
}

// clean is a name in one notation. Memory has no drives.
func clean(name string) string {
	name = filepath.Clean(name)
	return name[len(filepath.VolumeName(name)):]
}

// dir finds the directory a path lies in; m is locked.
func (m *Mem) dir(op, name string) (*memDir, string, error) {
	name = clean(name)
	d := m.dirs[filepath.Dir(name)]
	if d == nil {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return d, filepath.Base(name), nil
}

// change makes a volatile change of a directory; m is locked.
func (m *Mem) change(d *memDir, o dirOp) {
	o.apply(d.now)
	d.pending = append(d.pending, o)
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.dir("create", name)
	if err != nil {
		return nil, err
	}
	if d.now[base] != nil || m.dirs[clean(name)] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	m.tick++
	n := &memNode{mtime: m.tick}
	m.change(d, dirOp{add: base, node: n})
	return &memFile{m: m, n: n, name: name, writable: true}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenReadWrite implements FS.
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.dir("open", name)
	if err != nil {
		return nil, err
	}
	n := d.now[base]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{m: m, n: n, name: name, writable: writable}, nil
}

// Rename implements FS. Both names must lie in one directory.
func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, from, err := m.dir("rename", oldName)
	if err != nil {
		return err
	}
	d2, to, err := m.dir("rename", newName)
	if err != nil {
		return err
	}
	if d != d2 {
		return fmt.Errorf("rename %s to %s: %w between directories", oldName, newName, ErrUnsupported)
	}
	n := d.now[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: oldName, Err: fs.ErrNotExist}
	}
	m.change(d, dirOp{add: to, node: n, del: from})
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.dir("remove", name)
	if err != nil {
		return err
	}
	if d.now[base] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	m.change(d, dirOp{del: base})
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = clean(dir)
	d := m.dirs[dir]
	if d == nil {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: fs.ErrNotExist}
	}
	var names []string
	for name := range d.now {
		names = append(names, name)
	}
	for name := range m.dirs {
		if name != dir && filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[clean(name)] != nil {
		return Info{Dir: true}, nil
	}
	d, base, err := m.dir("stat", name)
	if err != nil {
		return Info{}, err
	}
	n := d.now[base]
	if n == nil {
		return Info{}, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return Info{Size: int64(len(n.now)), ModTime: time.Unix(n.mtime, 0)}, nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir = clean(dir); m.dirs[dir] == nil; dir = filepath.Dir(dir) {
		if d := m.dirs[filepath.Dir(dir)]; d != nil && d.now[filepath.Base(dir)] != nil {
			return fmt.Errorf("%s exists and is not a directory", dir)
		}
		m.dirs[dir] = newMemDir()
	}
	return nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[clean(dir)]
	if d == nil {
		return &fs.PathError{Op: "syncdir", Path: dir, Err: fs.ErrNotExist}
	}
	for _, o := range d.pending {
		o.apply(d.durable)
	}
	d.pending = nil
	return nil
}

// Lock implements FS. The locks are in this Mem only, not in its clones.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, _, err := m.dir("lock", name); err != nil {
		return nil, err
	}
	name = clean(name)
	if m.locks[name] {
		return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
	}
	m.locks[name] = true
	return &memLock{m: m, name: name}, nil
}

type memLock struct {
	once sync.Once
	m    *Mem
	name string
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.m.mu.Lock()
		defer l.m.mu.Unlock()
		delete(l.m.locks, l.name)
	})
	return nil
}

// FreeSpace implements FS.
func (m *Mem) FreeSpace(string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free, nil
}
