package snapshot

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Visitor takes a snapshot's content in the order of the file.
type Visitor interface {
	AddACL(id int64, acls []zkproto.ACL)
	// AddNode takes a znode. If it comes from ReadStream, neither path nor data may be kept: the next is read to the same place.
	AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error
}

// Info is what a snapshot file says besides its znodes.
type Info struct {
	Zxid     zkproto.Zxid // by its name; -1 for a file of another name
	Sessions map[zkproto.SessionID]int32
	Digest   *Digest       // nil before 3.6
	LastZxid *zkproto.Zxid // nil before 3.9
}

// ReadFile reads one snapshot file through, for the offline tools. A name ending in .gz or .snappy says that it is
// packed. Errors name the file and the byte (of the unpacked content) where it went wrong.
func ReadFile(fs vfs.FS, path string, to Visitor) (Info, error) {
	f, ok := parseName(filepath.Dir(path), filepath.Base(path))
	if !ok {
		f = file{zxid: -1}
		for _, c := range []compression{gzip, snappy} {
			if strings.HasSuffix(path, string(c)) {
				f.comp = c
			}
		}
	}
	f.path = path
	h, r, err := open(fs, f)
	if err != nil {
		return Info{}, fmt.Errorf("snapshot %s: %w", path, err)
	}
	defer func() { _ = h.Close() }() // opened for reading
	sessions, t, err := decode(r, to)
	if err != nil {
		return Info{}, fmt.Errorf("snapshot %s: %w", path, err)
	}
	return Info{Zxid: f.zxid, Sessions: sessions, Digest: t.digest, LastZxid: t.last}, nil
}

// IsName tells whether a file of that name is taken for a snapshot.
func IsName(name string) bool {
	_, ok := parseName("", name)
	return ok
}

// ParseName is the zxid in the name of a snapshot file, packed or not; ok is false for the name of anything else.
func ParseName(name string) (zxid zkproto.Zxid, ok bool) {
	f, ok := parseName("", name)
	return f.zxid, ok
}
