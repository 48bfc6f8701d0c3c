package zkbench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// process is a running server that zkbench has started.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	output fmt.Stringer // the end of what it printed
	once   sync.Once
}

// launch starts cmd, whose server shall serve on o.server, and waits until it has answered a request. cmd's output must
// have been set already; output says what it came to. On failure nothing is left running.
func launch(ctx context.Context, o startOptions, cmd *exec.Cmd, output fmt.Stringer) (p *process, t startTimes, err error) {
	if c, err := net.DialTimeout("tcp", o.server, time.Second); err == nil {
		_ = c.Close()
		return nil, t, fmt.Errorf("something listens on %s already: stop it first, or choose another --server", o.server)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	ownGroup(cmd)
	cmd.WaitDelay = time.Second
	p = &process{cmd: cmd, exited: make(chan struct{}), output: output}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, t, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		_ = cmd.Wait() // ProcessState tells more
		close(p.exited)
	}()
	defer func() {
		if err != nil {
			p.stop()
			p = nil
		}
	}()
	ms := func() float64 { return float64(time.Since(begin).Microseconds()) / 1e3 }
	var last error
	patience := firstPatience
	tick := time.NewTicker(startPoll)
	defer tick.Stop()
	for {
		select {
		case <-p.exited:
			return p, t, fmt.Errorf("%s ended before it served: %s\n%s", cmd.Path, cmd.ProcessState, output)
		case <-ctx.Done():
			return p, t, fmt.Errorf("%s does not serve on %s: %w (last attempt: %w)\n%s", cmd.Path, o.server, ctx.Err(), last, output)
		case <-tick.C:
		}
		if t.PortMS == 0 {
			c, err := net.DialTimeout("tcp", o.server, time.Second)
			if err != nil {
				last = err
				continue
			}
			t.PortMS = ms()
			_ = c.Close()
		}
		if last = firstRequest(ctx, o.server, patience, func() { t.SessionMS = ms() }); last == nil {
			t.ServedMS = ms()
			return p, t, nil
		}
		patience = min(2*patience, lastPatience)
	}
}

// pid is the process id.
func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process, gently for 10 s, and waits for it. It may be called again.
func (p *process) stop() { p.once.Do(func() { stopCommand(p.cmd, p.exited) }) }

// kill ends the process as a crash would, and waits for it.
func (p *process) kill() {
	p.once.Do(func() {
		select {
		case <-p.exited: // its process id may be another's by now
		default:
			kill(p.cmd)
			<-p.exited
		}
	})
}

// stopCommand ends the command and waits for it.
func stopCommand(cmd *exec.Cmd, exited <-chan struct{}) {
	select {
	case <-exited: // its process id may be another's by now
		return
	default:
	}
	terminate(cmd)
	t := time.NewTimer(10 * time.Second)
	defer t.Stop()
	select {
	case <-exited:
	case <-t.C:
		kill(cmd)
		<-exited
	}
}

// outputBytes is how much of a server's output is kept for the message when it fails.
const outputBytes = 4096

// lastBytes keeps the end of what a command prints.
type lastBytes struct {
	mu sync.Mutex
	b  []byte
}

func (l *lastBytes) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	if over := len(l.b) - outputBytes; over > 0 {
		l.b = l.b[over:]
	}
	return len(p), nil
}

func (l *lastBytes) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(bytes.ToValidUTF8(l.b, []byte("?"))))
}

// logFile is a file that takes the output of a server, as in production: nothing is copied through zkbench.
type logFile string

func (f logFile) String() string {
	file, err := os.Open(string(f))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(size-outputBytes, 0), io.SeekStart)
	}
	b, _ := io.ReadAll(file)
	return strings.TrimSpace(string(bytes.ToValidUTF8(b, []byte("?"))))
}
