//go:build compat

package compat

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// Hadoop's zkfc beside nn1 and ours beside nn2 share a lock in an original server by TLS, with the same keys in Hadoop's files, known
// there by their certificates, to which alone the znodes belong.
func TestOriginalZKFCPairsWithOursOverTLS(t *testing.T) {
	t.Parallel()
	// Hadoop 3.4's client (3.8) speaks TLSv1.2 only, and 3.9's server TLSv1.3 only, if nobody says otherwise.
	s := startSecured(t, false, "JKS", "ssl.enabledProtocols=TLSv1.2,TLSv1.3")
	const acl = "x509:CN=me:rwcda"
	yaml := fmt.Sprintf(", acl: %q, tls: {enabled: true, keyStore: %q, keyStorePassword: %q, trustStore: %q, trustStorePassword: %q}",
		acl, s.key, tlstest.Password, s.trust, tlstest.Password)
	p := newPairOn(t, server{s.daemon, s.secure}, true, yaml, "ha.zookeeper.acl", acl, "hadoop.zk.ssl.enabled", "true",
		"ha.zookeeper.session-timeout.ms", "10000", // the original waits no longer for its first connection, either
		"hadoop.zk.ssl.keystore.location", s.key, "hadoop.zk.ssl.keystore.password", tlstest.Password,
		"hadoop.zk.ssl.truststore.location", s.trust, "hadoop.zk.ssl.truststore.password", tlstest.Password)
	ours := func(args ...string) *exec.Cmd {
		return exec.Command(program(t, "zkfc"), append([]string{"-id", "nn2"}, args...)...)
	}
	code, _, stderr := run(t, "", hadoop.java(t, p.hadoops[0], "org.apache.hadoop.hdfs.tools.DFSZKFailoverController", "-formatZK", "-nonInteractive"))
	require.Zero(t, code, stderr)
	code, _, stderr = run(t, "", ours("-config", p.yaml, "-formatZK", "-nonInteractive"))
	require.Equal(t, 2, code, "it is there: %s", stderr)
	code, _, stderr = run(t, "", ours("-config", p.yaml, "-formatZK", "-force"))
	require.Zero(t, code, stderr)
	_, out, _ := run(t, "", s.client(t, true, s.properties(), "-server", s.secure, "getAcl", "/hadoop-ha/ns1"))
	require.Contains(t, out, "'x509,'CN=me\n: cdrwa")
	code, _, stderr = run(t, "", cliClient(t, true, "-server", s.addr, "ls", "/hadoop-ha/ns1"))
	require.Equal(t, 1, code, "by the plain port nobody is known")
	require.Contains(t, stderr, "Insufficient permission")

	p.startOriginalZKFC(0)
	p.waitStates("active", "")
	zkfc := start(t, "zkfc2", ours("-conf", p.hadoops[1]))
	eventually(t, "our controller takes part", func() bool { return joins(t, zkfc) > 0 })
	p.waitStates("active", "standby")
	code, out, stderr = run(t, "", p.originalAdmin("-failover", "nn1", "nn2"))
	require.Zero(t, code, stderr)
	require.Contains(t, out, "successful")
	p.waitStates("standby", "active")
	zkfc.kill() // its session ends, and the other takes over
	p.waitStates("active", "standby")
	zkfc = start(t, "zkfc2-again", ours("-config", p.yaml))
	eventually(t, "our controller takes part again", func() bool { return joins(t, zkfc) > 0 })
	code, out, stderr = run(t, "", p.ourAdmin("-failover", "nn1", "nn2"))
	require.Zero(t, code, stderr)
	require.Contains(t, out, "successful")
	p.waitStates("standby", "active")
	p.nn[1].kill()
	p.waitStates("active", "")
}
