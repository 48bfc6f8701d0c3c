package zktool

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// newSink buffers the writing of a result.
func newSink(f vfs.File) *bufio.Writer { return bufio.NewWriterSize(f, 1<<20) }

// perPath runs check for each path; for a directory, of each of its files that match, or of those in version-2. What is
// wrong is printed for each, and the last answer says how much was.
func (t *tool) perPath(c *command, paths []string, list func(dir string) ([]string, error), check func(path string) error) error {
	bad := 0
	one := func(err error) {
		if err != nil {
			fmt.Fprintf(t.err, "zktool %s: %v\n", c.name, err)
			bad++
		}
	}
	for _, p := range paths {
		info, err := t.fs.Stat(p)
		if err != nil || !info.Dir {
			if err == nil {
				err = check(p)
			}
			one(err)
			continue
		}
		files, err := list(p)
		if err == nil && len(files) == 0 {
			if sub, serr := t.fs.Stat(versioned(p)); serr == nil && sub.Dir {
				files, err = list(versioned(p))
			}
		}
		if err == nil && len(files) == 0 {
			err = fmt.Errorf("%s: no such files in it, nor in %s", p, versioned(p))
		}
		one(err)
		for _, f := range files {
			if err := t.check(); err != nil {
				return err
			}
			one(check(f))
		}
	}
	if bad > 0 {
		return errReported
	}
	return nil
}

// logVerify checks logs record by record. For a directory it also checks that nothing is missing between its files, as a
// server does when it starts.
func logVerify(t *tool, c *command, args []string) error {
	paths, err := parse(flags(c), args, 1, 0)
	if err != nil {
		return err
	}
	list := func(dir string) ([]string, error) {
		segs, err := txnlog.Segments(t.fs, dir)
		if err != nil || len(segs) == 0 {
			return nil, err
		}
		var files []string
		for _, s := range segs {
			files = append(files, s.Path)
		}
		return files, txnlog.Read(t.fs, dir, segs[0].First-1, func(txnlog.Record) error { return t.check() })
	}
	return t.perPath(c, paths, list, t.verifyLog)
}

func (t *tool) verifyLog(path string) error {
	fsys, done := t.watched("verifying", path, false)
	defer done()
	f, err := txnlog.OpenFile(fsys, path)
	if err != nil {
		return err
	}
	defer f.Close()
	var first, last zkproto.Zxid
	for count := 0; ; count++ {
		e, err := f.Next()
		if errors.Is(err, io.EOF) {
			t.printf("%s: ok, %d txns, zxid 0x%x to 0x%x, %d bytes\n", path, count, uint64(first), uint64(last), f.Offset())
			return nil
		}
		if err != nil {
			return err
		}
		if !e.OK() {
			return fmt.Errorf("%s: at offset %d: checksum is 0x%x, computed 0x%x (%d good txns before it, the last with zxid 0x%x)",
				path, e.Offset, e.Checksum, e.Computed, count, uint64(last))
		}
		if _, err := txnText(e.Body, true); err != nil {
			return fmt.Errorf("%s: at offset %d: %w", path, e.Offset, err)
		}
		z := e.Zxid()
		if count == 0 {
			first = z
		} else if z <= last {
			return fmt.Errorf("%s: at offset %d: zxid 0x%x follows zxid 0x%x", path, e.Offset, uint64(z), uint64(last))
		}
		last = z
	}
}
