package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// memFile is an open file of a Mem.
type memFile struct {
	m        *Mem
	n        *memNode
	name     string
	pos      int64
	writable bool
	closed   bool
}

// check refuses calls on closed files, and changes through files opened for reading; m is locked.
func (f *memFile) check(op string, write bool) error {
	switch {
	case f.closed:
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	case write && !f.writable:
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrPermission}
	}
	return nil
}

// change makes a volatile change of the content; m is locked.
func (f *memFile) change(o dataOp) {
	f.n.now = o.apply(f.n.now)
	f.n.pending = append(f.n.pending, o)
	f.m.tick++
	f.n.mtime = f.m.tick
}

func (f *memFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("read %s: negative offset", f.name)
	}
	if off >= int64(len(f.n.now)) {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := copy(p, f.n.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.pos)
	f.pos += int64(n)
	return n, err
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("write %s: negative offset", f.name)
	}
	if len(p) > 0 {
		f.change(dataOp{off: off, data: slices.Clone(p)})
	}
	return len(p), nil
}

// memBlock is what WriteSync writes at a time.
const memBlock = 4096

// writeBlocks is WriteAt of what ends the file but for zeros, as WriteSync does it on a real disk: in whole blocks, with what stands
// before it and zeros behind it, if the file is long enough.
func (f *memFile) writeBlocks(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	end := off + int64(len(p))
	begin, behind := off-off%memBlock, (end+memBlock-1)/memBlock*memBlock
	if behind > int64(len(f.n.now)) {
		f.change(dataOp{off: off, data: slices.Clone(p)})
		return len(p), nil
	}
	b := make([]byte, behind-begin)
	copy(b, f.n.now[begin:off])
	copy(b[off-begin:], p)
	f.change(dataOp{off: begin, data: b})
	return len(p), nil
}

// WriteSync implements WriteSyncer.
func (f *memFile) WriteSync(p []byte, off int64, _ bool) error {
	if _, err := f.writeBlocks(p, off); err != nil {
		return err
	}
	return f.Sync()
}

// Parks implements WriteSyncer.
func (*memFile) Parks() bool { return true }

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("sync", false); err != nil {
		return err
	}
	for _, o := range f.n.pending {
		f.n.durable = o.apply(f.n.durable)
	}
	f.n.pending = nil
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("truncate", true); err != nil {
		return err
	}
	if size < 0 {
		return fmt.Errorf("truncate %s: negative size", f.name)
	}
	f.change(dataOp{off: size})
	return nil
}

func (f *memFile) Preallocate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("preallocate", true); err != nil {
		return err
	}
	if size > int64(len(f.n.now)) {
		f.change(dataOp{off: size})
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("size", false); err != nil {
		return 0, err
	}
	return int64(len(f.n.now)), nil
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
