package zkbench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkserver"
	"github.com/holdfast-ha/holdfast/internal/freeport"
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// TestMain makes the test's own binary the server that zkbench start starts.
func TestMain(m *testing.M) {
	if os.Getenv("ZKBENCH_TEST_SERVER") != "" {
		cli.Run(zkserver.Main)
	}
	goleak.VerifyTestMain(m)
}

func runMain(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func children(t *testing.T, addr, path string) []string {
	t.Helper()
	c, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{addr}})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	names, _, err := c.Children(t.Context(), path, false)
	require.NoError(t, err)
	return names
}

func TestLoadsAreCountedAndCleanedUp(t *testing.T) {
	addr := zktest.Start(t).Addr()
	for _, tc := range []struct {
		name string
		args []string
		ops  []string
	}{
		{"writes", []string{"writes", "--size", "10"}, []string{"set"}},
		{"reads", []string{"reads"}, []string{"get"}},
		{"mixed", []string{"mixed", "-c", "3", "-o", "7"}, []string{"create", "set", "get", "exists", "children", "delete"}},
		{"both directions full", []string{"mixed", "--mix", "get=50,set=50", "-c", "1", "-o", "400", "--size", "1024"}, []string{"set", "get"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errOut := runMain(t, append(tc.args, "--server", addr, "--keys", "20", "--count", "1500", "--warmup", "5ms", "--json")...)
			require.Zero(t, code, errOut)
			var r report
			require.NoError(t, json.Unmarshal([]byte(out), &r))
			require.Zero(t, r.ErrorCount)
			require.EqualValues(t, 1500, r.Ops, "what was in flight at the end of the warm-up does not count")
			require.Less(t, r.Ops, int64(1500+4*250+1))
			var names []string
			for _, l := range r.PerOp {
				names = append(names, l.Op)
				require.LessOrEqual(t, l.P50, l.P99)
				require.LessOrEqual(t, l.P999, l.Max)
			}
			require.Equal(t, tc.ops, names)
			require.NotEmpty(t, r.ServerProc.Omitted)
			require.Equal(t, []string{"zookeeper"}, children(t, addr, "/"))
		})
	}
}

func TestTableAndDuration(t *testing.T) {
	addr := zktest.Start(t).Addr()
	code, out, errOut := runMain(t, "mixed", "--server", addr, "--keys", "5", "-d", "30ms", "--warmup", "0s", "--keep")
	require.Zero(t, code, errOut)
	for _, want := range []string{"operation", "p999", "all", "errors:    none", "CPU not measured: no --server-pid given"} {
		require.Contains(t, out, want)
	}
	require.Contains(t, children(t, addr, "/"), "zkbench", "--keep")
	code, _, errOut = runMain(t, "reads", "--server", addr, "--keys", "5", "--count", "10", "--warmup", "0s")
	require.Zero(t, code, "what an earlier run has left is replaced: "+errOut)
}

func TestChroot(t *testing.T) {
	addr := zktest.Start(t).Addr()
	c, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{addr}})
	require.NoError(t, err)
	_, err = c.Create(t.Context(), "/app", nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	code, _, errOut := runMain(t, "mixed", "--server", addr+"/app", "--keys", "5", "--count", "50", "--warmup", "0s", "--keep")
	require.Zero(t, code, errOut)
	require.Equal(t, []string{"zkbench"}, children(t, addr, "/app"))
}

func TestForeignZnodesAreLeftAlone(t *testing.T) {
	addr := zktest.Start(t).Addr()
	code, _, errOut := runMain(t, "reads", "--server", addr, "--root", "/zookeeper", "--count", "1")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "was not made by zkbench")
	require.Equal(t, []string{"zookeeper"}, children(t, addr, "/"))
}

func TestWrongUsageIsExplained(t *testing.T) {
	for args, want := range map[string]string{
		"":                                 "which load?",
		"reads --connections 0":            "--connections 0",
		"reads --outstanding -1":           "--outstanding -1",
		"reads --keys 0":                   "--keys 0",
		"reads --size -1":                  "--size -1",
		"reads --mix get=50":               "add up to 50",
		"reads --mix get=100,fly=0":        "no operation \"fly\"",
		"reads --mix get=x":                "whole number of percent",
		"reads --mix get=50,get=50":        "twice",
		"reads --mix delete=60,create=40":  "more deletes than creates",
		"reads --root /":                   "--root",
		"reads --server ,":                 "no address",
		"reads --duration 0s":              "--duration",
		"reads --session-timeout 1ms":      "--session-timeout",
		"reads --nonsense":                 "unknown flag",
		"start":                            "requires at least 1 arg",
		"start --runs 0 x":                 "--runs 0",
		"start --server a:1,b:2 -- server": "one address",
	} {
		code, _, errOut := runMain(t, strings.Fields(args)...)
		require.Equal(t, 2, code, args)
		require.Contains(t, errOut, want, args)
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	code, _, errOut := runMain(t, "reads", "--server", "127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "is the server running")
	code, _, errOut = runMain(t, "reads", "--server", "127.0.0.1:1", "--server-pid", "999999999")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "--server-pid")
}

func TestInterruptCleansUp(t *testing.T) {
	s := zktest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	var o, e bytes.Buffer
	go func() {
		done <- Main(ctx, []string{"reads", "--server", s.Addr(), "--keys", "5", "-d", "1h", "--warmup", "0s"}, cli.Streams{Out: &o, Err: &e})
	}()
	require.Eventually(t, func() bool {
		for _, op := range s.Seen() {
			if op == zkproto.OpGetData {
				return len(s.Seen()) > 200
			}
		}
		return false
	}, testTimeout, testTick)
	cancel()
	require.Equal(t, 1, <-done)
	require.Contains(t, e.String(), "interrupted")
	require.Equal(t, []string{"zookeeper"}, children(t, s.Addr(), "/"))
}

func TestRefusedRequestsAreCounted(t *testing.T) {
	w, err := zkclient.Dial(t.Context(), zktest.Start(t).Addr(), zkclient.Handshake{})
	require.NoError(t, err)
	defer endSession(w)
	var tmpl [numOps]template
	tmpl[opGet] = newTemplate(opGet, "/nope", true, nil)
	s := newStream(w, 3, &tmpl, 100)
	rec := newRecorder(1)
	rec.attach(s, 0, all)
	rec.from.Store(0)
	n := uint64(0)
	s.next = func() (op, uint64, bool) { n++; return opGet, n, n <= 10 }
	require.NoError(t, s.run(t.Context()))
	_, all, errs, _ := rec.result()
	require.Zero(t, all.Count)
	require.Equal(t, map[string]int64{"no node": 10}, errs)
}

func TestAReplyOfTheWrongSizeEndsTheLoad(t *testing.T) {
	w, err := zkclient.Dial(t.Context(), zktest.Start(t).Addr(), zkclient.Handshake{})
	require.NoError(t, err)
	defer endSession(w)
	var tmpl [numOps]template
	tmpl[opGet] = newTemplate(opGet, "/", false, []byte("not what it holds"))
	s := newStream(w, 1, &tmpl, 100)
	left := 1
	s.next = func() (op, uint64, bool) { left--; return opGet, 0, left >= 0 }
	require.ErrorContains(t, s.run(t.Context()), "should have")
}

func TestTemplatesAreRequests(t *testing.T) {
	data := []byte("data")
	for o := range numOps {
		tm := newTemplate(o, "/p/", true, data)
		b := tm.append([]byte("before"), 77, 1234567890)
		b = tm.append(b, 78, 5)[len("before"):]
		for i, want := range []string{"/p/1234567890", "/p/0000000005"} {
			size := int(b[3])
			d := jute.NewDecoder(b[4 : 4+size])
			b = b[4+size:]
			var h zkproto.RequestHeader
			h.Decode(&d)
			require.EqualValues(t, 77+i, h.Xid)
			path := ""
			switch o {
			case opCreate:
				var r zkproto.CreateRequest
				r.Decode(&d, h.Op)
				path = r.Path
				require.Equal(t, data, r.Data)
			case opSet:
				var r zkproto.SetDataRequest
				r.Decode(&d)
				path = r.Path
				require.Equal(t, data, r.Data)
			case opDelete:
				var r zkproto.PathVersionRequest
				r.Decode(&d)
				path = r.Path
			default:
				var r zkproto.PathWatchRequest
				r.Decode(&d)
				path = r.Path
			}
			require.NoError(t, d.Err())
			require.Zero(t, d.Remaining())
			require.Equal(t, want, path)
		}
		require.Empty(t, b)
	}
}

func TestXidsWrapWithoutLosingCount(t *testing.T) {
	s := &stream{xid: 2, flying: 3}
	require.EqualValues(t, 1<<31-1, s.expected())
	s.flying = 1
	require.EqualValues(t, 2, s.expected())
}

func TestNothingIsAllocatedPerRequest(t *testing.T) {
	tm := newTemplate(opSet, "/p/", true, make([]byte, 1024))
	buf := make([]byte, 0, 1<<12)
	rec := newRecorder(1)
	s := &stream{window: make([]slot, 1), tmpl: &[numOps]template{}}
	rec.attach(s, 0, all)
	rec.from.Store(0)
	frame := zkproto.ReplyHeader{Xid: 1}.AppendTo(nil)
	one := func() {
		buf = tm.append(buf[:0], 1, 42)
		s.xid, s.flying, s.head = 1, 1, 0
		s.batch(true)
		_ = s.reply(frame, 1000)
		s.batch(false)
	}
	one()
	require.Zero(t, testing.AllocsPerRun(100, one))
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := freeport.One()
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func TestStartTimesAServer(t *testing.T) {
	addr := freePort(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	dir := t.TempDir()
	cfg := filepath.Join(dir, "zoo.cfg")
	text := fmt.Sprintf("dataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n", filepath.ToSlash(filepath.Join(dir, "data")), port)
	require.NoError(t, os.WriteFile(cfg, []byte(text), 0o600))
	t.Setenv("ZKBENCH_TEST_SERVER", "1")
	code, out, errOut := runMain(t, "start", "--server", addr, "--runs", "2", "--json", "--", os.Args[0], "start-foreground", cfg)
	require.Zero(t, code, errOut)
	var r startReport
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Runs, 2)
	for _, s := range r.Runs {
		require.Positive(t, s.PortMS)
		require.GreaterOrEqual(t, s.SessionMS, s.PortMS)
		require.GreaterOrEqual(t, s.ServedMS, s.SessionMS)
	}
	_, err = net.Dial("tcp", addr)
	require.Error(t, err, "the server is stopped afterwards")
}

func TestStartThatCannotBe(t *testing.T) {
	code, _, errOut := runMain(t, "start", "--server", zktest.Start(t).Addr(), "--", "x")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "listens on")
	code, _, errOut = runMain(t, "start", "--server", freePort(t), "--", filepath.Join(t.TempDir(), "nothing"))
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "start "+os.TempDir())
	code, _, errOut = runMain(t, "start", "--server", freePort(t), "--", os.Args[0], "-test.run=^$")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "ended before it served")
}

func TestLatenciesPrintWithTheirUnit(t *testing.T) {
	for us, want := range map[int64]string{7: "7us", 1500: "1.50ms", 2_500_000: "2.50s"} {
		require.Equal(t, want, micros(us), strconv.FormatInt(us, 10))
	}
}

// all lets every request count.
func all(int64) bool { return true }
