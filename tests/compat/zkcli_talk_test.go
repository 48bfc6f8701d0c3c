//go:build compat

package compat

import (
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// screen keeps what a process that runs has printed.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await, before a text in a script, is no command: no more is typed until the client has printed the text, once for each time that the
// script asks for it. A client prints events on a thread of its own: what it prints of a command says nothing about them, and one
// that ends takes with it those that it has not printed.
const await = "await "

// connected is in the event that tells of a connection.
const connected = "type:None path:null"

// converse types a script into a client that connects, line by line, and returns its exit code and outputs. Of what it prints
// behind the last text that was awaited events are left out: those come by chance.
func converse(t *testing.T, script []string, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs screen
	cmd.Stdout, cmd.Stderr = &out, &errs
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("---- %v ----\n%s---- stderr\n%s", cmd.Args[0], out.said(), errs.said())
		}
	}()
	times := map[string]int{}
	for _, line := range append([]string{await + connected}, script...) {
		text, isAwaited := strings.CutPrefix(line, await)
		if !isAwaited {
			_, _ = io.WriteString(in, line+"\n") // who has quit reads no more
			continue
		}
		times[text]++
		eventually(t, text, func() bool { return behind(out.said(), text, times[text]) > 0 })
	}
	_ = in.Close()
	<-ended
	stdout, certain := out.said(), 0
	for text, n := range times {
		certain = max(certain, behind(stdout, text, n))
	}
	return cmd.ProcessState.ExitCode(), stdout[:certain] + cliEvent.ReplaceAllString(stdout[certain:], ""), errs.said()
}

// behind is where the line ends in which a text stands for the nth time, 0 when it does not.
func behind(out, text string, n int) int {
	at := 0
	for range n {
		i := strings.Index(out[at:], text)
		if i < 0 {
			return 0
		}
		end := strings.IndexByte(out[at+i:], '\n')
		if end < 0 {
			return 0
		}
		at += i + end + 1
	}
	return at
}

// at is a script with a server's address for ADDR.
func at(script []string, addr string) []string {
	lines := slices.Clone(script)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], "ADDR", addr)
	}
	return lines
}
