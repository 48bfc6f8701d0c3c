package watch

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

func ev(typ zkproto.EventType, path string) tree.Event { return tree.Event{Type: typ, Path: path} }

const (
	created  = zkproto.EventNodeCreated
	deleted  = zkproto.EventNodeDeleted
	changed  = zkproto.EventNodeDataChanged
	children = zkproto.EventNodeChildrenChanged
)

func TestOneShot(t *testing.T) {
	m := New[int]()
	require.True(t, m.Add("/a", 1, Data))
	require.False(t, m.Add("/a", 1, Data))
	require.Empty(t, m.Trigger(ev(children, "/a"), nil), "not a data event")
	require.Equal(t, []int{1}, m.Trigger(ev(changed, "/a"), nil))
	require.Empty(t, m.Trigger(ev(changed, "/a"), nil), "used up")
	require.Zero(t, m.Count())
	require.Zero(t, m.Watchers())
	require.Zero(t, m.Paths())
}

func TestWhichEventFiresWhat(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		event zkproto.EventType
		path  string
		fires bool
		stays bool
	}{
		{Data, created, "/a/b", true, false},
		{Data, changed, "/a/b", true, false},
		{Data, deleted, "/a/b", true, false},
		{Data, children, "/a/b", false, true},
		{Data, changed, "/a/b/c", false, true},
		{Data, changed, "/a", false, true},
		{Child, created, "/a/b", false, true},
		{Child, changed, "/a/b", false, true},
		{Child, deleted, "/a/b", true, false},
		{Child, children, "/a/b", true, false},
		{Persistent, created, "/a/b", true, true},
		{Persistent, changed, "/a/b", true, true},
		{Persistent, deleted, "/a/b", true, true},
		{Persistent, children, "/a/b", true, true},
		{Persistent, changed, "/a/b/c", false, true},
		{PersistentRecursive, created, "/a/b", true, true},
		{PersistentRecursive, changed, "/a/b", true, true},
		{PersistentRecursive, deleted, "/a/b", true, true},
		{PersistentRecursive, children, "/a/b", false, true},
		{PersistentRecursive, created, "/a/b/c/d", true, true},
		{PersistentRecursive, deleted, "/a/b/c", true, true},
		{PersistentRecursive, changed, "/a/bc", false, true},
		{PersistentRecursive, changed, "/a", false, true},
	} {
		m := New[int]()
		m.Add("/a/b", 1, c.kind)
		n := m.Count()
		require.Equal(t, c.fires, len(m.Trigger(ev(c.event, c.path), nil)) == 1, "%+v", c)
		if c.stays {
			require.Equal(t, n, m.Count(), "%+v", c)
		} else {
			require.Zero(t, m.Count(), "%+v", c)
		}
	}
	m := New[int]()
	m.Add("/", 1, PersistentRecursive)
	require.Equal(t, []int{1}, m.Trigger(ev(changed, "/a/b"), nil))
	require.Equal(t, []int{1}, m.Trigger(ev(changed, "/"), nil))
}

func TestDeleteTellsEachOnce(t *testing.T) {
	m := New[int]()
	for w := range 40 { // enough for the set
		m.Add("/a", w, Data)
		m.Add("/a", w, Child)
		m.Add("/", w, PersistentRecursive)
	}
	m.Add("/a", 100, Child)
	m.Add("/", 101, PersistentRecursive)
	got := m.Trigger(ev(deleted, "/a"), []int{-1})
	require.Equal(t, -1, got[0], "what was in the slice stays")
	got = slices.Clone(got[1:])
	require.Len(t, got, 42)
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 42)
	require.Equal(t, 41, m.Count(), "the recursive ones stay")
}

func TestRemove(t *testing.T) {
	all := []zkproto.WatcherType{
		zkproto.WatcherChildren, zkproto.WatcherData, zkproto.WatcherPersistent,
		zkproto.WatcherPersistentRecursive,
	}
	kinds := []Kind{Child, Data, Persistent, PersistentRecursive}
	for i, typ := range all {
		m := New[int]()
		for _, k := range kinds {
			m.Add("/a", 1, k)
		}
		require.True(t, m.Contains("/a", 1, typ))
		require.False(t, m.Contains("/a", 2, typ))
		require.False(t, m.Remove("/a", 2, typ))
		require.False(t, m.Remove("/b", 1, typ))
		require.True(t, m.Remove("/a", 1, typ))
		require.False(t, m.Remove("/a", 1, typ))
		for j, other := range all {
			require.Equal(t, i != j, m.Contains("/a", 1, other))
		}
		require.True(t, m.Contains("/a", 1, zkproto.WatcherAny))
		require.True(t, m.Remove("/a", 1, zkproto.WatcherAny))
		require.False(t, m.Remove("/a", 1, zkproto.WatcherAny))
		require.Zero(t, m.Count())
	}
	require.False(t, New[int]().Remove("/a", 1, 99))
	require.False(t, New[int]().Contains("/a", 1, 99))
}

func TestSetWatches(t *testing.T) {
	tr := tree.New()
	apply := func(zxid zkproto.Zxid, txn zkproto.Txn) {
		h := zkproto.TxnHeader{Zxid: zxid}
		require.Equal(t, zkproto.ErrOK, tr.Apply(&h, txn, nil).Err)
	}
	apply(1, &zkproto.CreateTxn{Path: "/old", ParentCVersion: 1})
	apply(2, &zkproto.CreateTxn{Path: "/data", ParentCVersion: 2})
	apply(3, &zkproto.CreateTxn{Path: "/kids", ParentCVersion: 3})
	apply(10, &zkproto.SetDataTxn{Path: "/data", Version: 1})
	apply(11, &zkproto.CreateTxn{Path: "/kids/a", ParentCVersion: 1})

	m := New[int]()
	got := m.SetWatches(tr, 1, &zkproto.SetWatchesRequest{
		RelativeZxid: 5,
		Data:         []string{"/old", "/data", "/gone", "/kids"},
		Exist:        []string{"/old", "/later"},
		Child:        []string{"/old", "/kids", "/gone"},
		Persistent:   []string{"/p"}, PersistentRecursive: []string{"/r"},
	}, nil)
	event := func(typ zkproto.EventType, p string) zkproto.WatcherEvent {
		return zkproto.WatcherEvent{Type: typ, State: zkproto.StateSyncConnected, Path: p}
	}
	require.Equal(t, []zkproto.WatcherEvent{
		event(changed, "/data"), event(deleted, "/gone"), event(created, "/old"),
		event(children, "/kids"), event(deleted, "/gone"),
	}, got)
	require.True(t, m.Contains("/old", 1, zkproto.WatcherData))
	require.True(t, m.Contains("/kids", 1, zkproto.WatcherData))
	require.True(t, m.Contains("/later", 1, zkproto.WatcherData))
	require.True(t, m.Contains("/old", 1, zkproto.WatcherChildren))
	require.True(t, m.Contains("/p", 1, zkproto.WatcherPersistent))
	require.True(t, m.Contains("/r", 1, zkproto.WatcherPersistentRecursive))
	require.False(t, m.Contains("/data", 1, zkproto.WatcherAny))
	require.Equal(t, 4+2+1, m.Count())
	require.Equal(t, 5, m.DataCount())
}

// TestAgainstModel compares with plain sets.
func TestAgainstModel(t *testing.T) {
	type key struct {
		path string
		w    int
		kind Kind
	}
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/x"}
	rapid.Check(t, func(t *rapid.T) {
		m := New[int]()
		model := map[key]bool{}
		path := func(t *rapid.T) string { return rapid.SampledFrom(paths).Draw(t, "path") }
		watcher := func(t *rapid.T) int { return rapid.IntRange(1, 30).Draw(t, "w") }
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				k := key{path(t), watcher(t), Kind(rapid.IntRange(0, 3).Draw(t, "kind"))}
				if m.Add(k.path, k.w, k.kind) == model[k] {
					t.Fatalf("add %+v: model has it: %v", k, model[k])
				}
				model[k] = true
			},
			"removeWatcher": func(t *rapid.T) {
				w := watcher(t)
				m.RemoveWatcher(w)
				for k := range model {
					if k.w == w {
						delete(model, k)
					}
				}
			},
			"trigger": func(t *rapid.T) {
				e := ev(zkproto.EventType(rapid.IntRange(1, 4).Draw(t, "type")), path(t))
				want := map[int]bool{}
				for k := range model {
					below := k.path == e.Path || k.path == "/" || len(e.Path) > len(k.path) && e.Path[:len(k.path)+1] == k.path+"/"
					switch {
					case k.kind == PersistentRecursive:
						want[k.w] = want[k.w] || e.Type != children && below
					case k.path != e.Path:
					case k.kind == Persistent, k.kind == Data && e.Type != children,
						k.kind == Child && (e.Type == children || e.Type == deleted):
						want[k.w] = true
						if k.kind != Persistent {
							delete(model, k)
						}
					}
				}
				got := m.Trigger(e, nil)
				slices.Sort(got)
				var sorted []int
				for w := range 31 {
					if want[w] {
						sorted = append(sorted, w)
					}
				}
				if !slices.Equal(got, sorted) {
					t.Fatalf("%v %s: got %v, want %v", e.Type, e.Path, got, sorted)
				}
			},
			"": func(t *rapid.T) {
				data, child := map[string]bool{}, map[string]bool{}
				for k := range model {
					s := k.path + strconv.Itoa(k.w)
					if k.kind != Child {
						data[s] = true
					}
					if k.kind == Child || k.kind == Persistent {
						child[s] = true
					}
				}
				if m.Count() != len(data)+len(child) {
					t.Fatalf("count %d, want %d + %d", m.Count(), len(data), len(child))
				}
			},
		})
		for w := range 31 {
			m.RemoveWatcher(w)
		}
		if m.Count() != 0 || len(m.data.byWatcher)+len(m.child.byWatcher)+m.data.recursive != 0 {
			t.Fatal("something is left")
		}
	})
}

func TestTriggerOfUnwatchedPathAllocatesNothing(t *testing.T) {
	m := New[int]()
	m.Add("/a", 1, Data)
	m.Add("/", 1, PersistentRecursive)
	dst := make([]int, 0, 8)
	e := ev(changed, "/b/c/d")
	require.Zero(t, testing.AllocsPerRun(100, func() { dst = m.Trigger(e, dst[:0]) }))
}
