package haconfig

import (
	"errors"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/zktls"
)

// The keys of TLS that others name, too.
const (
	tlsEnabled       = "zookeeper.tls.enabled"
	tlsKeyStore      = "zookeeper.tls.keyStore"
	tlsKeyPassword   = "zookeeper.tls.keyStorePassword"
	tlsTrustStore    = "zookeeper.tls.trustStore"
	tlsTrustPassword = "zookeeper.tls.trustStorePassword"
	tlsHostname      = "zookeeper.tls.verifyHostname"
	tlsProtocols     = "zookeeper.tls.protocols"
	tlsCiphers       = "zookeeper.tls.cipherSuites"
)

// name is a key of Hadoop's, or a system property, and where it stands.
type name struct{ key, where string }

// tlsPaths are our keys by those of package tlsconf.
var tlsPaths = map[string]string{
	"ssl.keyStore.location": tlsKeyStore, "ssl.keyStore.type": tlsKeyStore + "Type", "ssl.keyStore.password": tlsKeyPassword, "ssl.keyStore.passwordPath": tlsKeyPassword,
	"ssl.trustStore.location": tlsTrustStore, "ssl.trustStore.type": tlsTrustStore + "Type", "ssl.trustStore.password": tlsTrustPassword,
	"ssl.trustStore.passwordPath": tlsTrustPassword, "ssl.protocol": tlsProtocols, "ssl.enabledProtocols": tlsProtocols, "ssl.ciphersuites": tlsCiphers,
}

// keyOf is how the setting at path is called where it was made, or would have to be.
func (c *Config) keyOf(path string) string {
	if n, ok := c.named[path]; ok {
		return n.key
	}
	if c.Hadoop != nil {
		return OwnPrefix + path
	}
	return path
}

// inOurWords puts the names of our keys into what package tlsconf says.
func (c *Config) inOurWords(text string) string {
	pairs := []string{ // an @ is where we name a file
		" or the file of ssl.keyStore.passwordPath", "", " or the file of ssl.trustStore.passwordPath", "",
		"ssl.keyStore.passwordPath", c.keyOf(tlsKeyPassword), "ssl.trustStore.passwordPath", c.keyOf(tlsTrustPassword), // before what they begin with
	}
	for theirs, path := range tlsPaths {
		if !strings.HasSuffix(theirs, "Path") {
			pairs = append(pairs, theirs, c.keyOf(path))
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// ZookeeperTLS reads the stores and makes what connections to ZooKeeper become secret by; nil when they are plain. warn hears what is
// wrong with them later. The error is of type Problems.
func (c *Config) ZookeeperTLS(warn func(string)) (*zktls.Dialer, error) {
	t := c.Zookeeper.TLS
	if !t.Enabled {
		return nil, nil //nolint:nilnil // that is the answer
	}
	enabled := c.keyOf(tlsEnabled)
	if strings.HasSuffix(enabled, tlsEnabled) {
		enabled += ": true"
	} else if !strings.Contains(enabled, "=") {
		enabled += "=true"
	}
	d, err := zktls.New(t.settings(), zktls.Names{
		Secure: enabled, KeyStore: c.keyOf(tlsKeyStore), TrustStore: c.keyOf(tlsTrustStore), Hostname: c.keyOf(tlsHostname),
		Protocols: c.keyOf(tlsProtocols) + " and " + c.keyOf(tlsCiphers),
	}, func(text string) { warn(c.inOurWords(text)) })
	if err == nil {
		return d, nil
	}
	var bad *tlsconf.Error
	if !errors.As(err, &bad) {
		return nil, err
	}
	path := tlsPaths[bad.Key]
	p := Problem{Where: c.origins.of(path), Key: c.keyOf(path), Text: c.inOurWords(bad.Reason), Remedy: c.inOurWords(bad.Remedy)}
	if n, ok := c.named[path]; ok {
		p.Where = n.where
	}
	if bad.File != "" {
		p.Text = bad.File + ": " + p.Text
	}
	return nil, Problems{p}
}

func (t TLS) settings() tlsconf.Settings {
	store := func(path, typ, password, key string) tlsconf.Store {
		s := tlsconf.Store{Path: path, Type: typ, Password: password}
		if file, ok := strings.CutPrefix(password, "@"); ok && !t.literal[key] {
			s.Password, s.PasswordPath = "", file
		}
		return s
	}
	return tlsconf.Settings{
		Prefix:   "ssl.",
		KeyStore: store(t.KeyStore, t.KeyStoreType, t.KeyStorePassword, tlsKeyPassword), TrustStore: store(t.TrustStore, t.TrustStoreType, t.TrustStorePassword, tlsTrustPassword),
		EnabledProtocols: t.Protocols, CipherSuites: t.CipherSuites, VerifyServer: t.VerifyHostname, ReverseDNS: t.reverseDNS,
	}
}

// identified tells whether the controller shows a certificate, which a server knows it by.
func (t TLS) identified() bool { return t.Enabled && t.KeyStore != "" }
