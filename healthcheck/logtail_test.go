package healthcheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLogTailIsTheEndOfTheNewestFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, age time.Duration) {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		at := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(file, at, at))
	}
	look := func(pattern string) (string, error) {
		text, err := LogTail(filepath.Join(dir, pattern))(t.Context())
		return string(text), err
	}
	_, err := look("nn-*.log")
	require.ErrorContains(t, err, "there is no file "+dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "nn-dir.log"), 0o700))
	write("nn-a.log", "old\n", time.Hour)
	write("nn-b.log", "first line\nlast words\n", time.Minute)
	write("other.log", "not meant\n", 0)
	text, err := look("nn-*.log")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "nn-b.log")+":\nfirst line\nlast words\n", text)

	write("nn-c.log", strings.Repeat("x", 100)+"\n"+strings.Repeat("0123456789abcde\n", logTail/16), 0)
	text, err = look("nn-*.log")
	require.NoError(t, err)
	_, text, _ = strings.Cut(text, "\n")
	require.Len(t, text, logTail-16, "from the beginning of a line")
	require.True(t, strings.HasPrefix(text, "0123456789abcde\n"))

	write("nn-d.log", "", -time.Minute)
	text, err = look("nn-d.log")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "nn-d.log")+":\n", text)
	_, err = look("[")
	require.ErrorContains(t, err, "syntax error in pattern")
}
