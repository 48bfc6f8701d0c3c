package zktool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// source is a tree as a snapshot's source, with a digest of the test's choice.
type source struct {
	*tree.Tree
	walk   *tree.Walk
	digest snapshot.Digest
}

func (s *source) Sessions() map[zkproto.SessionID]int32   { return nil }
func (s *source) ACLs() map[int64][]zkproto.ACL           { return s.ACLCache() }
func (s *source) ACL(id int64) []zkproto.ACL              { return s.ACLByID(id) }
func (s *source) Next(most int, f snapshot.NodeFunc) bool { return s.walk.Next(most, f) }
func (s *source) Digest() (snapshot.Digest, bool)         { return s.digest, true }

// treeAt is what the recorded log makes up to a zxid.
func treeAt(t *testing.T, upTo zkproto.Zxid) *tree.Tree {
	t.Helper()
	dir := t.TempDir()
	copyFile(t, goldenLog, dir, "log.1")
	tr := tree.New()
	enough := errors.New("enough")
	err := txnlog.Read(vfs.OS(), dir, 0, func(r txnlog.Record) error {
		if r.Zxid > upTo {
			return enough
		}
		h, txn, _, err := store.DecodeTxn(append([]byte(nil), r.Data...))
		require.NoError(t, err)
		tr.Apply(&h, txn, nil)
		return nil
	})
	require.ErrorIs(t, err, enough)
	return tr
}

func TestVerifyComputesTheDigestAnew(t *testing.T) {
	const begin, end = 5, 12
	content := treeAt(t, end)
	right := snapshot.Digest{Zxid: end, Version: tree.DigestVersion, Digest: content.Digest()}
	wrong, old, newer := right, right, right
	wrong.Digest++
	old.Zxid = 3
	old.Digest++
	newer.Version, newer.Digest = 3, 1
	for _, c := range []struct {
		name    string
		content *tree.Tree
		zxid    zkproto.Zxid // in the name
		digest  snapshot.Digest
		log     bool
		code    int
		want    string
	}{
		{"exact", content, end, right, false, 0, " at zxid 0xc matches\n"},
		{"exact, damaged", content, end, wrong, false, 1, " at zxid 0xc, its content has "},
		{"fuzzy", treeAt(t, 9), begin, right, true, 0, " at zxid 0xc matches, with the log\n"},
		{"fuzzy, damaged", treeAt(t, 9), begin, wrong, true, 1, " at zxid 0xc, its content has "},
		{"fuzzy, without a log", treeAt(t, 9), begin, right, false, 0, " not compared (written while transactions went on: it needs the log from zxid 0x6 on; -log DIR)"},
		{"older digest", content, end, old, true, 0, " not compared (it is older than the snapshot)"},
		{"another version", content, end, newer, true, 0, " not compared (it is of version 3)"},
		{"none", content, end, snapshot.Digest{Version: tree.DigestVersion}, true, 0, ", no digest\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, logs := t.TempDir(), t.TempDir()
			written, err := snapshot.WriteWith(vfs.OS(), dir, c.zxid, &source{c.content, c.content.Walk(), c.digest}, snapshot.WriteOptions{})
			require.NoError(t, err)
			args := []string{"snapshot", "verify", written.Path}
			if c.log {
				copyFile(t, goldenLog, logs, "log.1")
				args = append(args, "-log", logs)
			}
			code, out, stderr := zktool(t, "", args...)
			require.Equal(t, c.code, code, stderr)
			require.Contains(t, out+stderr, c.want)
			if c.name == "fuzzy" { // the log beside it is found, too
				copyFile(t, goldenLog, dir, "log.1")
				_, out, _ = zktool(t, "", args[:3]...)
				require.Contains(t, out, c.want)
				// of another name it cannot be told what it holds
				require.NoError(t, os.Rename(written.Path, filepath.Join(dir, "copy")))
				code, out, _ = zktool(t, "", "snapshot", "verify", filepath.Join(dir, "copy"))
				require.Zero(t, code)
				require.Contains(t, out, "differs: right only if")
			}
		})
	}
}

// The ids are those that the original's class prints.
func TestDigestOfPasswords(t *testing.T) {
	code, out, _ := zktool(t, "", "digest", "super:admin", "user:pass")
	require.Zero(t, code)
	require.Equal(t, "super:admin->super:xQJmxLMiHGwaqBvst5y6rkB6HQs=\nuser:pass->user:smGaoVKd/cQkjm7b88GyorAUz20=\n", out)
	_, out, _ = zktool(t, "", "DigestAuthenticationProvider", "-a", "SHA-256", "super:x")
	require.Equal(t, "super:x->super:1u81lalRcGTrPhAU2peNL/tIAt6kFmJ+nR4xnqch9V8=\n", out)
	for _, args := range [][]string{{"digest"}, {"digest", "nopassword"}, {"digest", "-a", "CRC", "a:b"}} {
		code, _, stderr := zktool(t, "", args...)
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "usage: zktool digest")
	}
}
