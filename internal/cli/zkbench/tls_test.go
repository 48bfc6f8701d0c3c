package zkbench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zktls/tlsfront"
)

// A load goes by TLS, in both kinds of loop, and leaves nothing behind.
func TestLoadOverTLS(t *testing.T) {
	dir, ca := t.TempDir(), tlstest.NewCA(t, "authority")
	trust := ca.PEM(t, dir)
	src, err := tlsconf.Load(tlsconf.Settings{
		Prefix: "ssl.", KeyStore: tlsconf.Store{Path: ca.Issue(t, tlstest.Want{}).PEM(t, t.TempDir())}, TrustStore: tlsconf.Store{Path: trust},
	})
	require.NoError(t, err)
	plain := zktest.Start(t).Addr()
	front := tlsfront.Start(t, src.Server(), plain)
	file := filepath.Join(dir, "client.properties")
	text := fmt.Sprintf("zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location=%s\nzookeeper.ssl.trustStore.location=%s\n",
		filepath.ToSlash(ca.Issue(t, tlstest.Want{}).PEM(t, dir)), filepath.ToSlash(trust))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	for _, loop := range [][]string{nil, {"--rate", "5000"}} {
		code, out, stderr := runMain(t, append([]string{
			"mixed", "--server", front.Addr(), "--client-configuration", file, "--keys", "20", "--count", "500", "--warmup", "5ms", "--json",
		}, loop...)...)
		require.Zero(t, code, stderr)
		var r report
		require.NoError(t, json.Unmarshal([]byte(out), &r))
		require.Zero(t, r.ErrorCount)
		require.Equal(t, []string{"zookeeper"}, children(t, plain, "/"))
	}
	require.Greater(t, front.Accepted(), 16)
	require.NoError(t, os.WriteFile(file, []byte(text+"zookeeper.request.timeout=5\nzookeeper.ssl.crl=true\n"), 0o600))
	code, _, stderr := runMain(t, "reads", "--client-configuration", file)
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "--client-configuration "+file+": zookeeper.request.timeout: no such key here")
	require.Contains(t, stderr, "zookeeper.ssl.crl: whether a certificate has been revoked")
}
