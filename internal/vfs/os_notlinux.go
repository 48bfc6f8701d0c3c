//go:build !linux

package vfs

import "os"

// syncData is the platform's full sync (F_FULLFSYNC on darwin, FlushFileBuffers on windows).
func syncData(f *os.File) error { return f.Sync() }

// preallocate knows no portable way to set space aside.
func preallocate(*os.File, int64) error { return ErrUnsupported }
