package config

import (
	"net"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// Security says, in one sentence each, what a configuration leaves open: for the log at the start, and for a check before
// it. An empty answer means that nothing stands out, not that the server is safe.
func (c *Config) Security() []string {
	var out []string
	add := func(when bool, text string) {
		if when {
			out = append(out, text)
		}
	}
	add(c.SkipACL, "skipACL=yes: every client may read and change everything")
	add(c.HasPlainPort() && !isLoopback(c.ClientPortAddress), "the client port can be reached from other machines, without TLS: passwords (addauth digest) "+
		"and data pass in clear text; keep it in a trusted network or set clientPortAddress")
	add(slices.Contains(c.DemandedSchemes(), "ip"), "enforce.auth.schemes names ip, and every client is known by its address: nobody is turned away")
	add(c.SuperDigest != "", "there is a superuser (DigestAuthenticationProvider.superDigest) whom no ACL stops")
	add(c.X509() && c.X509SuperUser != "", "there is a superuser (X509AuthenticationProvider.superUser) whom no ACL stops")
	add(c.ClientsSpeakTLS() && c.ClientTLS.ClientAuth == tlsconf.None, "ssl.clientAuth=none: clients on the port with TLS show no certificate")
	add(slices.Contains(c.Commands, "*"), "4lw.commands.whitelist=*: everybody who reaches the client port may ask for sessions, paths and addresses, and "+
		"cost the server time with wchp and wchc; list what your monitoring needs")
	for _, word := range []string{"wchp", "wchc", "dump", "crst", "srst", "stmk"} {
		add(slices.Contains(c.Commands, word), "4lw.commands.whitelist allows "+word+" to everybody who reaches the client port")
	}
	add(c.AdminEnabled && !c.AdminForceHTTPS && !isLoopback(c.AdminAddress), "the admin server can be reached from other machines, without TLS (admin.serverAddress="+
		c.AdminAddress+"): it shows sessions, paths and settings")
	if host, _, err := net.SplitHostPort(c.MetricsAddr); err == nil {
		add(!isLoopback(host), "the metrics can be read from other machines (metricsProvider.httpHost)")
	}
	add(!c.ForceSync, "forceSync=no: a power failure loses writes that were acknowledged")
	add(c.PurgeInterval <= 0, "autopurge.purgeInterval is 0 or less: old snapshots and logs stay until the disk is full")
	add(c.MaxClientCnxns <= 0 && c.MaxCnxns <= 0, "neither maxClientCnxns nor maxCnxns limits the connections: one client can use them all up")
	return append(out, c.peerFindings()...)
}

// isLoopback tells whether only this machine reaches an address; no address means all of them.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
