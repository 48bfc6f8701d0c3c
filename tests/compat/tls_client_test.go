//go:build compat

package compat

import (
	"crypto/x509/pkix"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// secured is a server with stores for its clients, all of one kind.
type secured struct {
	tlsPort
	key, trust string // of a client, whose name is CN=me
	stranger   string // key store of a client that the server does not trust
	strangers  string // trust store without the server's authority
}

// storesOf writes a key store and a trust store of a kind.
func storesOf(t *testing.T, kind string, cert *tlstest.Cert, ca *tlstest.CA) (key, trust string) {
	t.Helper()
	dir := t.TempDir()
	switch kind {
	case "JKS":
		return cert.JKS(t, dir), ca.JKS(t, dir)
	case "PKCS12":
		return cert.PKCS12(t, dir), ca.PKCS12(t, dir)
	default:
		return cert.PEM(t, dir), ca.PEM(t, dir)
	}
}

func startSecured(t *testing.T, ours bool, kind string, more ...string) secured {
	t.Helper()
	ca, other := tlstest.NewCA(t, "authority"), tlstest.NewCA(t, "somebody else")
	me := pkix.Name{CommonName: "me"}
	var s secured
	key, trust := storesOf(t, kind, ca.Issue(t, tlstest.Want{}), ca)
	s.key, s.trust = storesOf(t, kind, ca.Issue(t, tlstest.Want{Subject: me, NoNames: true}), ca)
	s.stranger, s.strangers = storesOf(t, kind, other.Issue(t, tlstest.Want{Subject: me}), other)
	s.tlsPort = startTLSPort(t, ours, key, trust, append([]string{
		"extendedTypesEnabled=true", "authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider",
	}, more...)...)
	eventually(t, "the server serves", func() bool { return strings.Contains(word(s.addr, "srvr"), "Mode: ") })
	return s
}

// properties are a client's, name=value.
func (s secured) properties(change ...string) []string {
	out := []string{
		"zookeeper.client.secure=true", "zookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty",
		"zookeeper.ssl.keyStore.location=" + s.key, "zookeeper.ssl.trustStore.location=" + s.trust,
	}
	if filepath.Ext(s.key) != ".pem" {
		out = append(out, "zookeeper.ssl.keyStore.password="+tlstest.Password, "zookeeper.ssl.trustStore.password="+tlstest.Password)
	}
	return append(out, change...)
}

// client is the command line client of either make with properties: ours has them from a file, the original as it is told by
// zkCli.sh.
func (s secured) client(t *testing.T, ours bool, properties []string, args ...string) *exec.Cmd {
	t.Helper()
	if ours {
		file := filepath.Join(t.TempDir(), "client.properties")
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(properties, "\n")), 0o600))
		return cliClient(t, true, append([]string{"-client-configuration", file}, args...)...)
	}
	cmd := cliClient(t, false, args...)
	flags := []string{cmd.Args[0]}
	for _, p := range properties {
		flags = append(flags, "-D"+p)
	}
	cmd.Args = append(flags, cmd.Args[1:]...)
	return cmd
}

// zkcli and the original's client say the same at the port for TLS of an original, with stores of each kind, and at ours.
func TestCommandLineClientsAgreeOverTLS(t *testing.T) {
	t.Parallel()
	script := []string{
		"create /app x", "create -e /app/e y", "ls -R /app", "get /app/e", "whoami", "get -w /app", "set /app z", await + "NodeDataChanged path:/app",
		"connect ADDR/app", await + "state:Closed", await + connected, "ls /", "close", await + "state:Closed", "ls /", "quit",
	}
	var want string
	for _, c := range []struct {
		kind         string
		ours, server bool
	}{{kind: "JKS"}, {kind: "JKS", ours: true}, {kind: "PKCS12", ours: true}, {kind: "PEM", ours: true}, {kind: "PKCS12", ours: true, server: true}} {
		s := startSecured(t, c.server, c.kind)
		code, stdout, stderr := converse(t, at(script, s.secure), s.client(t, c.ours, s.properties(), "-server", s.secure))
		got := fmt.Sprintf("exit code %d\n%s", code, cliTranscript(stdout, stderr))
		if !c.ours {
			want = got
			require.Contains(t, want, "x509: CN=me")
		}
		require.Equal(t, want, got, "%+v", c)
		s.kill()
	}
}

// What is wrong is told by zkcli with reason and remedy, where the original's client tries for ever.
func TestCommandLineClientTellsWhatIsWrongWithTLS(t *testing.T) {
	t.Parallel()
	s := startSecured(t, false, "PKCS12", "ssl.enabledProtocols=TLSv1.2")
	try := func(server string, properties []string, code int, want ...string) {
		t.Helper()
		got, _, stderr := run(t, "", s.client(t, true, properties, "-server", server, "ls", "/"))
		require.Equal(t, code, got, stderr)
		for _, w := range want {
			require.Contains(t, stderr, w)
		}
		require.NotContains(t, stderr, tlstest.Password)
	}
	try(s.secure, s.properties(), 0)
	try(s.secure, s.properties("zookeeper.ssl.protocol=TLSv1.2", "zookeeper.ssl.ciphersuites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), 0)
	try(s.secure, s.properties("zookeeper.ssl.enabledProtocols=TLSv1.3"), 1, "no version of TLS or cipher suite is allowed both there and here")
	try(s.secure, s.properties("zookeeper.ssl.trustStore.location="+s.strangers), 1, "of an authority that is not trusted here (CN=localhost, issued by CN=authority")
	try(s.secure, s.properties("zookeeper.ssl.keyStore.location="+s.stranger), 1, "(zookeeper.ssl.keyStore.location")
	try(s.secure, s.properties("zookeeper.ssl.keyStore.location="), 1, "zookeeper.ssl.keyStore.location")
	try(s.addr, s.properties(), 1, "connect to its secureClientPort")
	try(s.secure, nil, 1, "TLS only")
	try("127.0.0.2"+s.secure[strings.IndexByte(s.secure, ':'):], s.properties(), 1, "connection refused")

	second := startSecured(t, false, "PEM") // TLSv1.3, with which a refusal comes after the handshake
	s = second
	try(s.secure, s.properties("zookeeper.ssl.enabledProtocols=TLSv1.3"), 0)
	try(s.secure, s.properties("zookeeper.ssl.keyStore.location="+s.stranger), 1, "(zookeeper.ssl.keyStore.location")
	try(s.secure, s.properties("zookeeper.ssl.keyStore.location="), 1, "zookeeper.ssl.keyStore.location")
}
