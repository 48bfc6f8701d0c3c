package haconfig

import (
	"os"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
	"github.com/holdfast-ha/holdfast/internal/jvmflags"
	"github.com/holdfast-ha/holdfast/internal/zktls"
)

const (
	tlsKey    = "hadoop.zk.ssl.enabled"
	tlsOldKey = "dfs.ha.zkfc.client.ssl.enabled"
)

// tlsStores are Hadoop's keys for the stores, by ours, and the original's word for one that is missing.
var tlsStores = []struct{ path, key, word string }{
	{tlsKeyStore, "hadoop.zk.ssl.keystore.location", "keystore location"},
	{tlsKeyPassword, "hadoop.zk.ssl.keystore.password", "keystore password"},
	{tlsTrustStore, "hadoop.zk.ssl.truststore.location", "truststore location"},
	{tlsTrustPassword, "hadoop.zk.ssl.truststore.password", "truststore password"},
}

// jvmVariables hold the flags of the original's JVM, in their order; the third is the old name of the second.
var jvmVariables = []string{"HADOOP_OPTS", "HADOOP_ZKFC_OPTS", "HDFS_ZKFC_OPTS"}

// tls sets what Hadoop's files, and the system properties that the original's ZooKeeper client would see, say of TLS towards ZooKeeper.
// The files' keys are the newer way (HADOOP-18919); they set location and password of the stores only, so that the properties count for
// the rest.
func (b *bridge) tls() {
	t := &b.cfg.Zookeeper.TLS
	b.cfg.named, t.literal = map[string]name{}, map[string]bool{}
	v := b.tlsSwitch()
	byKey := b.boolean(v, false)
	b.tlsProperties(byKey)
	if !byKey {
		return
	}
	if !b.own[strings.ToLower(tlsEnabled)] {
		t.Enabled = true
		b.cfg.named[tlsEnabled] = name{v.Name, v.From.String()}
	}
	values := map[string]*string{
		tlsKeyStore: &t.KeyStore, tlsKeyPassword: &t.KeyStorePassword, tlsTrustStore: &t.TrustStore, tlsTrustPassword: &t.TrustStorePassword,
	}
	for _, s := range tlsStores {
		if b.own[strings.ToLower(s.path)] {
			continue
		}
		set, _ := b.conf.Lookup(s.key)
		at := set.From.String()
		if set.Name == "" {
			at = v.From.String()
		}
		*values[s.path] = b.value(set)
		t.literal[s.path] = true
		b.cfg.named[s.path] = name{s.key, at}
		b.origins.set(s.path, at)
	}
	b.origins.set(tlsEnabled, v.From.String())
}

// tlsSwitch is the key that counts of the two.
func (b *bridge) tlsSwitch() hadoopconf.Value {
	if v, set := b.conf.Lookup(tlsKey); set && b.value(v) != "" {
		return v
	}
	v, _ := b.conf.Lookup(tlsOldKey)
	return v
}

// tlsComplete adds what only zkfc needs: properties that can be used, and what the original demands, too, each of the four keys.
func (b *bridge) tlsComplete() {
	t := b.cfg.Zookeeper.TLS
	if !t.Enabled {
		return
	}
	b.problems = append(b.problems, b.cfg.flags...)
	if n := b.cfg.named[tlsEnabled]; n.key != tlsKey && n.key != tlsOldKey {
		return
	}
	values := map[string]string{
		tlsKeyStore: t.KeyStore, tlsKeyPassword: t.KeyStorePassword, tlsTrustStore: t.TrustStore, tlsTrustPassword: t.TrustStorePassword,
	}
	for _, s := range tlsStores {
		if n := b.cfg.named[s.path]; values[s.path] == "" && n.key == s.key {
			remedy := "set it, as the original wants it"
			if strings.HasSuffix(s.key, "password") {
				remedy += ", who does not look for it in credential providers; or set " + OwnPrefix + s.path + ", which may be @FILE"
			}
			b.problems = append(b.problems, Problem{
				Where: n.where, Key: s.key, Text: "is not set, but " + b.cfg.named[tlsEnabled].key + " is true", Remedy: remedy,
				Java: "java.io.IOException: javax.naming.ConfigurationException: The " + s.word + " parameter is empty for the ZooKeeper client connection.",
			})
		}
	}
}

// tlsProperties sets what the flags of the JVM say.
func (b *bridge) tlsProperties(byKey bool) {
	var p zktls.Properties
	from := map[string]string{}
	for _, variable := range jvmVariables {
		properties, _ := jvmflags.Properties(os.Getenv(variable))
		for _, f := range properties {
			if !zktls.Known(f.Name) {
				continue
			}
			if err := p.Set(f.Name, f.Value); err != nil {
				b.cfg.flags = append(b.cfg.flags, Problem{Where: variable, Key: "-D" + f.Name, Text: err.Error()})
				continue
			}
			from[f.Name] = variable
		}
	}
	if err := p.Check(); err != nil && !byKey { // the key brings its own class
		b.cfg.flags = append(b.cfg.flags, Problem{Where: from["zookeeper.client.secure"], Text: err.Error()})
	}
	t, s := &b.cfg.Zookeeper.TLS, p.Settings()
	apply := func(path string, set func(), properties ...string) {
		for _, property := range properties {
			variable, ok := from[property]
			if !ok || b.own[strings.ToLower(path)] {
				continue
			}
			set()
			b.cfg.named[path] = name{property, variable}
			b.origins.set(path, variable)
		}
	}
	const ssl = "zookeeper.ssl."
	apply(tlsEnabled, func() { t.Enabled = p.Secure() }, "zookeeper.client.secure")
	apply(tlsKeyStore, func() { t.KeyStore = s.KeyStore.Path }, ssl+"keyStore.location")
	apply(tlsKeyStore+"Type", func() { t.KeyStoreType = s.KeyStore.Type }, ssl+"keyStore.type")
	apply(tlsKeyPassword, func() { t.KeyStorePassword, t.literal[tlsKeyPassword] = s.KeyStore.Password, true }, ssl+"keyStore.password")
	apply(tlsTrustStore, func() { t.TrustStore = s.TrustStore.Path }, ssl+"trustStore.location")
	apply(tlsTrustStore+"Type", func() { t.TrustStoreType = s.TrustStore.Type }, ssl+"trustStore.type")
	apply(tlsTrustPassword, func() { t.TrustStorePassword, t.literal[tlsTrustPassword] = s.TrustStore.Password, true }, ssl+"trustStore.password")
	apply(tlsHostname, func() { t.VerifyHostname = s.VerifyServer }, ssl+"hostnameVerification")
	apply(tlsProtocols, func() { t.Protocols = protocols(s.Protocol, s.EnabledProtocols) }, ssl+"protocol", ssl+"enabledProtocols")
	apply(tlsCiphers, func() { t.CipherSuites = s.CipherSuites }, ssl+"ciphersuites")
	if file := s.KeyStore.PasswordPath; file != "" {
		apply(tlsKeyPassword, func() { t.KeyStorePassword, t.literal[tlsKeyPassword] = "@"+file, false }, ssl+"keyStore.passwordPath")
	}
	if file := s.TrustStore.PasswordPath; file != "" {
		apply(tlsTrustPassword, func() { t.TrustStorePassword, t.literal[tlsTrustPassword] = "@"+file, false }, ssl+"trustStore.passwordPath")
	}
	t.reverseDNS = s.ReverseDNS
}

// protocols are those that Java allows by the one and the other property: TLSv1.3 brings TLSv1.2 with it.
func protocols(one string, enabled []string) []string {
	if len(enabled) > 0 || one == "" || strings.EqualFold(one, "TLS") || strings.EqualFold(one, "TLSv1.3") {
		return enabled
	}
	return []string{one}
}
