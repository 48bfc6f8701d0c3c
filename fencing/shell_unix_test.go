//go:build !windows

package fencing

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMethodsAreTriedInOrderUntilOneSucceeds(t *testing.T) {
	f, logs := newFencer(t, Spec{Method: "shell(echo no; exit 3)"}, Spec{Method: "shell(echo yes; echo warning >&2)"}, Spec{Method: "shell(exit 4)"})
	rec, err := f.Fence(context.Background(), nn1)
	require.NoError(t, err)
	require.True(t, rec.Fenced)
	require.Equal(t, "shell(echo yes; echo warning >&2)", rec.Method)
	require.Len(t, rec.Attempts, 2)
	require.Equal(t, 3, rec.Attempts[0].ExitStatus)
	require.Equal(t, "exit status 3", rec.Attempts[0].Error)
	require.Equal(t, "no\n", rec.Attempts[0].Output)
	require.True(t, rec.Attempts[1].Success)
	require.Positive(t, rec.Attempts[1].Duration)

	var got []string
	for _, m := range messages(logs) {
		if !strings.Contains(m, "Launched fencing command") {
			got = append(got, m)
		}
	}
	require.Len(t, got, 8)
	require.ElementsMatch(t, []string{"INFO ShellCommandFencer: echo yes...rning >&2: yes", "WARN ShellCommandFencer: echo yes...rning >&2: warning"}, got[5:7])
	require.Equal(t, []string{
		"INFO NodeFencer: ====== Beginning Service Fencing Process... ======",
		"INFO NodeFencer: Trying method 1/3: org.apache.hadoop.ha.ShellCommandFencer(echo no; exit 3)",
		"INFO ShellCommandFencer: echo no; exit 3: no",
		"WARN NodeFencer: Fencing method org.apache.hadoop.ha.ShellCommandFencer(echo no; exit 3) was unsuccessful.",
		"INFO NodeFencer: Trying method 2/3: org.apache.hadoop.ha.ShellCommandFencer(echo yes; echo warning >&2)",
		"INFO NodeFencer: ====== Fencing successful by method org.apache.hadoop.ha.ShellCommandFencer(echo yes; echo warning >&2) ======",
	}, append(got[:5:5], got[7]))
}

func TestNoMethodSucceeds(t *testing.T) {
	f, logs := newFencer(t, Spec{Method: "shell(/bin/false)"}, Spec{Method: "shell(/no/such/program)"}, Spec{Method: "shell(kill -9 $$)"})
	rec, err := f.Fence(context.Background(), nn1)
	require.ErrorIs(t, err, ErrNotFenced)
	require.ErrorContains(t, err, "shell(/bin/false): exit status 1; shell(/no/such/program): exit status 127; shell(kill -9 $$): signal: killed")
	require.False(t, rec.Fenced)
	require.Equal(t, -1, rec.Attempts[2].ExitStatus)
	all := messages(logs)
	require.Equal(t, "ERROR NodeFencer: Unable to fence service by any configured method.", all[len(all)-1])
}

// bash -e: a failing command in the middle is a failed fencing.
func TestScriptStopsAtItsFirstFailure(t *testing.T) {
	f, _ := newFencer(t, Spec{Method: "shell(false; true)"})
	_, err := f.Fence(context.Background(), nn1)
	require.ErrorIs(t, err, ErrNotFenced)
}

func TestScriptSeesTheNodeAndTheConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	f, _ := newFencer(t, Spec{Method: "shell(env > " + file + "; ! read line)"})
	_, err := f.Do(context.Background(), Request{Node: nn1, Manual: true})
	require.NoError(t, err)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	got := strings.Split(string(text), "\n")
	for _, p := range []string{"target_", "source_"} {
		require.Subset(t, got, []string{p + "host=127.0.0.1", p + "port=23020", p + "address=/127.0.0.1:23020", p + "nameserviceid=ns1", p + "namenodeid=nn1"})
	}
	require.Subset(t, got, []string{"dfs_nameservices=ns1", "a_b-c=d e"})

	_, err = f.Fence(context.Background(), nn1)
	require.NoError(t, err)
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "source_", "no failover by hand")
}

// fifo is a pipe with a name. Its reading end sees the end of the file when the last writer is gone, which proves that
// all processes that inherited it are dead.
func fifo(t *testing.T) (string, *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	r, err := os.OpenFile(path, os.O_RDWR, 0) // does not wait for a writer
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return path, r
}

func TestTimeoutKillsTheWholeProcessGroup(t *testing.T) {
	path, r := fifo(t)
	f, _ := newFencer(t, Spec{Method: "shell((echo $BASHPID > " + path + "; exec sleep 1000) & echo started; wait)", Timeout: 300 * time.Millisecond})
	start := time.Now()
	rec, err := f.Fence(context.Background(), nn1)
	require.ErrorIs(t, err, ErrNotFenced)
	require.Less(t, time.Since(start), 10*time.Second)
	require.Equal(t, "killed: no end within 300ms", rec.Attempts[0].Error)
	require.Equal(t, "started\n", rec.Attempts[0].Output)

	buf := make([]byte, 32)
	n, err := r.Read(buf)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return dead(pid) }, 5*time.Second, time.Millisecond, "the grandchild lives on")
}

// dead says whether a process is gone or a zombie that nobody has reaped yet.
func dead(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestProcessLeftBehindDoesNotDelayTheResult(t *testing.T) {
	path, r := fifo(t)
	f, _ := newFencer(t, Spec{Method: "shell(sleep 1000 & echo $! > " + path + "; echo done)"})
	start := time.Now()
	rec, err := f.Fence(context.Background(), nn1)
	require.NoError(t, err)
	require.Less(t, time.Since(start), 10*time.Second)
	require.Equal(t, "done\n", rec.Attempts[0].Output)

	buf := make([]byte, 32)
	n, err := r.Read(buf)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

func TestCallerThatGivesUpStopsTheMethod(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	path, r := fifo(t)
	f, _ := newFencer(t, Spec{Method: "shell(echo > " + path + "; sleep 1000)"}, Spec{Method: "shell(/bin/true)"})
	go func() {
		_, _ = r.Read(make([]byte, 1))
		cancel()
	}()
	rec, err := f.Fence(ctx, nn1)
	require.ErrorIs(t, err, ErrNotFenced)
	require.Equal(t, "killed: context canceled", rec.Attempts[0].Error)
	require.Equal(t, "not tried: context canceled", rec.Attempts[1].Error)
}

func TestShStandsInForBash(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("/bin/sh", filepath.Join(dir, "sh")))
	t.Setenv("PATH", dir)
	f, _ := newFencer(t, Spec{Method: "shell(test -z \"$BASH_VERSION\" || exit 0)"})
	_, err := f.Fence(context.Background(), nn1)
	require.NoError(t, err)
	require.Equal(t, "sh", shellCommand(context.Background(), "x").Args[0])
}

func TestSecretsOfTheControllerDoNotReachScripts(t *testing.T) {
	t.Setenv("HOLDFAST_TEST_SECRET", "digest:user:password")
	t.Setenv("HOLDFAST_TEST_PUBLIC", "seen")
	f, err := New(Config{
		Methods: []Spec{{Method: `shell(echo "[$HOLDFAST_TEST_SECRET][$HOLDFAST_TEST_PUBLIC]")`}},
		Secret:  []string{"HOLDFAST_TEST_SECRET"},
	}, zap.NewNop())
	require.NoError(t, err)
	rec, err := f.Fence(t.Context(), nn1)
	require.NoError(t, err)
	require.Contains(t, rec.Attempts[0].Output, "[][seen]")
}

// The original's way, for commands that are written for it: first for the node that becomes active.
func TestCommandForBothNodes(t *testing.T) {
	nn2 := nn1
	nn2.ServiceID = "nn2"
	file := filepath.Join(t.TempDir(), "said")
	f, err := New(Config{Methods: []Spec{{Method: "shell(echo [$target_namenodeid][$source_namenodeid] >> " + file + ")"}}, Manual: true}, nil)
	require.NoError(t, err)
	said := func(r Request) string {
		_, err := f.Do(t.Context(), r)
		require.NoError(t, err)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.Remove(file))
		return string(text)
	}
	require.Equal(t, "[nn2][]\n[][nn1]\n", said(Request{Node: nn1, Manual: true, To: &nn2, Both: true}))
	require.Equal(t, "[nn1][nn1]\n", said(Request{Node: nn1, Manual: true, To: &nn2}))
	require.Equal(t, "[nn1][nn1]\n", said(Request{Node: nn1, Manual: true, Both: true}))
}

// haadmin's command with a comma is two, as recorded of 3.4.3: the first part is for the node that becomes active and
// knows it as target_*, the second for the node to fence and knows it as source_*.
func TestCommandInTwoParts(t *testing.T) {
	nn2 := nn1
	nn2.ServiceID, nn2.Port = "nn2", 24020
	show := `echo "[$target_namenodeid $target_port][$source_namenodeid $source_port]"`
	do := func(command string, to bool) (Record, []string, error) {
		core, logs := observer.New(zap.InfoLevel)
		f, err := New(Config{Methods: []Spec{{Method: "shell(" + command + ")"}}, Manual: true}, zap.New(core))
		require.NoError(t, err)
		r := Request{Node: nn1, Manual: true}
		if to {
			r.To = &nn2
		}
		rec, err := f.Do(t.Context(), r)
		var said []string
		for _, m := range messages(logs) {
			if strings.Contains(m, ": [") {
				said = append(said, m[strings.LastIndex(m, ": ")+2:])
			}
		}
		return rec, said, err
	}
	rec, said, err := do(show+","+show, true)
	require.NoError(t, err)
	require.Equal(t, []string{"[nn2 24020][ ]", "[ ][nn1 23020]"}, said)
	require.Equal(t, "shell("+show+","+show+")", rec.Method)

	_, said, err = do("false,"+show, true)
	require.ErrorIs(t, err, ErrNotFenced)
	require.ErrorContains(t, err, "the part for the node that becomes active: exit status 1")
	require.Empty(t, said, "then the other is not fenced")

	_, said, err = do("false,"+show, false)
	require.NoError(t, err)
	require.Equal(t, []string{"[ ][nn1 23020]"}, said, "nobody is to become active")

	// One command is for the node to fence only; the original runs it on both.
	_, said, err = do(show, true)
	require.NoError(t, err)
	require.Equal(t, []string{"[nn1 23020][nn1 23020]"}, said)

	for command, want := range map[string]string{"a,b,c": "must have two parts", ",b": "must have two parts", "a, ": "must have two parts"} {
		_, err = New(Config{Methods: []Spec{{Method: "shell(" + command + ")"}}, Manual: true}, nil)
		require.ErrorContains(t, err, want)
	}
}

// The environment is as the original's: the whole configuration, dots as underscores; what no variable can have is left out.
func TestConfigurationThatNoVariableCanHave(t *testing.T) {
	f, err := New(Config{Methods: []Spec{{Method: `shell(echo "[$a_b][$multi_line]"; ! read line)`}}, Env: map[string]string{
		"a.b": "1", "multi.line": "x\ny", "zero": "a\x00b", "equals=": "c",
	}}, nil)
	require.NoError(t, err)
	rec, err := f.Fence(t.Context(), nn1)
	require.NoError(t, err)
	require.Equal(t, "[1][x\ny]\n", rec.Attempts[0].Output)
}
