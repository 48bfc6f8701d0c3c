package config

import (
	"net"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// HTTPS are the settings of the admin server and the metrics endpoint for connections with TLS.
type HTTPS struct {
	// AdminPortUnification lets the admin server take HTTPS beside HTTP, AdminForceHTTPS HTTPS alone. The certificates are those of
	// ssl.quorum.*, as in the original. AdminNeedClientAuth demands one of the caller.
	AdminPortUnification bool
	AdminForceHTTPS      bool
	AdminNeedClientAuth  bool
	// MetricsTLSAddr is the host:port of the Prometheus endpoint over HTTPS; empty for none. The same as MetricsAddr: one port for
	// both. MetricsTLS are the keys metricsProvider.ssl.*.
	MetricsTLSAddr string
	MetricsTLS     tlsconf.Settings
}

func defaultHTTPS() HTTPS {
	return HTTPS{MetricsTLS: tlsconf.Settings{Prefix: metricsTLS, NeedKey: true}}
}

const metricsTLS = "metricsProvider.ssl."

// AdminSpeaksTLS tells whether the admin server takes HTTPS.
func (c *Config) AdminSpeaksTLS() bool {
	return c.AdminEnabled && (c.AdminPortUnification || c.AdminForceHTTPS)
}

// AdminTLSSettings are those that the admin server loads.
func (c *Config) AdminTLSSettings() tlsconf.Settings {
	s := c.QuorumTLS
	s.NeedKey, s.VerifyClient, s.ClientAuth = true, false, tlsconf.None
	if c.AdminNeedClientAuth {
		s.ClientAuth = tlsconf.Need
	}
	return s
}

func httpsKeys() []key {
	settings := func(c *Config) *tlsconf.Settings { return &c.MetricsTLS }
	text := func(name string, field func(*tlsconf.Settings) *string) key {
		return key{name: metricsTLS + name, set: func(c *Config, v string) error { *field(settings(c)) = v; return nil }}
	}
	list := func(name string, field func(*tlsconf.Settings) *[]string) key {
		return key{name: metricsTLS + name, set: func(c *Config, v string) error { *field(settings(c)) = strings.Split(v, ","); return nil }}
	}
	return append(fileOnly(
		key{name: "metricsProvider.httpsPort", metric: func(m *metrics, v string) error {
			n, err := number(v, "", 1, 65535)
			m.tlsPort = int(n)
			return err
		}},
		text("keyStore.location", func(s *tlsconf.Settings) *string { return &s.KeyStore.Path }),
		text("keyStore.password", func(s *tlsconf.Settings) *string { return &s.KeyStore.Password }),
		text("keyStore.type", func(s *tlsconf.Settings) *string { return &s.KeyStore.Type }),
		text("trustStore.location", func(s *tlsconf.Settings) *string { return &s.TrustStore.Path }),
		text("trustStore.password", func(s *tlsconf.Settings) *string { return &s.TrustStore.Password }),
		text("trustStore.type", func(s *tlsconf.Settings) *string { return &s.TrustStore.Type }),
		list("enabledProtocols", func(s *tlsconf.Settings) *[]string { return &s.EnabledProtocols }),
		list("ciphersuites", func(s *tlsconf.Settings) *[]string { return &s.CipherSuites }),
		key{name: metricsTLS + "need.client.auth", metric: func(m *metrics, v string) (err error) {
			need, err := boolean(v)
			m.noNeed = !need
			return err
		}},
		key{name: metricsTLS + "want.client.auth", metric: func(m *metrics, v string) (err error) {
			want, err := boolean(v)
			m.noWant = !want
			return err
		}},
	),
		boolKey("admin.portUnification", func(c *Config) *bool { return &c.AdminPortUnification }),
		boolKey("admin.forceHttps", func(c *Config) *bool { return &c.AdminForceHTTPS }),
		boolKey("admin.needClientAuth", func(c *Config) *bool { return &c.AdminNeedClientAuth }),
	)
}

// finishMetrics makes the endpoint of the keys that only make sense together.
func (p *parser) finishMetrics() {
	c, m := &p.cfg, &p.metrics
	c.MetricsAddr, c.MetricsTLSAddr = m.addr(), m.tlsAddr()
	c.MetricsTLS.ClientAuth = m.clientAuth()
	for _, name := range []string{"metricsProvider.httpPort", "metricsProvider.httpsPort"} {
		if at, ok := p.seen[name]; ok && c.MetricsAddr == "" && c.MetricsTLSAddr == "" {
			p.file = at.file
			p.warn(at.line, name, "accepted, but no endpoint is opened: metricsProvider.className does not name the PrometheusMetricsProvider")
		}
	}
	if at, ok := p.seen["admin.needClientAuth"]; ok && c.AdminNeedClientAuth && !c.AdminPortUnification && !c.AdminForceHTTPS {
		p.file = at.file
		p.problem(at.line, "admin.needClientAuth", "can be demanded over HTTPS only", "add admin.forceHttps=true, or remove the line")
	}
}

// httpsProblems is Validate's part.
func (c *Config) httpsProblems() Problems {
	var p Problems
	need := func(used bool, s *tlsconf.Settings, demand string) {
		remedy := "name a file with the key and the certificates (JKS, PKCS12 or PEM)"
		if used && s.KeyStore.Path == "" {
			p = append(p, Problem{File: c.Source, Key: s.Prefix + "keyStore.location", Reason: "is not given, and HTTPS needs a certificate", Remedy: remedy})
		}
		if used && s.ClientAuth == tlsconf.Need && s.TrustStore.Path == "" {
			p = append(p, Problem{
				File: c.Source, Key: s.Prefix + "trustStore.location", Reason: "is not given, and a certificate is demanded of callers",
				Remedy: "name a file with the authorities' certificates, or set " + demand + "=false",
			})
		}
	}
	admin := c.AdminTLSSettings()
	need(c.AdminSpeaksTLS(), &admin, "admin.needClientAuth")
	need(c.MetricsTLSAddr != "", &c.MetricsTLS, metricsTLS+"need.client.auth")
	return p
}

func (m *metrics) tlsAddr() string {
	if m.class != prometheusProvider || m.tlsPort == 0 {
		return ""
	}
	host := m.host
	if host == "0.0.0.0" {
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(m.tlsPort))
}

// clientAuth is what is demanded of callers: by default a certificate, as in the original.
func (m *metrics) clientAuth() tlsconf.ClientAuth {
	switch {
	case !m.noNeed:
		return tlsconf.Need
	case !m.noWant:
		return tlsconf.Want
	}
	return tlsconf.None
}
