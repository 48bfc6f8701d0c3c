package config

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// TLS are the settings of the secure client port, of the certificates, and of HTTPS.
type TLS struct {
	// SecureClientPort is the TCP port for clients that speak TLS (secureClientPort); 0, the default, for none, -1 lets the
	// system choose one (for tests). SecureClientPortAddress is the address to listen on; empty for all.
	SecureClientPort        int
	SecureClientPortAddress string
	// ClientPortUnification lets ClientPort take connections with TLS beside plain ones (client.portUnification).
	ClientPortUnification bool
	// ClientTLS are the keys ssl.*, QuorumTLS the keys ssl.quorum.*, of which the admin server's HTTPS takes its certificates, too. See
	// PeerTLS.
	ClientTLS, QuorumTLS tlsconf.Settings
	// TLSTimeout is how long a handshake of a client may take (ssl.handshakeDetectionTimeoutMillis, default 10 s), and
	// QuorumTLSTimeout one of another server (ssl.quorum.handshakeDetectionTimeoutMillis, default 5 s).
	TLSTimeout, QuorumTLSTimeout time.Duration
	// MaxHandshakes limits the handshakes under way at one port (netty.server.outstandingHandshake.limit); 0 for no limit.
	MaxHandshakes int
	// DropEarly closes connections before the handshake while the server serves nobody
	// (netty.server.earlyDropSecureConnectionHandshakes, default false).
	DropEarly bool
	// ClientCertReload reads the files of ClientTLS again when they change (client.certReload, default false).
	ClientCertReload bool
	// X509Auth adds the scheme x509 even where no port speaks TLS (authProvider.x509=X509AuthenticationProvider), and X509SuperUser
	// is the name of a certificate whose owner may do everything (X509AuthenticationProvider.superUser).
	X509Auth      bool
	X509SuperUser string
}

func defaultTLS() TLS {
	settings := func(prefix string, quorum bool) tlsconf.Settings {
		return tlsconf.Settings{Prefix: prefix, VerifyServer: true, VerifyClient: quorum}
	}
	return TLS{
		ClientTLS: settings("ssl.", false), QuorumTLS: settings("ssl.quorum.", true),
		TLSTimeout: 10 * time.Second, QuorumTLSTimeout: 5 * time.Second,
	}
}

// HasPlainPort tells whether clients are served without TLS.
func (c *Config) HasPlainPort() bool { return c.ClientPort >= 0 }

// HasSecurePort tells whether there is a port for TLS alone.
func (c *Config) HasSecurePort() bool { return c.SecureClientPort != 0 }

// ClientsSpeakTLS tells whether any client port takes TLS.
func (c *Config) ClientsSpeakTLS() bool {
	return c.HasSecurePort() || c.ClientPortUnification && c.HasPlainPort()
}

// X509 tells whether the scheme x509 is known: with TLS it always is.
func (c *Config) X509() bool { return c.X509Auth || c.ClientsSpeakTLS() }

// SecureClientAddr is the address of the secure port, as net.Listen takes it.
func (c *Config) SecureClientAddr() string {
	return net.JoinHostPort(c.SecureClientPortAddress, strconv.Itoa(max(0, c.SecureClientPort)))
}

// ClientTLSSettings are those that a client port loads. Where a client's certificate counts, the original takes none without a
// trust store, so that one is demanded here.
func (c *Config) ClientTLSSettings() tlsconf.Settings {
	s := c.ClientTLS
	s.NeedKey = true
	s.VerifyClient = s.VerifyClient && s.VerifyServer // as the original has it
	return s
}

// Certificates are the settings of all ports that speak TLS, for who wants to look at the files.
func (c *Config) Certificates() []tlsconf.Settings {
	var all []tlsconf.Settings
	if c.ClientsSpeakTLS() {
		all = append(all, c.ClientTLSSettings())
	}
	if c.AdminSpeaksTLS() {
		all = append(all, c.AdminTLSSettings())
	}
	if c.PeersSpeakTLS() {
		all = append(all, c.PeerTLSSettings())
	}
	if c.MetricsTLSAddr != "" {
		all = append(all, c.MetricsTLS)
	}
	return all
}

// tlsKeys are honoured.
func tlsKeys() []key {
	all := fileOnly(
		intKey("secureClientPort", 1, 65535, func(c *Config) *int { return &c.SecureClientPort }),
		textKey("secureClientPortAddress", func(c *Config) *string { return &c.SecureClientPortAddress }),
	)
	all = append(all, storeKeys("ssl.", func(c *Config) (*tlsconf.Settings, *time.Duration) { return &c.ClientTLS, &c.TLSTimeout })...)
	all = append(all, noting(storeKeys("ssl.quorum.", func(c *Config) (*tlsconf.Settings, *time.Duration) { return &c.QuorumTLS, &c.QuorumTLSTimeout }))...)
	return append(all,
		boolKey("fips-mode", func(c *Config) *bool { return &c.FIPSMode }),
		boolKey("client.portUnification", func(c *Config) *bool { return &c.ClientPortUnification }),
		boolKey("client.certReload", func(c *Config) *bool { return &c.ClientCertReload }),
		as(key{name: "netty.server.outstandingHandshake.limit", set: func(c *Config, v string) error {
			n, err := number(v, "", -1, 1<<31-1)
			c.MaxHandshakes = max(0, int(n))
			return err
		}}, "outstandingHandshake.limit"),
		boolKey("netty.server.earlyDropSecureConnectionHandshakes", func(c *Config) *bool { return &c.DropEarly }),
		textKey("X509AuthenticationProvider.superUser", func(c *Config) *string { return &c.X509SuperUser }),
		key{name: "ssl.authProvider", set: func(_ *Config, v string) error { return nil }}, // finishTLS looks for the class
		key{name: "ssl.sslProvider", set: func(_ *Config, v string) error {
			if v != "JDK" {
				return bad("remove the line or give JDK", "%q is a TLS library of the JVM; TLS here is Go's", v)
			}
			return nil
		}},
	)
}

// storeKeys are the keys that all groups have.
func storeKeys(prefix string, of func(*Config) (*tlsconf.Settings, *time.Duration)) []key {
	settings := func(c *Config) *tlsconf.Settings { s, _ := of(c); return s }
	text := func(name string, field func(*tlsconf.Settings) *string) key {
		return key{name: prefix + name, set: func(c *Config, v string) error { *field(settings(c)) = v; return nil }}
	}
	yes := func(name string, field func(*tlsconf.Settings) *bool) key {
		return boolKey(prefix+name, func(c *Config) *bool { return field(settings(c)) })
	}
	list := func(name string, field func(*tlsconf.Settings) *[]string) key {
		return key{name: prefix + name, set: func(c *Config, v string) error {
			if *field(settings(c)) = nil; v != "" {
				*field(settings(c)) = strings.Split(v, ",")
			}
			return nil
		}}
	}
	return []key{
		text("keyStore.location", func(s *tlsconf.Settings) *string { return &s.KeyStore.Path }),
		text("keyStore.password", func(s *tlsconf.Settings) *string { return &s.KeyStore.Password }),
		text("keyStore.passwordPath", func(s *tlsconf.Settings) *string { return &s.KeyStore.PasswordPath }),
		text("keyStore.type", func(s *tlsconf.Settings) *string { return &s.KeyStore.Type }),
		text("trustStore.location", func(s *tlsconf.Settings) *string { return &s.TrustStore.Path }),
		text("trustStore.password", func(s *tlsconf.Settings) *string { return &s.TrustStore.Password }),
		text("trustStore.passwordPath", func(s *tlsconf.Settings) *string { return &s.TrustStore.PasswordPath }),
		text("trustStore.type", func(s *tlsconf.Settings) *string { return &s.TrustStore.Type }),
		text("protocol", func(s *tlsconf.Settings) *string { return &s.Protocol }),
		list("enabledProtocols", func(s *tlsconf.Settings) *[]string { return &s.EnabledProtocols }),
		list("ciphersuites", func(s *tlsconf.Settings) *[]string { return &s.CipherSuites }),
		yes("hostnameVerification", func(s *tlsconf.Settings) *bool { return &s.VerifyServer }),
		yes("clientHostnameVerification", func(s *tlsconf.Settings) *bool { return &s.VerifyClient }),
		yes("allowReverseDnsLookup", func(s *tlsconf.Settings) *bool { return &s.ReverseDNS }),
		{name: prefix + "clientAuth", set: func(c *Config, v string) error {
			a, ok := tlsconf.ParseClientAuth(v)
			if !ok {
				return bad("give need, want or none", "%q does not say whether clients show a certificate", v)
			}
			settings(c).ClientAuth = a
			return nil
		}},
		millisKey(prefix+"handshakeDetectionTimeoutMillis", 1, func(c *Config) *time.Duration { _, d := of(c); return d }),
	}
}

// finishTLS checks what only all keys together show.
func (p *parser) finishTLS() {
	c := &p.cfg
	at := func(name string) place {
		if given, ok := p.seen[name]; ok {
			return given
		}
		return p.fromProperties[name]
	}
	if c.SecureClientPortAddress != "" && !c.HasSecurePort() {
		given := at("secureClientPortAddress")
		p.file = given.file
		p.problem(given.line, "secureClientPortAddress", "is given, and secureClientPort is not", "add secureClientPort=2281")
	}
	if scheme := p.sslAuthProvider; scheme != "" && scheme != "x509" {
		if given, provider := at("ssl.authProvider"), at("authProvider."+scheme); provider == (place{}) {
			p.file = given.file
			p.problem(given.line, "ssl.authProvider", "no authProvider."+scheme+" is given", "give x509, or add authProvider."+scheme+
				"=org.apache.zookeeper.server.auth.X509AuthenticationProvider")
		}
	}
	for _, seen := range []map[string]place{p.seen, p.fromProperties} {
		for name, given := range seen {
			k, known := p.table.find(name)
			prefix, used := "ssl.", c.ClientsSpeakTLS()
			if strings.HasPrefix(name, "ssl.quorum.") {
				prefix, used = "ssl.quorum.", c.quorumTLSUsed()
			}
			if known && k.class() == Honoured && strings.HasPrefix(name, prefix) && !used {
				p.file = given.file
				p.warn(given.line, name, "accepted, but no port speaks TLS with the keys "+prefix+"*")
			}
		}
	}
}

// quorumTLSUsed tells whether a port shows the certificates of ssl.quorum.*.
func (c *Config) quorumTLSUsed() bool {
	return c.AdminPortUnification || c.AdminForceHTTPS || c.PeersSpeakTLS()
}

// tlsProblems is Validate's part.
func (c *Config) tlsProblems() Problems {
	var p Problems
	add := func(key, reason, remedy string) {
		p = append(p, Problem{File: c.Source, Key: key, Reason: reason, Remedy: remedy})
	}
	if c.HasSecurePort() && c.SecureClientPort == c.ClientPort && c.SecureClientPort > 0 {
		add("secureClientPort", "is the clientPort, too", "choose another, or set client.portUnification=true and leave it out")
	}
	if !c.HasPlainPort() && !c.HasSecurePort() {
		add("clientPort", "missing", "add a line such as clientPort=2181")
	}
	if c.ClientsSpeakTLS() && c.ClientTLS.KeyStore.Path == "" {
		add("ssl.keyStore.location", "is not given, and a port that speaks TLS needs a certificate", "name a file with the key and the certificates (JKS, PKCS12 or PEM)")
	}
	if s := &c.ClientTLS; c.ClientsSpeakTLS() && s.ClientAuth != tlsconf.None && s.TrustStore.Path == "" {
		add("ssl.trustStore.location", "is not given, and so no client's certificate could be accepted",
			"name a file with the authorities' certificates, or set ssl.clientAuth=none")
	}
	return p
}
