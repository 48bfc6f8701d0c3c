package zkserver

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// house is an authority with a server's stores in dir.
type house struct {
	*tlstest.CA
	dir string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{tlstest.NewCA(t, "authority"), t.TempDir()}
	h.Issue(t, tlstest.Want{}).PEM(t, h.dir)
	h.PEM(t, h.dir)
	return h
}

// stores are the settings of somebody with the key and trust store in dir.
func stores(prefix, dir string) tlsconf.Settings {
	return tlsconf.Settings{
		Prefix: prefix, VerifyServer: true, KeyStore: tlsconf.Store{Path: filepath.Join(dir, "key.pem")},
		TrustStore: tlsconf.Store{Path: filepath.Join(dir, "trust.pem")},
	}
}

func (h *house) securePort(c *config.Config) {
	c.SecureClientPort, c.SecureClientPortAddress, c.ClientTLS = -1, "127.0.0.1", stores("ssl.", h.dir)
}

func (h *house) secureOnly(c *config.Config) {
	h.securePort(c)
	c.ClientPort = -1
}

// client is what somebody with a certificate of that name uses to connect; with an empty one he has none.
func (h *house) client(t *testing.T, name string) *tls.Config {
	t.Helper()
	s := tlsconf.Settings{Prefix: "ssl.", VerifyServer: true, TrustStore: tlsconf.Store{Path: filepath.Join(h.dir, "trust.pem")}}
	if name != "" {
		s.KeyStore.Path = h.Issue(t, tlstest.Want{Subject: pkix.Name{CommonName: name, Organization: []string{"Us, Inc."}}}).PEM(t, t.TempDir())
	}
	src, err := tlsconf.Load(s)
	require.NoError(t, err)
	return src.Client("127.0.0.1")
}

// over connects a client library.
func over(t *testing.T, addr net.Addr, settings *tls.Config) *zk.Conn {
	t.Helper()
	c, events, err := zk.Connect([]string{addr.String()}, 10*time.Second, zk.WithLogger(quiet{}),
		zk.WithDialer(func(network, address string, timeout time.Duration) (net.Conn, error) {
			if settings == nil {
				return net.DialTimeout(network, address, timeout)
			}
			return tls.DialWithDialer(&net.Dialer{Timeout: timeout}, network, address, settings)
		}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	for e := range events {
		if e.State == zk.StateHasSession {
			break
		}
	}
	return c
}

func TestSecurePortAlone(t *testing.T) {
	h := newHouse(t)
	r := start(t, h.secureOnly)
	require.Equal(t, r.SecureAddr(), r.Addr())
	c := over(t, r.Addr(), h.client(t, "me"))
	acl := []zk.ACL{{Perms: zk.PermAll, Scheme: "auth", ID: ""}}
	_, err := c.Create("/mine", []byte("x"), 0, acl)
	require.NoError(t, err)
	got, _, err := c.GetACL("/mine")
	require.NoError(t, err)
	require.Equal(t, []zk.ACL{{Perms: zk.PermAll, Scheme: "x509", ID: `CN=me,O=Us\, Inc.`}}, got)
	require.NoError(t, c.AddAuth("x509", nil), "it has been proven by the handshake")

	other := over(t, r.Addr(), h.client(t, "other"))
	_, _, err = other.Get("/mine")
	require.ErrorIs(t, err, zk.ErrNoAuth)

	nc, err := tls.Dial("tcp", r.Addr().String(), h.client(t, "monitor"))
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write([]byte("conf"))
	require.NoError(t, err)
	text, err := io.ReadAll(nc)
	require.NoError(t, err)
	require.Contains(t, string(text), "clientPort=-1\nsecureClientPort="+portText(r.Addr())+"\n")
	st := r.Status(true)
	require.Zero(t, st.PlainLocal)
	for _, one := range st.Connections {
		require.True(t, one.Secure)
	}
}

func portText(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// large values come in several records, and many small ones in one.
func TestLargeAndManyOverTLS(t *testing.T) {
	h := newHouse(t)
	r := start(t, h.secureOnly)
	c := over(t, r.Addr(), h.client(t, "me"))
	big := make([]byte, 900_000)
	for i := range big {
		big[i] = byte(i * i >> 3)
	}
	_, err := c.Create("/big", big, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	got, _, err := c.Get("/big")
	require.NoError(t, err)
	require.Equal(t, big, got)
	done := make(chan error, 200)
	for range 200 {
		go func() { _, err := c.Create("/n-", nil, zk.FlagSequence, zk.WorldACL(zk.PermAll)); done <- err }()
	}
	for range 200 {
		require.NoError(t, <-done)
	}
	r.restart() // who is connected is told by the end of the connection, and the port opens again
}

func TestOneAndOtherPort(t *testing.T) {
	h := newHouse(t)
	r := start(t, h.securePort, func(c *config.Config) { c.X509SuperUser = `CN=root,O=Us\, Inc.` })
	require.NotEqual(t, r.SecureAddr(), r.Addr())
	plain := over(t, r.Addr(), nil)
	_, err := plain.Create("/locked", nil, 0, zk.DigestACL(zk.PermAll, "u", "p"))
	require.NoError(t, err)
	root := over(t, r.SecureAddr(), h.client(t, "root"))
	_, _, err = root.Get("/locked")
	require.NoError(t, err, "no ACL stops the superuser")
	_, _, err = over(t, r.SecureAddr(), h.client(t, "me")).Get("/locked")
	require.ErrorIs(t, err, zk.ErrNoAuth)
	_, err = plain.Create("/x", nil, 0, []zk.ACL{{Perms: 31, Scheme: "x509", ID: "no name"}})
	require.ErrorIs(t, err, zk.ErrInvalidACL)
	require.ErrorIs(t, plain.AddAuth("x509", nil), zk.ErrAuthFailed)
	st := r.Status(true)
	require.GreaterOrEqual(t, st.PlainLocal, int64(1))
	secure := 0
	for _, one := range st.Connections {
		if one.Secure {
			secure++
		}
	}
	require.Equal(t, 2, secure)
}

// Who cannot shake hands is told of in the log, with what to do.
func TestFailedHandshakesAreTold(t *testing.T) {
	h, stranger := newHouse(t), tlstest.NewCA(t, "stranger")
	r := start(t, h.secureOnly)
	fail := func(remedy string, attempt func()) {
		t.Helper()
		attempt()
		await(t, func() bool {
			for _, l := range r.logs.FilterMessage("TLS handshake failed").All() {
				if l.ContextMap()["remedy"] == remedy {
					return l.ContextMap()["peer"] != ""
				}
			}
			return false
		}, remedy)
	}
	dial := func(settings *tls.Config) {
		nc, err := tls.Dial("tcp", r.Addr().String(), settings)
		if err == nil {
			_, err = nc.Read(make([]byte, 1))
			nc.Close()
		}
		require.Error(t, err)
	}
	fail("give the client a key store with a certificate, or set clientAuth to want or none", func() { dial(h.client(t, "")) })
	fail("put the certificate of the authority that has issued the client's into the trust store of the server", func() {
		c := h.client(t, "")
		them := stranger.Issue(t, tlstest.Want{})
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: [][]byte{them.Cert.Raw}, PrivateKey: them.Key}, nil
		}
		dial(c)
	})
	fail("the client does not accept what the server has shown, or that it has shown none: look into the log of the client", func() {
		c := h.client(t, "me")
		c.VerifyConnection = func(tls.ConnectionState) error { return io.ErrUnexpectedEOF }
		dial(c)
	})
	fail("give the client the plain clientPort, or make it use TLS", func() {
		nc, err := net.Dial("tcp", r.Addr().String())
		require.NoError(t, err)
		defer nc.Close()
		_, err = nc.Write([]byte("ruok"))
		require.NoError(t, err)
		text, _ := io.ReadAll(nc)
		require.Empty(t, text)
	})
	require.Equal(t, int64(4), r.stats.metrics.Counters["unsuccessful_handshake"]())
	require.Equal(t, int64(4), r.Status(false).AuthFailed)
}

func TestClientPortTakesBoth(t *testing.T) {
	h := newHouse(t)
	r := start(t, func(c *config.Config) {
		c.ClientPortUnification, c.ClientTLS = true, stores("ssl.", h.dir)
		c.ClientTLS.ClientAuth = tlsconf.Want
	})
	require.Nil(t, r.SecureAddr())
	for name, settings := range map[string]*tls.Config{"plain": nil, "certified": h.client(t, "me"), "tls": h.client(t, "")} {
		c := over(t, r.Addr(), settings)
		_, err := c.Create("/"+name, nil, 0, []zk.ACL{{Perms: zk.PermAll, Scheme: "auth", ID: ""}})
		if name == "certified" {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, zk.ErrInvalidACL, name)
		}
	}
	require.Equal(t, "imok", r.word("ruok"))
}

// A connection that says nothing holds a place among the handshakes, and for a time only.
func TestHandshakesAreLimited(t *testing.T) {
	h := newHouse(t)
	r := start(t, h.secureOnly, func(c *config.Config) { c.MaxHandshakes = 1; c.TLSTimeout = time.Hour })
	silent, err := net.Dial("tcp", r.Addr().String())
	require.NoError(t, err)
	await(t, func() bool { return r.Status(false).Handshakes == 1 }, "it is waited for")
	_, err = tls.Dial("tcp", r.Addr().String(), h.client(t, "me"))
	require.Error(t, err)
	require.Equal(t, int64(1), r.stats.metrics.Counters["tls_handshake_exceeded"]())
	require.NoError(t, silent.Close())
	await(t, func() bool { return r.Status(false).Handshakes == 0 }, "its place is free")
	over(t, r.Addr(), h.client(t, "me"))
	require.Zero(t, r.logs.FilterMessage("TLS handshake failed").Len(), "who says nothing is worth no line")
}

func TestSilentHandshakeEnds(t *testing.T) {
	h := newHouse(t)
	r := start(t, h.secureOnly, func(c *config.Config) { c.TLSTimeout = 10 * time.Millisecond })
	nc, err := net.Dial("tcp", r.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	_, err = io.ReadAll(nc)
	require.NoError(t, err)
	require.Equal(t, int64(1), r.stats.metrics.Counters["sessionless_connections_expired"]())
}

func TestCertificatesAreReloaded(t *testing.T) {
	for _, watched := range []bool{false, true} {
		h, next := newHouse(t), tlstest.NewCA(t, "next")
		r := start(t, h.secureOnly, func(c *config.Config) { c.ClientCertReload = watched })
		before := over(t, r.Addr(), h.client(t, "me"))
		session := before.SessionID()
		require.NoError(t, os.WriteFile(filepath.Join(h.dir, "key.pem"), []byte("half"), 0o600))
		if !watched {
			_, _, err := r.Reload(r.cfg)
			require.NoError(t, err)
			require.Equal(t, 1, r.logs.FilterMessage("the certificates cannot be read again, the old ones stay in use").Len())
			over(t, r.Addr(), h.client(t, "still"))
		}
		next.Issue(t, tlstest.Want{}).PEM(t, h.dir)
		next.PEM(t, h.dir)
		if !watched {
			_, _, err := r.Reload(r.cfg)
			require.NoError(t, err)
		}
		renewed := &house{next, h.dir}
		settings := renewed.client(t, "me")
		await(t, func() bool {
			nc, err := tls.Dial("tcp", r.Addr().String(), settings)
			if err != nil {
				return false
			}
			defer nc.Close()
			_, err = nc.Write([]byte("ruok"))
			text, _ := io.ReadAll(nc)
			return err == nil && string(text) == "imok"
		}, "the new certificates count")
		_, _, err := before.Get("/")
		require.NoError(t, err)
		require.Equal(t, session, before.SessionID(), "who is connected stays")
	}
}

// httpGet asks over HTTPS, or HTTP.
func httpGet(t *testing.T, url string, settings *tls.Config, header string) (*http.Response, string, error) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: settings}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(t, err)
	if header != "" {
		req.Header.Set("Authorization", header)
	}
	resp, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

func TestAdminServerOverHTTPS(t *testing.T) {
	h := newHouse(t)
	admin := func(c *config.Config) {
		withAdmin(c)
		h.securePort(c) // which is what brings the scheme x509
		c.QuorumTLS = stores("ssl.quorum.", h.dir)
	}
	both := start(t, admin, func(c *config.Config) { c.AdminPortUnification = true })
	for scheme, settings := range map[string]*tls.Config{"http": nil, "https": h.client(t, "")} {
		resp, text, err := httpGet(t, scheme+"://"+both.AdminAddr().String()+"/commands/ruok", settings, "")
		require.NoError(t, err, scheme)
		require.Contains(t, text, `"command" : "ruok"`)
		require.Equal(t, scheme == "https", resp.Header.Get("Strict-Transport-Security") != "")
	}
	require.Equal(t, int64(1), both.stats.metrics.Counters["insecure_admin_count"]())

	forced := start(t, admin, func(c *config.Config) { c.AdminForceHTTPS, c.AdminNeedClientAuth = true, true })
	base := "https://" + forced.AdminAddr().String() + "/commands/"
	_, _, err := httpGet(t, base+"ruok", h.client(t, ""), "")
	require.ErrorContains(t, err, "certificate required")
	resp, _, err := httpGet(t, "http://"+forced.AdminAddr().String()+"/commands/ruok", nil, "")
	require.True(t, err != nil || resp.StatusCode == http.StatusBadRequest)
	c := over(t, forced.SecureAddr(), h.client(t, "root"))
	_, err = c.SetACL("/", []zk.ACL{{Perms: zk.PermAll, Scheme: "auth"}}, -1)
	require.NoError(t, err)
	for name, want := range map[string]int{"root": 200, "me": 403} {
		resp, _, err := httpGet(t, base+"snapshot?streaming=false", h.client(t, name), "x509")
		require.NoError(t, err)
		require.Equal(t, want, resp.StatusCode, name)
	}
}

func TestMetricsOverHTTPS(t *testing.T) {
	h := newHouse(t)
	ports := freePorts(t, 2)
	plain, secure := "127.0.0.1:"+strconv.Itoa(ports[0]), "127.0.0.1:"+strconv.Itoa(ports[1])
	metrics := func(c *config.Config) {
		c.MetricsTLSAddr, c.MetricsTLS = secure, stores("metricsProvider.ssl.", h.dir)
		c.MetricsTLS.ClientAuth = tlsconf.None
	}
	start(t, metrics, func(c *config.Config) { c.MetricsAddr = plain })
	for url, settings := range map[string]*tls.Config{"http://" + plain: nil, "https://" + secure: h.client(t, "")} {
		_, text, err := httpGet(t, url+"/metrics", settings, "")
		require.NoError(t, err)
		require.Contains(t, text, "znode_count")
	}
}

func TestMetricsOverOnePort(t *testing.T) {
	h := newHouse(t)
	addr := "127.0.0.1:" + strconv.Itoa(freePorts(t, 1)[0])
	r := start(t, func(c *config.Config) {
		c.MetricsAddr, c.MetricsTLSAddr, c.MetricsTLS = addr, addr, stores("metricsProvider.ssl.", h.dir)
	})
	for url, settings := range map[string]*tls.Config{"http://" + addr: nil, "https://" + addr: h.client(t, "prometheus")} {
		_, text, err := httpGet(t, url+"/metrics", settings, "")
		require.NoError(t, err)
		require.Contains(t, text, "znode_count")
	}
	_, _, err := httpGet(t, "https://"+addr+"/metrics", h.client(t, ""), "")
	require.ErrorContains(t, err, "certificate required")
	await(t, func() bool {
		told := r.logs.FilterMessage("TLS handshake failed").All()
		return len(told) == 1 && told[0].ContextMap()["remedy"] == "give the client a key store with a certificate, or set clientAuth to want or none"
	}, "it is told of")
}
