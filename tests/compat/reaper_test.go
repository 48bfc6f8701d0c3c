//go:build compat

package compat

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
)

// withReaper starts a server of either make whose reaper looks every 200 ms, and reaps containers never used after 8 s.
func withReaper(t *testing.T, ours bool) server {
	t.Helper()
	cfg, addr := zooCfg(t, t.TempDir())
	text, err := os.ReadFile(cfg)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cfg, append(text, "extendedTypesEnabled=true\n"...), 0o600))
	flags := []string{"-Dznode.container.checkIntervalMs=200", "-Dznode.container.maxNeverUsedIntervalMs=8000"}
	if ours {
		return server{start(t, "zkserver", exec.Command(program(t, "zkserver"), append(append([]string{"start-foreground"}, flags...), cfg)...)), addr}
	}
	java := zookeeper.server(t, cfg)
	java.Args = slices.Insert(java.Args, 1, flags...)
	return server{start(t, "original", java), addr}
}

// The create modes that the client library has no good names for.
const container, withTTL = 4, 5

// Containers and znodes with a time to live go away by themselves, the same ones on both servers, with the same events and
// the same marks on their parent.
func TestReapersReapTheSame(t *testing.T) {
	t.Parallel()
	var saw [2][]string
	look := func(t *testing.T, i int) {
		s := withReaper(t, i == 1)
		c := s.connect(t)
		all := zk.WorldACL(zk.PermAll)
		must := func(_ string, err error) { require.NoError(t, err) }
		must(c.Create("/r", nil, 0, all))
		for _, name := range []string{"used", "kept", "never"} {
			must(c.CreateContainer("/r/"+name, nil, container, all))
		}
		for name, ttl := range map[string]time.Duration{"short": 7 * time.Second, "long": time.Hour, "parent": 7 * time.Second, "written": 8 * time.Second} {
			must(c.CreateTTL("/r/"+name, nil, withTTL, all, ttl))
		}
		for _, path := range []string{"/r/used/child", "/r/kept/child", "/r/parent/child"} {
			must(c.Create(path, nil, 0, all))
		}
		var gone []<-chan zk.Event
		reaped := []string{"used", "never", "short", "written"}
		_, err := c.Set("/r/written", []byte("later"), -1) // it lives on from now
		require.NoError(t, err)
		for _, name := range reaped {
			ok, _, events, err := c.ExistsW("/r/" + name)
			require.NoError(t, err)
			require.True(t, ok, "%s: %s", s.name, name)
			gone = append(gone, events)
		}
		require.NoError(t, c.Delete("/r/used/child", -1))
		for k, events := range gone {
			select {
			case e := <-events:
				saw[i] = append(saw[i], fmt.Sprintf("%v of %s %v", e.Type, e.Path, e.Err))
			case <-time.After(90 * time.Second):
				require.FailNow(t, "never reaped", "%s: %s", s.name, reaped[k])
			}
		}
		// When its child has gone a parent goes, too.
		_, _, events, err := c.ExistsW("/r/parent")
		require.NoError(t, err)
		require.NoError(t, c.Delete("/r/parent/child", -1))
		e := <-events
		saw[i] = append(saw[i], fmt.Sprintf("%v of %s", e.Type, e.Path))
		names, stat, err := c.Children("/r")
		require.NoError(t, err)
		slices.Sort(names)
		saw[i] = append(saw[i], fmt.Sprintf("%v version %d cversion %d children %d", names, stat.Version, stat.Cversion, stat.NumChildren))
		for _, name := range []string{"kept", "long"} {
			_, stat, err := c.Get("/r/" + name)
			require.NoError(t, err)
			saw[i] = append(saw[i], fmt.Sprintf("%s owner %x", name, stat.EphemeralOwner))
		}
		c.Close()
	}
	t.Run("each", func(t *testing.T) { // at the same time: most of it is waiting
		for i, name := range []string{"original", "ours"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				look(t, i)
			})
		}
	})
	require.Equal(t, saw[0], saw[1])
	t.Log(saw[0])
}
