//go:build linux && (amd64 || arm64)

package vfs

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// direct appends a little to a file past the page cache: whole blocks, by a second descriptor that is open with O_DIRECT. It
// spares the copy into the cache, the account of dirty pages and their writing back.
//
//	file:     | records        | records....0000 | zeros written ahead         | allocated, never written ... |
//	append:                    | records....NEW00 |
//	the next: that needs a block behind the zeros:                          | NEW....0000 | zeros ahead     |
//
// The block in which the file's records end is kept in memory and written again with what follows: what is durable in it is
// written again with the same bytes. That is safe as long as the disk leaves each sector (512 bytes or more) old or new when the
// power fails, for old and new are the same there. The page cache asks for no less: it writes the whole page again, too.
//
// Zeros ahead make the difference: the first write to a block that was only set aside changes the file system's account of it,
// which goes through the journal. So with the first write that needs such a block go zeros for the next thirty.
//
// Others read the file, and large batches are written to it, through the page cache. Linux keeps the two ways together: before a
// direct write it writes back what is dirty in the cache of that range, before and after it drops those pages
// (kiocb_invalidate_pages and kiocb_invalidate_post_direct_write in mm/filemap.c; a page that is being read at that moment is waited
// for). So a read that begins after a write has returned sees it. Only file systems that tell how they want their direct I/O
// (statx with STATX_DIOALIGN, Linux 6.1: ext4, XFS and others) are trusted with that; elsewhere everything goes through the cache.
type direct struct {
	file    *os.File // nil before the first use
	refused bool     // there is no such way
	proven  bool     // a write has gone it
	dirty   bool     // changes that went another way are not synced: a direct write makes nothing durable but itself
	size    int64    // the file's length when it was last set; 0: not looked at, -1: too short
	block   int64

	known bool   // buf is what the file holds from begin to end, and zeros
	buf   []byte // aligned
	begin int64  // of a block
	end   int64  // behind the last byte appended

	zeroFrom, zeroTo int64 // blocks of zeros that have been written
	vectors          [2]unix.Iovec
}

const (
	directMost  = 128 << 10 // bytes; with more the way hardly matters
	directAlign = 4096      // of memory and blocks, at least: no smaller than a page of the cache or a sector, mostly
	zerosAhead  = 32 << 10  // bytes: hardly slower than none, for one write of thirty
)

// zeros are written many times, and never to.
var zeros = sync.OnceValue(func() []byte { return aligned(zerosAhead) })

func aligned(n int64) []byte {
	b := make([]byte, n+directAlign)
	skip := int64(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) % directAlign)
	return b[skip : skip+n : skip+n]
}

// append writes p at off and makes it durable. Not done, without an error, means that nothing has happened.
func (d *direct) append(f *os.File, p []byte, off int64) (done bool, err error) {
	n := int64(len(p))
	if d.refused || d.dirty || n == 0 || n > directMost || d.file == nil && !d.open(f) {
		return false, nil
	}
	begin := off - off%d.block
	length := d.up(off+n) - begin
	if !d.fits(f, begin+length) {
		return false, nil
	}
	if !d.known || d.end != off {
		if err := d.read(f, begin, off); err != nil {
			return false, err
		}
	}
	d.known = false
	copy(d.buf[off-begin:], p)
	ahead := d.ahead(begin + length)
	errno, written := d.write(begin, length, ahead)
	switch {
	case errno != 0 && !d.proven && (errno == syscall.EINVAL || errno == syscall.EOPNOTSUPP || errno == syscall.ENOSYS):
		d.refuse()
		return false, nil
	case errno != 0:
		return false, &os.PathError{Op: "direct write", Path: f.Name(), Err: errno}
	case written != length+ahead:
		return false, &os.PathError{Op: "direct write", Path: f.Name(), Err: io.ErrShortWrite}
	}
	d.proven, d.known, d.end = true, true, off+n
	if ahead > 0 {
		d.zeroFrom, d.zeroTo = begin+length, begin+length+ahead
	} else {
		d.zeroFrom = max(d.zeroFrom, begin+length)
	}
	if last := d.end - d.end%d.block; last > begin { // it moves to the start of buf
		kept := copy(d.buf, d.buf[last-begin:d.end-begin])
		clear(d.buf[kept:length])
		d.begin = last
	}
	return true, nil
}

// write writes buf and zeros. Go's scheduler is not told, as in WriteSync.
func (d *direct) write(begin, length, ahead int64) (errno syscall.Errno, written int64) {
	v := d.vectors[:1]
	v[0].Base, v[0].Len = unsafe.SliceData(d.buf), uint64(length)
	if ahead > 0 {
		v = append(v, unix.Iovec{Base: unsafe.SliceData(zeros()), Len: uint64(ahead)})
	}
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_PWRITEV2, d.file.Fd(), uintptr(unsafe.Pointer(unsafe.SliceData(v))), uintptr(len(v)),
			uintptr(begin), 0, unix.RWF_DSYNC)
		if errno != syscall.EINTR { // interrupted before it began is the one failure that may be tried again
			runtime.KeepAlive(d)
			return errno, int64(n)
		}
	}
}

// ahead is how many zeros go with a write up to end, which is a block's.
func (d *direct) ahead(end int64) int64 {
	if end <= d.zeroTo {
		return 0
	}
	return min(zerosAhead, d.size-d.size%d.block-end)
}

// up rounds up to blocks.
func (d *direct) up(n int64) int64 { return (n + d.block - 1) / d.block * d.block }

// read takes the part of off's block that others have written. The cache has it from them.
func (d *direct) read(f *os.File, begin, off int64) error {
	clear(d.buf)
	d.begin, d.end = begin, off
	if n, err := f.ReadAt(d.buf[:off-begin], begin); int64(n) < off-begin {
		if errors.Is(err, io.EOF) {
			return &os.PathError{Op: "read", Path: f.Name(), Err: io.ErrUnexpectedEOF}
		}
		return err
	}
	return nil
}

// fits tells whether the file is as long as that: a direct write lengthens none. A file that is too short, because no space is set
// aside, is not asked again at each write.
func (d *direct) fits(f *os.File, length int64) bool {
	if d.size == 0 {
		if st, err := f.Stat(); err == nil {
			d.size = st.Size()
		}
	}
	if length > d.size {
		d.size = -1
	}
	return length <= d.size
}

// open opens the second descriptor, once. False: it is not to be used.
func (d *direct) open(f *os.File) bool {
	d.refused = true
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	memory, offset := int64(st.Dio_mem_align), int64(st.Dio_offset_align)
	switch {
	case err != nil || st.Mask&unix.STATX_DIOALIGN == 0: // an older kernel, or a file system that does not tell
		return false
	case memory == 0 || memory > directAlign || offset == 0 || offset > zerosAhead || offset&(offset-1) != 0:
		return false
	}
	file, err := os.OpenFile(f.Name(), os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return false
	}
	a, err := f.Stat()
	b, err2 := file.Stat()
	if err != nil || err2 != nil || !os.SameFile(a, b) { // another file has the name by now
		_ = file.Close()
		return false
	}
	d.file, d.refused, d.block = file, false, max(directAlign, offset)
	d.buf = aligned(directMost + 2*d.block)
	return true
}

// leave is called before n bytes are written at off through the cache. Where those begin or end within a block that has been
// written past it, the kernel would read that from the disk first. Here it is known.
func (d *direct) leave(f *os.File, n int, off int64) error {
	d.dirty = true
	known := d.known
	d.known = false
	if d.zeroTo == 0 || n == 0 {
		return nil
	}
	if known && d.end == off && off > d.begin {
		if _, err := f.WriteAt(d.buf[:d.block], d.begin); err != nil {
			return err
		}
	}
	end := off + int64(n)
	last := end - end%d.block
	if last < end && last >= d.zeroFrom && last < d.zeroTo {
		if _, err := f.WriteAt(zeros()[:d.block], last); err != nil {
			return err
		}
	}
	d.zeroFrom = max(d.zeroFrom, end)
	return nil
}

// cut is called before the file's length changes.
func (d *direct) cut() { d.dirty, d.known, d.size, d.zeroFrom, d.zeroTo = true, false, 0, 0, 0 }

// synced is called when all changes are durable.
func (d *direct) synced() { d.dirty = false }

// refuse gives the way up for this file.
func (d *direct) refuse() {
	d.close()
	d.refused = true
}

func (d *direct) close() {
	if d.file != nil {
		_ = d.file.Close() // what it wrote is durable
	}
	*d = direct{refused: true, dirty: d.dirty}
}
