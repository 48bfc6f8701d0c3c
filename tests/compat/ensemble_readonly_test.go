//go:build compat

package compat

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// readOnlyScript is what a client asks a server that is cut off from its quorum.
var readOnlyScript = []string{
	"get /r", "ls /r", "stat /r", "getAcl /r", "create /no x", "set /r y", "delete /r", "deleteall /r", "setAcl /r world:anyone:r", "sync /r",
	"create -e /no x", "getEphemerals", "getAllChildrenNumber /r", "get -w /r", "removewatches /r", await + "DataWatchRemoved path:/r", "get /nope", "config -c", "quit",
}

// A server of either make that has lost its quorum answers reads of clients that allow it, of either make, and refuses the
// rest; both makes answer the same. Clients that look for more than that find it when the quorum is back.
func TestReadOnlyServersInMixedEnsemble(t *testing.T) {
	t.Parallel()
	readOnlyJava := &serverMake{"java", true, javaServer(theirs, "-Dreadonlymode.enabled=true")}
	// The original's read-only server gives no sessions but local ones.
	e := newEnsemble(t, "tickTime=500\nreadonlymode.enabled=true\nlocalSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true",
		readOnlyJava, golang, readOnlyJava)
	e.start()
	setup := e.session(10*time.Second, e.up()...)
	for _, path := range []string{"/r", "/r/a"} {
		_, err := setup.Create(t.Context(), path, []byte("before"), world, zkproto.ModePersistent, 0)
		require.NoError(t, err)
	}
	require.NoError(t, setup.Close())
	w := e.write("w")
	var want string
	for _, survivor := range []*member{e.member(1), e.member(2)} {
		w.goesOn(20)
		e.level()
		global := e.session(20*time.Second, survivor)
		_, err := global.Create(t.Context(), "/global-"+survivor.String(), nil, world, zkproto.ModeEphemeral, 0)
		require.NoError(t, err, "its session is global now")
		session := global.Session()
		global.Leave()
		for _, m := range e.members {
			if m != survivor {
				m.kill()
			}
		}
		e.await(func() string { return survivor.String() + " is read-only" }, func() bool { return survivor.mode() == "read-only" })
		require.Equal(t, "ro", survivor.said("isro"))
		for _, h := range []zkclient.Handshake{{}, {ReadOnly: true, Resume: &session}} {
			wire, err := zkclient.Dial(t.Context(), survivor.addr(), h)
			if err == nil {
				require.Zero(t, wire.Session.ID, "%s takes %+v", survivor, h)
			}
		}
		for _, ours := range []bool{false, true} {
			code, stdout, stderr := converse(t, readOnlyScript, cliClient(t, ours, "-r", "-server", survivor.addr()))
			got := strings.ReplaceAll(fmt.Sprintf("exit code %d\n%s", code, cliTranscript(stdout, stderr)), survivor.String(), "SURVIVOR")
			if want == "" {
				want = got
				require.Contains(t, want, "ConnectedReadOnly")
				t.Log(want)
			}
			require.Equal(t, want, got, "our client: %v, server: %s", ours, survivor)
		}

		list := e.member(1).addr() + "," + e.member(2).addr() + "," + e.member(3).addr()
		clients := []*typed{typing(t, cliClient(t, false, "-r", "-server", list)), typing(t, cliClient(t, true, "-r", "-server", list))}
		for _, c := range clients {
			c.until("get /r", "before") // a command that comes before there is a connection fails
			c.says("set /r x", "Not a read-only call: /r")
		}
		for _, m := range e.members {
			if m != survivor {
				m.start()
			}
		}
		e.settle()
		for i, c := range clients {
			path := fmt.Sprintf("/after-%s-%d", survivor, i)
			c.until("create "+path+" x", "Created "+path)
			c.quit()
		}
		require.Equal(t, "rw", survivor.said("isro"))
	}
	w.goesOn(20)
	w.end()
	tree := e.same()
	w.check(tree)
	require.NotContains(t, tree, "/no")
	require.Equal(t, "before", tree["/r"].data)
	for _, path := range []string{"/after-java1-0", "/after-java1-1", "/after-ours2-0", "/after-ours2-1"} {
		require.Contains(t, tree, path)
	}
}

// typed is a command line client that is told one line after the other.
type typed struct {
	screen
	t    *testing.T
	in   io.WriteCloser
	done chan struct{}
}

// typing starts a client and leaves its input open until the test ends.
func typing(t *testing.T, cmd *exec.Cmd) *typed {
	t.Helper()
	c := &typed{t: t, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c, c
	var err error
	c.in, err = cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		_ = cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-c.done
		if t.Failed() {
			t.Logf("---- %v ----\n%s", cmd.Args[len(cmd.Args)-3:], tail([]byte(c.said()), 3000))
		}
	})
	return c
}

func (c *typed) send(line string) {
	c.t.Helper()
	_, err := io.WriteString(c.in, line+"\n")
	require.NoError(c.t, err)
}

// says types a line and waits for an answer.
func (c *typed) says(line, answer string) {
	c.t.Helper()
	before := len(c.said())
	c.send(line)
	eventually(c.t, line+": "+answer, func() bool { return strings.Contains(c.said()[before:], answer) })
}

// until types a line again and again until the answer comes.
func (c *typed) until(line, answer string) {
	c.t.Helper()
	deadline := time.After(90 * time.Second)
	every := time.NewTicker(500 * time.Millisecond)
	defer every.Stop()
	for {
		c.send(line)
		select {
		case <-every.C:
		case <-deadline:
			require.FailNow(c.t, "never: "+answer)
		}
		if strings.Contains(c.said(), answer) {
			return
		}
	}
}

// quit ends the client.
func (c *typed) quit() {
	c.t.Helper()
	c.send("quit")
	select {
	case <-c.done:
	case <-time.After(60 * time.Second):
		require.FailNow(c.t, "the client does not end")
	}
}
