package zktool

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// printTxn prints one record, with prefix and a dash before it if there is one.
func (t *tool) printTxn(f string, e *txnlog.Entry, prefix string, digest bool) error {
	text, err := txnText(e.Body, digest)
	if err != nil {
		return fmt.Errorf("%s: at offset %d: %w", f, e.Offset, err)
	}
	if prefix != "" {
		text = prefix + " - " + text
	}
	t.printf("%s\n", text)
	return nil
}

func (t *tool) logHeader(f *txnlog.File) {
	t.printf("ZooKeeper Transactional Log File with dbid %d txnlog format version 2\n", f.DBID())
}

func logDump(t *tool, c *command, args []string) error {
	fl := flags(c)
	verbose := fl.Bool("v", false, "")
	files, err := parse(fl, args, 1, 0)
	if err != nil {
		return err
	}
	for _, path := range files {
		if err := t.dumpLog(path, *verbose); err != nil {
			return err
		}
	}
	return nil
}

// dumpLog prints every record of a log. One whose checksum is wrong is printed as such, and then as it is. verbose adds
// what the original leaves out: offset and digest.
func (t *tool) dumpLog(path string, verbose bool) error {
	fsys, done := t.watched("reading", path, true)
	defer done()
	f, err := txnlog.OpenFile(fsys, path)
	if err != nil {
		return err
	}
	defer f.Close()
	t.logHeader(f)
	damaged := 0
	for count := 0; ; count++ {
		if err := t.check(); err != nil {
			return err
		}
		e, err := f.Next()
		var torn *txnlog.FormatError
		if errors.Is(err, io.EOF) || errors.As(err, &torn) {
			t.printf("EOF reached after %d txns.\n", count)
			if torn == nil && damaged > 0 {
				return fmt.Errorf("%s: %d transactions with a wrong checksum", path, damaged)
			}
			if torn != nil {
				return torn
			}
			return nil
		}
		if err != nil {
			return err
		}
		if !e.OK() {
			damaged++
			if err := t.printTxn(path, e, "CRC ERROR", verbose); err != nil {
				fmt.Fprintf(t.err, "%v\n", err) // damaged so that it cannot be read as a transaction: go on behind it
				continue
			}
		}
		prefix := ""
		if verbose {
			prefix = fmt.Sprintf("offset %d", e.Offset)
		}
		if err := t.printTxn(path, e, prefix, verbose); err != nil {
			return err
		}
	}
}

// logRepair writes a copy of a log in which the checksums are right.
func logRepair(t *tool, c *command, args []string) error {
	fl := flags(c)
	yes, verbose, out := fl.Bool("y", false, ""), fl.Bool("v", false, ""), fl.String("o", "", "")
	files, err := parse(fl, args, 1, 1)
	if err != nil {
		return err
	}
	if *out == "" {
		*out = files[0] + ".fixed"
	}
	return t.repair(files[0], *out, *yes, *verbose)
}

func (t *tool) repair(path, out string, yes, verbose bool) error {
	fsys, done := t.watched("repairing", path, !yes || verbose)
	defer done()
	f, err := txnlog.OpenFile(fsys, path)
	if err != nil {
		return err
	}
	defer f.Close()
	to, unlock, err := t.create(out)
	if err != nil {
		return err
	}
	defer unlock.Close()
	w := newSink(to)
	_, _ = w.Write(txnlog.AppendHeader(nil)) // an error stays in w
	t.logHeader(f)
	fixed, err := t.copyFixed(f, path, w, yes, verbose)
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	var torn *txnlog.FormatError
	if errors.As(err, &torn) { // all before it is in the copy
		fmt.Fprintf(t.err, "zktool log repair: %v: the copy ends before it\n", torn)
		err = nil
	}
	if err = t.finish(to, out, err); err != nil {
		_ = t.fs.Remove(out) // half a copy helps nobody; the reason is answered
		return err
	}
	t.printf("Recovery file %s has been written with %d fixed CRC error(s)\n", out, fixed)
	return nil
}

// copyFixed copies records to w and mends their checksums, each time after asking unless yes.
func (t *tool) copyFixed(f *txnlog.File, path string, w io.Writer, yes, verbose bool) (fixed int, err error) {
	for count := 0; ; count++ {
		if err := t.check(); err != nil {
			return fixed, err
		}
		e, err := f.Next()
		var torn *txnlog.FormatError
		if errors.Is(err, io.EOF) || errors.As(err, &torn) {
			t.printf("EOF reached after %d txns.\n", count)
			if torn != nil {
				return fixed, torn
			}
			return fixed, nil
		}
		if err != nil {
			return fixed, err
		}
		sum := &e.Checksum
		if !e.OK() {
			fix, err := t.wantFix(path, e, yes)
			if err != nil {
				return fixed, err
			}
			if fix {
				sum = &e.Computed
				fixed++
			}
		}
		if verbose {
			if err := t.printTxn(path, e, "", false); err != nil {
				return fixed, err
			}
		}
		if _, err := w.Write(txnlog.AppendRecord(nil, e.Body, sum)); err != nil {
			return fixed, err
		}
	}
}

// wantFix shows a record whose checksum is wrong and tells whether it is to be mended.
func (t *tool) wantFix(path string, e *txnlog.Entry, yes bool) (bool, error) {
	prefix := "CRC ERROR"
	if yes {
		prefix = "CRC FIXED"
	}
	if err := t.printTxn(path, e, prefix, false); err != nil {
		return false, fmt.Errorf("%w: a right checksum would not mend it: use log chop to keep what is before it", err)
	}
	if yes {
		return true, nil
	}
	for {
		t.printf("Would you like to fix it (Yes/No/Abort) ? ")
		if err := t.out.Flush(); err != nil {
			return false, err
		}
		answer, err := t.in.ReadString('\n')
		switch strings.ToUpper(strings.TrimSpace(answer) + " ")[0] {
		case 'Y':
			return true, nil
		case 'N':
			return false, nil
		case 'A':
			return false, errors.New("recovery aborted")
		}
		if err != nil {
			return false, errors.New("no answer: recovery aborted (with -y nothing is asked)")
		}
	}
}

// logChop writes a copy of a log that ends with a zxid.
func logChop(t *tool, c *command, args []string) error {
	fl := flags(c)
	out := fl.String("o", "", "")
	rest, err := parse(fl, args, 2, 2)
	if err != nil {
		return err
	}
	zxid, err := strconv.ParseInt(rest[1], 0, 64)
	if err != nil || zxid < 0 {
		return usagef("zxid %s: must be a number, as 0x1a or 26", rest[1])
	}
	if *out == "" {
		*out = fmt.Sprintf("%s.chopped%d", rest[0], zxid)
	}
	return t.chop(rest[0], *out, zkproto.Zxid(zxid))
}

func (t *tool) chop(path, out string, zxid zkproto.Zxid) error {
	fsys, done := t.watched("chopping", path, false)
	defer done()
	f, err := txnlog.OpenFile(fsys, path)
	if err != nil {
		return err
	}
	defer f.Close()
	to, unlock, err := t.create(out)
	if err != nil {
		return err
	}
	defer unlock.Close()
	w := newSink(to)
	_, _ = w.Write(txnlog.AppendHeader(nil)) // an error stays in w
	t.logHeader(f)
	err = t.copyUpTo(f, path, w, zxid)
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	if err = t.finish(to, out, err); err != nil {
		_ = t.fs.Remove(out) // no half copies; the reason is answered
		return err
	}
	return nil
}

// copyUpTo copies the records up to and with zxid. It is an error if there is none behind it: nothing to chop.
func (t *tool) copyUpTo(f *txnlog.File, path string, w io.Writer, zxid zkproto.Zxid) error {
	var prev zkproto.Zxid
	seen := false
	for count := 0; ; count++ {
		if err := t.check(); err != nil {
			return err
		}
		e, err := f.Next()
		if errors.Is(err, io.EOF) {
			t.printf("EOF reached after %d txns.\n", count)
			return fmt.Errorf("%s ends with zxid 0x%x: nothing to chop", path, uint64(prev))
		}
		if err != nil {
			return err
		}
		z := e.Zxid()
		if !e.OK() && z <= zxid {
			return fmt.Errorf("%s: at offset %d: checksum is 0x%x, computed 0x%x: repair it first", path, e.Offset, e.Checksum, e.Computed)
		}
		if count > 0 && z != prev+1 {
			switch {
			case z.Epoch() == prev.Epoch():
				t.printf("There is intra-epoch gap between %x and %x\n", uint64(prev), uint64(z))
			case z.Counter() != 1:
				t.printf("There is inter-epoch gap between %x and %x\n", uint64(prev), uint64(z))
			}
		}
		prev = z
		if z > zxid {
			if !seen {
				return fmt.Errorf("%s: this log does not contain zxid %x", path, uint64(zxid))
			}
			t.printf("Chopping at %x new log has %d records\n", uint64(zxid), count)
			return nil
		}
		seen = seen || z == zxid
		if _, err := w.Write(txnlog.AppendRecord(nil, e.Body, nil)); err != nil {
			return err
		}
	}
}
