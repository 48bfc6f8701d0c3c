package haconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// open reads the stores of cfg; what it answers is the problem, if there is one.
func open(t *testing.T, cfg *Config) string {
	t.Helper()
	d, err := cfg.ZookeeperTLS(func(w string) { t.Error(w) })
	if err != nil {
		require.NotContains(t, err.Error(), tlstest.Password)
		return problems(t, err)[0].String()
	}
	require.Equal(t, cfg.Zookeeper.TLS.Enabled, d != nil)
	return ""
}

// unsetFlags empties the variables with the flags of the original's JVM.
func unsetFlags(t *testing.T) {
	t.Helper()
	for _, v := range jvmVariables {
		t.Setenv(v, "")
	}
}

func TestTLSOfHoldfastYaml(t *testing.T) {
	ca, dir := tlstest.NewCA(t, "authority"), t.TempDir()
	key, trust := filepath.ToSlash(ca.Issue(t, tlstest.Want{}).PKCS12(t, dir)), filepath.ToSlash(ca.JKS(t, dir))
	password := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(password, []byte(tlstest.Password+"\n"), 0o600))
	const file = "holdfast.yaml"
	with := func(section string, set ...string) (*Config, string) {
		t.Helper()
		text := strings.Replace(pair, "zookeeper:\n", "zookeeper:\n  tls: {"+section+"}\n", 1)
		require.NotEqual(t, pair, text)
		cfg, err := load(file, []byte(text), set, nil)
		require.NoError(t, err)
		return cfg, open(t, cfg)
	}
	cfg, problem := with("")
	require.Empty(t, problem)
	require.False(t, cfg.Zookeeper.TLS.Enabled)
	stores := "enabled: true, keyStore: " + key + ", trustStore: " + trust + ", trustStorePassword: " + tlstest.Password
	cfg, problem = with(stores+", protocols: [TLSv1.3], cipherSuites: []", "zookeeper.tls.keyStorePassword=@"+filepath.ToSlash(password))
	require.Empty(t, problem)
	require.Equal(t, tlsconf.Settings{
		Prefix: "ssl.", KeyStore: tlsconf.Store{Path: key, PasswordPath: filepath.ToSlash(password)},
		TrustStore:   tlsconf.Store{Path: trust, Password: tlstest.Password},
		VerifyServer: true, EnabledProtocols: []string{"TLSv1.3"}, CipherSuites: []string{},
	}, cfg.Zookeeper.TLS.settings())
	for _, s := range cfg.Effective() {
		require.NotContains(t, s.Value, tlstest.Password, s.Key)
		if s.Key == tlsTrustPassword {
			require.Equal(t, "(not shown)", s.Value)
		}
	}
	for section, want := range map[string]string{
		stores + ", keyStorePassword: wrong":                                             "holdfast.yaml:2: zookeeper.tls.keyStore: " + key + ": ",
		"enabled: true, trustStore: /no/such.pem":                                        "zookeeper.tls.trustStore: /no/such.pem: no such file or directory; give a file that this user can read",
		"enabled: true, trustStore: " + trust + ", trustStoreType: BKS":                  `zookeeper.tls.trustStoreType: ` + trust + `: "BKS" is not a kind of store; give JKS, PKCS12 or PEM`,
		"enabled: true, trustStore: /etc/ca.crt":                                         "zookeeper.tls.trustStore: /etc/ca.crt: the name does not tell the kind of the store; set zookeeper.tls.trustStoreType to JKS, PKCS12 or PEM",
		"enabled: true, keyStore: " + key + ", keyStorePassword: \"@/no/such\"":          "zookeeper.tls.keyStorePassword: /no/such: no such file or directory",
		"enabled: true, protocols: [TLSv9]":                                              `zookeeper.tls.protocols: "TLSv9" is not a protocol`,
		"enabled: true, cipherSuites: [TLS_DHE_RSA_WITH_AES_128_CBC_SHA]":                "zookeeper.tls.cipherSuites: none of the suites listed can be spoken",
		"enabled: true, trustStore: " + trust + ", trustStorePassword: \"@" + key + "\"": "correct zookeeper.tls.trustStorePassword",
	} {
		_, problem = with(section)
		require.Contains(t, problem, want)
	}
	_, problem = with("enabled: false, trustStore: /no/such.pem")
	require.Empty(t, problem, "what is not used is not read")
}

// Hadoop's keys, our own before them, and the flags of the JVM behind them.
func TestTLSOfHadoopsFiles(t *testing.T) {
	unsetFlags(t)
	ca, dir := tlstest.NewCA(t, "authority"), t.TempDir()
	key, trust := ca.Issue(t, tlstest.Want{}).JKS(t, dir), ca.JKS(t, dir)
	stores := []string{
		"hadoop.zk.ssl.keystore.location=" + key, "hadoop.zk.ssl.keystore.password=" + tlstest.Password,
		"hadoop.zk.ssl.truststore.location=" + trust, "hadoop.zk.ssl.truststore.password=" + tlstest.Password,
	}
	all := func(more ...string) []string { return append(append(cluster(), stores...), more...) }
	cfg := mustHadoop(t, all("dfs.ha.zkfc.client.ssl.enabled=true", "ha.zookeeper.acl=x509:CN=zkfc:rwcda"))
	require.True(t, cfg.Zookeeper.TLS.Enabled)
	require.Empty(t, open(t, cfg))
	shown := map[string]string{}
	for _, s := range cfg.Effective() {
		shown[s.Key] = s.Value + " " + filepath.Base(s.From)
	}
	require.Equal(t, key+" hdfs-site.xml:11", shown[tlsKeyStore])
	require.Equal(t, "(not shown) hdfs-site.xml:12", shown[tlsKeyPassword])
	require.Equal(t, "true hdfs-site.xml:15", shown[tlsEnabled])
	fc := cfg.FencingConfig(cfg.Nameservices[0], "nn2")
	for _, v := range fc.Env {
		require.NotContains(t, v, tlstest.Password)
	}
	require.Subset(t, fc.Secret, []string{"HOLDFAST_ZOOKEEPER_TLS_KEYSTOREPASSWORD", "HOLDFAST_ZOOKEEPER_TLS_TRUSTSTOREPASSWORD"})

	require.False(t, mustHadoop(t, all("dfs.ha.zkfc.client.ssl.enabled=true", "hadoop.zk.ssl.enabled=false")).Zookeeper.TLS.Enabled)
	require.True(t, mustHadoop(t, all("hadoop.zk.ssl.enabled=true")).Zookeeper.TLS.Enabled)
	require.False(t, mustHadoop(t, all("hadoop.zk.ssl.enabled=true"), "holdfast.zookeeper.tls.enabled=false").Zookeeper.TLS.Enabled)
	require.False(t, mustHadoop(t, all()).Zookeeper.TLS.Enabled)

	literal := mustHadoop(t, append(cluster(), append(stores[:3:3], "hadoop.zk.ssl.truststore.password=@literal", "hadoop.zk.ssl.enabled=true")...))
	require.Equal(t, "@literal", literal.Zookeeper.TLS.settings().TrustStore.Password, "in Hadoop's key an @ is a part of the password")
	for _, s := range literal.Effective() {
		require.NotContains(t, s.Value, "@literal")
	}
	require.Contains(t, open(t, literal), "hdfs-site.xml:13: hadoop.zk.ssl.truststore.location: "+trust+": ")
	require.Contains(t, open(t, literal), "correct hadoop.zk.ssl.truststore.password")
	ours := mustHadoop(t, all("hadoop.zk.ssl.enabled=true", "holdfast.zookeeper.tls.trustStore=/no/such.pem"))
	require.Contains(t, open(t, ours), "hdfs-site.xml:16: holdfast.zookeeper.tls.trustStore: /no/such.pem: no such file or directory")

	for i, s := range tlsStores { // each that is missing, as the original says it
		some := append(append([]string{}, stores[:i]...), stores[i+1:]...)
		missing, err := hadoop(t, append(append(cluster(), some...), "hadoop.zk.ssl.enabled=true"))
		require.NoError(t, err, "haadmin does not need it")
		found := missing.ForNode(missing.Nameservices[0], missing.Nameservices[0].Nodes[0])
		require.Len(t, found, 1)
		require.Contains(t, found[0].String(), s.key+": is not set, but hadoop.zk.ssl.enabled is true; set it, as the original wants it")
		require.Equal(t, "java.io.IOException: javax.naming.ConfigurationException: The "+s.word+" parameter is empty for the ZooKeeper client connection.", found[0].Java)
	}
}

// Before Hadoop had keys for it, TLS was asked for by flags of the JVM; they still count for what the keys do not say.
func TestTLSOfTheFlagsOfTheJVM(t *testing.T) {
	unsetFlags(t)
	ca, dir := tlstest.NewCA(t, "authority"), t.TempDir()
	key, trust := ca.Issue(t, tlstest.Want{}).PEM(t, dir), ca.PEM(t, dir)
	t.Setenv("HADOOP_OPTS", "-Xmx1g -Dzookeeper.client.secure=false -Dzookeeper.ssl.hostnameVerification=false -Dzookeeper.ssl.protocol=TLSv1.2")
	t.Setenv("HDFS_ZKFC_OPTS", "-Dzookeeper.client.secure=true -Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty "+
		"-Dzookeeper.ssl.keyStore.location="+key+" -Dzookeeper.ssl.trustStore.location="+trust+" -Dzookeeper.ssl.trustStore.password=@literal")
	cfg := mustHadoop(t, cluster())
	require.Empty(t, open(t, cfg))
	require.Equal(t, tlsconf.Settings{
		Prefix: "ssl.", KeyStore: tlsconf.Store{Path: key}, TrustStore: tlsconf.Store{Path: trust, Password: "@literal"}, EnabledProtocols: []string{"TLSv1.2"},
	}, cfg.Zookeeper.TLS.settings())
	byKey := mustHadoop(t, append(cluster(), "hadoop.zk.ssl.enabled=true", "hadoop.zk.ssl.keystore.location="+key, "hadoop.zk.ssl.keystore.password=x",
		"hadoop.zk.ssl.truststore.location=/no/such.pem", "hadoop.zk.ssl.truststore.password=x"))
	require.False(t, byKey.Zookeeper.TLS.VerifyHostname)
	require.Contains(t, open(t, byKey), "hadoop.zk.ssl.truststore.location: /no/such.pem")
	require.False(t, mustHadoop(t, cluster(), "holdfast.zookeeper.tls.enabled=false").Zookeeper.TLS.Enabled)

	wrong := func(flags string) string {
		t.Setenv("HDFS_ZKFC_OPTS", "-Dzookeeper.client.secure=true "+flags)
		cfg, err := hadoop(t, cluster())
		require.NoError(t, err, "haadmin does not need it")
		found := cfg.ForNode(cfg.Nameservices[0], cfg.Nameservices[0].Nodes[0])
		if len(found) == 0 {
			return open(t, cfg)
		}
		return found.Error()
	}
	require.Contains(t, wrong("-Dzookeeper.ssl.crl=true"), "HDFS_ZKFC_OPTS: -Dzookeeper.ssl.crl: whether a certificate has been revoked is not asked for here")
	require.Contains(t, wrong("-Dzookeeper.clientCnxnSocket=ClientCnxnSocketNIO"), "HDFS_ZKFC_OPTS: zookeeper.client.secure=true with zookeeper.clientCnxnSocket=ClientCnxnSocketNIO")
	require.Contains(t, wrong("-Dzookeeper.ssl.keyStore.location=/no/such.jks"), "HDFS_ZKFC_OPTS: zookeeper.ssl.keyStore.location: /no/such.jks: no such file")
	t.Setenv("HDFS_ZKFC_OPTS", "-Dzookeeper.ssl.crl=true")
	mustHadoop(t, cluster()) // without TLS nobody reads it
}
