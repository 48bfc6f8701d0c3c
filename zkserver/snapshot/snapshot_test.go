package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const dir = "d"

type znode struct {
	path string
	data []byte
	acl  int64
	st   zkproto.StatPersisted
}

// state is a tree as a list: a Source for writing and a Loader for reading.
type state struct {
	sessions map[zkproto.SessionID]int32
	acls     map[int64][]zkproto.ACL
	late     map[int64][]zkproto.ACL // appear after ACLs was answered
	nodes    []znode
	next     int
	zxid     zkproto.Zxid
	full     error // Finish fails with it
}

func (s *state) Sessions() map[zkproto.SessionID]int32 { return s.sessions }

func (s *state) ACLs() map[int64][]zkproto.ACL {
	c := map[int64][]zkproto.ACL{}
	for k, v := range s.acls {
		c[k] = v
	}
	return c
}

func (s *state) ACL(id int64) []zkproto.ACL { return s.late[id] }

func (s *state) Next(limit int, fn NodeFunc) bool {
	for ; limit > 0 && s.next < len(s.nodes); limit-- {
		n := s.nodes[s.next]
		s.next++
		fn(n.path, n.data, n.acl, n.st)
	}
	return s.next < len(s.nodes)
}

func (s *state) AddACL(id int64, acls []zkproto.ACL) {
	if s.acls == nil {
		s.acls = map[int64][]zkproto.ACL{}
	}
	s.acls[id] = acls
}

func (s *state) AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error {
	if len(s.nodes) == 0 && path != "" {
		return fmt.Errorf("no parent of %s", path)
	}
	s.nodes = append(s.nodes, znode{strings.Clone(path), bytes.Clone(data), acl, st})
	return nil
}

func (s *state) Finish(z zkproto.Zxid) (*state, error) {
	s.zxid = z
	return s, s.full
}

func newState() Loader[*state] { return &state{} }

// example makes a state with n znodes besides the root.
func example(n int) *state {
	s := &state{
		sessions: map[zkproto.SessionID]int32{0x1000_0001: 4000, 0x1000_0002: 30000},
		acls:     map[int64][]zkproto.ACL{1: zkproto.WorldAll(), 2: {{Perms: 1, ID: zkproto.ID{Scheme: "ip", ID: "::1"}}}},
		nodes:    []znode{{acl: openACL}},
	}
	for i := range n {
		st := zkproto.StatPersisted{Czxid: zkproto.Zxid(i), Mzxid: 5, Ctime: 6, Mtime: 7, Version: 8, Cversion: 9, Aversion: 1, EphemeralOwner: 3, Pzxid: 4}
		s.nodes = append(s.nodes, znode{fmt.Sprintf("/n%d", i), bytes.Repeat([]byte{byte(i)}, i%900), int64(i%4 - 1), st})
		if i%4 == 0 {
			s.nodes[i+1].data = nil
		}
		if s.nodes[i+1].acl == 0 {
			s.nodes[i+1].acl = 2
		}
	}
	return s
}

func newMem(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	require.NoError(t, m.MkdirAll(dir))
	return m
}

func put(t testing.TB, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(filepath.Join(dir, name))
	require.NoError(t, err)
	_, err = f.Write(b)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
	require.NoError(t, fs.SyncDir(dir))
}

func get(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	require.NoError(t, err)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return b
}

func requireSame(t testing.TB, want *state, got Loaded[*state]) {
	t.Helper()
	require.Equal(t, want.sessions, got.Sessions)
	require.Equal(t, want.acls, got.State.acls)
	require.Len(t, got.State.nodes, len(want.nodes))
	for i, n := range want.nodes {
		if len(n.data) == 0 && n.data != nil {
			n.data = []byte{}
		}
		require.Equal(t, n, got.State.nodes[i])
	}
}

func TestWrittenIsLoaded(t *testing.T) {
	for _, n := range []int{0, 1, chunk - 1, chunk, 3000} {
		m := newMem(t)
		want := example(n)
		w, err := Write(m, dir, 0x2a, want)
		require.NoError(t, err)
		require.Equal(t, n+1, w.Nodes)
		require.Equal(t, filepath.Join(dir, "snapshot.2a"), w.Path)
		require.Equal(t, w.Size, int64(len(get(t, m, w.Path))))
		got, err := Load(m, dir, dir, newState)
		require.NoError(t, err)
		require.True(t, got.Found)
		require.Equal(t, zkproto.Zxid(0x2a), got.Zxid)
		require.Equal(t, zkproto.Zxid(0x2a), got.State.zxid)
		requireSame(t, want, got)
	}
}

func TestACLThatAppearsDuringTheWalkIsInTheTable(t *testing.T) {
	m := newMem(t)
	want := example(2000)
	want.late = map[int64][]zkproto.ACL{9: {{Perms: 4, ID: zkproto.ID{Scheme: "ip", ID: "10.0.0.1"}}}}
	want.nodes[1500].acl = 9
	w, err := Write(m, dir, 7, want)
	require.NoError(t, err)
	require.Equal(t, w.Size, int64(len(get(t, m, w.Path))))
	got, err := Load(m, dir, dir, newState)
	require.NoError(t, err)
	want.acls[9] = want.late[9]
	requireSame(t, want, got)
	names, err := m.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"snapshot.7"}, names)
}

func TestCrashWhileWritingKeepsTheOldSnapshot(t *testing.T) {
	m := newMem(t)
	old := example(3)
	_, err := Write(m, dir, 5, old)
	require.NoError(t, err)
	want := example(600)
	want.late = map[int64][]zkproto.ACL{9: zkproto.WorldAll()}
	want.nodes[3].acl = 9
	seen := map[zkproto.Zxid]int{}
	fs := vfs.Inject(m, func(c vfs.Call) error {
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, uint64(c.Seq)))
			clone := m.CrashClone(vfs.Crash{Rand: r, Reorder: seed%2 == 0})
			got, err := Load(clone, dir, dir, newState)
			require.NoError(t, err)
			require.Empty(t, got.Skipped)
			seen[got.Zxid]++
			_, err = Write(clone, dir, 7, example(2)) // sweeps what the crash left
			require.NoError(t, err)
			names, err := clone.List(dir)
			require.NoError(t, err)
			require.Contains(t, names, "snapshot.7")
			require.False(t, strings.HasPrefix(names[len(names)-1], tmpPrefix))
		}
		return nil
	})
	_, err = Write(fs, dir, 6, want)
	require.NoError(t, err)
	require.Positive(t, seen[5])
	require.Positive(t, seen[6]) // renamed, directory not synced: may be there
	got, err := Load(m.CrashClone(vfs.Crash{}), dir, dir, newState)
	require.NoError(t, err)
	require.Equal(t, zkproto.Zxid(6), got.Zxid)
}

func TestFailureOfEveryOperationLeavesTheOldSnapshot(t *testing.T) {
	boom := errors.New("boom")
	for seq := 1; ; seq++ {
		m := newMem(t)
		_, err := Write(m, dir, 5, example(3))
		require.NoError(t, err)
		fs := vfs.Inject(m, func(c vfs.Call) error {
			if c.Seq == seq {
				return boom
			}
			return nil
		})
		s := example(600)
		s.late = map[int64][]zkproto.ACL{9: zkproto.WorldAll()}
		s.nodes[3].acl = 9
		_, err = Write(fs, dir, 6, s)
		got, lerr := Load(m.CrashClone(vfs.Crash{}), dir, dir, newState)
		require.NoError(t, lerr)
		if err == nil {
			require.Greater(t, seq, 8)
			require.Equal(t, zkproto.Zxid(6), got.Zxid)
			return
		}
		require.ErrorIs(t, err, boom)
		require.Equal(t, zkproto.Zxid(5), got.Zxid)
	}
}

func TestDamagedSnapshotIsSkippedWithAReason(t *testing.T) {
	m := newMem(t)
	w, err := Write(m, dir, 9, example(5))
	require.NoError(t, err)
	good := get(t, m, w.Path)
	for i := range good { // any flipped bit, anywhere
		m := newMem(t)
		put(t, m, "snapshot.3", good)
		b := slices.Clone(good)
		b[i] ^= 0x10
		put(t, m, "snapshot.9", b)
		got, err := Load(m, dir, dir, newState)
		require.NoError(t, err)
		if i >= 8 && i < 16 && got.Zxid == 9 {
			continue // the dbid matters to nobody, and the checksum tells
		}
		require.Equal(t, zkproto.Zxid(3), got.Zxid, "byte %d", i)
		require.Len(t, got.Skipped, 1)
		require.Equal(t, filepath.Join(dir, "snapshot.9"), got.Skipped[0].Path)
		require.Error(t, got.Skipped[0].Err)
	}
	for n := range good { // any cut, except where older versions end
		m := newMem(t)
		put(t, m, "snapshot.9", good[:n])
		put(t, m, "snapshot.3", good)
		got, err := Load(m, dir, dir, newState)
		require.NoError(t, err)
		if n == len(good)-21 || n == len(good)-54 {
			require.Equal(t, zkproto.Zxid(9), got.Zxid)
			continue
		}
		require.Equal(t, zkproto.Zxid(3), got.Zxid, "cut to %d", n)
	}
}

func TestNoUsableSnapshot(t *testing.T) {
	cases := map[string]struct {
		files map[string][]byte
		want  string // part of the error; none: a fresh start
	}{
		"nothing at all":                     {nil, ""},
		"logs from the beginning":            {map[string][]byte{"log.1": nil}, ""},
		"ensemble's logs from the beginning": {map[string][]byte{"log.100000001": nil}, ""},
		"logs from the middle":               {map[string][]byte{"log.5": nil, "log.9": nil}, "start at the beginning but at zxid 0x5"},
		"logs of a later epoch":              {map[string][]byte{"log.300000001": nil}, "zxid 0x300000001"},
		"bad snapshot, logs from start":      {map[string][]byte{"log.1": nil, "snapshot.5": nil}, ""},
		"bad snapshot, no logs":              {map[string][]byte{"snapshot.5": {1, 2}}, "none of the 1 snapshots"},
		"bad snapshot, logs after it":        {map[string][]byte{"snapshot.5": {1, 2}, "log.6": nil}, "none of the 1 snapshots"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMem(t)
			for n, b := range c.files {
				put(t, m, n, b)
			}
			got, err := Load(m, dir, dir, newState)
			require.False(t, got.Found)
			if c.want == "" {
				require.NoError(t, err)
				require.NotNil(t, got.Sessions)
				require.Zero(t, got.Zxid)
				return
			}
			var missing *MissingError
			require.ErrorAs(t, err, &missing)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "lose data")
		})
	}
}

func TestSnapshotThatTheTreeRefusesIsSkipped(t *testing.T) {
	m := newMem(t)
	_, err := Write(m, dir, 3, example(1))
	require.NoError(t, err)
	_, err = Write(m, dir, 4, &state{nodes: []znode{{path: "/orphan"}}})
	require.NoError(t, err)
	_, err = Write(m, dir, 5, example(1))
	require.NoError(t, err)
	n := 0
	got, err := Load(m, dir, dir, func() Loader[*state] {
		if n++; n == 1 {
			return &state{full: errors.New("no root")}
		}
		return &state{}
	})
	require.NoError(t, err)
	require.Equal(t, zkproto.Zxid(3), got.Zxid)
	require.Len(t, got.Skipped, 2)
	require.ErrorContains(t, got.Skipped[1].Err, "no parent of /orphan")
}

func TestRetainKeepsEnoughToStart(t *testing.T) {
	build := func(t *testing.T) *vfs.Mem {
		m := newMem(t)
		for _, z := range []zkproto.Zxid{0, 10, 20, 30, 40} {
			_, err := Write(m, dir, z, example(2))
			require.NoError(t, err)
		}
		for _, l := range []string{"log.1", "log.b", "log.12", "log.1f", "log.29"} { // 1 11 18 31 41
			put(t, m, l, nil)
		}
		return m
	}
	damage := func(t *testing.T, m *vfs.Mem, name string) {
		f, err := m.OpenReadWrite(filepath.Join(dir, name))
		require.NoError(t, err)
		_, err = f.WriteAt([]byte{0xff}, 40)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	cases := map[string]struct {
		n    int
		bad  []string
		want []string
	}{
		"three":       {3, nil, []string{"log.12", "log.1f", "log.29", "snapshot.14", "snapshot.1e", "snapshot.28"}},
		"one":         {1, nil, []string{"log.1f", "log.29", "snapshot.28"}},
		"zero is one": {0, nil, []string{"log.1f", "log.29", "snapshot.28"}},
		"newest bad":  {1, []string{"snapshot.28"}, []string{"log.12", "log.1f", "log.29", "snapshot.1e", "snapshot.28"}},
		"four bad":    {1, []string{"snapshot.28", "snapshot.1e", "snapshot.14", "snapshot.a"}, nil},
		"all bad":     {1, []string{"snapshot.28", "snapshot.1e", "snapshot.14", "snapshot.a", "snapshot.0"}, nil},
		"not so many": {9, nil, nil},
		"two too few": {4, []string{"snapshot.28", "snapshot.1e"}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := build(t)
			all, err := m.List(dir)
			require.NoError(t, err)
			for _, b := range c.bad {
				damage(t, m, b)
			}
			p, err := Retain(m, dir, dir, c.n)
			require.NoError(t, err)
			left, err := m.CrashClone(vfs.Crash{Keep: true}).List(dir)
			require.NoError(t, err)
			if c.want == nil {
				c.want = all
			}
			require.Equal(t, c.want, left)
			require.Len(t, all, len(left)+len(p.Logs)+len(p.Snapshots))
		})
	}
}

// collect decodes keeping the order (the original writes sessions in the order of a Java hash map, which is taken from the
// file), and encodes again with the tails that were there.
func collect(t testing.TB, fs vfs.FS, f file) []byte {
	t.Helper()
	raw := jute.NewDecoder(get(t, fs, f.path)[16:])
	var order []zkproto.SessionID
	for range raw.Int32() {
		order = append(order, zkproto.SessionID(raw.Int64()))
		raw.Int32()
	}
	h, r, err := open(fs, f)
	require.NoError(t, err)
	defer func() { _ = h.Close() }()
	got := &state{}
	sessions, tail, err := decode(r, got)
	require.NoError(t, err)
	var out bytes.Buffer
	s := newSums(&out)
	s.buf = appendACLTable(appendHeadInOrder(s.buf, sessions, order), got.acls)
	for _, n := range got.nodes {
		s.buf = appendNode(s.buf, n.path, n.data, n.acl, &n.st)
	}
	s.buf = jute.AppendString(s.buf, endPath)
	if tail.digest != nil && tail.last != nil {
		require.NoError(t, s.tails(tail.digest, tail.last))
	} else {
		require.Nil(t, tail.digest)
		require.NoError(t, s.seal())
	}
	return out.Bytes()
}

func TestGoldenSnapshotsOfTheOriginal(t *testing.T) {
	m := newMem(t)
	for _, name := range []string{"snapshot.17", "notails.17"} {
		golden, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		put(t, m, name, golden)
		require.True(t, bytes.Equal(golden, collect(t, m, file{path: filepath.Join(dir, name)})), name)
	}
	for _, name := range []string{"snapshot.17", "snapshot.17.gz", "snapshot.17.snappy"} {
		fs := newMem(t)
		golden, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		put(t, fs, name, golden)
		got, err := Load(fs, dir, dir, newState)
		require.NoError(t, err)
		require.Equal(t, zkproto.Zxid(0x17), got.Zxid)
		require.Len(t, got.Sessions, 2)
		data := map[string]string{}
		owners := 0
		for _, n := range got.State.nodes {
			data[n.path] = string(n.data)
			if n.st.EphemeralOwner > 0 {
				owners++
			}
		}
		require.Equal(t, "world", data["/a"])
		require.Equal(t, "mm", data["/m"])
		require.Equal(t, "eph2", data["/e2"])
		require.Equal(t, "utf", data["/é中"])
		require.NotContains(t, data, "/e3")
		require.Equal(t, 2, owners) // containers and times to live have the sign bit set
		require.NotEmpty(t, got.State.acls)
	}
}

// FuzzDecode: whatever a file holds, decoding it ends, and what decodes is encoded and decoded to the same.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"snapshot.17", "notails.17"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := &state{}
		if _, _, err := decode(bytes.NewReader(b), got); err != nil {
			return
		}
		require.NotEmpty(t, b)
	})
}

// FuzzSnappy: unpacking ends and takes no more memory than the input and its blocks justify.
func FuzzSnappy(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "snapshot.17.snappy"))
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMem(t)
		put(t, m, "snapshot.1.snappy", b)
		_ = verify(m, file{path: filepath.Join(dir, "snapshot.1.snappy"), comp: snappy})
	})
}
