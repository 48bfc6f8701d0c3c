//go:build compat

package compat

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
)

// ensemble is a number of members, each of its own make, and the clients that test them.
type ensemble struct {
	t       *testing.T
	dir     string
	members []*member
	extra   string // lines for each zoo.cfg
	dynamic bool   // client ports stand in the server lines
}

// newEnsemble makes an ensemble of these makes, server 1 first, in which nobody runs yet. extra holds more lines for each
// zoo.cfg; a make behind a nil is an observer's.
func newEnsemble(t *testing.T, extra string, makes ...*serverMake) *ensemble {
	t.Helper()
	e := &ensemble{t: t, dir: t.TempDir(), extra: extra, dynamic: strings.Contains(extra, "reconfigEnabled=true")}
	observer := false
	for _, k := range makes {
		if k == nil {
			observer = true
			continue
		}
		e.add(k, observer)
		observer = false
	}
	for _, m := range e.members {
		e.configure(m, e.members)
	}
	t.Cleanup(e.end)
	return e
}

// add makes one more member, without a configuration.
func (e *ensemble) add(k *serverMake, observer bool) *member {
	e.t.Helper()
	id := len(e.members) + 1
	m := &member{
		t: e.t, id: id, make: k, observer: observer, dir: filepath.Join(e.dir, fmt.Sprintf("zk%d", id)),
		client: freePort(e.t), quorum: freePort(e.t), election: freePort(e.t),
	}
	require.NoError(e.t, os.MkdirAll(m.data(), 0o755))
	require.NoError(e.t, os.WriteFile(filepath.Join(m.data(), "myid"), fmt.Appendln(nil, id), 0o644))
	e.members = append(e.members, m)
	return m
}

// superHash is of the superuser's password, "secret".
const superHash = "lK75jTNcA+U9vtVEw5vB51mj/w4="

// configure writes a member's zoo.cfg, which lists the given members.
func (e *ensemble) configure(m *member, list []*member) {
	e.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "tickTime=1000\ninitLimit=20\nsyncLimit=10\ndataDir=%s\nmaxClientCnxns=0\n"+
		"4lw.commands.whitelist=*\npreAllocSize=1024\nDigestAuthenticationProvider.superDigest=super:%s\n%s\n%s\n", m.data(), superHash, e.extra, m.own)
	if m.admin == 0 {
		b.WriteString("admin.enableServer=false\n")
	} else {
		fmt.Fprintf(&b, "admin.serverAddress=127.0.0.1\nadmin.serverPort=%d\n", m.admin)
	}
	if !e.dynamic {
		fmt.Fprintf(&b, "clientPort=%d\nclientPortAddress=127.0.0.1\n", m.client)
	}
	if m.observer {
		b.WriteString("peerType=observer\n")
	}
	for _, other := range list {
		line := other.line(e.dynamic)
		if other == m && m.wildcard {
			line = strings.Replace(line, "=127.0.0.1:", "=0.0.0.0:", 1)
		}
		b.WriteString(line + "\n")
	}
	require.NoError(e.t, os.WriteFile(m.cfg(), []byte(b.String()), 0o644))
}

// end ends everybody. If the test has failed, it shows the ends of the logs, and where the whole logs are; with
// HOLDFAST_COMPAT_KEEP they are kept in any case.
func (e *ensemble) end() {
	for _, m := range e.members {
		m.kill()
	}
	if !e.t.Failed() && os.Getenv("HOLDFAST_COMPAT_KEEP") == "" {
		return
	}
	keep, err := os.MkdirTemp("", "holdfast-ensemble-") //nolint:usetesting // it outlives the test: somebody will read it
	require.NoError(e.t, err)
	for _, m := range e.members {
		logs, _ := filepath.Glob(filepath.Join(m.dir, "*.log"))
		for _, log := range logs {
			text, _ := os.ReadFile(log)
			name := filepath.Join(keep, filepath.Base(m.dir)+"-"+filepath.Base(log))
			_ = os.WriteFile(name, text, 0o644)
			if log == m.log && e.t.Failed() {
				e.t.Logf("---- %s ----\n%s", name, tail(text, 1500))
			}
		}
		_ = os.CopyFS(filepath.Join(keep, filepath.Base(m.dir)), os.DirFS(m.dir))
	}
	e.t.Logf("all logs and data: %s", keep)
}

// member finds a member by its number.
func (e *ensemble) member(id int) *member { return e.members[id-1] }

// start starts members in this order, all of them when none is named, and waits until they serve.
func (e *ensemble) start(ids ...int) {
	e.t.Helper()
	if len(ids) == 0 {
		for _, m := range e.members {
			ids = append(ids, m.id)
		}
	}
	for _, id := range ids {
		e.member(id).start()
	}
	e.settle()
}

// up are the members whose process runs.
func (e *ensemble) up() []*member {
	var out []*member
	for _, m := range e.members {
		if m.running() {
			out = append(out, m)
		}
	}
	return out
}

// settle waits until every member that runs serves, one of them as the leader. Those that may not know the leader need not serve.
func (e *ensemble) settle(strangers ...int) {
	e.t.Helper()
	e.settled(strangers...)
}

// settled is settle, and answers what each member was when all of them served.
func (e *ensemble) settled(strangers ...int) (modes map[*member]string) {
	e.t.Helper()
	state := ""
	e.await(func() string { return "settles: " + state }, func() bool {
		leaders, ready := 0, true
		modes = map[*member]string{}
		state = ""
		for _, m := range e.members {
			if m.cmd == nil {
				continue
			}
			require.True(e.t, m.running(), "%s has ended", m)
			mode := m.mode()
			modes[m] = mode
			state += fmt.Sprintf("%s %q ", m, mode)
			switch mode {
			case "leader":
				leaders++
			case "follower", "observer":
			default:
				ready = ready && slices.Contains(strangers, m.id)
			}
		}
		return ready && leaders == 1
	})
	return modes
}

// await asks again and again until ok says yes.
func (e *ensemble) await(what func() string, ok func() bool) {
	e.t.Helper()
	e.awaitFor(2*time.Minute, what, ok)
}

// awaitFor is await with another limit.
func (e *ensemble) awaitFor(limit time.Duration, what func() string, ok func() bool) {
	e.t.Helper()
	deadline := time.After(limit)
	every := time.NewTicker(25 * time.Millisecond)
	defer every.Stop()
	for !ok() {
		select {
		case <-every.C:
		case <-deadline:
			require.FailNow(e.t, "never: "+what())
		}
	}
}

// leader is the member that leads now.
func (e *ensemble) leader() *member {
	e.t.Helper()
	for m, mode := range e.settled() {
		if mode == "leader" {
			return m
		}
	}
	require.FailNow(e.t, "nobody leads")
	return nil
}

// followers are the members that follow now, observers not among them.
func (e *ensemble) followers() []*member {
	e.t.Helper()
	modes := e.settled()
	return slices.DeleteFunc(slices.Clone(e.members), func(m *member) bool { return modes[m] != "follower" })
}

// swap ends a member's process and starts one of another make on the same data.
func (e *ensemble) swap(m *member, to *serverMake) {
	e.t.Helper()
	m.terminate()
	m.make = to
	m.start()
	e.settle()
}

// session opens a session at the given members, in this order.
func (e *ensemble) session(timeout time.Duration, at ...*member) *zkclient.Client {
	e.t.Helper()
	cfg := zkclient.Config{SessionTimeout: timeout, DialTimeout: 3 * time.Second, Reconnect: true, RequestTimeout: 30 * time.Second}
	for _, m := range at {
		cfg.Servers = append(cfg.Servers, m.addr())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var c *zkclient.Client
	var err error
	e.await(func() string { return fmt.Sprintf("session at %v: %v", at, err) }, func() bool {
		c, err = zkclient.Connect(ctx, cfg) // a server that changes its role answers nobody for a moment
		return err == nil
	})
	e.t.Cleanup(c.Leave)
	return c
}
