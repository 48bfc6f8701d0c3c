package zktool

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// snapshotVerify reads snapshots through and computes the digest of what is in them anew.
//
// A snapshot that was written while transactions went on holds parts of them: only with the log from its beginning to its
// end it is the tree that its digest belongs to. The log is looked for beside the snapshot, or where -log says.
func snapshotVerify(t *tool, c *command, args []string) error {
	fl := flags(c)
	logs := fl.String("log", "", "")
	paths, err := parse(fl, args, 1, 0)
	if err != nil {
		return err
	}
	list := func(dir string) ([]string, error) {
		names, err := t.fs.List(dir)
		var files []string
		for _, n := range names {
			if snapshot.IsName(n) {
				files = append(files, filepath.Join(dir, n))
			}
		}
		return files, err
	}
	return t.perPath(c, paths, list, func(path string) error { return t.verifySnapshot(path, *logs) })
}

// counted is a loader of a tree that counts.
type counted struct {
	to           *tree.Loader
	nodes, bytes int64
	check        func() error
}

// AddACL implements snapshot.Visitor.
func (c *counted) AddACL(id int64, acl []zkproto.ACL) { c.to.AddACL(id, acl) }

// AddNode implements snapshot.Visitor.
func (c *counted) AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error {
	if err := c.check(); err != nil {
		return err
	}
	c.nodes++
	c.bytes += int64(len(data))
	return c.to.AddNode(path, data, acl, st)
}

func (t *tool) verifySnapshot(path, logs string) error {
	fsys, done := t.watched("verifying", path, false)
	defer done()
	load := counted{to: tree.NewLoader(), check: t.check}
	info, err := snapshot.ReadFile(fsys, path, &load)
	if err != nil {
		return err
	}
	last := max(info.Zxid, 0)
	if info.Zxid < 0 && info.LastZxid != nil {
		last = *info.LastZxid
	}
	restored, err := load.to.Finish(last)
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", path, err)
	}
	digest, err := t.verifyDigest(path, logs, &info, restored)
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", path, err)
	}
	t.printf("%s: ok, %d znodes, %d bytes of data, %d sessions%s\n", path, load.nodes, load.bytes, len(info.Sessions), digest)
	return nil
}

// verifyDigest compares the digest in a snapshot with its content, and says in words what came out.
func (t *tool) verifyDigest(path, logs string, info *snapshot.Info, content *tree.Tree) (string, error) {
	d := info.Digest
	if d == nil || d.Zxid == 0 {
		return ", no digest", nil
	}
	says := fmt.Sprintf(", digest %d at zxid %s", d.Digest, d.Zxid)
	differs := func(got int64) error {
		return fmt.Errorf("its digest is %d at zxid %s, its content has %d: a bug, or damage that the checksum does not show", d.Digest, d.Zxid, got)
	}
	switch {
	case d.Version != tree.DigestVersion:
		return fmt.Sprintf("%s not compared (it is of version %d)", says, d.Version), nil
	case content.Digest() == d.Digest:
		return says + " matches", nil
	case d.Zxid < info.Zxid:
		return says + " not compared (it is older than the snapshot)", nil
	case d.Zxid == info.Zxid:
		return "", differs(content.Digest())
	case info.Zxid < 0:
		return says + " differs: right only if the snapshot was written while transactions went on; give it its name snapshot.ZXID to compare with the log", nil
	}
	if logs == "" {
		logs = filepath.Dir(path)
	}
	got, reached, err := t.replayTo(logs, info.Zxid, d.Zxid, content)
	switch {
	case err != nil:
		return "", err
	case !reached:
		return fmt.Sprintf("%s not compared (written while transactions went on: it needs the log from zxid %s on; -log DIR)", says, info.Zxid+1), nil
	case got != d.Digest:
		return "", differs(got)
	}
	return says + " matches, with the log", nil
}

// replayTo applies the log behind after up to a zxid, and tells the digest there and whether the log has all of it.
func (t *tool) replayTo(dir string, after, upTo zkproto.Zxid, to *tree.Tree) (digest int64, reached bool, err error) {
	if sub, serr := t.fs.Stat(versioned(dir)); serr == nil && sub.Dir {
		dir = versioned(dir)
	}
	segs, err := txnlog.Segments(t.fs, dir)
	if err != nil || len(segs) == 0 || segs[0].First > after+1 {
		return 0, false, nil //nolint:nilerr // there is no log to compare with
	}
	enough := errors.New("enough")
	last := after
	err = txnlog.Read(t.fs, dir, after, func(r txnlog.Record) error {
		if err := t.check(); err != nil {
			return err
		}
		if r.Zxid > upTo {
			return enough
		}
		h, txn, _, err := store.DecodeTxn(append([]byte(nil), r.Data...)) // the tree keeps parts of it
		if err != nil {
			return err
		}
		to.Apply(&h, txn, nil)
		last = r.Zxid
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return 0, false, err
	}
	return to.Digest(), last == upTo, nil
}
