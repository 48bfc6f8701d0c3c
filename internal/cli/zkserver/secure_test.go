package zkserver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// A server with a port for TLS alone: it says so, and status asks there.
func TestServesWithTLSAlone(t *testing.T) {
	ca, dir, port := tlstest.NewCA(t, "authority"), t.TempDir(), freePort(t)
	key := ca.Issue(t, tlstest.Want{DNSNames: []string{"zk1.example.org"}}).PKCS12(t, dir) // which is not how status calls it
	secret := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(secret, []byte(tlstest.Password+"\n"), 0o600))
	file := write(t, fmt.Sprintf("secureClientPort=%d", port), "secureClientPortAddress=127.0.0.1", "dataDir="+filepath.ToSlash(t.TempDir()),
		"ssl.keyStore.location="+filepath.ToSlash(key), "ssl.keyStore.passwordPath="+filepath.ToSlash(secret),
		"ssl.trustStore.location="+filepath.ToSlash(ca.PEM(t, dir)), "admin.enableServer=false")
	code, out, _ := run("status", file)
	require.Equal(t, exitFailed, code)
	found := fmt.Sprintf("Client port found: %d. Client address: 127.0.0.1. Client SSL: true.\n", port)
	require.Equal(t, found+"Error contacting service. It is probably not running.\n", out)

	line, stop := serving(t, "start-foreground", file)
	require.Contains(t, line, fmt.Sprintf("zkserver: serving clients on 127.0.0.1:%d with TLS (pid ", port))
	code, out, _ = run("status", file)
	require.Equal(t, exitOK, code)
	require.Equal(t, found+"Mode: standalone\n", out)
	code, logs := stop()
	require.Equal(t, exitOK, code, logs)
}

// check opens the stores, as the server will.
func TestCheckOpensTheStores(t *testing.T) {
	ca, dir := tlstest.NewCA(t, "authority"), t.TempDir()
	key := filepath.ToSlash(ca.Issue(t, tlstest.Want{NotAfter: time.Now().Add(-time.Hour), NotBefore: time.Now().Add(-2 * time.Hour)}).PEM(t, dir))
	lines := func(key string, more ...string) []string {
		return append([]string{
			"secureClientPort=2281", "dataDir=/d", "admin.enableServer=false", "ssl.clientAuth=none", "ssl.keyStore.location=" + key,
		}, more...)
	}
	file := write(t, lines(key)...)
	code, out, _ := run("check", file)
	require.Equal(t, exitOK, code, out)
	require.Contains(t, out, "certificates: "+key+": a certificate that is shown to others (CN=localhost) has expired at ")
	require.Contains(t, out, "certificates: "+key+": a certificate that is shown to others (CN=authority) expires at ")

	file = write(t, lines("/no/such.pem", "ssl.trustStore.location="+key)...)
	code, out, _ = run("check", file)
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "error: "+file+": ssl.keyStore.location: /no/such.pem: ")
	require.Contains(t, out, "cannot be used: 1 problem(s)")
	_, _, errs := run("start-foreground", file)
	require.Contains(t, errs, "ssl.keyStore.location: /no/such.pem: ")
}
