package zkserver

import (
	"fmt"
	"net"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
)

// certificates are those of each kind of port that speaks TLS; nil where none does.
type certificates struct {
	clients, admin, metrics, peers *tlsconf.Source
	stop                           []func() // the watches of their files
	insecureAdmin                  atomic.Int64
}

// openTLS reads the stores of all ports that speak TLS, before any of these is opened.
func (s *Server) openTLS() error {
	c := &s.certs
	for _, of := range []struct {
		used     bool
		settings tlsconf.Settings
		at       **tlsconf.Source
		watch    bool
	}{
		{s.cfg.ClientsSpeakTLS(), s.cfg.ClientTLSSettings(), &c.clients, s.cfg.ClientCertReload},
		{s.cfg.AdminSpeaksTLS(), s.cfg.AdminTLSSettings(), &c.admin, false},
		{s.cfg.PeersSpeakTLS(), s.cfg.PeerTLSSettings(), &c.peers, s.cfg.QuorumCertReload},
		{s.cfg.MetricsTLSAddr != "", s.cfg.MetricsTLS, &c.metrics, true}, // as the original's, always
	} {
		if !of.used {
			continue
		}
		source, err := tlsconf.Load(of.settings)
		if err != nil {
			return fmt.Errorf("zkserver: %w", err)
		}
		*of.at = source
		for _, w := range source.Warnings() {
			s.log.Warn("TLS: " + w)
		}
		for _, finding := range source.Findings(s.clock.Now()) {
			s.log.Warn("TLS: " + finding)
		}
		if of.watch {
			stop, err := source.Watch(func(err error) { s.reloaded(of.settings.Prefix, err) })
			if err != nil {
				return fmt.Errorf("zkserver: %w", err)
			}
			c.stop = append(c.stop, stop)
		}
	}
	return nil
}

func (s *Server) reloaded(prefix string, err error) {
	if err != nil {
		s.log.Error("the certificates cannot be read again, the old ones stay in use", zap.Error(err))
		return
	}
	s.log.Info("certificates reloaded; who is connected stays", zap.String("keys", prefix+"*"))
}

// reloadCertificates reads all stores again, on request.
func (s *Server) reloadCertificates() {
	for _, of := range []struct {
		prefix string
		source *tlsconf.Source
	}{{"ssl.", s.certs.clients}, {"ssl.quorum.", s.certs.admin}, {"ssl.quorum.", s.certs.peers}, {"metricsProvider.ssl.", s.certs.metrics}} {
		if of.source != nil {
			s.reloaded(of.prefix, of.source.Reload())
		}
	}
}

func (c *certificates) close() {
	for _, stop := range c.stop {
		stop()
	}
	c.stop = nil
}

// listenSecure opens the port for TLS alone.
func (s *Server) listenSecure() error {
	c := s.cfg
	c.ClientPortAddress, c.ClientPort = c.SecureClientPortAddress, max(0, c.SecureClientPort)
	l, err := listen(&c)
	if err != nil {
		return listenError("secureClientPort", c.ClientAddr(), err)
	}
	s.secureListener = l
	return nil
}

// portTLS is what a client port speaks: nothing but plain connections, TLS, or both.
func (s *Server) portTLS(secure bool) *cnxn.TLS {
	if !secure && !s.cfg.ClientPortUnification {
		return nil
	}
	t := &cnxn.TLS{
		Config: s.certs.clients.Server(), Plain: !secure, Timeout: s.cfg.TLSTimeout, Limit: s.cfg.MaxHandshakes,
		Failed: func(error) { s.stats.authFailed.Add(1) },
		Hint:   func(err error) string { return tlsconf.Hint(err, true) },
	}
	if secure && s.cfg.DropEarly {
		t.Busy = func() bool { return !s.serves() }
	}
	return t
}

// ports are those for clients, that without TLS first.
func (s *Server) ports() []*cnxn.Port {
	var all []*cnxn.Port
	for _, p := range []*cnxn.Port{s.port, s.secure} {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// conns are the connections of all ports.
func (s *Server) conns() []*cnxn.Conn {
	var all []*cnxn.Conn
	for _, p := range s.ports() {
		all = append(all, p.Conns()...)
	}
	return all
}

// sumOfPorts adds something up over the ports.
func (s *Server) sumOfPorts(of func(*cnxn.Port) int64) (sum int64) {
	for _, p := range s.ports() {
		sum += of(p)
	}
	return sum
}

// SecureAddr is the address of the port for TLS alone, nil when there is none. Valid after Start.
func (s *Server) SecureAddr() net.Addr {
	if s.secureListener == nil {
		return nil
	}
	return s.secureListener.Addr()
}

// addCertified gives a client the ids of its certificate, which the handshake has checked.
func (w *client) addCertified() {
	certs := w.Certificates()
	if len(certs) == 0 {
		return
	}
	ids, err := auth.X509IDs(certs[0].RawSubject, w.server.cfg.X509SuperUser)
	if err != nil { // it goes on as nobody: no ACL grants it anything that it does not grant everybody
		w.server.log.Warn("the client cannot be known by its certificate", zap.Stringer("peer", w.RemoteAddr()), zap.Error(err))
		return
	}
	w.identify(ids...)
	w.certified = true
}
