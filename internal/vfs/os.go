package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// OS is the file system of the machine.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return wrap(openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644))
}

func (osFS) Open(name string) (File, error) { return wrap(openFile(name, os.O_RDONLY, 0)) }

func (osFS) OpenReadWrite(name string) (File, error) { return wrap(openFile(name, os.O_RDWR, 0)) }

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &osFile{File: f}, nil
}

func (osFS) Rename(oldName, newName string) error { return rename(oldName, newName) }
func (osFS) Remove(name string) error             { return remove(name) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) Stat(name string) (Info, error) {
	st, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return Info{Size: st.Size(), ModTime: st.ModTime(), Dir: st.IsDir()}, nil
}

func (o osFS) MkdirAll(dir string) error {
	st, err := os.Stat(dir)
	if err == nil {
		if st.IsDir() {
			return nil
		}
		return fmt.Errorf("%s exists and is not a directory", dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := o.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncMade(dir)
}

func (osFS) SyncDir(dir string) error { return syncDir(dir) }

func (osFS) FreeSpace(dir string) (int64, error) { return freeSpace(dir) }

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return &osLock{f: f}, nil
}

// osLock releases with the last close of its file; the file stays, removing it would let two processes lock two files.
type osLock struct {
	once sync.Once
	f    *os.File
	err  error
}

func (l *osLock) Close() error {
	l.once.Do(func() { l.err = l.f.Close() })
	return l.err
}

// osFile tells direct of each change that goes another way.
type osFile struct {
	*os.File
	direct direct
}

func (f *osFile) Write(p []byte) (int, error) {
	f.direct.cut() // wherever that is
	return f.File.Write(p)
}

func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.direct.leave(f.File, len(p), off); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *osFile) Truncate(size int64) error {
	f.direct.cut()
	return f.File.Truncate(size)
}

func (f *osFile) Preallocate(size int64) error {
	f.direct.cut()
	return preallocate(f.File, size)
}

func (f *osFile) Sync() error {
	err := syncData(f.File)
	if err == nil {
		f.direct.synced()
	}
	return err
}

func (f *osFile) Close() error {
	f.direct.close()
	return f.File.Close()
}

func (f *osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
