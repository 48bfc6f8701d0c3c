package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// tmpPrefix begins the name under which a snapshot is written. It is no name that the original takes for a snapshot,
// as snapshot.5.tmp would be.
const tmpPrefix = "tmp.snapshot."

// compression is how a file is packed, by the end of its name.
type compression string

const (
	plain  compression = ""
	gzip   compression = ".gz"
	snappy compression = ".snappy"
)

// Name is the file name of the snapshot at zxid.
func Name(zxid zkproto.Zxid) string { return fmt.Sprintf("snapshot.%x", uint64(zxid)) }

// file is a snapshot in a directory.
type file struct {
	path string
	zxid zkproto.Zxid
	comp compression
}

func parseName(dir, name string) (file, bool) {
	hex, ok := strings.CutPrefix(name, "snapshot.")
	if !ok {
		return file{}, false
	}
	f := file{path: filepath.Join(dir, name)}
	for _, c := range []compression{gzip, snappy} {
		if h, ok := strings.CutSuffix(hex, string(c)); ok {
			hex, f.comp = h, c
		}
	}
	z, err := strconv.ParseInt(hex, 16, 64)
	if err != nil || z < 0 || hex[0] == '+' || hex[0] == '-' {
		return file{}, false
	}
	f.zxid = zkproto.Zxid(z)
	return f, true
}

// list answers the snapshots of a directory, newest first. A missing directory has none.
func list(fsys vfs.FS, dir string) ([]file, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot: list %s: %w", dir, err)
	}
	var files []file
	for _, name := range names {
		if f, ok := parseName(dir, name); ok {
			files = append(files, f)
		}
	}
	slices.SortStableFunc(files, func(a, b file) int { return int(max(-1, min(1, b.zxid-a.zxid))) })
	return files, nil
}
