package prep

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// history draws a log: transactions as they came about, refused ones among them.
func history(t *rapid.T) []prepared {
	e := newEnv(Config{})
	var log []prepared
	t.Repeat(map[string]func(*rapid.T){
		"one": func(t *rapid.T) {
			o := drawOp(t, false)
			_, _ = e.prepare(rapid.SampledFrom([]zkproto.SessionID{alice, bob}).Draw(t, "session"), o.op, o.body())
		},
		"multi": func(t *rapid.T) {
			parts := make([]zkproto.MultiOp, rapid.IntRange(1, 3).Draw(t, "parts"))
			for i := range parts {
				parts[i] = drawOp(t, true).part()
			}
			_, _ = e.prepare(alice, zkproto.OpMulti, multi(parts...))
		},
		"close": func(t *rapid.T) {
			s := rapid.SampledFrom([]zkproto.SessionID{alice, bob}).Draw(t, "session")
			_, _ = e.prepare(s, zkproto.OpCloseSession, nil)
			e.session.Remove(s)
			e.session.Add(s, 1000, 0)
		},
		"": func(t *rapid.T) {
			log = append(log, e.wait...)
			e.flush()
		},
	})
	return log
}

func apply(t *tree.Tree, log []prepared) {
	for _, w := range log {
		t.Apply(&w.h, w.txn, nil)
		t.Verify(w.digest)
	}
}

// dump is everything a tree holds, in one string per znode.
func dump(t *tree.Tree) []string {
	var lines []string
	acls := t.ACLCache()
	w := t.Walk()
	used := map[int64]bool{}
	for more := true; more; {
		more = w.Next(3, func(path string, data []byte, acl int64, st zkproto.StatPersisted) {
			names, stat, list, _ := t.Children(path)
			slices.Sort(names)
			used[acl] = true
			if acl != -1 && !slices.Equal(acls[acl], list) {
				lines = append(lines, fmt.Sprintf("%s has acl %d that is not in the table", path, acl))
			}
			lines = append(lines, fmt.Sprintf("%s %q %v %+v %+v %v", path, data, list, st, stat, names))
		})
	}
	slices.Sort(lines)
	for id := range acls {
		if !used[id] {
			lines = append(lines, fmt.Sprintf("acl %d is in the table but nobody's", id))
		}
	}
	for _, s := range t.EphemeralOwners() {
		lines = append(lines, fmt.Sprintf("%v owns %v", s, t.Ephemerals(s)))
	}
	return append(lines, fmt.Sprint(t.NodeCount(), t.EphemeralCount(), t.DataSize(), t.LastZxid(), t.UnknownACLs(), t.Digest()))
}

func mustEqual(t *rapid.T, what string, want, got []string) {
	if slices.Equal(want, got) {
		return
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			t.Errorf("%s: missing %s", what, l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			t.Errorf("%s: has %s", what, l)
		}
	}
	t.FailNow()
}

// TestFuzzySnapshotAndReplay takes a snapshot while the tree changes, loads it, and replays the log from where the
// snapshot began: the result is the tree that never went down, its ACL table and digest included (ZOOKEEPER-3144, 3145,
// 3249, 3306, 4846).
func TestFuzzySnapshotAndReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := history(t)
		whole := tree.New()
		apply(whole, log)
		want := dump(whole)

		live := tree.New()
		start := rapid.IntRange(0, len(log)).Draw(t, "start")
		apply(live, log[:start])
		l := tree.NewLoader()
		for id, acl := range live.ACLCache() {
			l.AddACL(id, acl)
		}
		w := live.Walk()
		at := start
		for more := true; more; {
			more = w.Next(rapid.IntRange(1, 3).Draw(t, "chunk"), func(path string, data []byte, acl int64, st zkproto.StatPersisted) {
				if err := l.AddNode(path, data, acl, st); err != nil {
					t.Fatal(err)
				}
			})
			next := min(len(log), at+rapid.IntRange(0, 4).Draw(t, "meanwhile"))
			apply(live, log[at:next])
			at = next
		}
		var last zkproto.Zxid
		if start > 0 {
			last = log[start-1].h.Zxid
		}
		loaded, err := l.Finish(last)
		if err != nil {
			t.Fatal(err)
		}
		loaded.Expect(live.LastDigest())
		apply(loaded, log[start:])
		mustEqual(t, "replayed onto the snapshot", want, dump(loaded))
		if whole.DigestMismatches()+loaded.DigestMismatches() > 0 {
			t.Fatal("digests did not match")
		}
	})
}

// TestReplayOntoItself: a log applied once more from any point changes nothing.
func TestReplayOntoItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := history(t)
		x := tree.New()
		apply(x, log)
		want := dump(x)
		apply(x, log[rapid.IntRange(0, len(log)).Draw(t, "from"):])
		mustEqual(t, "replayed onto itself", want, dump(x))
	})
}

// TestSnapshotOfAQuietTree: written and loaded, it is the same tree.
func TestSnapshotOfAQuietTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := tree.New()
		apply(x, history(t))
		l := tree.NewLoader()
		for id, acl := range x.ACLCache() {
			l.AddACL(id, acl)
		}
		for w, more := x.Walk(), true; more; {
			more = w.Next(2, func(path string, data []byte, acl int64, st zkproto.StatPersisted) {
				if err := l.AddNode(path, data, acl, st); err != nil {
					t.Fatal(err)
				}
			})
		}
		y, err := l.Finish(x.LastZxid())
		if err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "loaded", dump(x), dump(y))
	})
}
