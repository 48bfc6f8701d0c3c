package zkserver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForceNewClusterTellsFirst(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	port := freePort(t)
	alone := []string{fmt.Sprintf("clientPort=%d", port), "clientPortAddress=127.0.0.1", "dataDir=" + dir, "admin.enableServer=false"}
	_, stop := serving(t, write(t, alone...)) // data that there may be
	three := append(alone, "initLimit=10", "syncLimit=5", "server.1=127.0.0.1:21881:31881", "server.2=127.0.0.1:21882:31882", "server.3=127.0.0.1:21883:31883")
	file := write(t, three...)
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "myid"), []byte("2\n"), 0o600))

	code, out, stderr := run("force-new-cluster", "--yes", file)
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, stderr, "is in use by another server")
	code, _ = stop()
	require.Equal(t, exitOK, code)

	code, out, stderr = run("force-new-cluster", file)
	require.Equal(t, exitOK, code, stderr)
	for _, want := range []string{
		"This is server 2. It has everything up to zxid 0x0: 5 znodes, 0 sessions.\n", "Its data would be the new ensemble, in epoch 1; servers 1, 3 would be no members any more.\n",
		"  server.3=127.0.0.1:21883:31883:participant\n  version=0\n", "Nothing was changed.", "To do it: the same command with --yes.\n",
	} {
		require.Contains(t, out, want)
	}
	now, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(before), string(now))

	code, out, stderr = run("force-new-cluster", "--yes", file)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "Its data are the new ensemble, in epoch 1; servers 1, 3 are no members any more.\n")
	require.Contains(t, out, " 2. On each other machine, before anything is started there: zkserver init --force --myid N.")
	require.Contains(t, stderr, "force-new-cluster: this server's data become a new ensemble of itself alone")
	now, err = os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(now), "server.1=")
	require.Contains(t, string(now), "dynamicConfigFile="+filepath.ToSlash(file)+".dynamic.100000000\n")

	line, _ := serving(t, file)
	require.Contains(t, line, servingLine, "it serves by itself")
	code, _, stderr = run("force-new-cluster", file)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is nothing to repair")
	code, out, _ = run("force-new-cluster", "--help")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "take the one with the greatest zxid")
}
