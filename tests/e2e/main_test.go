//go:build unix

package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/haadmin"
	"github.com/holdfast-ha/holdfast/internal/cli/hademo"
	"github.com/holdfast-ha/holdfast/internal/cli/nnstub"
	"github.com/holdfast-ha/holdfast/internal/cli/zkbench"
	"github.com/holdfast-ha/holdfast/internal/cli/zkcli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
	"github.com/holdfast-ha/holdfast/internal/cli/zkserver"
	"github.com/holdfast-ha/holdfast/internal/cli/zktool"
)

func TestMain(m *testing.M) {
	commands := map[string]func(){}
	for name, main := range map[string]cli.Main{
		"haadmin": haadmin.Main, "hademo": hademo.Main, "nnstub": nnstub.Main, "zkbench": zkbench.Main, "zkcli": zkcli.Main,
		"zkfc": zkfc.Main, "zkserver": zkserver.Main, "zktool": zktool.Main,
	} {
		commands[name] = func() { runCommand(main) }
	}
	// The scripts wait more than they compute. What the command line says counts more: it is parsed later.
	if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, commands)
}

// lifelineVar tells a command that its descriptor 3 is a pipe which the test holds open.
const lifelineVar = "E2E_LIFELINE"

// runCommand is the life of a process that is one of the commands. It ends with the test, however that ends.
func runCommand(main cli.Main) {
	if os.Getenv(lifelineVar) != "" {
		_ = os.Unsetenv(lifelineVar)
		syscall.CloseOnExec(3)
		go func() {
			_, _ = os.NewFile(3, "lifeline").Read(make([]byte, 1))
			os.Exit(125)
		}()
	}
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "@") {
		main = hademo.Main // it starts the programs from its own executable, which is the test binary here
	}
	cli.Run(main)
}

func TestScripts(t *testing.T) {
	t.Parallel()
	home, err := os.Getwd()
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir:                "testdata",
		RequireUniqueNames: true,
		Deadline:           time.Now().Add(scriptsDeadline),
		Setup: func(env *testscript.Env) error {
			s := &script{env: env, home: home, procs: map[string]*process{}}
			env.Values[scriptKey{}] = s
			// A data race ends the process with exit code 66, and no process lingers for a second at its end.
			env.Vars = append(env.Vars, "GORACE=halt_on_error=1 atexit_sleep_ms=0", "XDG_STATE_HOME="+filepath.Join(env.WorkDir, "state"))
			env.Defer(s.close)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": positive(cmdFreeport), "expand": positive(cmdExpand), "bg": positive(cmdBg), "logged": cmdLogged,
			"mark": positive(cmdMark), "signal": positive(cmdSignal), "exited": positive(cmdExited), "running": positive(cmdRunning),
			"until": positive(cmdUntil), "exits": positive(cmdExits), "send": positive(cmdSend), "damage": positive(cmdDamage),
			"tear": positive(cmdTear), "same": cmdSame, "pair": positive(cmdPair), "pids": positive(cmdPids), "gone": positive(cmdGone),
			"empty": positive(cmdEmpty),
		},
	})
}

const (
	// scriptsDeadline is when whatever still runs is killed and the scripts fail.
	scriptsDeadline = 3 * time.Minute
	// patience is how long a single thing that must happen may take: far more than it needs on a slow machine.
	patience = time.Minute
	// pollPause is between two looks at something that does not tell when it changes.
	pollPause = 20 * time.Millisecond
)

type scriptKey struct{}

// script is what one script holds.
type script struct {
	env   *testscript.Env
	home  string // the directory of this package
	procs map[string]*process
	pids  []int
}

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// close ends everything that the script started, and shows what it said when the script has failed. A process that has
// met a data race or has panicked makes it fail, whatever the script expected.
func (s *script) close() {
	tb := s.env.T().(testing.TB)
	for name, p := range s.procs {
		p.end()
		if cause := crash.FindString(p.out.all()); cause != "" {
			tb.Errorf("%s: %s", name, cause)
		}
	}
	if !tb.Failed() {
		return
	}
	for name, p := range s.procs {
		text := p.out.all()
		tb.Logf("output of %s:\n%s", name, text[max(0, len(text)-shownOutput):])
	}
}

var crash = regexp.MustCompile(`(?m)^(WARNING: DATA RACE|panic: .*|fatal error: .*)$`)

// shownOutput is how much of the output of each process is shown when a script fails, in bytes.
const shownOutput = 6000

// positive refuses "!" before a command for which it means nothing.
func positive(f func(*testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		f(ts, args)
	}
}

// need checks the number of arguments.
func need(ts *testscript.TestScript, args []string, least int, usage string) {
	if len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}
