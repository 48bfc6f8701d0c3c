package zkserver

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStartAndStopAreAServiceManagersOnWindows(t *testing.T) {
	for _, word := range []string{"start", "stop", "restart"} {
		code, stdout, stderr := run(word, `C:\any where\zoo.cfg`)
		require.Equal(t, exitUsage, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "let a service manager run zkserver start-foreground")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	code, out, _ := run("print-cmd", `C:\any where\zoo.cfg`)
	require.Equal(t, exitOK, code)
	require.Equal(t, `"`+self+`" "start-foreground" "C:\any where\zoo.cfg"`+"\n", out)
}
