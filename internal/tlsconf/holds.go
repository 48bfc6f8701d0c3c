package tlsconf

import "crypto/x509"

// Holds says whether a certificate is one for a host, a name or an address: for who knows a host by several, and so checks names
// itself (with VerifyServer and VerifyClient off). It asks no DNS.
func Holds(c *x509.Certificate, host string) bool { return holds(c, host) }

// Names are the hosts that a certificate is for.
func Names(c *x509.Certificate) []string { return names(c) }
