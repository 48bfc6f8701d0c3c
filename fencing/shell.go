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
	whole   string // as configured
	before  string // the part for the node that becomes active, empty if there is none
	command string // the part for the node to fence
	limit   time.Duration
}

func (s shell) name() string           { return classShell + "(" + s.whole + ")" }
func (s shell) spec() string           { return "shell(" + s.whole + ")" }
func (s shell) timeout() time.Duration { return s.limit }

// try runs the command for the node to fence. The original runs the same command for the node that becomes active as
// well, and first; with a command that kills, both die (behaviour of 3.4.3 with --forcefence). Here only a command in
// two parts does anything for that node, unless Both is asked for; when that fails, the rest is not run, as in the original.
func (s shell) try(ctx context.Context, o occasion, log *zap.Logger) Attempt {
	if s.before == "" && o.Both && o.To != nil {
		s.before = s.command
	}
	switch {
	case s.before == "" && o.Manual:
		return s.run(ctx, s.command, o.env(o.Node, "target_", "source_"), log)
	case s.before == "":
		return s.run(ctx, s.command, o.env(o.Node, "target_"), log)
	case o.To != nil:
		if a := s.run(ctx, s.before, o.env(*o.To, "target_"), log); !a.Success {
			log.Named("NodeFencer").Error("====== Fencing on target failed, skipping fencing on source ======")
			a.Error = "the part for the node that becomes active: " + a.Error
			return a
		}
	}
	return s.run(ctx, s.command, o.env(o.Node, "source_"), log)
}

// run runs a command in a process group of its own, with nothing on standard input. When ctx ends, the whole group is
// killed. A process that the command leaves behind does not delay the result: only the command's own end counts.
func (s shell) run(ctx context.Context, command string, env []string, log *zap.Logger) Attempt {
	log = log.Named("ShellCommandFencer")
	out := newOutput(abbreviate(command, 20), log)
	cmd := shellCommand(ctx, command)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = out.stream(log.Info), out.stream(log.Warn)
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = drainTime

	if err := cmd.Start(); err != nil {
		log.Warn("Unable to execute "+command, zap.Error(err))
		return Attempt{ExitStatus: -1, Error: "cannot be started: " + err.Error()}
	}
	log.Info(fmt.Sprintf("Launched fencing command '%s' with pid %d", command, cmd.Process.Pid))
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
