package zktls

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// Names are how the settings are called where somebody made them, for messages.
type Names struct {
	Secure     string // that TLS is to be spoken: "zookeeper.client.secure=true"
	KeyStore   string
	TrustStore string
	Hostname   string // to whose false any name is accepted; empty: there is no such setting
	Protocols  string
}

// Dialer makes TLS of connections. Its methods are safe for use by many goroutines.
type Dialer struct {
	settings tlsconf.Settings
	names    Names
	warn     func(string)
	source   *tlsconf.Source

	mu     sync.Mutex
	stamps []stamp
}

// stamp tells whether a file has changed.
type stamp struct {
	size     int64
	modified time.Time
}

// New reads the stores. warn hears what of the settings cannot be taken literally, and later when the stores have changed and cannot
// be read any more; nil when nobody listens.
func New(s tlsconf.Settings, names Names, warn func(string)) (*Dialer, error) {
	d := &Dialer{settings: s, names: names, warn: warn}
	if d.warn == nil {
		d.warn = func(string) {}
	}
	d.stamps = d.look()
	var err error
	if d.source, err = tlsconf.Load(s); err != nil {
		return nil, err
	}
	for _, w := range d.source.Warnings() {
		d.warn(w)
	}
	return d, nil
}

// Findings are what is wrong, or soon will be, with the certificates of the stores.
func (d *Dialer) Findings(now time.Time) []string { return d.source.Findings(now) }

// look stamps the files of the stores.
func (d *Dialer) look() []stamp {
	var out []stamp
	for _, path := range []string{
		d.settings.KeyStore.Path, d.settings.KeyStore.PasswordPath, d.settings.TrustStore.Path, d.settings.TrustStore.PasswordPath,
	} {
		var s stamp
		if fi, err := os.Stat(path); err == nil {
			s = stamp{fi.Size(), fi.ModTime()}
		}
		out = append(out, s)
	}
	return out
}

// refresh reads the stores again if a file has changed. One that cannot be read leaves the old certificates in use, and is
// looked at again when it changes once more: it may be half written.
func (d *Dialer) refresh() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.look()
	for i := range now {
		if now[i] == d.stamps[i] {
			continue
		}
		d.stamps = now
		if err := d.source.Reload(); err != nil {
			d.warn("a store for TLS has changed and cannot be used, the certificates read before are: " + err.Error())
		}
		return
	}
}

// Secure does the handshake on nc, which was dialled to addr, host:port as it was asked for: that is the name that the server's
// certificate must have. On an error nc is the caller's to close.
func (d *Dialer) Secure(ctx context.Context, nc net.Conn, addr string) (net.Conn, error) {
	d.refresh()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	c := tls.Client(nc, d.source.Client(host))
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, d.explain(host, err)
	}
	return &conn{Conn: c, d: d}, nil
}

// conn words what the server says of our certificate, which with TLS 1.3 comes when the handshake is over here.
type conn struct {
	*tls.Conn
	d     *Dialer
	heard bool // something has come
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		err = c.d.broken(err, !c.heard)
	}
	c.heard = c.heard || n > 0
	return n, err
}
