package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// TLS makes the connections between servers secure. With none in Config, all are plain, and who speaks TLS is turned away.
type TLS struct {
	// Dial makes the connections secure that this server opens (sslQuorum). Those that it takes may be in any case.
	Dial bool
	// Plain takes connections without TLS, too (portUnification): while an ensemble changes from one to the other.
	Plain bool
	// Source holds the certificates, and decides who is trusted. It leaves the names in them to be checked here.
	Source *tlsconf.Source
	// ServerNames demands that the certificate of a server that was dialed holds the name it was dialed by, or the address
	// (ssl.quorum.hostnameVerification). ClientNames demands that of a server that dials us holds the address it dials from, or
	// the configured name of a member that has this address (ssl.quorum.clientHostnameVerification). ReverseDNS lets the name
	// count, too, by which the DNS knows the address (ssl.quorum.allowReverseDnsLookup).
	ServerNames, ClientNames, ReverseDNS bool
	// DetectTimeout is how long the first byte of a new connection may take (ssl.quorum.handshakeDetectionTimeoutMillis).
	// Default 5 s. The whole handshake has CnxTimeout.
	DetectTimeout time.Duration

	// lookup asks the DNS for the names of an address.
	lookup func(ctx context.Context, address string) ([]string, error)
}

// withDefaults is a copy with the defaults filled in.
func (t *TLS) withDefaults() *TLS {
	if t == nil {
		return nil
	}
	c := *t
	if c.DetectTimeout == 0 {
		c.DetectTimeout = 5 * time.Second
	}
	if c.lookup == nil {
		c.lookup = net.DefaultResolver.LookupAddr
	}
	return &c
}

// tlsHandshake is the first byte of each TLS connection. No plain connection between servers begins with it: in an id it would
// stand for more than 10^18, as a type of a packet for more than 10^8.
const tlsHandshake = 0x16

// handshakeError is a handshake that failed.
type handshakeError struct {
	err  error
	hint string
}

func (e *handshakeError) Error() string {
	if e.hint == "" {
		return "TLS handshake failed: " + e.err.Error()
	}
	return "TLS handshake failed: " + e.err.Error() + " (" + e.hint + ")"
}

// Unwrap is for the time-outs: to who asks for anything else, a failed handshake is no failed connection.
func (e *handshakeError) Unwrap() error {
	if isTimeoutError(e.err) {
		return e.err
	}
	return nil
}

func isHandshake(err error) bool {
	var h *handshakeError
	return errors.As(err, &h)
}

// isAlert tells whether the other end has ended a connection because it does not like our TLS. With TLSv1.3 who has dialed may
// learn of it behind the handshake only.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

func isTimeoutError(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// failure makes an error of the handshake one for the log.
func (t *TLS) failure(err error, server bool) error {
	hint := tlsconf.Hint(err, server)
	var plain tls.RecordHeaderError
	if !server && (errors.As(err, &plain) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
		hint = "does its port take TLS? it needs sslQuorum=true or portUnification=true; else its log says why"
	}
	return &handshakeError{err, hint}
}

// shaken makes a new connection ready to say who it is: it goes through the handshake, where it begins one. A plain connection
// comes back with the byte that was read to tell. The time it has is set already.
func (p *Peers) shaken(c net.Conn) (nc net.Conn, head []byte, err error) {
	t := p.cfg.TLS
	if t == nil {
		return c, nil, nil
	}
	until := time.Now().Add(p.cfg.CnxTimeout)
	_ = c.SetReadDeadline(time.Now().Add(min(t.DetectTimeout, p.cfg.CnxTimeout)))
	head = make([]byte, 1)
	if _, err := io.ReadFull(c, head); err != nil {
		return c, nil, err
	}
	_ = c.SetReadDeadline(until)
	if head[0] != tlsHandshake {
		return c, head, nil
	}
	cfg := adapted(t.Source.Server(), func(state tls.ConnectionState) error { return t.checkClient(p, state, c.RemoteAddr()) })
	s := newSecure(c, head, func(w net.Conn) *tls.Conn { return tls.Server(w, cfg) })
	if err := s.Handshake(); err != nil {
		return c, nil, t.failure(err, true)
	}
	s.ready()
	return s, nil, nil
}

// adapted sets what only matters between servers, and adds a check to those of the configuration. A check that fails tells the
// other end so.
func adapted(outer *tls.Config, check func(tls.ConnectionState) error) *tls.Config {
	adapt := func(c *tls.Config) *tls.Config {
		c = c.Clone()
		c.DynamicRecordSizingDisabled = true // nobody renders anything meanwhile
		c.SessionTicketsDisabled = true      // connections are few: each shows its certificate
		before := c.VerifyConnection
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if before != nil {
				if err := before(state); err != nil {
					return err
				}
			}
			return check(state)
		}
		return c
	}
	ask := outer.GetConfigForClient
	outer = adapt(outer)
	if ask != nil {
		outer.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			c, err := ask(hello)
			if c == nil || err != nil {
				return c, err
			}
			return adapt(c), nil
		}
	}
	return outer
}

// plainRefused is what is wrong with a plain connection; nil if there may be some. who is empty if that is not known.
func (p *Peers) plainRefused(head []byte, who string) error {
	if t := p.cfg.TLS; t == nil || t.Plain || head == nil {
		return nil
	}
	return fmt.Errorf("%s speaks without TLS, and this port wants it: set sslQuorum=true over there, or portUnification=true here while the "+
		"ensemble changes to TLS", who)
}

// ownCertificate answers the certificate to show to the port we have dialed: one of an authority that it has named, or else the
// first, so that its log can say whose it does not trust. Without one it could say only that none was shown.
func ownCertificate(all []tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for i := range all {
			if asked.SupportsCertificate(&all[i]) == nil {
				return &all[i], nil
			}
		}
		if len(all) == 0 {
			return new(tls.Certificate), nil
		}
		return &all[0], nil
	}
}

// checkClient looks whether the certificate of who has dialed us is one for that host.
func (t *TLS) checkClient(p *Peers, state tls.ConnectionState, addr net.Addr) error {
	certs := state.PeerCertificates
	if !t.ClientNames || len(certs) == 0 {
		return nil // whether there must be one was decided in the handshake
	}
	from, ok := addr.(*net.TCPAddr)
	if !ok || tlsconf.Holds(certs[0], from.IP.String()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.CnxTimeout)
	defer cancel()
	for _, host := range p.hostNames() {
		if tlsconf.Holds(certs[0], host) && resolvesTo(ctx, host, from.IP) {
			return nil
		}
	}
	var known []string
	if t.ReverseDNS {
		known, _ = t.lookup(ctx, from.IP.String())
		for _, name := range known {
			if tlsconf.Holds(certs[0], strings.TrimSuffix(name, ".")) {
				return nil
			}
		}
	}
	return &namesError{cert: certs[0], client: true, hosts: append([]string{from.IP.String()}, known...)}
}

// checkServer looks whether the certificate of whom we have dialed is one for that host.
func (t *TLS) checkServer(ctx context.Context, state tls.ConnectionState, host string, addr net.Addr) error {
	certs := state.PeerCertificates
	if !t.ServerNames || len(certs) == 0 {
		return nil
	}
	hosts := []string{host}
	if at, ok := addr.(*net.TCPAddr); ok && at.IP.String() != host {
		hosts = append(hosts, at.IP.String())
	}
	for _, h := range hosts {
		if tlsconf.Holds(certs[0], h) {
			return nil
		}
	}
	if t.ReverseDNS && net.ParseIP(host) != nil {
		known, _ := t.lookup(ctx, host)
		for _, name := range known {
			if tlsconf.Holds(certs[0], strings.TrimSuffix(name, ".")) {
				return nil
			}
			hosts = append(hosts, name)
		}
	}
	return &namesError{cert: certs[0], hosts: hosts}
}

// namesError is a certificate that is good, and another's.
type namesError struct {
	cert   *x509.Certificate
	client bool
	hosts  []string
}

func (e *namesError) Error() string {
	key := "ssl.quorum.hostnameVerification"
	if e.client {
		key = "ssl.quorum.clientHostnameVerification"
	}
	return fmt.Sprintf("the certificate of %s is for %q, not for %s: have it issued with that as subject alternative name, or set %s=false",
		e.cert.Subject, tlsconf.Names(e.cert), strings.Join(e.hosts, " or "), key)
}

// hostNames are the names, not addresses, by which the members are configured.
func (p *Peers) hostNames() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, s := range p.servers {
		for _, a := range slices.Concat(s.Election, s.Quorum) {
			if host, _, err := splitAddress(a); err == nil && host != "" && net.ParseIP(host) == nil && !slices.Contains(names, host) {
				names = append(names, host)
			}
		}
	}
	slices.Sort(names)
	return names
}

func resolvesTo(ctx context.Context, host string, ip net.IP) bool {
	found, _ := net.DefaultResolver.LookupIPAddr(ctx, host)
	return slices.ContainsFunc(found, func(a net.IPAddr) bool { return a.IP.Equal(ip) })
}

// secured goes through the handshake on a connection that was dialed, if those shall be secure, within CnxTimeout. If it fails,
// the connection is closed.
func (p *Peers) secured(ctx context.Context, c net.Conn, address string) (net.Conn, error) {
	t := p.cfg.TLS
	if t == nil || !t.Dial {
		return c, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.CnxTimeout)
	defer cancel()
	host, _, err := splitAddress(address)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	cfg := adapted(t.Source.Client(host), func(state tls.ConnectionState) error { return t.checkServer(ctx, state, host, c.RemoteAddr()) })
	cfg.GetClientCertificate = ownCertificate(cfg.Certificates)
	s := newSecure(c, nil, func(w net.Conn) *tls.Conn { return tls.Client(w, cfg) })
	if err = s.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("%s: %w", address, t.failure(err, false))
	}
	s.ready()
	return s, nil
}

// tlsField tells of the security of a connection in the log; of a plain one nothing.
func tlsField(c net.Conn) zap.Field {
	if how := tlsOf(c); how != "" {
		return zap.String("tls", how)
	}
	return zap.Skip()
}

// tlsOf describes the security of a connection; empty for a plain one.
func tlsOf(c net.Conn) string {
	s, ok := c.(*secureConn)
	if !ok {
		return ""
	}
	state := s.ConnectionState()
	return tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
}
