package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Source holds the newest certificates of one group of keys.
type Source struct {
	settings Settings
	options  options
	reload   sync.Mutex // one reload at a time
	cur      atomic.Pointer[material]
}

// material is what was read at one time. Nothing in it changes.
type material struct {
	keys    []tls.Certificate // with leaf; in the order of their names in the store
	roots   *x509.CertPool    // nil: the system's
	trusted []*x509.Certificate
	server  *tls.Config
	sum     [32]byte // of the files
}

// Load reads the stores. Errors are of type *Error.
func Load(s Settings) (*Source, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	src := &Source{settings: s, options: o}
	return src, src.Reload()
}

// Reload reads the files again. On an error the certificates stay as they are.
func (s *Source) Reload() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	_, err := s.read()
	return err
}

// read loads the files and puts what they hold in place; it says whether anything is new.
func (s *Source) read() (bool, error) {
	m, err := s.settings.load()
	if err != nil {
		return false, err
	}
	if old := s.cur.Load(); old != nil && old.sum == m.sum {
		return false, nil // keeps the keys of session tickets
	}
	m.server = s.serverConfig(m)
	s.cur.Store(m)
	return true, nil
}

// Warnings tell what of the settings could not be taken literally.
func (s *Source) Warnings() []string { return slices.Clone(s.options.warnings) }

// Server is the configuration of a port. Each handshake sees the newest certificates.
func (s *Source) Server() *tls.Config {
	return &tls.Config{
		MinVersion: s.options.min,
		MaxVersion: s.options.max,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			m := s.cur.Load()
			if !s.settings.VerifyClient || s.settings.ClientAuth == None {
				return m.server, nil
			}
			c := m.server.Clone()
			from := hello.Conn.RemoteAddr()
			c.VerifyConnection = func(state tls.ConnectionState) error { return s.verifyClient(&state, from) }
			return c, nil
		},
	}
}

func (s *Source) serverConfig(m *material) *tls.Config {
	c := &tls.Config{
		MinVersion:   s.options.min,
		MaxVersion:   s.options.max,
		CipherSuites: s.options.suites,
		Certificates: m.keys,
		ClientCAs:    m.roots,
	}
	switch s.settings.ClientAuth {
	case Need:
		c.ClientAuth = tls.RequireAndVerifyClientCert
	case Want:
		c.ClientAuth = tls.VerifyClientCertIfGiven
	case None:
		c.ClientAuth = tls.NoClientCert
	}
	return c
}

func (s *Source) verifyClient(state *tls.ConnectionState, from net.Addr) error {
	if len(state.PeerCertificates) == 0 {
		return nil // ClientAuth has let it in
	}
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	return s.verifyName(state.PeerCertificates[0], host)
}

// Client is the configuration of one connection towards host (a name or an address), with the newest certificates.
func (s *Source) Client(host string) *tls.Config {
	m := s.cur.Load()
	c := &tls.Config{
		MinVersion:   s.options.min,
		MaxVersion:   s.options.max,
		CipherSuites: s.options.suites,
		Certificates: m.keys,
		// Chain and name are checked below, because crypto/tls would not take a common name for the host's.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return s.verifyServer(&state, m.roots, host)
		},
	}
	if net.ParseIP(host) == nil {
		c.ServerName = host
	}
	return c
}

func (s *Source) verifyServer(state *tls.ConnectionState, roots *x509.CertPool, host string) error {
	certs := state.PeerCertificates
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: certs, Err: err}
	}
	if !s.settings.VerifyServer {
		return nil
	}
	return s.verifyName(certs[0], host)
}

// Certificate is one certificate of the stores, for who watches over their ends.
type Certificate struct {
	File      string
	Subject   string
	NotBefore time.Time
	NotAfter  time.Time
	Own       bool // it is shown to others; else others are measured by it
}

// Certificates are those of the key store with their chains, then those of the trust store.
func (s *Source) Certificates() []Certificate {
	m := s.cur.Load()
	var all []Certificate
	add := func(file string, own bool, c *x509.Certificate) {
		all = append(all, Certificate{file, c.Subject.String(), c.NotBefore, c.NotAfter, own})
	}
	for _, k := range m.keys {
		for _, der := range k.Certificate {
			if c, err := x509.ParseCertificate(der); err == nil {
				add(s.settings.KeyStore.Path, true, c)
			}
		}
	}
	for _, c := range m.trusted {
		add(s.settings.TrustStore.Path, false, c)
	}
	return all
}

// HasKey says whether there is a certificate to show.
func (s *Source) HasKey() bool { return len(s.cur.Load().keys) > 0 }

// Roots are those that others' certificates must lead to; nil: the system's.
func (s *Source) Roots() *x509.CertPool { return s.cur.Load().roots }

// ClientAuth is what the port demands.
func (s *Source) ClientAuth() ClientAuth { return s.settings.ClientAuth }
