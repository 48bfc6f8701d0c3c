package zktool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/holdfast-ha/holdfast/internal/vfs"
)

const (
	versionDir = "version-2"
	lockFile   = ".holdfast.lock" // of a running zkserver, in dataDir and dataLogDir
)

// versioned is where in a data directory the files are: in version-2, or in dir itself if that is version-2.
func versioned(dir string) string {
	if filepath.Base(filepath.Clean(dir)) == versionDir {
		return dir
	}
	return filepath.Join(dir, versionDir)
}

// takeDir makes sure that no zkserver runs in a directory of logs or snapshots, and that none starts until the answer
// is closed. (An original server takes no lock: nothing can be known of it.)
func (t *tool) takeDir(dir string) (io.Closer, error) {
	data := filepath.Clean(dir)
	if abs, err := filepath.Abs(data); err == nil {
		data = abs
	}
	if filepath.Base(data) == versionDir {
		data = filepath.Dir(data)
	}
	name := filepath.Join(data, lockFile)
	if _, err := t.fs.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(nil), nil // no zkserver has ever run there
	}
	lock, err := t.fs.Lock(name)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%s is in use by a running server: stop it first, or write elsewhere", data)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", data, err)
	}
	return lock, nil
}

// create makes a new file for a result, in a directory that nobody uses. unlock when it is written.
func (t *tool) create(path string) (f vfs.File, unlock io.Closer, err error) {
	if unlock, err = t.takeDir(filepath.Dir(path)); err != nil {
		return nil, nil, err
	}
	if f, err = t.fs.Create(path); err != nil {
		_ = unlock.Close()
		if errors.Is(err, fs.ErrExist) {
			return nil, nil, fmt.Errorf("%s exists already: remove it, or name another with -o", path)
		}
		return nil, nil, err
	}
	return f, unlock, nil
}

// finish makes a result durable.
func (t *tool) finish(f vfs.File, path string, err error) error {
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = t.fs.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// smallWork is up to how many bytes no progress is shown.
const smallWork = 8 << 20

// watched is t.fs whose reads of the file move a progress bar, if standard error is a terminal and there is much to read. done
// takes the bar away. Who talks prints while it reads: where both would be on the screen there is no bar.
func (t *tool) watched(what, path string, talks bool) (fsys vfs.FS, done func()) {
	info, err := t.fs.Stat(path)
	if err != nil || info.Size < smallWork || !t.terminal(t.err) || talks && t.terminal(t.stdout) {
		return t.fs, func() {}
	}
	bar := newBar(t.err, what, info.Size)
	return countingFS{t.fs, bar}, func() { _ = bar.Finish() }
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func newBar(w io.Writer, what string, total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetRenderBlankState(true))
}

type countingFS struct {
	vfs.FS
	bar *progressbar.ProgressBar
}

func (c countingFS) Open(name string) (vfs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return countingFile{f, c.bar}, nil
}

type countingFile struct {
	vfs.File
	bar *progressbar.ProgressBar
}

func (c countingFile) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	_ = c.bar.Add(n)
	return n, err
}

func (c countingFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.File.ReadAt(p, off)
	_ = c.bar.Add(n)
	return n, err
}
