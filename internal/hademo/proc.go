package hademo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Launcher makes the command that runs one of Holdfast's programs ("zkserver", "nnstub", "zkfc", "haadmin") with args.
type Launcher func(program string, args ...string) *exec.Cmd

// spawner starts child processes from one thread that lives as long as the spawner. On Linux a child is killed when the
// thread that started it ends (so that no orphan survives hademo, however it dies): that thread must not come and go.
type spawner struct {
	work chan func()
	done chan struct{}
	once sync.Once
}

func newSpawner() *spawner {
	s := &spawner{work: make(chan func()), done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer close(s.done)
		for f := range s.work {
			f()
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	errc := make(chan error, 1)
	s.work <- func() { errc <- cmd.Start() }
	return <-errc
}

// close ends the thread. Only after all children are gone.
func (s *spawner) close() {
	s.once.Do(func() { close(s.work) })
	<-s.done
}

// process is one program of the demo. It can be started, killed and started again; its output is appended to one log file.
type process struct {
	name    string // "zkserver", "nn1", "zkfc1"
	dir     string // where its log and pid file go
	command func() *exec.Cmd
	spawn   *spawner

	mu        sync.Mutex
	cmd       *exec.Cmd
	exited    chan struct{} // closed when cmd was reaped
	suspended bool
}

// start runs the program and writes its pid file.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		select {
		case <-p.exited:
		default:
			return nil // running already
		}
	}
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer log.Close()
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = log, log
	isolate(cmd)
	if err := p.spawn.start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	exited := make(chan struct{})
	p.cmd, p.exited, p.suspended = cmd, exited, false
	go func() {
		_ = cmd.Wait() // the exit status of a process that is killed on purpose says nothing
		close(exited)
	}()
	if err := os.WriteFile(p.pidPath(), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644); err != nil {
		return fmt.Errorf("start %s: pid file: %w", p.name, err)
	}
	return nil
}

func (p *process) logPath() string { return filepath.Join(p.dir, p.name+".log") }
func (p *process) pidPath() string { return filepath.Join(p.dir, p.name+".pid") }

// alive tells whether the process runs and was not suspended by us.
func (p *process) alive() (running, suspended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false, false
	}
	select {
	case <-p.exited:
		return false, false
	default:
		return true, p.suspended
	}
}

// kill ends the process at once (SIGKILL) and waits until it is gone.
func (p *process) kill() {
	p.mu.Lock()
	cmd, exited := p.cmd, p.exited
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill() // an error means that it is gone already
	<-exited
}

// stop asks the process to end in order and waits; when ctx ends first, it is killed.
func (p *process) stop(ctx context.Context) {
	p.mu.Lock()
	cmd, exited := p.cmd, p.exited
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	if err := terminate(cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = cmd.Process.Kill()
	}
	select {
	case <-exited:
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-exited
	}
}

// suspend stops the process from running without ending it (SIGSTOP).
func (p *process) suspend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return fmt.Errorf("%s was never started", p.name)
	}
	if err := suspend(p.cmd.Process); err != nil {
		return fmt.Errorf("suspend %s: %w", p.name, err)
	}
	p.suspended = true
	return nil
}

// resume undoes suspend. A process that is gone meanwhile (fenced) is no error.
func (p *process) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || !p.suspended {
		return
	}
	_ = resume(p.cmd.Process)
	p.suspended = false
}

// stopGrace is how long a process gets to end in order before it is killed.
const stopGrace = 3 * time.Second
