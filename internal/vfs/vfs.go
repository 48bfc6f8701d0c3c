// Package vfs is the file system as the storage packages see it: few calls, each with its promise about what survives a
// crash. Three implementations stand behind it: OS (the real one), Mem (in memory, can be "crashed") and Inject (a
// wrapper that fails chosen calls).
//
//	            data of a file                 name of a file in its directory
//	            ------------------------       ----------------------------------------
//	volatile    Write WriteAt Truncate         Create Rename Remove
//	            Preallocate
//	durable by  File.Sync                      FS.SyncDir(directory)
//
// The two are independent, as POSIX has it: File.Sync does not make the file's name durable, SyncDir does not make any
// file's data durable. What is volatile may survive a crash wholly, partly or not at all.
package vfs

import (
	"errors"
	"io"
	"time"
)

// ErrLocked is answered by FS.Lock when another holder has the lock.
var ErrLocked = errors.New("locked by another process")

// ErrUnsupported is answered by calls that the platform or the file system has no means for.
var ErrUnsupported = errors.New("not supported by this file system")

// FS is a file system. Implementations may be used by several goroutines at once. Names are paths in the notation of
// path/filepath. Errors of missing and existing files satisfy errors.Is with fs.ErrNotExist and fs.ErrExist.
type FS interface {
	// Create makes a new empty file for reading and writing. It fails if the name exists. The name is durable only after
	// SyncDir of its directory.
	Create(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing, positioned at its start.
	OpenReadWrite(name string) (File, error)
	// Rename gives a file another name in one step, replacing a file of that name: after a crash there is the old state
	// or the new one, never a mixture. Durable after SyncDir. Windows replaces no file that somebody has open: it is tried for a
	// second.
	Rename(oldName, newName string) error
	// Remove removes a file. Durable after SyncDir.
	Remove(name string) error
	// List answers the names (not the paths) in a directory, sorted.
	List(dir string) ([]string, error)
	// Stat describes a file or directory.
	Stat(name string) (Info, error)
	// MkdirAll makes a directory and its missing parents, durably: parents that gained an entry are synced.
	MkdirAll(dir string) error
	// SyncDir makes the names in a directory durable. Where the platform cannot sync a directory (Windows) it has the file
	// system bring its journal to disk, by a file of its own, gone when the call returns.
	SyncDir(dir string) error
	// Lock takes the exclusive lock file name, creating it if missing, and holds it until the answer is closed or the
	// process ends, however it ends. It fails at once with ErrLocked if another process, or this one, holds it.
	Lock(name string) (io.Closer, error)
	// FreeSpace is the number of bytes an unprivileged user can still write below dir; ErrUnsupported if unknown.
	FreeSpace(dir string) (int64, error)
}

// File is an open file. Unless said otherwise its calls must not overlap.
type File interface {
	// Read, Write: at the file's position, which they advance. Volatile until Sync. Write either writes all or fails.
	io.Reader
	io.Writer
	// ReadAt and WriteAt leave the position alone. ReadAt may be called by several goroutines at once.
	io.ReaderAt
	io.WriterAt
	// Sync makes durable all data written so far and the length needed to read them (fdatasync). After it failed, what
	// is on disk is unknown and a later success proves nothing: give the file up.
	Sync() error
	// Truncate sets the length: cuts, or extends with zeros. Volatile until Sync.
	Truncate(size int64) error
	// Preallocate extends the file to size with zeros for which disk space is set aside, so that writes below size need no
	// allocation. It never shortens. ErrUnsupported leaves the file as it was. Volatile until Sync.
	Preallocate(size int64) error
	// Size is the current length.
	Size() (int64, error)
	// Close releases the file. It syncs nothing. A second Close answers an error.
	Close() error
}

// WriteSyncer is a File that some file systems have: one that can write and sync with less processor time.
type WriteSyncer interface {
	// WriteSync is WriteAt and then Sync, with their promises, for what is appended: the file must hold nothing but zeros behind p, and
	// zeros may be written there, up to the file's length; nobody may change the file but by this File. It keeps the calling thread and one of Go's processors for as long as
	// both take, so it is for a few bytes, on a disk that has been answering in well under a millisecond. With park the goroutine
	// waits for the disk like any other, and keeps nothing, where Parks.
	WriteSync(p []byte, off int64, park bool) error
	// Parks tells whether WriteSync can do so here.
	Parks() bool
}

// Info describes a file or directory.
type Info struct {
	Size    int64
	ModTime time.Time
	Dir     bool
}
