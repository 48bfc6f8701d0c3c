package zktls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/internal/zktls"
	"github.com/holdfast-ha/holdfast/internal/zktls/tlsfront"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serving is the configuration of a port whose certificate is cert and that trusts clients.
func serving(t *testing.T, cert *tlstest.Cert, clients *tlstest.CA, change ...func(*tlsconf.Settings)) *tls.Config {
	t.Helper()
	dir := t.TempDir()
	s := tlsconf.Settings{
		Prefix:   "ssl.",
		KeyStore: tlsconf.Store{Path: cert.PEM(t, dir)}, TrustStore: tlsconf.Store{Path: clients.PEM(t, dir)},
	}
	for _, f := range change {
		f(&s)
	}
	src, err := tlsconf.Load(s)
	require.NoError(t, err)
	return src.Server()
}

// dialer is made of properties, as a user writes them.
func dialer(t *testing.T, kv ...string) *zktls.Dialer {
	t.Helper()
	var p zktls.Properties
	require.NoError(t, p.Set("zookeeper.client.secure", "true"))
	for i := 0; i < len(kv); i += 2 {
		require.NoError(t, p.Set("zookeeper.ssl."+kv[i], kv[i+1]))
	}
	d, err := p.Dialer(nil)
	require.NoError(t, err)
	return d
}

func dial(t *testing.T, addr string, d *zktls.Dialer) (*zkclient.Wire, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return zkclient.Dial(ctx, addr, zkclient.Handshake{Secure: d.Secure})
}

// Each kind of store opens a session, and what the files are called does not matter to the server.
func TestSessionWithEachKindOfStore(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	server, client := ca.Issue(t, tlstest.Want{}), ca.Issue(t, tlstest.Want{Subject: pkix.Name{CommonName: "me"}, NoNames: true})
	front := tlsfront.Start(t, serving(t, server, ca), zktest.Start(t).Addr())
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(password, []byte(tlstest.Password+"\n"), 0o600))
	for _, c := range []struct{ key, trust string }{
		{client.JKS(t, dir), ca.JKS(t, dir)}, {client.PKCS12(t, dir), ca.PKCS12(t, dir)}, {client.PEM(t, dir), ca.PEM(t, dir)},
	} {
		kv := []string{"keyStore.location", c.key, "trustStore.location", c.trust, "keyStore.passwordPath", password, "trustStore.password", tlstest.Password}
		if filepath.Ext(c.key) == ".pem" { // a key that is not encrypted
			kv = kv[:4]
		}
		w, err := dial(t, front.Addr(), dialer(t, kv...))
		require.NoError(t, err, c.key)
		require.NoError(t, w.Close())
	}
}

// What goes wrong is told with the reason, the key and the remedy.
func TestFailuresTellWhatToDo(t *testing.T) {
	dir := func() string { return t.TempDir() }
	ca, other := tlstest.NewCA(t, "authority"), tlstest.NewCA(t, "somebody else")
	plain := zktest.Start(t).Addr()
	good, me := ca.Issue(t, tlstest.Want{}), ca.Issue(t, tlstest.Want{Subject: pkix.Name{CommonName: "me"}})
	trust, key := []string{"trustStore.location", ca.PEM(t, dir())}, []string{"keyStore.location", me.PEM(t, dir())}
	both := append(append([]string{}, trust...), key...)
	yesterday, before := time.Now().Add(-24*time.Hour), time.Now().Add(-48*time.Hour)
	front := func(cert *tlstest.Cert, change ...func(*tlsconf.Settings)) string {
		return tlsfront.Start(t, serving(t, cert, ca, change...), plain).Addr()
	}
	old := ca.Issue(t, tlstest.Want{NotBefore: before, NotAfter: yesterday})
	for name, c := range map[string]struct {
		addr string
		kv   []string
		want []string
	}{
		"unknown authority": {
			front(other.Issue(t, tlstest.Want{})), both,
			[]string{"of an authority that is not trusted here (CN=localhost, issued by CN=somebody else; trusted are those in " + trust[1] + ")", "add the certificate of that authority to zookeeper.ssl.trustStore.location"},
		},
		"another host's": {
			front(ca.Issue(t, tlstest.Want{DNSNames: []string{"zk1.example.com"}, IPs: []string{"192.0.2.1"}})), both,
			[]string{"the server's certificate is not for 127.0.0.1 but for zk1.example.com, 192.0.2.1", "zookeeper.ssl.hostnameVerification=false accepts every name"},
		},
		"expired": {
			front(old), both,
			[]string{"the server's certificate (CN=localhost, issued by CN=authority) is valid from " + before.UTC().Format("2006-01-02"), "only: renew it at the server, or set this machine's clock"},
		},
		"plain port":     {plain, both, []string{"the server closed the connection in the TLS handshake", "connect to its secureClientPort"}},
		"no certificate": {front(good), trust, []string{"it wants to see a certificate of the client: name a key store by zookeeper.ssl.keyStore.location"}},
		"certificate of another authority": {
			front(good), append([]string{"keyStore.location", other.Issue(t, tlstest.Want{}).PEM(t, dir())}, trust...),
			[]string{"the server", "(zookeeper.ssl.keyStore.location", "certificate"},
		},
		"expired certificate of our own": {
			front(good), append([]string{"keyStore.location", old.PEM(t, dir())}, trust...),
			[]string{"it refuses the certificate of ", "(zookeeper.ssl.keyStore.location): it must be valid today"},
		},
		"no protocol in common": {
			front(good, func(s *tlsconf.Settings) { s.EnabledProtocols = []string{"TLSv1.3"} }), append([]string{"enabledProtocols", "TLSv1.2"}, both...),
			[]string{"no version of TLS or cipher suite is allowed both there and here: see zookeeper.ssl.enabledProtocols"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial(t, c.addr, dialer(t, c.kv...))
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), tlstest.Password)
			var ours *zktls.Error
			require.ErrorAs(t, err, &ours)
		})
	}
}

// A server that takes the connection and says nothing is given up in time; one that answers in another language, at once.
func TestServerThatDoesNotAnswerInTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wg.Go(func() {
		silent, err := l.Accept()
		if err != nil {
			return
		}
		defer silent.Close()
		_, _ = silent.Read(make([]byte, 1)) // the handshake has begun
		cancel()
		second, err := l.Accept()
		if err != nil {
			return
		}
		defer second.Close()
		_, _ = second.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		_, _ = second.Read(make([]byte, 4096))
	})
	d := dialer(t)
	_, err = zkclient.Dial(ctx, l.Addr().String(), zkclient.Handshake{Secure: d.Secure})
	require.ErrorContains(t, err, "no answer to the TLS handshake in time")
	_, err = dial(t, l.Addr().String(), d)
	require.ErrorContains(t, err, "the server does not answer in TLS: connect to its secureClientPort, or do without zookeeper.client.secure=true")
}

// A plain client at a port for TLS learns what it has met.
func TestPlainClientAtASecurePort(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	front := tlsfront.Start(t, serving(t, ca.Issue(t, tlstest.Want{}), ca), zktest.Start(t).Addr())
	_, err := zkclient.Dial(t.Context(), front.Addr(), zkclient.Handshake{})
	require.ErrorContains(t, err, "TLS")
}

// A certificate can be renewed under a client that runs; a file that is damaged leaves the old one in use.
func TestRenewedCertificateIsShownAtTheNextConnection(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	var mu sync.Mutex
	var shown []string
	cfg := serving(t, ca.Issue(t, tlstest.Want{}), ca)
	inner := cfg.GetConfigForClient
	cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		c, err := inner(h)
		if err != nil {
			return nil, err
		}
		c = c.Clone()
		c.VerifyConnection = func(s tls.ConnectionState) error {
			mu.Lock()
			defer mu.Unlock()
			shown = append(shown, s.PeerCertificates[0].Subject.CommonName)
			return nil
		}
		return c, nil
	}
	front := tlsfront.Start(t, cfg, zktest.Start(t).Addr())
	dir := t.TempDir()
	issue := func(name string) string {
		return ca.Issue(t, tlstest.Want{Subject: pkix.Name{CommonName: name}}).PEM(t, dir)
	}
	path := issue("first")
	warned := make(chan string, 10)
	d, err := zktls.New(tlsconf.Settings{
		Prefix: "zookeeper.ssl.", KeyStore: tlsconf.Store{Path: path}, TrustStore: tlsconf.Store{Path: ca.PEM(t, dir)}, VerifyServer: true,
	}, zktls.Names{}, func(s string) { warned <- s })
	require.NoError(t, err)
	c, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{front.Addr()}, Reconnect: true, Secure: d.Secure})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	again := func() {
		front.Drop()
		require.Eventually(t, func() bool {
			_, err := c.Exists(t.Context(), "/", false)
			return err == nil
		}, 10*time.Second, time.Millisecond)
	}
	touch := func(n int) { // whatever the clock of the file system resolves
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Duration(n)*time.Minute)))
	}
	issue("second")
	touch(1)
	again()
	require.Empty(t, warned)
	require.NoError(t, os.WriteFile(path, []byte("half"), 0o600))
	touch(2)
	again()
	require.Len(t, warned, 1)
	require.Contains(t, <-warned, "a store for TLS has changed and cannot be used, the certificates read before are: zookeeper.ssl.keyStore.location: "+path)
	issue("third")
	touch(3)
	again()
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, "first", shown[0])
	require.Contains(t, shown, "second")
	require.Equal(t, "third", shown[len(shown)-1])
}

// At a server without a quorum the client asks the others for one with a quorum, by TLS as well.
func TestReadOnlyClientFindsAServerThatCanWriteByTLS(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	cfg := serving(t, ca.Issue(t, tlstest.Want{}), ca)
	alone, other := zktest.Start(t), zktest.Start(t)
	alone.ReadOnly(true)
	frontAlone, frontOther := tlsfront.Start(t, cfg, alone.Addr()), tlsfront.Start(t, cfg, other.Addr())
	dir := t.TempDir()
	d := dialer(t, "keyStore.location", ca.Issue(t, tlstest.Want{}).PEM(t, dir), "trustStore.location", ca.PEM(t, dir))
	states := make(chan zkproto.KeeperState, 100)
	c, err := zkclient.Connect(t.Context(), zkclient.Config{
		Servers: []string{frontAlone.Addr(), frontOther.Addr()}, Chroot: "/app", ReadOnly: true, Reconnect: true, Secure: d.Secure,
		OnEvent: func(e zkclient.Event) { states <- e.State },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	for _, want := range []zkproto.KeeperState{zkproto.StateConnectedReadOnly, zkproto.StateDisconnected, zkproto.StateSyncConnected} {
		select {
		case got := <-states:
			require.Equal(t, want, got)
		case <-time.After(15 * time.Second):
			require.FailNow(t, fmt.Sprint("never: ", want))
		}
	}
	require.Equal(t, frontOther.Addr(), c.Server())
}
