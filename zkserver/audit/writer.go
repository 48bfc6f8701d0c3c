package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/vfs"
)

const (
	// MaxFileSize is how large a file may become before a new one begins: path is then renamed to path.1, that to path.2
	// and so on, as in the original's logback.xml.
	MaxFileSize = 10 << 20
	// MaxFiles is how many old files are kept.
	MaxFiles = 10
	// maxPending is how many bytes may wait for the disk. Lines beyond are lost, and counted.
	maxPending = 8 << 20
	// flushEvery is how long a line waits for others at most; from flushFrom bytes on they are written at once.
	flushEvery = 250 * time.Millisecond
	flushFrom  = 64 << 10
)

// Writer is the log's file. Log never waits for the disk: a goroutine writes. When the disk is full or fails, up to 8 MiB
// of lines are held and tried again; it is told in the server's log, and lines that were lost are counted.
type Writer struct {
	fs    vfs.FS
	path  string
	clock clock.Clock
	log   *zap.Logger
	limit int64 // MaxFileSize; less in tests

	mu      sync.Mutex
	buf     []byte // lines nobody has taken yet
	waiting int    // bytes in buf and in unwritten
	closed  bool

	lost      atomic.Int64
	urgent    chan struct{}
	flushes   chan chan struct{}
	quit      chan struct{}
	done      chan struct{}
	closeOnce sync.Once

	// Owned by the goroutine.
	file      vfs.File
	size      int64
	unwritten []byte // what the disk has not taken yet
	failing   bool
	lostTold  int64
}

// Open opens or begins the log at path, making its directory. The lines of older runs stay.
func Open(files vfs.FS, path string, c clock.Clock, log *zap.Logger) (*Writer, error) {
	w := &Writer{
		fs: files, path: path, clock: c, log: log, limit: MaxFileSize, urgent: make(chan struct{}, 1),
		flushes: make(chan chan struct{}), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if err := files.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("audit: the directory of %s: %w", path, err)
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	ticker := c.NewTicker(flushEvery)
	go w.run(ticker)
	return w, nil
}

// Log adds a line.
func (w *Writer) Log(e *Event, at time.Time) {
	w.mu.Lock()
	before := len(w.buf)
	if !w.closed {
		w.buf = e.AppendLine(w.buf, at)
	}
	added := len(w.buf) - before
	if added == 0 || w.waiting+added > maxPending {
		w.buf = w.buf[:before]
		w.lost.Add(1)
		w.mu.Unlock()
		return
	}
	w.waiting += added
	urgent := before < flushFrom && len(w.buf) >= flushFrom
	w.mu.Unlock()
	if urgent {
		select {
		case w.urgent <- struct{}{}:
		default:
		}
	}
}

// Lost is how many lines were lost because the disk did not take them.
func (w *Writer) Lost() int64 { return w.lost.Load() }

// Flush waits until what was logged before has been written, or could not be.
func (w *Writer) Flush() {
	written := make(chan struct{})
	select {
	case w.flushes <- written:
		<-written
	case <-w.done:
	}
}

// Close writes what waits, syncs and closes the file. It is idempotent.
func (w *Writer) Close() {
	w.closeOnce.Do(func() { close(w.quit) })
	<-w.done
}

func (w *Writer) run(ticker clock.Ticker) {
	defer close(w.done)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C():
			w.flush()
		case <-w.urgent:
			w.flush()
		case written := <-w.flushes:
			w.flush()
			close(written)
		case <-w.quit:
			w.end()
			return
		}
	}
}

// flush writes what waits, and tells when that begins or ceases to fail.
func (w *Writer) flush() {
	w.mu.Lock()
	if len(w.unwritten) == 0 {
		w.unwritten, w.buf = w.buf, w.unwritten
	} else {
		w.unwritten = append(w.unwritten, w.buf...)
		w.buf = w.buf[:0]
	}
	w.mu.Unlock()
	n, err := w.write(w.unwritten)
	w.unwritten = append(w.unwritten[:0], w.unwritten[n:]...)
	w.mu.Lock()
	w.waiting -= n
	w.mu.Unlock()
	lost := w.lost.Load()
	switch {
	case err != nil && !w.failing:
		w.failing = true
		w.log.Error("the audit log cannot be written; its lines are held, and lost when they become too many",
			zap.String("path", w.path), zap.Error(err))
	case err == nil && (w.failing || lost != w.lostTold):
		w.failing = false
		w.log.Warn("the audit log is written again", zap.String("path", w.path), zap.Int64("lostLines", lost-w.lostTold))
		w.lostTold = lost
	}
}

// end is the last flush.
func (w *Writer) end() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.flush()
	if lost := bytes.Count(w.unwritten, []byte{'\n'}); lost > 0 {
		w.lost.Add(int64(lost))
		w.log.Error("lines of the audit log are lost", zap.String("path", w.path), zap.Int64("lostLines", w.lost.Load()-w.lostTold))
	}
	if w.file == nil {
		return
	}
	if err := errors.Join(w.file.Sync(), w.file.Close()); err != nil {
		w.log.Error("closing the audit log", zap.String("path", w.path), zap.Error(err))
	}
}

// write writes whole lines, into a new file where one is full, and tells how many bytes it has written.
func (w *Writer) write(lines []byte) (n int, err error) {
	for len(lines) > 0 {
		if w.file == nil {
			if err = w.open(); err != nil {
				return n, err
			}
		}
		part := whole(lines, w.limit-w.size)
		if part == 0 && w.size > 0 {
			if err = w.rotate(); err != nil {
				return n, err
			}
			continue
		}
		if part == 0 { // a line larger than a file
			part = bytes.IndexByte(lines, '\n') + 1
		}
		// Always at the end: others may cut the file (copytruncate) or, with the same auditlog.file, add to it.
		if size, err := w.file.Size(); err == nil {
			w.size = size
		}
		if _, err = w.file.WriteAt(lines[:part], w.size); err != nil {
			_ = w.file.Truncate(w.size) // the next try begins with a whole line
			return n, err
		}
		w.size += int64(part)
		n += part
		lines = lines[part:]
	}
	return n, nil
}

// whole is the length of the whole lines at the start of lines that need no more than room.
func whole(lines []byte, room int64) int {
	return bytes.LastIndexByte(lines[:min(int64(len(lines)), max(0, room))], '\n') + 1
}

func (w *Writer) open() error {
	f, err := w.fs.OpenReadWrite(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = w.fs.Create(w.path)
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	size, err := endOfLines(f)
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("audit: %s: %w", w.path, err)
	}
	w.file, w.size = f, size
	return nil
}

// endOfLines is the size of a file whose last line is whole: one that a crash has cut off is ended.
func endOfLines(f vfs.File) (int64, error) {
	size, err := f.Size()
	if err != nil || size == 0 {
		return 0, err
	}
	last := []byte{0}
	if _, err = f.ReadAt(last, size-1); err != nil || last[0] == '\n' {
		return size, err
	}
	_, err = f.WriteAt([]byte{'\n'}, size)
	return size + 1, err
}

// rotate gives the files their next numbers, up to the first number that is free; the next write begins a new file.
func (w *Writer) rotate() error {
	_ = w.file.Close()
	w.file = nil
	free := 1
	for ; free < MaxFiles; free++ {
		if _, err := w.fs.Stat(w.numbered(free)); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for i := free; i >= 1; i-- {
		if err := w.fs.Rename(w.numbered(i-1), w.numbered(i)); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	return nil
}

func (w *Writer) numbered(i int) string {
	if i == 0 {
		return w.path
	}
	return w.path + "." + strconv.Itoa(i)
}
