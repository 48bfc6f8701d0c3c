package vfs

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/windows"
)

// shareAll lets others read, write, rename and remove a file that is open here, as on Unix. Package os lets nobody remove it: a
// purge could not remove the log that a follower is being sent.
const shareAll = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE

func openFile(name string, flag int, _ fs.FileMode) (*os.File, error) {
	access := uint32(windows.GENERIC_READ)
	if flag&os.O_RDWR != 0 {
		access |= windows.GENERIC_WRITE
	}
	disposition := uint32(windows.OPEN_EXISTING)
	if flag&os.O_CREATE != 0 {
		disposition = windows.CREATE_NEW
	}
	return createFile(name, access, disposition, windows.FILE_ATTRIBUTE_NORMAL)
}

func createFile(name string, access, disposition, attributes uint32) (*os.File, error) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	var h windows.Handle
	err = undisturbed(func() (err error) {
		h, err = windows.CreateFile(p, access, shareAll, nil, disposition, attributes, 0)
		return err
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

// rename returns when the new name is on disk: MOVEFILE_WRITE_THROUGH.
func rename(oldName, newName string) error {
	from, err := windows.UTF16PtrFromString(oldName)
	to, err2 := windows.UTF16PtrFromString(newName)
	if err = errors.Join(err, err2); err == nil {
		err = undisturbed(func() error {
			return windows.MoveFileEx(from, to, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
		})
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: err}
	}
	return nil
}

func remove(name string) error {
	return undisturbed(func() error { return os.Remove(name) })
}

// undisturbed does what fails, wholly and without a trace, while another program has the file open in its own way: virus
// scanners and indexers look into what has just been written. They need some milliseconds, they get a second.
func undisturbed(do func() error) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := do()
		inTheWay := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !inTheWay || wait > time.Second/2 {
			return err
		}
		time.Sleep(wait)
	}
}

func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}

// syncDir flushes a new file in the directory, which then disappears. The handle of a directory cannot be flushed here: NTFS
// refuses that. But it logs every change of a name in one journal, in order, and to make a new file durable it brings that to
// disk up to the file's own entry, so also what was created, renamed and removed before.
func syncDir(dir string) error {
	name := filepath.Join(dir, ".sync."+strconv.FormatUint(rand.Uint64(), 16))
	f, err := createFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE|windows.DELETE, windows.CREATE_NEW,
		windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_WRITE_THROUGH|windows.FILE_FLAG_DELETE_ON_CLOSE)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte{0})
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncMade makes a new directory durable, by a file in it: in the one above, this user may be allowed to make directories alone,
// as below C:\.
func syncMade(dir string) error { return syncDir(dir) }

func freeSpace(dir string) (int64, error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return 0, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: dir, Err: err}
	}
	return int64(free), nil
}
