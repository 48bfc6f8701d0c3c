package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// The names of the epoch files; a new one is written under the name with the suffix, as by the original.
const (
	acceptedFile = "acceptedEpoch"
	currentFile  = "currentEpoch"
	newSuffix    = ".tmp"
)

// LoadEpochs reads the epoch files of a server whose history ends at last. A file that is missing stands for the epoch of
// last, as in the original: the directory was a standalone server's, or is new.
func LoadEpochs(fsys vfs.FS, dir string, last zkproto.Zxid) (zab.HardState, error) {
	var h zab.HardState
	current, haveCurrent, err := readEpoch(fsys, dir, currentFile)
	if err != nil {
		return h, err
	}
	accepted, haveAccepted, err := readEpoch(fsys, dir, acceptedFile)
	if err != nil {
		return h, err
	}
	if !haveCurrent {
		current = last.Epoch()
	}
	if !haveAccepted {
		accepted = max(last.Epoch(), current)
	}
	h = zab.HardState{AcceptedEpoch: accepted, CurrentEpoch: current}
	switch {
	case accepted < current:
		return h, fmt.Errorf("store: %s says %d and %s says %d, which is higher: the files in %s do not belong together; in an "+
			"ensemble, move this server's version-2 directories away so that it copies the data from the leader", acceptedFile, accepted,
			currentFile, current, dir)
	case accepted < last.Epoch():
		return h, fmt.Errorf("store: %s says %d and the log ends at zxid %s, of a later epoch: the files in %s are older than the log "+
			"(was the directory used by a standalone server meanwhile?); in an ensemble, move this server's version-2 directories away so "+
			"that it copies the data from the leader, or remove %s and %s if this server alone has the data to keep", acceptedFile, accepted,
			last, dir, acceptedFile, currentFile)
	}
	return h, nil
}

// readEpoch reads one file; ok is false when there is none.
func readEpoch(fsys vfs.FS, dir, name string) (epoch uint32, ok bool, err error) {
	path := filepath.Join(dir, name)
	text, err := readFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("store: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	n, err := strconv.ParseUint(strings.TrimSpace(line), 10, 31)
	if err != nil {
		return 0, false, fmt.Errorf("store: %s holds %.40q, which is no epoch: restore the file from a backup; in an ensemble, move this "+
			"server's version-2 directories away so that it copies the data from the leader", path, text)
	}
	return uint32(n), true, nil
}

// SaveEpochs makes the epochs durable that changed, acceptedEpoch first.
func SaveEpochs(fsys vfs.FS, dir string, h zab.HardState, accepted, current bool) error {
	if accepted {
		if err := writeFile(fsys, filepath.Join(dir, acceptedFile), epochText(h.AcceptedEpoch)); err != nil {
			return err
		}
	}
	if current {
		return writeFile(fsys, filepath.Join(dir, currentFile), epochText(h.CurrentEpoch))
	}
	return nil
}

func epochText(epoch uint32) []byte { return strconv.AppendUint(nil, uint64(epoch), 10) }

// maxSmall bounds what readFile reads.
const maxSmall = 1 << 20

// readFile reads a small file.
func readFile(fsys vfs.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	return io.ReadAll(io.LimitReader(f, maxSmall))
}

// writeFile puts a small file in place of the one of that name, durably: after a crash there is the old one or the new one.
func writeFile(fsys vfs.FS, path string, text []byte) error {
	tmp := path + newSuffix
	if err := fsys.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	f, err := fsys.Create(tmp)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fsys.Rename(tmp, path)
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("store: writing %s: %w", path, err)
	}
	return nil
}

// WriteFile is how small files of a server are replaced: durably, with the old content or the new one after a crash. The
// dynamic configuration is written so.
func WriteFile(fsys vfs.FS, path string, text []byte) error { return writeFile(fsys, path, text) }
