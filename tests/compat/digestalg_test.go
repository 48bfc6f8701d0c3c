//go:build compat

package compat

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// With DigestAuthenticationProvider.digestAlg the ids in ACLs are made by another algorithm: they must be the original's, or nobody
// gets at data that were written under it.
func TestDigestAlgorithmsMakeTheSameIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, algorithm := range []string{"SHA1", "sha256", "SHA-512/256", "SHA3-256"} {
		cmd := originalTool(t, "auth.DigestAuthenticationProvider", "user:pass:word")
		cmd.Args = slices.Insert(cmd.Args, 1, "-Dzookeeper.DigestAuthenticationProvider.digestAlg="+algorithm)
		theirs, err := cmd.Output()
		require.NoError(t, err, algorithm)
		ours, err := exec.Command(program(t, "zktool"), "digest", "-a", algorithm, "user:pass:word").Output()
		require.NoError(t, err, algorithm)
		require.Equal(t, string(theirs), string(ours), algorithm)
		require.Contains(t, string(ours), "user:pass:word->user:")
		require.False(t, seen[string(ours)], algorithm)
		seen[string(ours)] = true
	}
}
