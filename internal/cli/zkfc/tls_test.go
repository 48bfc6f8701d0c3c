package zkfc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// check reads the stores, and a start does not begin without them.
func TestStoresAreReadBeforeAnythingBegins(t *testing.T) {
	ca, dir := tlstest.NewCA(t, "authority"), t.TempDir()
	key, trust := ca.Issue(t, tlstest.Want{}).PKCS12(t, dir), ca.JKS(t, dir)
	conf := func(password string) string {
		return site(t, "dfs.ha.fencing.methods=shell(/bin/true)", "hadoop.zk.ssl.enabled=true",
			"hadoop.zk.ssl.keystore.location="+key, "hadoop.zk.ssl.keystore.password="+tlstest.Password,
			"hadoop.zk.ssl.truststore.location="+trust, "hadoop.zk.ssl.truststore.password="+password)
	}
	code, out, errs := command("-conf", conf(tlstest.Password), "-id", "nn1", "check")
	require.Zero(t, code, errs)
	require.Contains(t, out, "zookeeper.tls.keyStorePassword")
	require.NotContains(t, out, tlstest.Password)
	require.Contains(t, out, "\nTLS: "+key+": a certificate that is shown to others (CN=localhost) expires at ")
	dir = conf("wrong one")
	for _, args := range [][]string{{"check"}, {"-formatZK"}, {}} {
		code, out, errs = command(append([]string{"-conf", dir, "-id", "nn1"}, args...)...)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, "hdfs-site.xml:13: hadoop.zk.ssl.truststore.location: "+trust+": ")
		require.Contains(t, errs, "correct hadoop.zk.ssl.truststore.password")
		require.NotContains(t, out+errs, "wrong one")
	}
	code, _, errs = command("-conf", site(t, "dfs.ha.zkfc.client.ssl.enabled=true"), "-id", "nn1")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "DFSZKFailOverController exiting due to earlier exception java.io.IOException: javax.naming.ConfigurationException: "+
		"The keystore location parameter is empty for the ZooKeeper client connection.")
}
