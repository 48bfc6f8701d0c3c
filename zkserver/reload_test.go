package zkserver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// word asks a four-letter word.
func (r *running) word(w string) string {
	r.t.Helper()
	nc := r.dial()
	_, err := nc.Write([]byte(w))
	require.NoError(r.t, err)
	return string(closedByServer(r.t, nc))
}

func TestReloadOfWordsAndAdminCommands(t *testing.T) {
	r := start(t, withAdmin, func(c *config.Config) { c.Commands = []string{"ruok"}; c.AdminRateLimit = time.Hour })
	require.Equal(t, "imok", r.word("ruok"))
	require.Equal(t, "mntr is not executed because it is not in the whitelist.", strings.TrimSpace(r.word("mntr")))
	resp, _ := r.ask("GET", "/commands/snapshot", "ip", nil)
	require.Equal(t, 200, resp.StatusCode)
	resp, _ = r.ask("GET", "/commands/snapshot", "ip", nil)
	require.Equal(t, 429, resp.StatusCode)

	next := r.cfg
	next.Commands, next.AdminRestore, next.AdminRateLimit, next.AdminIdleTimeout = []string{"mntr", "rouk"}, false, 0, time.Minute
	changed, waiting, err := r.Reload(next)
	require.NoError(t, err)
	require.Equal(t, []string{"4lw.commands.whitelist", "admin.restore.enabled", "admin.rateLimiterIntervalInMS"}, changed)
	require.Equal(t, []string{"admin.idleTimeout"}, waiting)
	require.Equal(t, 1, r.logs.FilterMessageSnippet("4lw.commands.whitelist names words that do not exist").Len())
	require.Contains(t, r.word("ruok"), "not in the whitelist")
	require.Contains(t, r.word("mntr"), "zk_znode_count")
	resp, _ = r.ask("GET", "/commands/snapshot", "ip", nil)
	require.Equal(t, 200, resp.StatusCode)
	resp, text := r.ask("POST", "/commands/restore", "ip", nil)
	require.Equal(t, 503, resp.StatusCode)
	require.Contains(t, string(text), "switched off by admin.restore.enabled")
}
