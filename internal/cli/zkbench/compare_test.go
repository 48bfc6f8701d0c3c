package zkbench

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestAnOpenLoopIsDueAtFixedMoments(t *testing.T) {
	now := int64(1000)
	s := &stream{now: func() int64 { return now }, tmpl: &[numOps]template{}, window: make([]slot, 2)}
	s.tmpl[opGet] = newTemplate(opGet, "/k/", true, nil)
	left := 9
	s.next = func() (op, uint64, bool) { left--; return opGet, 0, left >= 0 }
	p := newPaced(s, 1000, 100)

	i, more := p.batchDue(0)
	require.EqualValues(t, 1, i, "only the first is due")
	require.True(t, more)
	now = 1499 // the sender comes late: all that was due goes out at once, and keeps its moment
	i, more = p.batchDue(i)
	require.EqualValues(t, 5, i)
	require.True(t, more)
	require.Len(t, p.out, 4*len(s.tmpl[opGet].frame))
	require.EqualValues(t, 1500, p.due(i))

	var got [][2]int64
	s.done = func(_ op, sent, received int64, _ zkproto.Error) { got = append(got, [2]int64{sent, received}) }
	for xid := range int32(5) {
		frame := zkproto.ReplyHeader{Xid: xid + 1, Err: zkproto.ErrNoNode}.AppendTo(nil)
		require.NoError(t, p.reply(frame, 2000))
	}
	require.Equal(t, [][2]int64{{1000, 2000}, {1100, 2000}, {1200, 2000}, {1300, 2000}, {1400, 2000}}, got)

	now = math.MaxInt64
	i, more = p.batchDue(i)
	require.False(t, more, "no more requests")
	require.EqualValues(t, 9, i)
	require.True(t, p.ended)
}

func TestTheRingOfAnOpenLoopGrowsInOrder(t *testing.T) {
	p := &paced{stream: &stream{window: make([]slot, 3), tmpl: &[numOps]template{}}}
	var got []int64
	p.done = func(_ op, sent, _ int64, _ zkproto.Error) { got = append(got, sent) }
	next, want := int64(0), []int64{}
	for round := range 5 { // two come, one goes
		p.push(slot{sent: next})
		p.push(slot{sent: next + 1})
		next += 2
		require.NoError(t, p.reply(zkproto.ReplyHeader{Xid: int32(round + 1), Err: zkproto.ErrNoNode}.AppendTo(nil), 0))
		want = append(want, int64(round))
	}
	require.Equal(t, want, got)
	require.Equal(t, 5, p.flying)
}

func TestAnOpenLoopAgainstAServer(t *testing.T) {
	addr := zktest.Start(t).Addr()
	code, out, errOut := runMain(t, "mixed", "--server", addr, "--keys", "5", "--rate", "20000", "--count", "400", "--warmup", "0s", "--json")
	require.Zero(t, code, errOut)
	var r report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.InDelta(t, 20000, r.OfferedPerS, 0)
	require.EqualValues(t, 400, r.Ops, "what was in flight at the end of the warm-up does not count")
	code, out, errOut = runMain(t, "writes", "--server", addr, "--keys", "5", "--rate", "5000", "-d", "20ms", "--warmup", "0s")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "5000 requests per second over 4 connections")
}

func TestMediansRatiosAndGoals(t *testing.T) {
	var tb table
	for _, v := range []float64{10, 30, 20} {
		tb.add(sideOriginal, "reads", "cpu per 1,000, closed loop", unitCPU, v)
	}
	tb.add(sideOurs, "reads", "cpu per 1,000, closed loop", unitCPU, 4)
	tb.add(sideOurs, "reads", "cpu per 1,000, closed loop", unitCPU, 6)
	tb.add(sideOriginal, "tree", "p99 during a snapshot / without", unitFactor, 1)
	tb.add(sideOurs, "tree", "p99 during a snapshot / without", unitFactor, 2.5)
	tb.add(sideOriginal, "sessions", "opened and closed", unitPerSecond, 0)
	tb.add(sideOurs, "sessions", "opened and closed", unitPerSecond, 100)
	tb.finish()
	r := tb.rows[0]
	require.Equal(t, []float64{20, 5, 0.25}, []float64{r.Original, r.Ours, r.Ratio})
	require.True(t, *r.Met)
	require.InDelta(t, 0.3, r.Goal, 0)
	require.False(t, *tb.rows[1].Met, "2.5 of ours is above 2")
	require.Nil(t, tb.rows[2].Met)
	require.Zero(t, tb.rows[2].Ratio, "nothing can be divided by 0")

	var out bytes.Buffer
	require.NoError(t, tb.print(&out))
	lines := strings.Split(out.String(), "\n")
	require.Equal(t, []string{"cpu", "per", "1,000,", "closed", "loop", "20.00", "CPU-ms", "5.00", "CPU-ms", "0.25", "<=", "0.3", "met"},
		strings.Fields(lines[1]))
	require.Contains(t, lines[3], "ours <= 2 MISSED")
	require.Contains(t, lines[5], "-")
	for _, g := range goals {
		require.Contains(t, append(slices.Clone(scenarios), ensembleScenarios...), g.scenario)
	}
}

func TestRequestsUnderASnapshotAreTold(t *testing.T) {
	w := &snapshotWatch{before: map[string]int64{"log.1": 0}}
	at := int64(0)
	w.now = func() int64 { return at }
	ms := int64(time.Millisecond)
	for _, step := range []struct {
		at    int64
		files map[string]int64
	}{
		{100, map[string]int64{"log.1": 0}},
		{200, map[string]int64{"log.1": 0, "log.9": 0}},                            // the log goes on in a new file: a snapshot begins
		{300, map[string]int64{"log.1": 0, "log.9": 0, "tmp.9": 4096}},             // and is written
		{400, map[string]int64{"log.1": 0, "log.9": 0, "snapshot.9": 9000}},        // and whole
		{900, map[string]int64{"log.9": 0}},                                        // old files go away: no snapshot
		{1000, map[string]int64{"log.9": 0, "snapshot.9": 9000, "snapshot.a": 10}}, // the next
	} {
		at = step.at * ms
		w.look(step.files)
	}
	require.Equal(t, []span{{195 * ms, 400 * ms}, {995 * ms, 1000 * ms}}, w.spans)
	calm, during := split([]span{{0, 194 * ms}, {190 * ms, 200 * ms}, {300 * ms, 500 * ms}, {401 * ms, 994 * ms}}, w.spans)
	require.Equal(t, []float64{194000, 593000}, calm)
	require.Equal(t, []float64{10000, 200000}, during)
	require.Zero(t, quantile(nil, 0.99))
	require.InDelta(t, 3, quantile([]float64{3, 1, 2}, 1), 0)
	require.InDelta(t, 2, quantile([]float64{3, 1, 2}, 0.5), 0)
}

func TestSnapshotsAreSeenInADirectory(t *testing.T) {
	dir := t.TempDir()
	w := watchSnapshots(filepath.Join(dir, "not there yet"))
	require.Empty(t, w.stop())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "log.1"), []byte("abc"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "snapshot.0"), []byte("abc"), 0o600))
	require.Equal(t, map[string]int64{"log.1": 0, "snapshot.0": 3}, sizes(dir), "a log grows with every write")
}

// fakeJava is an executable named java, as JAVA_HOME has it.
func fakeJava(t *testing.T) {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "bin"), 0o755))
	own, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	name := "java"
	if filepath.Ext(os.Args[0]) == ".exe" {
		name += ".exe"
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, "bin", name), own[:min(len(own), 64)], 0o755))
	t.Setenv("JAVA_HOME", home)
}

func TestTheOriginalIsFound(t *testing.T) {
	fakeJava(t)
	jars, release, scratch := t.TempDir(), t.TempDir(), t.TempDir()
	for _, f := range []string{
		filepath.Join(jars, "zookeeper-3.9.5.jar"), filepath.Join(jars, "zookeeper-jute-3.9.5.jar"),
		filepath.Join(release, "lib", "zookeeper-3.9.2.jar"), filepath.Join(release, "conf", "logback.xml"),
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(f), 0o755))
		require.NoError(t, os.WriteFile(f, nil, 0o600))
	}
	for dir, want := range map[string]struct{ version, classpath string }{
		jars:    {"3.9.5", filepath.Join(scratch, "conf") + string(filepath.ListSeparator) + filepath.Join(jars, "*")},
		release: {"3.9.2", filepath.Join(release, "conf") + string(filepath.ListSeparator) + filepath.Join(release, "lib", "*")},
	} {
		c, err := findOriginal(t.Context(), dir, "", scratch, 1234)
		require.NoError(t, err)
		require.Equal(t, want.version, c.version)
		args := strings.Join(c.command(filepath.Join("work", "zoo.cfg")).Args, " ")
		for _, part := range []string{"-Xmx1234m ", " -cp " + want.classpath + " ", "QuorumPeerMain " + filepath.Join("work", "zoo.cfg")} {
			require.Contains(t, args, part)
		}
	}
	_, err := findOriginal(t.Context(), scratch, "", scratch, 1)
	require.ErrorContains(t, err, "zookeeper-3.x.jar")
	t.Setenv("PATH", "")
	_, err = findOriginal(t.Context(), "", t.TempDir(), scratch, 1)
	require.ErrorContains(t, err, "--original DIR")
	t.Setenv("JAVA_HOME", "")
	_, err = findOriginal(t.Context(), jars, "", scratch, 1)
	require.ErrorContains(t, err, "Java")
	_, err = findZkserver("")
	require.ErrorContains(t, err, "--zkserver")
}

func TestMavensJarsAreKept(t *testing.T) {
	cache := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(cache, originalVersion), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(cache, originalVersion, "zookeeper-"+originalVersion+".jar"), nil, 0o600))
	lib, err := mavenJars(t.Context(), cache)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(cache, originalVersion), lib)
	require.Equal(t, 2, strings.Count(originalPOM(), "<version>"+originalVersion+"</version>"), "of the parent and of the server")
}

// fakeDuel compares zkserver with itself: both are this test's executable.
func fakeDuel(t *testing.T, o compareOptions) *duel {
	t.Helper()
	t.Setenv("ZKBENCH_TEST_SERVER", "1")
	o.rounds, o.seconds = 1, 0.02
	o.rate = map[string]float64{"reads": 2000, "writes": 500}
	d := &duel{compareOptions: o, work: t.TempDir(), log: t.Logf}
	for i, name := range []string{"original", "zkserver"} {
		d.sides[i] = &contender{name: name, command: func(cfg string) *exec.Cmd {
			return exec.Command(os.Args[0], "start-foreground", cfg)
		}}
	}
	return d
}

func TestACompareFromEndToEnd(t *testing.T) {
	d := fakeDuel(t, compareOptions{watchers: 7, znodes: 1500})
	c, err := d.run(t.Context())
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, m := range c.Measures {
		seen[m.Scenario] = true
		// Not "positive": on a busy machine no operation at all may end within these 20 ms.
		require.GreaterOrEqual(t, m.Original, 0.0, m.Name)
		require.GreaterOrEqual(t, m.Ours, 0.0, m.Name)
		require.NotEmpty(t, m.Samples[sideOriginal], m.Name)
		require.Len(t, m.Samples[sideOurs], len(m.Samples[sideOriginal]), m.Name)
	}
	for _, s := range scenarios {
		require.True(t, seen[s], s)
	}
	var out bytes.Buffer
	require.NoError(t, c.print(&out))
	for _, want := range []string{"FANOUT", "last of 7 has the event", "resident after creating 1500 znodes", "open loops: 2000 reads, 500 writes"} {
		require.Contains(t, out.String(), want)
	}
	left, err := os.ReadDir(d.work)
	require.NoError(t, err)
	require.Empty(t, left, "data directories are removed")
}

func TestAnInterruptedCompareStopsItsServers(t *testing.T) {
	d := fakeDuel(t, compareOptions{only: []string{"reads"}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d.seconds = 3600
	var cmd *exec.Cmd
	command := d.sides[0].command
	d.sides[0].command = func(cfg string) *exec.Cmd {
		cmd = command(cfg)
		return cmd
	}
	in, _, err := d.sides[0].boot(ctx, filepath.Join(d.work, "x"), defaultSnapCount)
	require.NoError(t, err)
	in.stop()
	in.stop() // again: nothing happens
	require.NotNil(t, cmd.ProcessState)

	done := make(chan error, 1)
	go func() { _, err := d.run(ctx); done <- err }()
	require.Eventually(t, func() bool { // the load is on
		entries, err := filepath.Glob(filepath.Join(d.work, "original-0", "data", "version-2", "log.*"))
		return err == nil && len(entries) > 0
	}, testTimeout, testTick)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NotNil(t, cmd.ProcessState, "the server has ended and was waited for")
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	d := fakeDuel(t, compareOptions{only: []string{"start"}})
	d.sides[1].command = func(string) *exec.Cmd { return exec.Command(os.Args[0], "no-such-command") }
	_, err := d.run(t.Context())
	require.ErrorContains(t, err, "zkserver, round 1")
	require.ErrorContains(t, err, "no-such-command", "what it printed")
}

func TestCompareUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--only reads,fly": `no scenario "fly"`,
		"--seconds 0":      "--seconds 0",
		"--rounds 0":       "--rounds 0",
		"--znodes -1":      "--znodes -1",
		"--read-rate -1":   "--read-rate -1",
		"extra":            "extra",
	} {
		code, _, errOut := runMain(t, append([]string{"compare"}, strings.Fields(args)...)...)
		require.Equal(t, 2, code, args)
		require.Contains(t, errOut, want, args)
	}
	err := runCompare(t.Context(), compareOptions{zkserver: filepath.Join(t.TempDir(), "none")}, cli.Streams{Err: &bytes.Buffer{}})
	require.ErrorContains(t, err, "--zkserver PATH")
}

func TestAnAudienceMissesNothing(t *testing.T) {
	s := zktest.Start(t)
	c, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{s.Addr()}})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	a, err := gather(t.Context(), s.Addr(), 3)
	require.NoError(t, err)
	defer a.leave()
	require.ErrorIs(t, a.arm(), zkproto.ErrNoNode, "there is nothing to watch yet")
	_, err = c.Create(t.Context(), fanoutPath, nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
	require.NoError(t, err)
	b, err := gather(t.Context(), s.Addr(), 3)
	require.NoError(t, err)
	defer b.leave()
	require.NoError(t, b.arm())
	_, err = c.Set(t.Context(), fanoutPath, nil, -1)
	require.NoError(t, err)
	require.NoError(t, b.hear(zkproto.XidNotification, "the event"))
	s.Drop()
	err = b.hear(zkproto.XidNotification, "the event")
	require.ErrorContains(t, err, "of 3 has not got the event")
}
