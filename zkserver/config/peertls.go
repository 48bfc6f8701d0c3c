package config

import "github.com/holdfast-ha/holdfast/internal/tlsconf"

// PeerTLS is what is set about TLS between servers, besides the certificates (QuorumTLS).
type PeerTLS struct {
	// SSLQuorum makes this server's connections to the others secure, and its ports for them take no others (sslQuorum, default
	// false). With PortUnification these take plain connections as well (portUnification, default false): while an ensemble
	// changes to TLS, server by server.
	SSLQuorum, PortUnification bool
	// QuorumCertReload reads the files with the certificates again when they change (sslQuorumReloadCertFiles, default false).
	QuorumCertReload bool
	// FIPSMode rules out that names in certificates are checked between servers, unless they are to be explicitly (fips-mode,
	// default true), which QuorumHostNames and QuorumClientNames tell. See QuorumNames.
	FIPSMode                           bool
	QuorumHostNames, QuorumClientNames Choice
}

// Choice is a setting whose default depends on others.
type Choice uint8

// The choices.
const (
	Unset Choice = iota
	Yes
	No
)

// peerTLSKeys stand in zoo.cfg alone.
func peerTLSKeys() []key {
	return ensemble(
		boolKey("sslQuorum", func(c *Config) *bool { return &c.SSLQuorum }),
		boolKey("portUnification", func(c *Config) *bool { return &c.PortUnification }),
		boolKey("sslQuorumReloadCertFiles", func(c *Config) *bool { return &c.QuorumCertReload }),
	)
}

// noting makes the keys about names between servers tell whether they were given.
func noting(keys []key) []key {
	for i := range keys {
		var field func(*Config) *Choice
		switch keys[i].name {
		case "ssl.quorum.hostnameVerification":
			field = func(c *Config) *Choice { return &c.QuorumHostNames }
		case "ssl.quorum.clientHostnameVerification":
			field = func(c *Config) *Choice { return &c.QuorumClientNames }
		default:
			continue
		}
		set := keys[i].set
		keys[i].set = func(c *Config, v string) error {
			if err := set(c, v); err != nil {
				return err
			}
			if *field(c) = No; v != "" {
				if yes, _ := boolean(v); yes {
					*field(c) = Yes
				}
			}
			return nil
		}
	}
	return keys
}

// PeersSpeakTLS tells whether the ports for other servers take TLS.
func (c *Config) PeersSpeakTLS() bool { return c.Distributed() && (c.SSLQuorum || c.PortUnification) }

// PeerTLSSettings are those that these ports load. Names are checked by package peer, which knows a server by several.
func (c *Config) PeerTLSSettings() tlsconf.Settings {
	s := c.QuorumTLS
	s.NeedKey, s.VerifyServer, s.VerifyClient, s.ReverseDNS = true, false, false, false
	return s
}

// QuorumNames tells whether the certificate of a server that was dialed must hold its name, and whether that of a server that
// dials must. The original checks neither while fips-mode is true, its default, not even if it is told to. Here that is no reason,
// so what is asked for is done.
func (c *Config) QuorumNames() (server, client bool) {
	server = c.QuorumHostNames == Yes || c.QuorumHostNames == Unset && !c.FIPSMode
	client = c.QuorumHostNames != No && (c.QuorumClientNames == Yes || c.QuorumClientNames == Unset && server)
	return server, client
}

// peerTLSProblems is Validate's part.
func (c *Config) peerTLSProblems() Problems {
	if !c.PeersSpeakTLS() {
		return nil
	}
	var p Problems
	if c.QuorumTLS.KeyStore.Path == "" {
		p = append(p, Problem{
			File: c.Source, Key: "ssl.quorum.keyStore.location", Reason: "is not given, and ports that speak TLS (sslQuorum, portUnification) need a certificate",
			Remedy: "name a file with the key and the certificates (JKS, PKCS12 or PEM)",
		})
	}
	if c.QuorumTLS.TrustStore.Path == "" {
		p = append(p, Problem{
			File: c.Source, Key: "ssl.quorum.trustStore.location", Reason: "is not given, and so whoever has a certificate of a public authority could pose as a server",
			Remedy: "name a file with the certificate of the authority that has issued those of the servers",
		})
	}
	return p
}

// peerFindings are what is open between servers.
func (c *Config) peerFindings() []string {
	switch {
	case !c.Distributed():
		return nil
	case !c.SSLQuorum:
		return []string{"connections between servers are plain (sslQuorum=false): who reaches their ports can read all data, and pose as a server; " +
			"keep them in a trusted network or change the ensemble to TLS"}
	}
	var out []string
	if c.PortUnification {
		out = append(out, "the ports for other servers take plain connections, too (portUnification=true): set it to false once all servers have sslQuorum=true")
	}
	if server, client := c.QuorumNames(); !server || !client {
		out = append(out, "whoever has a certificate that ssl.quorum.trustStore.location trusts may pose as any server: their names are not all checked; give that file "+
			"the ensemble's own authority only, or set ssl.quorum.hostnameVerification=true")
	}
	if c.QuorumTLS.ClientAuth != tlsconf.Need {
		out = append(out, "the ports for other servers do not demand a certificate (ssl.quorum.clientAuth): who reaches them can pose as a server")
	}
	return out
}
