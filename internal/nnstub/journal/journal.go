package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// ErrFenced is wrapped by the error of a writer, or a taker, whose epoch has been overtaken.
var ErrFenced = errors.New("fenced: a later epoch has begun")

// Journal is one process's view of the directory: how far it has applied the edits. It is not safe for concurrent use.
type Journal struct {
	dir string
	log *zap.Logger
	pos position
	buf []byte

	hook func(step string) // tests: called between the steps of the protocol
}

// position is how far edits have been applied: up to offset of the segment of epoch, whose last edit was txid.
type position struct {
	epoch  uint64
	offset int64
	txid   uint64
}

// Open returns the journal in an existing, writable directory. Nothing has been applied: call Poll.
func Open(dir string, log *zap.Logger) (*Journal, error) {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("journal directory %s does not exist: create it (mkdir -p) where both nodes can reach it", dir)
	case err != nil:
		return nil, fmt.Errorf("journal directory: %w", err)
	case !st.IsDir():
		return nil, fmt.Errorf("journal directory %s is not a directory", dir)
	}
	probe, err := os.CreateTemp(dir, "tmp-probe-*")
	if err != nil {
		return nil, fmt.Errorf("journal directory %s is not writable: %w", dir, err)
	}
	_ = probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return nil, fmt.Errorf("journal directory %s: %w", dir, err)
	}
	return &Journal{dir: dir, log: log, hook: func(string) {}}, nil
}

// Txid is the last edit applied.
func (j *Journal) Txid() uint64 { return j.pos.txid }

// Epoch is the epoch of the segment of the last edit applied.
func (j *Journal) Epoch() uint64 { return j.pos.epoch }

func (j *Journal) epochFile(n uint64) string {
	return filepath.Join(j.dir, fmt.Sprintf("epoch-%d", n))
}

func (j *Journal) segmentFile(n uint64) string {
	return filepath.Join(j.dir, fmt.Sprintf("edits-%d", n))
}

// taken tells whether epoch n has begun.
func (j *Journal) taken(n uint64) (bool, error) {
	_, err := os.Lstat(j.epochFile(n))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, fmt.Errorf("journal: %w", err)
	}
}

// newest finds the newest segment and the newest epoch taken; 0 for none.
func (j *Journal) newest() (segment, epoch uint64, err error) {
	d, err := os.Open(j.dir)
	if err != nil {
		return 0, 0, fmt.Errorf("journal: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return 0, 0, fmt.Errorf("journal: %w", err)
	}
	for _, name := range names {
		if n, ok := number(name, "edits-"); ok {
			segment = max(segment, n)
			epoch = max(epoch, n)
		} else if n, ok := number(name, "epoch-"); ok {
			epoch = max(epoch, n)
		}
	}
	return segment, epoch, nil
}

func number(name, prefix string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == digits
}
