package zkcli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// shell holds a session and executes commands on it.
type shell struct {
	set    settings
	host   string // the connect string in use
	client *zkclient.Client

	history []string // every line so far; its length is the number in the prompt
	code    int      // exit code of the last command
	quit    bool
	// ephemeral tells that this session has created an ephemeral znode.
	ephemeral bool

	mu          sync.Mutex // events arrive on another goroutine
	out, err    io.Writer
	printEvents bool
}

func newShell(set settings, s cli.Streams) *shell {
	return &shell{set: set, out: s.Out, err: s.Err, printEvents: true}
}

// println and warn print one line to standard output and to standard error.
func (s *shell) println(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintln(s.out, line)
}

func (s *shell) warn(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintln(s.err, line)
}

// connect leaves the session there was and opens one at the servers of the connect string.
func (s *shell) connect(ctx context.Context, host string) error {
	servers, chroot, err := zkclient.SplitServers(host)
	if err != nil {
		return err
	}
	s.closeClient()
	s.host = host
	s.ephemeral = false
	first := make(chan struct{})
	var once sync.Once
	cfg := zkclient.Config{
		Servers: servers, Chroot: chroot, SessionTimeout: s.set.timeout, ReadOnly: s.set.readOnly, Reconnect: true,
		DialTimeout:    min(s.set.timeout, 5*time.Second),
		RequestTimeout: s.set.client.requestTimeout, MaxFrame: s.set.client.maxBuffer, NoWatchReset: s.set.client.noWatchReset,
		Secure:  s.set.client.secure(),
		OnEvent: func(e zkclient.Event) { s.event(e); once.Do(func() { close(first) }) },
	}
	deadline, cancel := context.WithTimeout(ctx, s.set.timeout)
	defer cancel()
	for {
		c, err := zkclient.Connect(deadline, cfg)
		if err == nil {
			s.client = c
			<-first // printed before anything the commands print
			return nil
		}
		if !s.set.wait || deadline.Err() != nil {
			return fmt.Errorf("cannot reach a ZooKeeper server at %s:\n%w\nIs it running? Choose another with -server host:port, "+
				"wait for it with -waitforconnection, give it longer with -timeout milliseconds (now %d)",
				host, err, s.set.timeout.Milliseconds())
		}
		t := time.NewTimer(50 * time.Millisecond)
		select {
		case <-t.C:
		case <-deadline.Done():
			t.Stop()
		}
	}
}

// disconnect ends the session, if there is one.
func (s *shell) disconnect() {
	if s.client != nil {
		_ = s.client.Close()
		s.client = nil
	}
}

// leave ends a shell that nobody has told to quit. As with the original, the session is then left to its timeout if it
// owns ephemerals: "create -e" on the command line keeps its znode that long. Without any, it is ended properly.
func (s *shell) leave() {
	if s.client != nil && s.ephemeral {
		s.client.Leave()
		s.client = nil
	}
	s.disconnect()
}

// event prints what a watcher hears, as the original's MyWatcher does.
func (s *shell) event(e zkclient.Event) {
	s.mu.Lock()
	print := s.printEvents
	s.mu.Unlock()
	switch {
	case !print || s.set.json && e.Type == zkproto.EventNone:
	case s.set.json:
		s.show("", newJSONEvent(e))
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		_, _ = fmt.Fprintf(s.out, "\nWATCHER::\n\n%s\n", formatEvent(e))
	}
}

// prompt is what precedes a line on a terminal.
func (s *shell) prompt() string {
	state := "CLOSED"
	if s.client != nil {
		switch s.client.State() {
		case zkproto.StateSyncConnected:
			state = "CONNECTED"
		case zkproto.StateConnectedReadOnly:
			state = "CONNECTEDREADONLY"
		case zkproto.StateDisconnected:
			if s.client.Err() == nil {
				state = "CONNECTING"
			}
		default:
		}
	}
	return fmt.Sprintf("[zk: %s(%s) %d] ", s.host, state, len(s.history))
}

// line executes one line of a shell and keeps it in the history.
func (s *shell) line(ctx context.Context, line string) {
	if line == "" {
		return
	}
	s.history = append(s.history, line)
	args := splitLine(line)
	if len(args) == 0 {
		s.history = s.history[:len(s.history)-1]
		return
	}
	s.execute(ctx, args)
}

// piped executes the lines of in, without prompts.
func (s *shell) piped(ctx context.Context, in io.Reader) int {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for !s.quit && ctx.Err() == nil && lines.Scan() {
		s.line(ctx, strings.TrimSuffix(lines.Text(), "\r"))
	}
	if err := lines.Err(); err != nil {
		s.warn("zkcli: read commands: " + err.Error())
		return 1
	}
	return s.code
}

// commandError is a failure with an exit code of its own.
type commandError struct {
	text string
	code int
}

func (e *commandError) Error() string { return e.text }

func failf(format string, args ...any) error {
	return &commandError{text: fmt.Sprintf(format, args...), code: 1}
}

// execute runs one command, prints its failure and keeps its exit code.
func (s *shell) execute(ctx context.Context, args []string) {
	err := s.dispatch(ctx, args)
	if s.quit {
		return // the exit code is that of the command before
	}
	s.code = 0
	if err == nil {
		return
	}
	s.code = 1
	var ce *commandError
	if errors.As(err, &ce) {
		s.code = ce.code
	}
	s.warn(err.Error())
}

func (s *shell) dispatch(ctx context.Context, args []string) error {
	c := lookup(args[0])
	if c == nil {
		s.usage()
		return &commandError{text: "Command not found: Command not found " + args[0], code: 127}
	}
	p, err := parseOptions(c, args)
	if err != nil {
		return err
	}
	if !c.offline && !s.connected() {
		s.note("Not connected")
		return nil
	}
	if err := c.run(ctx, s, p); err != nil || !c.builtin || s.connected() {
		return err
	}
	s.note("Not connected")
	return nil
}

func (s *shell) connected() bool {
	return s.client != nil && (s.client.Err() == nil || errors.Is(s.client.Err(), zkproto.ErrSessionExpired))
}

// usage lists the commands.
func (s *shell) usage() {
	s.warn("ZooKeeper -server host:port [-timeout ms] [-r] [-waitforconnection] [-client-configuration properties-file] [--output text|json] cmd args")
	for _, c := range commands() {
		s.warn("\t" + c.name + " " + c.syntax)
	}
}
