package fencing

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/failover/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var nn1 = target.Identity{NameserviceID: "ns1", ServiceID: "nn1", Host: "127.0.0.1", Port: 23020, ZKFCPort: 23019}

func newFencer(t *testing.T, specs ...Spec) (*Fencer, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	f, err := New(Config{Methods: specs, Env: map[string]string{"dfs.nameservices": "ns1", "a.b-c": "d e"}}, zap.New(core))
	require.NoError(t, err)
	return f, logs
}

func messages(logs *observer.ObservedLogs) []string {
	var out []string
	for _, e := range logs.All() {
		out = append(out, e.Level.CapitalString()+" "+e.LoggerName+": "+e.Message)
	}
	return out
}

func TestNotationIsTheOriginals(t *testing.T) {
	for text, want := range map[string][]string{
		"shell(/bin/true)":                            {"shell(/bin/true)"},
		"  shell(a b c) # why\n\nshell(d)":            {"shell(a b c)", "shell(d)"},
		"shell((a); b)":                               {"shell((a); b)"},
		"org.apache.hadoop.ha.ShellCommandFencer(x)":  {"shell(x)"},
		"sshfence\nsshfence(hdfs)\nsshfence(:2222)":   {"sshfence", "sshfence(hdfs)", "sshfence(:2222)"},
		"org.apache.hadoop.ha.SshFenceByTcpPort(a:1)": {"sshfence(a:1)"},
	} {
		f, err := New(Config{Methods: []Spec{{Method: text}}}, zap.NewNop())
		require.NoError(t, err, text)
		require.Equal(t, want, f.Methods(), text)
	}
	for text, want := range map[string]string{
		"bogus":                "Could not find configured fencing method bogus",
		"com.example.X(arg)":   "Could not find configured fencing method com.example.X",
		"shell":                "No argument passed to 'shell' fencing method",
		"shell(":               "Unable to parse line: 'shell('",
		"shell()":              "Unable to parse line: 'shell()'",
		"shell(a) b":           "Unable to parse line: 'shell(a) b'",
		"shell(echo a#b)":      "Unable to parse line: 'shell(echo a'",
		"sshfence(a:b)":        "Unable to parse user and SSH port: a:b",
		"sshfence(a:70000)":    "Port number '70000' invalid",
		"sshfence(:0)":         "Port number '0' invalid",
		"sshfence()":           "Unable to parse line: 'sshfence()'",
		"powershell(x)":        "powershell is not supported",
		"shell(echo a,exit 0)": "has a comma",
	} {
		_, err := New(Config{Methods: []Spec{{Method: text}}}, zap.NewNop())
		require.ErrorContains(t, err, want)
	}
	_, err := New(Config{Methods: []Spec{{Method: "bogus"}, {Method: "shell"}, {Method: "shell(a)", Timeout: -1}}}, zap.NewNop())
	require.ErrorContains(t, err, "bogus")
	require.ErrorContains(t, err, "No argument")
	require.ErrorContains(t, err, "below zero")
	for _, none := range [][]Spec{nil, {{Method: " # nothing\n"}}} {
		_, err = New(Config{Methods: none}, zap.NewNop())
		require.ErrorIs(t, err, ErrNotConfigured)
	}
}

func FuzzNotation(f *testing.F) {
	for _, s := range []string{"shell(/bin/true)", "sshfence(u:22)\nshell(x)", "shell((", "#", "a.b$c(d)e)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ms, err := parse(Spec{Method: s}, Config{Manual: true})
		if err != nil {
			return
		}
		for _, m := range ms { // what was understood is understood again, and is the same
			again, err := parse(Spec{Method: m.spec()}, Config{Manual: true})
			require.NoError(t, err)
			require.Equal(t, []method{m}, again)
		}
	})
}

func TestLongCommandsAreAbbreviatedInTheLog(t *testing.T) {
	require.Equal(t, "/opt/too...two words", abbreviate("/opt/tools/fence-env.sh $target_host two words", 20))
	require.Equal(t, "exactly-twenty-chars", abbreviate("exactly-twenty-chars", 20))
}

func TestOutputIsCutAndBounded(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	o := newOutput("p", zap.New(core))
	s := o.stream(zap.New(core).Info)
	long := make([]byte, 3*maxLine+5)
	for i := range long {
		long[i] = 'x'
	}
	for _, p := range [][]byte{[]byte("one\r\ntw"), []byte("o\n\n"), long, []byte("\nend")} {
		n, err := s.Write(p)
		require.NoError(t, err)
		require.Len(t, p, n)
	}
	o.flush()
	got := messages(logs)
	require.Equal(t, []string{"INFO : p: one", "INFO : p: two", "INFO : p: "}, got[:3])
	require.Len(t, got, 3+4+1)
	require.Equal(t, "INFO : p: end", got[len(got)-1])
	require.Len(t, o.tail(), maxTail)

	for range maxLines + 10 {
		_, _ = s.Write([]byte("again\n"))
	}
	require.Len(t, logs.All(), maxLines+1)
	require.Equal(t, "p: more output is not logged", logs.All()[maxLines].Message)
}

// slow is a method that ends only with its context.
type slow struct{ limit time.Duration }

func (s slow) name() string           { return "slow" }
func (s slow) spec() string           { return "slow" }
func (s slow) timeout() time.Duration { return s.limit }
func (s slow) try(ctx context.Context, _ occasion, _ *zap.Logger) Attempt {
	<-ctx.Done()
	return Attempt{ExitStatus: -1, Error: context.Cause(ctx).Error()}
}

func TestDeadlineCoversAllMethods(t *testing.T) {
	f := &Fencer{methods: []method{slow{time.Hour}, slow{time.Hour}}, deadline: 20 * time.Millisecond, log: zap.NewNop()}
	rec, err := f.Fence(context.Background(), nn1)
	require.ErrorIs(t, err, ErrNotFenced)
	require.Equal(t, "the deadline of 20ms for all methods is over", rec.Attempts[0].Error)
	require.Equal(t, "not tried: the deadline of 20ms for all methods is over", rec.Attempts[1].Error)
}

func TestEachMethodHasItsOwnTimeout(t *testing.T) {
	f := &Fencer{methods: []method{slow{time.Millisecond}, slow{2 * time.Millisecond}}, deadline: time.Hour, log: zap.NewNop()}
	rec, err := f.Fence(context.Background(), nn1)
	require.ErrorIs(t, err, ErrNotFenced)
	require.Equal(t, "no end within 1ms", rec.Attempts[0].Error)
	require.Equal(t, "no end within 2ms", rec.Attempts[1].Error)
}

func TestNothingIsTriedAfterTheCallerGaveUp(t *testing.T) {
	gone := errors.New("lock lost")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	f, _ := newFencer(t, Spec{Method: "shell(/bin/true)"})
	rec, err := f.Fence(ctx, nn1)
	require.ErrorIs(t, err, ErrNotFenced)
	require.False(t, rec.Fenced)
	require.Equal(t, "not tried: lock lost", rec.Attempts[0].Error)
}

func TestAddressIsPrintedAsJavaDoes(t *testing.T) {
	lookup := func(_ context.Context, host string) ([]string, error) {
		if host == "h" {
			return []string{"::1", "10.0.0.1"}, nil
		}
		return nil, errors.New("no such host")
	}
	ctx := context.Background()
	require.Equal(t, "h/10.0.0.1:1", javaAddress(ctx, lookup, "h", 1))
	require.Equal(t, "/10.0.0.2:1", javaAddress(ctx, lookup, "10.0.0.2", 1))
	require.Equal(t, "x/<unresolved>:1", javaAddress(ctx, lookup, "x", 1))
}
