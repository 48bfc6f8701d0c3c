package txnlog

import (
	"errors"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// ErrStop, answered by the function given to Replay or Read, ends the reading without an error.
var ErrStop = errors.New("stop")

// Result is what a Replay found.
type Result struct {
	// LastZxid is the zxid of the last record in the log, or the from given to Replay if that is larger.
	LastZxid zkproto.Zxid
	// Records is how many were handed out.
	Records int
	// TornTail is what was cut off the newest segment, nil if nothing was. Log it as a warning.
	TornTail *TornTail
}

// TornTail says what was cut.
type TornTail struct {
	File   string // path of the segment
	Offset int64  // where the first byte cut was
	Bytes  int64  // how many bytes up to the end of the file, or to the zeros at its end
	Reason string // what was wrong there
	// Removed tells that the segment held no record at all and was removed.
	Removed bool
}

// CorruptError is damage that must not be repaired by guessing. Nothing was changed on disk.
type CorruptError struct {
	File   string // path of the segment
	Offset int64  // of the record that is bad or out of order
	Reason string // what is wrong with it
	Remedy string // what an operator can do
}

func (e *CorruptError) Error() string { return "" }

// Replay reads the records after from (exclusive), oldest first, and hands each to fn; Data is only valid during the
// call. It cuts a torn tail, so it must run before the first Append and not beside a Log. An error of fn ends it and is
// answered as it is, except ErrStop (then nothing is cut, LastZxid is the last record handed out, and the error is nil).
func Replay(fs vfs.FS, dir string, from zkproto.Zxid, fn func(Record) error) (Result, error) {
	return Result{}, nil
}

// Read is Replay without repair: it changes nothing, ends at a torn tail, and may run beside a Log that appends (then it
// sees at least what was synced when it began). For reading back proposals.
func Read(fs vfs.FS, dir string, from zkproto.Zxid, fn func(Record) error) error { return nil }

// FirstZxid is the zxid that the oldest segment begins with, by its name; ok is false when there is no segment.
func FirstZxid(fs vfs.FS, dir string) (zxid zkproto.Zxid, ok bool, err error) { return 0, false, nil }
