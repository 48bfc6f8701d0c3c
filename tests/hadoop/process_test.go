//go:build hadoop && unix

package hadoop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long anything may take that is expected to happen; far more than it takes.
const patience = 3 * time.Minute

// process is a program in the background. All its lives write to one log.
type process struct {
	name string
	log  string
	pid  string // the file that holds the process id while it lives, for the fencing script
	make func() *exec.Cmd

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when it was reaped
	mark int64         // where said begins to look
}

// spawner starts all processes from one thread: the kernel ends them when that thread ends (see lifeline), which is when the
// test process does.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// newProcess names a program that start runs. dir is where its log and the file with its process id go.
func newProcess(dir, name string, command func() *exec.Cmd) *process {
	return &process{
		name: name, log: filepath.Join(dir, "logs", name+".log"), pid: filepath.Join(dir, "pids", name), make: command,
		done: closed(),
	}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// start runs the program, which must not be running.
func (p *process) start() error {
	if p.alive() {
		return fmt.Errorf("%s is running", p.name)
	}
	f, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := f.Seek(0, 2)
	if err != nil {
		return err
	}
	cmd := p.make()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = f, f, lifeline()
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	done := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.done, p.mark = cmd, done, end
	p.mu.Unlock()
	err = os.WriteFile(p.pid, []byte(strconv.Itoa(cmd.Process.Pid)), 0o644)
	go func() {
		_ = cmd.Wait()
		_ = os.Remove(p.pid)
		close(done)
	}()
	return err
}

func (p *process) ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

func (p *process) alive() bool {
	select {
	case <-p.ended():
		return false
	default:
		return true
	}
}

// signal sends a signal to the process and to nothing else.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// kill ends the process as a crash does, whatever state it is in, and waits until it is gone.
func (p *process) kill() {
	if p.alive() {
		_ = p.signal(syscall.SIGKILL)
		<-p.ended()
	}
}

// exitCode is how the process ended; 128 and the signal when a signal ended it, as a shell says it.
func (p *process) exitCode() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// forget makes said look only at what comes from now on.
func (p *process) forget() {
	if info, err := os.Stat(p.log); err == nil {
		p.mu.Lock()
		p.mark = info.Size()
		p.mu.Unlock()
	}
}

// said tells whether the log since the last start, or forget, matches.
func (p *process) said(re *regexp.Regexp) bool { return re.Match(p.since()) }

// when is the time of the first line since then that matches; its first group is the date and the time.
func (p *process) when(re *regexp.Regexp) time.Time {
	m := re.FindSubmatch(p.since())
	if m == nil {
		return time.Time{}
	}
	at, _ := time.ParseInLocation("2006-01-02 15:04:05,000", string(m[1]), time.Local)
	return at
}

func (p *process) since() []byte {
	p.mu.Lock()
	from := p.mark
	p.mu.Unlock()
	f, err := os.Open(p.log)
	if err != nil {
		return nil
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := f.Seek(from, 0); err != nil {
		return nil
	}
	_, _ = b.ReadFrom(f)
	return b.Bytes()
}

// tail is the end of the log.
func (p *process) tail(n int) string {
	b, _ := os.ReadFile(p.log)
	return string(b[max(0, len(b)-n):])
}

// run runs a command to its end and returns its exit code and what it said.
func run(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// eventually asks again and again until ok answers yes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !within(patience, ok) {
		require.FailNow(t, "never: "+what)
	}
}

func within(limit time.Duration, ok func() bool) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-late.C:
			return false
		}
	}
	return true
}

// resident is the memory of a process in MB, as the kernel or ps tells it.
func (p *process) resident(t *testing.T) float64 {
	t.Helper()
	p.mu.Lock()
	pid := p.cmd.Process.Pid
	p.mu.Unlock()
	var size string
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		_, size, _ = strings.Cut(string(status), "VmRSS:")
		size, _, _ = strings.Cut(size, "kB")
	} else {
		out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
		require.NoError(t, err)
		size = string(out)
	}
	kb, err := strconv.Atoi(strings.TrimSpace(size))
	require.NoError(t, err)
	return float64(kb) / 1024
}
