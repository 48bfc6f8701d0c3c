package zkserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

const (
	// startWait is how long start waits for the server to serve. A server that then still reads a large tree has started.
	startWait = 10 * time.Second
	// stopWait is how long stop waits for it to end.
	stopWait = stopTime + 5*time.Second
	pollTime = 10 * time.Millisecond
)

// daemon is the server in the background, as zkServer.sh keeps it: by a file with its process id.
type daemon struct {
	flags *flags
	s     cli.Streams
}

// errHere is why start and its like do not work on some systems.
var errHere = &exitError{exitUsage, errors.New("start, stop and restart are not for this system: let a service manager run zkserver start-foreground")}

// say ends a command with a message of the original's on standard output.
func (d *daemon) say(code int, format string, args ...any) error {
	fmt.Fprintf(d.s.Out, format+"\n", args...)
	if code == exitOK {
		return nil
	}
	return &exitError{code, nil}
}

// configured reads the configuration, and tells which as the original does.
func (d *daemon) configured(args []string) (config.Config, error) {
	src := d.flags.source(args)
	fmt.Fprintf(d.s.Err, "Using config: %s\n", src.name)
	cfg, _, err := src.load()
	return cfg, err
}

func pidFile(cfg *config.Config) string {
	if file := os.Getenv("ZOOPIDFILE"); file != "" {
		return file
	}
	return filepath.Join(cfg.DataDir, "zookeeper_server.pid")
}

// readPid is the process id in the file; 0 when there is none.
func readPid(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 2 {
		return 0
	}
	return pid
}

// start runs the server in the background.
func (d *daemon) start(ctx context.Context, args []string) error {
	if !canDetach {
		return errHere
	}
	cfg, err := d.configured(args)
	fmt.Fprint(d.s.Out, "Starting zookeeper ... ")
	if err != nil {
		fmt.Fprintln(d.s.Out, "FAILED TO START")
		return &exitError{exitFailed, err}
	}
	file := pidFile(&cfg)
	if pid := readPid(file); pid != 0 && alive(pid) {
		return d.say(exitFailed, "already running as process %d.", pid)
	}
	if cfg.DirAutocreate {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	var out *os.File
	if err == nil {
		out, err = openOut()
	}
	if err != nil {
		fmt.Fprintln(d.s.Out, "FAILED TO START")
		return &exitError{exitFailed, err}
	}
	defer out.Close()
	return d.launch(ctx, d.foreground(args), file, out)
}

// foreground is the command that start runs.
func (d *daemon) foreground(args []string) []string {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	line := []string{program, "start-foreground"}
	if d.flags.logLevel != "" {
		line = append(line, "--log-level", d.flags.logLevel)
	}
	for _, def := range d.flags.defines {
		line = append(line, "-D"+def)
	}
	if file := d.flags.source(args).input.File; file != "" { // else the environment has it all
		line = append(line, file)
	}
	return line
}

// outFile is where the log of a server in the background goes.
func outFile() string {
	dir := os.Getenv("ZOO_LOG_DIR")
	if dir == "" {
		dir = filepath.Join(prefix(), "logs")
	}
	name := os.Getenv("USER")
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	host, _ := os.Hostname() // without one the name is shorter
	return filepath.Join(dir, "zookeeper-"+name+"-server-"+host+".out")
}

func openOut() (*os.File, error) {
	file := outFile()
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("the log cannot be written: %w; set ZOO_LOG_DIR to a directory this user may write to", err)
	}
	return f, nil
}

// launch starts the command and waits until it serves.
func (d *daemon) launch(ctx context.Context, line []string, pidFile string, out *os.File) error {
	begin, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return &exitError{exitFailed, err}
	}
	c := exec.Command(line[0], line[1:]...) //nolint:gosec // this program itself, with the arguments it was given
	c.Stdout, c.Stderr = out, out
	detach(c)
	if err := c.Start(); err != nil {
		fmt.Fprintln(d.s.Out, "FAILED TO START")
		return &exitError{exitFailed, err}
	}
	ended := make(chan struct{})
	go func() { // ends with the server, or with this program
		_ = c.Wait() // how it ended stands in its log
		close(ended)
	}()
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(c.Process.Pid)), 0o644); err != nil { //nolint:gosec // scripts of others read it
		_ = terminate(c.Process.Pid)
		fmt.Fprintln(d.s.Out, "FAILED TO WRITE PID")
		return &exitError{exitFailed, err}
	}
	ticker, limit := time.NewTicker(pollTime), time.NewTimer(startWait)
	defer ticker.Stop()
	defer limit.Stop()
	for {
		select {
		case <-ended:
			_ = os.Remove(pidFile)
			fmt.Fprintln(d.s.Out, "FAILED TO START")
			return &exitError{exitFailed, fmt.Errorf("the server ended at once; the end of %s:\n%s", out.Name(), tail(out.Name(), begin))}
		case <-ctx.Done():
			return &exitError{exitFailed, ctx.Err()}
		case <-ticker.C:
			if !strings.Contains(tail(out.Name(), begin), servingLine) {
				continue
			}
		case <-limit.C: // it still reads its data
		}
		return d.say(exitOK, "STARTED")
	}
}

// tail is what a file has from an offset on, its last part if that is much.
func tail(name string, from int64) string {
	text, err := os.ReadFile(name)
	if err != nil || int64(len(text)) < from {
		return ""
	}
	text = text[from:]
	return string(bytes.TrimRight(text[max(0, len(text)-4096):], "\n"))
}

// stop ends the server whose process id is in the file. Like the original it succeeds when there is none.
func (d *daemon) stop(ctx context.Context, args []string) error {
	if !canDetach {
		return errHere
	}
	cfg, err := d.configured(args)
	if cfg.DataDir == "" && os.Getenv("ZOOPIDFILE") == "" {
		return err // other problems of the configuration do not matter here
	}
	fmt.Fprint(d.s.Out, "Stopping zookeeper ... ")
	file := pidFile(&cfg)
	if !exists(file) {
		return d.say(exitOK, "no zookeeper to stop (could not find file %s)", file)
	}
	pid := readPid(file)
	if pid != 0 {
		if err := terminate(pid); err != nil {
			fmt.Fprintf(d.s.Err, "zkserver: process %d of %s: %v\n", pid, file, err)
			pid = 0
		}
	}
	if err := os.Remove(file); err != nil {
		return &exitError{exitFailed, err}
	}
	ticker, limit := time.NewTicker(pollTime), time.NewTimer(stopWait)
	defer ticker.Stop()
	defer limit.Stop()
	for pid != 0 && alive(pid) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return &exitError{exitFailed, ctx.Err()}
		case <-limit.C:
			return d.say(exitFailed, "process %d was asked to stop and still runs after %v", pid, stopWait)
		}
	}
	return d.say(exitOK, "STOPPED")
}

func (d *daemon) restart(ctx context.Context, args []string) error {
	if err := d.stop(ctx, args); err != nil {
		return err
	}
	return d.start(ctx, args)
}

// printCmd prints what start would run, for any shell: with the settings of the environment that go with it.
func (d *daemon) printCmd(_ context.Context, args []string) error {
	fmt.Fprintf(d.s.Err, "Using config: %s\n", d.flags.source(args).name)
	var words []string
	for _, name := range []string{"SERVER_JVMFLAGS", "JVMFLAGS", "ZOO_LOG_DIR", "ZOO_DATADIR_AUTOCREATE_DISABLE", "ZOO_MY_ID"} {
		if value := os.Getenv(name); value != "" {
			words = append(words, name+"="+quote(value))
		}
	}
	if !canDetach { // there is no start, and the command is for a service manager
		return d.say(exitOK, `"%s"`, strings.Join(d.foreground(args), `" "`))
	}
	for _, word := range d.foreground(args) {
		words = append(words, quote(word))
	}
	return d.say(exitOK, "%s >%s 2>&1 </dev/null", strings.Join(words, " "), quote(outFile()))
}

// quote makes one word of a text, for any shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
