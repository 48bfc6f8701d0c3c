package fencing

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"go.uber.org/zap"
)

// drainTime is how long the output is read on after the command has ended or was killed, when a process that it left
// behind keeps the pipes open.
const drainTime = 200 * time.Millisecond

// shell runs a command by bash; exit status 0 means that the node is fenced.
type shell struct {
	command string
	limit   time.Duration
}

func (s shell) name() string           { return classShell + "(" + s.command + ")" }
func (s shell) spec() string           { return "shell(" + s.command + ")" }
func (s shell) timeout() time.Duration { return s.limit }

// try runs the command in a process group of its own, with nothing on standard input. When ctx ends, the whole group is
// killed. A process that the command leaves behind does not delay the result: only the command's own end counts.
func (s shell) try(ctx context.Context, env []string, log *zap.Logger) Attempt {
	log = log.Named("ShellCommandFencer")
	out := newOutput(abbreviate(s.command, 20), log)
	cmd := shellCommand(ctx, s.command)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = out.stream(log.Info), out.stream(log.Warn)
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = drainTime

	if err := cmd.Start(); err != nil {
		log.Warn("Unable to execute "+s.command, zap.Error(err))
		return Attempt{ExitStatus: -1, Error: "cannot be started: " + err.Error()}
	}
	log.Info(fmt.Sprintf("Launched fencing command '%s' with pid %d", s.command, cmd.Process.Pid))
	err := cmd.Wait()
	out.flush()

	a := Attempt{ExitStatus: cmd.ProcessState.ExitCode(), Output: out.tail()}
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && a.ExitStatus == 0:
		a.Success = true
	case ctx.Err() != nil:
		a.ExitStatus, a.Error = -1, "killed: "+context.Cause(ctx).Error()
	case errors.As(err, &exit) && a.ExitStatus > 0:
		a.Error = fmt.Sprintf("exit status %d", a.ExitStatus)
	default:
		a.Error = err.Error()
	}
	return a
}

// abbreviate shortens s in its middle to n characters.
func abbreviate(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 3) / 2
	return string(r[:head]) + "..." + string(r[len(r)-(n-3-head):])
}
