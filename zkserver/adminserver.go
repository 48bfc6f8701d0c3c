package zkserver

import (
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// openAdmin listens for the HTTP commands. The default port belongs to many programs: when it is taken, and the
// configuration says nothing of the admin server, the server goes on without.
func (s *Server) openAdmin() error {
	host := s.cfg.AdminAddress
	if host == "0.0.0.0" {
		host = ""
	}
	addr := net.JoinHostPort(host, fmt.Sprint(s.cfg.AdminPort))
	l, err := net.Listen("tcp", addr)
	switch {
	case sock.AddressInUse(err) && !s.cfg.AdminExplicit:
		s.log.Warn("the HTTP commands are not served: another program uses their port; choose another admin.serverPort, or set "+
			"admin.enableServer=false", zap.String("addr", addr))
		return nil
	case err != nil:
		return listenError("admin.serverPort", addr, err)
	}
	if s.certs.admin != nil {
		var plain func()
		if !s.cfg.AdminForceHTTPS {
			plain = func() { s.certs.insecureAdmin.Add(1) }
		}
		l = tlsconf.NewListener(l, s.certs.admin.Server(), s.cfg.QuorumTLSTimeout, plain)
	}
	s.admin = admin.NewHTTP(l, s, operator{s}, s.traceMask, admin.Options{
		URL: s.cfg.AdminURL, IdleTimeout: s.cfg.AdminIdleTimeout, Limits: adminLimits(&s.cfg), Logger: s.log, Now: s.clock.Now,
	})
	return nil
}

func adminLimits(c *config.Config) admin.Limits {
	return admin.Limits{RateLimit: c.AdminRateLimit, Snapshot: c.AdminSnapshot, Restore: c.AdminRestore}
}

// AdminAddr is the address of the HTTP commands, nil when they are not served. Valid after Start.
func (s *Server) AdminAddr() net.Addr {
	if s.admin == nil {
		return nil
	}
	return s.admin.Addr()
}

// operator is what the HTTP commands may do.
type operator struct{ s *Server }

// Authenticate implements admin.Operator.
func (o operator) Authenticate(scheme string, data []byte, remote netip.Addr, certs []*x509.Certificate) ([]zkproto.ID, error) {
	var ids []zkproto.ID
	var err error
	if scheme == "x509" && len(certs) > 0 && o.s.cfg.X509() {
		ids, err = auth.X509IDs(certs[0].RawSubject, o.s.cfg.X509SuperUser)
	} else {
		ids, err = o.s.registry.Authenticate(scheme, data, remote)
	}
	if err != nil {
		o.s.stats.authFailed.Add(1)
	}
	return ids, err
}

// MayAll implements admin.Operator. Each permission must be granted, not any of them (CVE-2025-58457).
func (o operator) MayAll(ids []zkproto.ID) bool {
	s := o.s
	s.treeMu.RLock()
	acl, _, ok := s.tree.ACL("/")
	s.treeMu.RUnlock()
	for perm := int32(1); ok && perm <= zkproto.PermAll; perm <<= 1 {
		ok = s.registry.Check(acl, perm, ids)
	}
	return ok
}

// RateLimited implements admin.Operator.
func (o operator) RateLimited(restore bool) {
	if restore {
		o.s.stats.restLimited.Add(1)
	} else {
		o.s.stats.snapLimited.Add(1)
	}
}

// errShed is why connections end that an operator wants to have elsewhere.
var errShed = fmt.Errorf("zkserver: connections are shed on request: %w", net.ErrClosed)

// Shed implements admin.Operator. Which ones is left to chance; the sessions stay. Those that have not asked for a session yet,
// and four-letter words, are no clients.
func (o operator) Shed(percentage int) int {
	var clients []*cnxn.Conn
	for _, c := range o.s.conns() {
		if c.Client() != nil {
			clients = append(clients, c)
		}
	}
	n := (len(clients)*percentage + 50) / 100
	rand.Shuffle(len(clients), func(i, j int) { clients[i], clients[j] = clients[j], clients[i] })
	for _, c := range clients[:n] {
		c.Close(errShed)
	}
	return n
}

// hung is how long the core may be silent before it counts as hung. It ticks at least four times a second, and an fsync or a
// snapshot's start may keep it busy for a while.
const hung = 30 * time.Second

// Live implements admin.Prober.
func (o operator) Live() admin.Health {
	var h admin.Health
	silent := o.s.clock.Now().Sub(time.Unix(0, o.s.beat.Load()))
	h.Add("core", silent < hung, fmt.Sprintf("last heard of %v ago", silent.Round(time.Millisecond)))
	return h
}

// Ready implements admin.Prober.
func (o operator) Ready() admin.Health {
	s := o.s
	h := o.Live()
	select {
	case <-s.stopping:
		h.Add("serving", false, "the server is stopping")
	default:
		if e := s.ensembleStatus(); e != nil {
			c := e.Serves(s.clock.Now())
			h.Add(c.Name, c.OK, c.Reason)
		} else {
			h.Add("serving", true, "clients are served on "+s.Addr().String())
		}
	}
	if err := s.Err(); err != nil {
		h.Add("log", false, err.Error())
	} else {
		h.Add("log", true, "transactions are durable up to "+s.disk.lastPersisted().String())
	}
	if free, err := s.fs.FreeSpace(s.logDir()); err != nil {
		h.Add("disk", true, "the system does not tell how much is free")
	} else {
		h.Add("disk", free > leastFree, fmt.Sprintf("%d MiB are free for the log in %s, the alarm begins below %d MiB", free>>20,
			s.logDir(), s.DiskStatus().Threshold>>20))
	}
	n, limit := max(0, s.throttle.count.Load()), s.throttle.limit.Load()
	h.Add("load", n <= 2*limit, fmt.Sprintf("%d requests wait, clients are held back from %d on (globalOutstandingLimit)", n, limit))
	return h
}

// leastFree is the free space without which the next pieces of the log may fail; the alarm comes much earlier.
const leastFree = 16 << 20

// Quorum implements admin.Prober.
func (o operator) Quorum() admin.Health {
	var h admin.Health
	e := o.s.ensembleStatus()
	switch err := o.s.Err(); {
	case err != nil:
		h.Add("quorum", false, "the log cannot be written: "+err.Error())
	case e == nil:
		h.Add("quorum", true, "standalone: the server is its own quorum")
	default:
		c := e.QuorumCheck(o.s.clock.Now())
		h.Add(c.Name, c.OK, c.Reason)
		if mine := e.Members.Server(e.ID); mine != nil && !mine.Observer {
			reason, ok := o.s.electable()
			h.Add("electable", ok, reason)
		}
	}
	return h
}

// initialConfig is the text of the file that the configuration was read from.
func (s *Server) initialConfig() string {
	if s.cfg.Source == "" {
		return ""
	}
	text, err := os.ReadFile(s.cfg.Source)
	if err != nil {
		return ""
	}
	return string(text)
}
