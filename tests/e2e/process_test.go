//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// output collects what a process says and tells when there is more.
type output struct {
	mu   sync.Mutex
	text []byte
	from int // what lies before was forgotten by mark or a new start
	more chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	close(o.more)
	o.more = make(chan struct{})
	return len(b), nil
}

func (o *output) since() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text[o.from:]), o.more
}

func (o *output) mark() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.from = len(o.text)
}

func (o *output) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// process is a command in the background. Its output stays when it is started again.
type process struct {
	out  *output
	cmd  *exec.Cmd
	in   io.WriteCloser // standard input, if it has one
	life *os.File       // closing it ends the process
	done chan struct{}  // closed when it was reaped
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// end kills the process group, whatever state it is in, and waits.
func (p *process) end() {
	if !p.ended() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
	_ = p.life.Close()
}

// command makes a command with the script's environment and directory. Leading VAR=VALUE words add to the environment.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	var extra []string
	for len(args) > 0 && assignment.MatchString(args[0]) {
		extra = append(extra, args[0])
		args = args[1:]
	}
	if len(args) == 0 {
		ts.Fatalf("a program is missing")
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	names := []string{"HOLDFAST_CONFIG"}
	for _, kv := range of(ts).env.Vars {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	for _, name := range names {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, extra...)
	return cmd
}

var assignment = regexp.MustCompile(`^[A-Z_0-9]+=`)

func cmdBg(ts *testscript.TestScript, args []string) {
	const usage = "bg [-stdin FILE] NAME [VAR=VALUE...] PROG ARGS..."
	need(ts, args, 2, usage)
	p := &process{out: &output{more: make(chan struct{})}, done: make(chan struct{})}
	var input string
	if args[0] == "-stdin" {
		need(ts, args, 4, usage)
		input, args = ts.ReadFile(args[1]), args[2:]
	}
	s, name := of(ts), args[0]
	if old := s.procs[name]; old != nil {
		if !old.ended() {
			ts.Fatalf("%s is running", name)
		}
		old.end()
		p.out = old.out
		p.out.mark()
	}
	r, w, err := os.Pipe()
	ts.Check(err)
	p.life = w
	p.cmd = command(ts, args[1:])
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.Env = append(p.cmd.Env, lifelineVar+"=1")
	if input != "" {
		p.in, err = p.cmd.StdinPipe()
		ts.Check(err)
	}
	p.cmd.ExtraFiles = []*os.File{r}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second // a grandchild may hold the output open
	err = p.cmd.Start()
	_ = r.Close()
	ts.Check(err)
	s.procs[name] = p
	if p.in != nil {
		_, err = io.WriteString(p.in, input) // and it stays open
		ts.Check(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
}

// proc is the process of that name.
func proc(ts *testscript.TestScript, name string) *process {
	p := of(ts).procs[name]
	if p == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	return p
}

func cmdLogged(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "logged NAME REGEXP")
	p, re := proc(ts, args[0]), pattern(ts, args[1])
	if neg {
		if text, _ := p.out.since(); re.MatchString(text) {
			ts.Fatalf("%s said %q", args[0], re.FindString(text))
		}
		return
	}
	ts.Check(p.logged(args[0], re))
}

func (p *process) logged(name string, re *regexp.Regexp) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		ended := p.ended() // before looking: all its output is there then
		text, more := p.out.since()
		if re.MatchString(text) {
			return nil
		}
		if ended {
			return fmt.Errorf("%s has ended (%v) and did not say %q", name, p.cmd.ProcessState, re)
		}
		select {
		case <-more:
		case <-p.done:
		case <-deadline.C:
			return fmt.Errorf("%s did not say %q within %v", name, re, patience)
		}
	}
}

func pattern(ts *testscript.TestScript, s string) *regexp.Regexp {
	re, err := regexp.Compile("(?m)" + s)
	ts.Check(err)
	return re
}

func cmdMark(ts *testscript.TestScript, args []string) {
	for _, name := range args {
		proc(ts, name).out.mark()
	}
}

var signals = map[string]syscall.Signal{
	"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
	"USR1": syscall.SIGUSR1,
}

func cmdSignal(ts *testscript.TestScript, args []string) {
	need(ts, args, 2, "signal SIG NAME...")
	sig, ok := signals[args[0]]
	if !ok {
		ts.Fatalf("unknown signal %s", args[0])
	}
	for _, name := range args[1:] {
		p := proc(ts, name)
		if p.ended() {
			ts.Fatalf("%s has ended before: %v", name, p.cmd.ProcessState)
		}
		ts.Check(p.cmd.Process.Signal(sig))
	}
	if sig == syscall.SIGKILL {
		for _, name := range args[1:] {
			<-proc(ts, name).done
		}
	}
}

func cmdExited(ts *testscript.TestScript, args []string) {
	need(ts, args, 2, "exited NAME CODE")
	p := proc(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s has not ended within %v", args[0], patience)
	}
	if got := fmt.Sprint(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s ended with %v, not with exit code %s", args[0], p.cmd.ProcessState, args[1])
	}
}

func cmdRunning(ts *testscript.TestScript, args []string) {
	for _, name := range args {
		if p := proc(ts, name); p.ended() {
			ts.Fatalf("%s has ended: %v", name, p.cmd.ProcessState)
		}
	}
}

// run runs a command to its end, or to the end of patience, and returns its output and exit code.
func run(ts *testscript.TestScript, args []string, limit time.Duration) (stdout, stderr string, code int) {
	cmd := command(ts, args)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second
	ts.Check(cmd.Start())
	late := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !late.Stop() {
		ts.Logf("%s was killed: it had not ended after %v", args[0], limit.Round(time.Millisecond))
	}
	if cause := crash.FindString(errs.String()); cause != "" {
		ts.Fatalf("%s: %s", strings.Join(args, " "), errs.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Check(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func cmdUntil(ts *testscript.TestScript, args []string) {
	need(ts, args, 2, "until REGEXP PROG ARGS...")
	re := pattern(ts, args[0])
	began := time.Now()
	pause := time.NewTicker(pollPause)
	defer pause.Stop()
	for {
		stdout, stderr, code := run(ts, args[1:], patience)
		if code == 0 && re.MatchString(stdout) {
			fmt.Fprint(ts.Stdout(), stdout)
			fmt.Fprint(ts.Stderr(), stderr)
			return
		}
		if time.Since(began) > patience {
			ts.Fatalf("after %v it still ends with exit code %d and says\n%s%s", patience, code, stdout, stderr)
		}
		<-pause.C
	}
}

func cmdExits(ts *testscript.TestScript, args []string) {
	need(ts, args, 2, "exits CODE PROG ARGS...")
	stdout, stderr, code := run(ts, args[1:], patience)
	fmt.Fprint(ts.Stdout(), stdout)
	fmt.Fprint(ts.Stderr(), stderr)
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, not %s; it said\n%s%s", code, args[0], stdout, stderr)
	}
}
