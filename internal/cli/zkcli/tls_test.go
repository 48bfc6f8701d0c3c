package zkcli

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zktls/tlsfront"
)

// secured is a server behind TLS, and the -client-configuration for it.
func secured(t *testing.T) (front *tlsfront.Front, file string) {
	t.Helper()
	dir, ca := t.TempDir(), tlstest.NewCA(t, "authority")
	trust := ca.PEM(t, dir)
	src, err := tlsconf.Load(tlsconf.Settings{
		Prefix: "ssl.", KeyStore: tlsconf.Store{Path: ca.Issue(t, tlstest.Want{}).PEM(t, t.TempDir())}, TrustStore: tlsconf.Store{Path: trust},
	})
	require.NoError(t, err)
	file = filepath.Join(dir, "client.properties")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `zookeeper.client.secure=true
zookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty
zookeeper.ssl.keyStore.location=%s
zookeeper.ssl.keyStore.password=%s
zookeeper.ssl.trustStore.location=%s
`, filepath.ToSlash(ca.Issue(t, tlstest.Want{}).PKCS12(t, dir)), tlstest.Password, filepath.ToSlash(trust)), 0o600))
	return tlsfront.Start(t, src.Server(), zktest.Start(t).Addr()), file
}

// Commands, a server that is down, a chroot, connect, and a connection that breaks.
func TestShellOverTLS(t *testing.T) {
	front, file := secured(t)
	down, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, down.Close())
	code, out, stderr := runMain(t, "create /app x\nconnect "+front.Addr()+"/app\ncreate /in y\nquit\n",
		"-client-configuration", file, "-server", down.Addr().String()+","+front.Addr())
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "Created /in", out)

	set, err := parseSettings([]string{"-client-configuration", file, "-server", front.Addr()})
	require.NoError(t, err)
	require.NoError(t, set.client.open(func(w string) { t.Error(w) }))
	s := &session{t: t}
	s.sh = newShell(set, cli.Streams{Out: &s.out, Err: &s.err})
	require.NoError(t, s.sh.connect(t.Context(), front.Addr()))
	defer s.sh.disconnect()
	front.Drop()
	require.Eventually(t, func() bool {
		_, err := s.sh.client.Exists(t.Context(), "/app/in", false)
		return err == nil
	}, 10*time.Second, time.Millisecond)
	require.GreaterOrEqual(t, front.Accepted(), 3)
}

// The environment asks for TLS as the file does, and each thing that is wrong is told before anything is sent.
func TestMistakesWithTLS(t *testing.T) {
	front, file := secured(t)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	try := func(flags, more string, code int, want ...string) {
		t.Helper()
		t.Setenv("CLIENT_JVMFLAGS", flags)
		require.NoError(t, os.WriteFile(file, append([]byte(nil), append(text, more...)...), 0o600))
		got, _, stderr := runMain(t, "", "-client-configuration", file, "-server", front.Addr(), "ls", "/")
		require.Equal(t, code, got, stderr)
		for _, w := range want {
			require.Contains(t, stderr, w)
		}
		require.NotContains(t, stderr, tlstest.Password)
	}
	try("-Dzookeeper.client.secure=false", "", 0) // the file counts more
	try("", "zookeeper.ssl.keyStore.password=wrong\n", 2, "zkcli: zookeeper.ssl.keyStore.location: ", "the password does not open it", "correct zookeeper.ssl.keyStore.password")
	try("", "zookeeper.ssl.trustStore.location=/no/such.jks\n", 2, "zookeeper.ssl.trustStore.location: /no/such.jks: no such file or directory")
	try("", "zookeeper.ssl.trustStore.type=BKS\n", 2, `zookeeper.ssl.trustStore.type: `, `"BKS" is not a kind of store; give JKS, PKCS12 or PEM`)
	try("", "zookeeper.clientCnxnSocket=ClientCnxnSocketNIO\n", 2, "that class does not speak TLS")
	try("", "zookeeper.ssl.ocsp=true\n", 2, "zookeeper.ssl.ocsp=true: whether a certificate has been revoked is not asked for here")
	try("", "zookeeper.client.secure=false\n", 1, "names a store for TLS, but zookeeper.client.secure is not true: the connection is not encrypted", "takes TLS only at this port")
}
