package vfs

import (
	"io"
	"path/filepath"
	"sync"
)

// Op names a call for Inject.
type Op string

// The calls that Inject sees. Reading an open file counts as OpRead, whichever way.
const (
	OpCreate      Op = "create"
	OpOpen        Op = "open" // Open and OpenReadWrite
	OpRename      Op = "rename"
	OpRemove      Op = "remove"
	OpList        Op = "list"
	OpMkdir       Op = "mkdir"
	OpSyncDir     Op = "syncdir"
	OpLock        Op = "lock"
	OpRead        Op = "read"
	OpWrite       Op = "write" // Write and WriteAt
	OpSync        Op = "sync"  // a WriteSync is an OpWrite and then an OpSync; only files of a Mem have it
	OpTruncate    Op = "truncate"
	OpPreallocate Op = "preallocate"
	OpClose       Op = "close"
)

// Call is one call about to be made.
type Call struct {
	Op   Op
	Path string // of a rename: the new name
	N    int    // which call of this Op, from 1
	Seq  int    // which call of all, from 1
}

// PartialWrite answers an OpWrite: it lets the first N bytes through and then fails with Err.
type PartialWrite struct {
	N   int
	Err error
}

func (p *PartialWrite) Error() string { return p.Err.Error() }
func (p *PartialWrite) Unwrap() error { return p.Err }

// Inject wraps base so that decide is asked before each call; if it answers an error, the call fails with it and does
// nothing (see PartialWrite). decide is called by one goroutine at a time and must not use the wrapper. Stat, Size and
// FreeSpace are not asked about.
func Inject(base FS, decide func(Call) error) FS {
	return &injectFS{FS: base, decide: decide, n: map[Op]int{}}
}

// FailNth is a decide for Inject: the n-th call (from 1) of op on a path whose base name matches pattern (path/filepath.Match;
// "" matches all), and every later one, fails with err.
func FailNth(op Op, pattern string, n int, err error) func(Call) error {
	seen := 0
	return func(c Call) error {
		if c.Op != op {
			return nil
		}
		if ok, _ := filepath.Match(pattern, filepath.Base(c.Path)); !ok && pattern != "" {
			return nil
		}
		if seen++; seen < n {
			return nil
		}
		return err
	}
}

type injectFS struct {
	FS
	mu     sync.Mutex
	decide func(Call) error
	seq    int
	n      map[Op]int
}

func (i *injectFS) ask(op Op, path string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seq++
	i.n[op]++
	return i.decide(Call{Op: op, Path: path, N: i.n[op], Seq: i.seq})
}

func (i *injectFS) open(op Op, name string, open func(string) (File, error)) (File, error) {
	if err := i.ask(op, name); err != nil {
		return nil, err
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	w := &injectFile{File: f, i: i, name: name}
	if m, ok := f.(*memFile); ok {
		return &injectMemFile{injectFile: w, m: m}, nil
	}
	return w, nil
}

func (i *injectFS) Create(name string) (File, error) { return i.open(OpCreate, name, i.FS.Create) }
func (i *injectFS) Open(name string) (File, error)   { return i.open(OpOpen, name, i.FS.Open) }
func (i *injectFS) OpenReadWrite(name string) (File, error) {
	return i.open(OpOpen, name, i.FS.OpenReadWrite)
}

func (i *injectFS) Rename(oldName, newName string) error {
	if err := i.ask(OpRename, newName); err != nil {
		return err
	}
	return i.FS.Rename(oldName, newName)
}

func (i *injectFS) Remove(name string) error {
	if err := i.ask(OpRemove, name); err != nil {
		return err
	}
	return i.FS.Remove(name)
}

func (i *injectFS) List(dir string) ([]string, error) {
	if err := i.ask(OpList, dir); err != nil {
		return nil, err
	}
	return i.FS.List(dir)
}

func (i *injectFS) MkdirAll(dir string) error {
	if err := i.ask(OpMkdir, dir); err != nil {
		return err
	}
	return i.FS.MkdirAll(dir)
}

func (i *injectFS) SyncDir(dir string) error {
	if err := i.ask(OpSyncDir, dir); err != nil {
		return err
	}
	return i.FS.SyncDir(dir)
}

func (i *injectFS) Lock(name string) (io.Closer, error) {
	if err := i.ask(OpLock, name); err != nil {
		return nil, err
	}
	return i.FS.Lock(name)
}

type injectFile struct {
	File
	i    *injectFS
	name string
}

func (f *injectFile) Read(p []byte) (int, error) {
	if err := f.i.ask(OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *injectFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.i.ask(OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *injectFile) Write(p []byte) (int, error) {
	return f.write(p, f.File.Write)
}

func (f *injectFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

func (f *injectFile) write(p []byte, write func([]byte) (int, error)) (int, error) {
	err := f.i.ask(OpWrite, f.name)
	if err == nil {
		return write(p)
	}
	part, ok := err.(*PartialWrite) //nolint:errorlint // decide answers it bare
	if !ok {
		return 0, err
	}
	n, werr := write(p[:min(part.N, len(p))])
	if werr != nil {
		return n, werr
	}
	return n, part
}

// injectMemFile asks in the middle of a WriteSync, too.
type injectMemFile struct {
	*injectFile
	m *memFile
}

// WriteSync implements WriteSyncer.
func (f *injectMemFile) WriteSync(p []byte, off int64, _ bool) error {
	if _, err := f.write(p, func(p []byte) (int, error) { return f.m.writeBlocks(p, off) }); err != nil {
		return err
	}
	return f.Sync()
}

// Parks implements WriteSyncer.
func (f *injectMemFile) Parks() bool { return f.m.Parks() }

func (f *injectFile) Sync() error {
	if err := f.i.ask(OpSync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *injectFile) Truncate(size int64) error {
	if err := f.i.ask(OpTruncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *injectFile) Preallocate(size int64) error {
	if err := f.i.ask(OpPreallocate, f.name); err != nil {
		return err
	}
	return f.File.Preallocate(size)
}

func (f *injectFile) Close() error {
	if err := f.i.ask(OpClose, f.name); err != nil {
		return err
	}
	return f.File.Close()
}
