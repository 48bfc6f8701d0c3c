package tlsconf

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"
)

// lookupWait bounds the question to the DNS; a handshake waits for it.
const lookupWait = 5 * time.Second

// NameError says that a certificate, good as it may be, is another host's.
type NameError struct {
	Host    string
	Subject string
	Names   []string // that the certificate holds
	Lookup  string   // what the DNS said about an address, if it was asked
}

func (e *NameError) Error() string {
	s := fmt.Sprintf("the certificate of %s is not one for %s: it names %s", e.Subject, e.Host, strings.Join(e.Names, ", "))
	if len(e.Names) == 0 {
		s = fmt.Sprintf("the certificate of %s is not one for %s: it names no host", e.Subject, e.Host)
	}
	if e.Lookup != "" {
		s += " (" + e.Lookup + ")"
	}
	return s
}

// verifyName checks that a certificate is that of a host, which is a name or an address.
func (s *Source) verifyName(c *x509.Certificate, host string) error {
	host = strings.TrimSuffix(host, ".")
	if holds(c, host) {
		return nil
	}
	e := &NameError{Host: host, Subject: c.Subject.String(), Names: names(c)}
	if !s.settings.ReverseDNS || net.ParseIP(host) == nil {
		return e
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupWait)
	defer cancel()
	found, err := net.DefaultResolver.LookupAddr(ctx, host)
	for _, name := range found {
		if holds(c, strings.TrimSuffix(name, ".")) {
			return nil
		}
	}
	e.Lookup = "by the DNS it is " + strings.Join(found, ", ")
	if err != nil {
		e.Lookup = "the DNS has no name for it: " + err.Error()
	}
	return e
}

// holds says whether a certificate names a host. The common name counts if the certificate names no host by DNS, as in Java.
func holds(c *x509.Certificate, host string) bool {
	host, _, _ = strings.Cut(host, "%") // the zone of an address is the own machine's affair
	if ip := net.ParseIP(host); ip != nil {
		return c.VerifyHostname(ip.String()) == nil
	}
	if host == "" {
		return false
	}
	if c.VerifyHostname(host) == nil {
		return true
	}
	if len(c.DNSNames) > 0 || c.Subject.CommonName == "" {
		return false
	}
	byName := x509.Certificate{DNSNames: []string{c.Subject.CommonName}}
	return byName.VerifyHostname(host) == nil
}

func names(c *x509.Certificate) []string {
	all := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(c.DNSNames) == 0 && c.Subject.CommonName != "" {
		all = append(all, c.Subject.CommonName)
	}
	return all
}
