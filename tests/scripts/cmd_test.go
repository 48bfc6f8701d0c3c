package scripts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The twins for Windows run by make wine only: here, what makes them work there is looked for in their text. That they call the same
// programs with the same words as the shell scripts is seen from both.
func TestTwinsForWindows(t *testing.T) {
	dir := filepath.Join("..", "..", "bin")
	files, err := filepath.Glob(filepath.Join(dir, "*.cmd"))
	require.NoError(t, err)
	names := map[string]bool{}
	call := regexp.MustCompile(`(?m)^"%HOLDFAST%(\w+)\.exe" ?(.*)$`)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".cmd")
		names[name] = true
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, strings.Count(string(text), "\n"), strings.Count(string(text), "\r\n"), "%s: cmd.exe wants its ends of lines", name)
		body := strings.ReplaceAll(string(text), "\r\n", "\n")
		require.True(t, strings.HasPrefix(body, "@echo off\nREM "), name)
		require.NotContains(t, body, "\n:", "%s: no labels: cmd.exe looks for them in its own way", name)
		if name == "zkEnv" { // it sets variables of who calls it
			require.NotContains(t, body, "setlocal")
			continue
		}
		require.Contains(t, body, "\nsetlocal\ncall \"%~dp0zkEnv.cmd\"\n", name)
		require.True(t, strings.HasSuffix(body, "\nendlocal & exit /b %ERRORLEVEL%\n"), "%s: the exit code is the program's", name)
		m := call.FindStringSubmatch(body)
		require.NotNil(t, m, name)
		require.FileExists(t, filepath.Join("..", "..", "cmd", m[1], "main.go"), name)
		require.Contains(t, m[2], "%*", "%s: all arguments, as they are", name)
		twin, err := os.ReadFile(filepath.Join(dir, name+".sh"))
		require.NoError(t, err)
		require.Contains(t, string(twin), m[1], name)
		if word, _, _ := strings.Cut(m[2], " "); m[1] == "zktool" {
			require.Contains(t, string(twin), " "+word+" ", name)
		}
	}
	without := map[string]bool{"hdfs-functions": true, "zkCleanup": true, "zkServer-initialize": true} // docs/operations.md says what takes their place
	scripts, err := filepath.Glob(filepath.Join(dir, "*.sh"))
	require.NoError(t, err)
	require.Greater(t, len(scripts), len(without))
	for _, file := range scripts {
		name := strings.TrimSuffix(filepath.Base(file), ".sh")
		require.NotEqual(t, without[name], names[name], "%s: a twin, or none", name)
	}
	for _, name := range []string{ // of the original's release
		"zkCli", "zkEnv", "zkServer", "zkSnapShotToolkit", "zkSnapshotComparer", "zkSnapshotRecursiveSummaryToolkit", "zkTxnLogToolkit",
	} {
		require.True(t, names[name], name)
	}
}
