//go:build linux && netns

package netns

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// nameOf is what members call a host.
func nameOf(_ *ensemble, host int) string { return fmt.Sprintf("zk%d.test", host) }

// known writes the names of these hosts, and of no others, where all members look for them. The file stays the same one: it is
// mounted in their namespaces.
func (e *ensemble) known(hosts ...int) {
	e.t.Helper()
	text := "127.0.0.1 localhost\n"
	for _, i := range hosts {
		text += fmt.Sprintf("%s %s\n", e.addr(i), nameOf(e, i))
	}
	require.NoError(e.t, os.WriteFile(e.hosts, []byte(text), 0o644))
}

// put writes a znode by way of whoever serves.
func (e *ensemble) put(path string) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
	defer cancel()
	c, err := zkclient.Connect(ctx, zkclient.Config{Servers: e.clientAddrs(), SessionTimeout: sessionTimeout, DialTimeout: time.Second, Reconnect: true})
	require.NoError(e.t, err)
	_, err = c.Create(ctx, path, nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
	require.NoError(e.t, err)
	require.NoError(e.t, c.Close())
}

// Members that go by names. One whose name nobody can resolve, itself not either, is a member that is down, and joins when the
// name is there. Then each gets another address, as a container does that is started anew, while the others run on: all of them
// find each other again, whoever leads (survey A.2 row 7; ZOOKEEPER-1576, 2614, 3320, 4708).
func TestNamesAreResolvedAnew(t *testing.T) {
	e := prepared(t, 3, nil, nameOf)
	e.hosts = filepath.Join(e.dir, "hosts")
	e.known(1, 2)
	for _, m := range e.members {
		e.start(m)
	}
	e.settledAmong(1, 2)
	e.put("/two")
	third := e.members[2]
	e.eventually("the third says that it cannot listen", func() bool {
		text, err := os.ReadFile(third.log)
		require.NoError(t, err)
		return strings.Contains(string(text), "cannot listen for peers")
	})
	e.known(1, 2, 3)
	e.settled()
	e.put("/three")

	for i, m := range e.members {
		e.kill(m)
		e.settledAmong(e.others(m.host)...)
		e.move(m.host, fmt.Sprintf("10.77.0.%d", 100+m.host))
		e.known(1, 2, 3)
		e.start(m)
		e.settled()
		e.put(fmt.Sprintf("/moved-%d", i))
	}
	for i, m := range e.members { // now each pair is without the third for a while
		e.kill(m)
		e.settledAmong(e.others(m.host)...)
		e.put(fmt.Sprintf("/without-%d", i))
		e.start(m)
		e.settled()
	}
}
