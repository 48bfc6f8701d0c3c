package tlsconf_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// meet lets a client and a server shake hands over a real connection, send one byte each way, and tells what each thinks of it.
func meet(t *testing.T, server, client *tls.Config) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := l.Accept()
		if err != nil {
			serverErr = err
			return
		}
		defer nc.Close()
		c := tls.Server(nc, server)
		if serverErr = c.Handshake(); serverErr == nil {
			state = c.ConnectionState()
			_, serverErr = io.CopyN(c, c, 1)
		}
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		if _, err = c.Write([]byte{1}); err == nil {
			_, err = io.ReadFull(c, make([]byte, 1)) // with TLSv1.3 a refusal of our certificate comes only now
		}
		c.Close()
	}
	<-done
	return state, serverErr, err
}

func load(t *testing.T, s tlsconf.Settings) *tlsconf.Source {
	t.Helper()
	s.Prefix = "ssl."
	src, err := tlsconf.Load(s)
	require.NoError(t, err)
	return src
}

func store(path string) tlsconf.Store {
	s := tlsconf.Store{Path: path}
	if filepath.Ext(path) != ".pem" {
		s.Password = tlstest.Password
	}
	return s
}

// both are settings with a key and the authority trusted, by PEM.
func both(t *testing.T, ca *tlstest.CA, w tlstest.Want) tlsconf.Settings {
	t.Helper()
	dir := t.TempDir()
	return tlsconf.Settings{KeyStore: store(ca.Issue(t, w).PEM(t, dir)), TrustStore: store(ca.PEM(t, dir)), VerifyServer: true}
}

func TestStoresOfEachKind(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	for _, rsa := range []bool{false, true} {
		cert := ca.Issue(t, tlstest.Want{RSA: rsa, Subject: pkix.Name{CommonName: "me", Organization: []string{"Us"}}})
		keys := map[string]string{"pem": cert.PEM(t, t.TempDir()), "p12": cert.PKCS12(t, t.TempDir()), "jks": cert.JKS(t, t.TempDir())}
		trust := map[string]string{"pem": ca.PEM(t, t.TempDir()), "p12": ca.PKCS12(t, t.TempDir()), "jks": ca.JKS(t, t.TempDir())}
		for kind, key := range keys {
			s := tlsconf.Settings{KeyStore: store(key), TrustStore: store(trust[kind]), VerifyServer: true, NeedKey: true}
			src := load(t, s)
			state, serr, cerr := meet(t, src.Server(), src.Client("127.0.0.1"))
			require.NoError(t, serr, kind)
			require.NoError(t, cerr, kind)
			require.Equal(t, "CN=me,O=Us", state.PeerCertificates[0].Subject.String(), kind)
			require.Len(t, state.PeerCertificates, 2, kind)
			require.Equal(t, uint16(tls.VersionTLS13), state.Version)
		}
	}
}

// TestSelfSignedIsTrusted: what many begin with, one certificate that the other side has in its trust store.
func TestSelfSignedIsTrusted(t *testing.T) {
	one, other := tlstest.SelfSigned(t, pkix.Name{CommonName: "one"}), tlstest.SelfSigned(t, pkix.Name{CommonName: "other"})
	a, b := t.TempDir(), t.TempDir()
	server := load(t, tlsconf.Settings{KeyStore: store(one.JKS(t, a)), TrustStore: store(other.CA.JKS(t, a)), VerifyServer: true})
	client := load(t, tlsconf.Settings{KeyStore: store(other.JKS(t, b)), TrustStore: store(one.CA.JKS(t, b)), VerifyServer: true})
	state, serr, cerr := meet(t, server.Server(), client.Client("127.0.0.1"))
	require.NoError(t, errors.Join(serr, cerr))
	require.Equal(t, "CN=other", state.PeerCertificates[0].Subject.String())
	_, serr, cerr = meet(t, client.Server(), client.Client("127.0.0.1"))
	require.Error(t, errors.Join(serr, cerr), "each trusts the other, not itself")
}

func TestKindIsByContentBetweenJKSAndPKCS12(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	dir := t.TempDir()
	p12, err := os.ReadFile(ca.PKCS12(t, dir)) // what keytool writes since Java 9 under any name
	require.NoError(t, err)
	path := filepath.Join(dir, "ca.jks")
	require.NoError(t, os.WriteFile(path, p12, 0o600))
	require.Len(t, load(t, tlsconf.Settings{TrustStore: store(path)}).Certificates(), 1)
	jks, err := os.ReadFile(ca.JKS(t, dir))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, jks, 0o600))
	s := store(path)
	s.Type = "pkcs12"
	require.Len(t, load(t, tlsconf.Settings{TrustStore: s}).Certificates(), 1)
}

// TestEncryptedKey reads what openssl wrote: genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256, then pkcs8 -topk8 with
// -v2 aes-256-cbc -v2prf hmacWithSHA256 (new.pem) or -v1 PBE-SHA1-3DES (old.pem), and a certificate of it.
func TestEncryptedKey(t *testing.T) {
	s := tlsconf.Store{Path: filepath.Join("testdata", "new.pem"), Password: tlstest.Password}
	require.True(t, load(t, tlsconf.Settings{KeyStore: s}).HasKey())
	for name, c := range map[string]struct{ password, want string }{
		"new.pem": {"wrong", "correct ssl.keyStore.password"}, "./new.pem": {"", "the private key is encrypted; give its password"},
		"old.pem": {tlstest.Password, "encrypted in an old way (1.2.840.113549.1.12.1.3); convert it with openssl pkcs8 -topk8"},
	} {
		s := tlsconf.Store{Path: filepath.Join("testdata", name), Password: c.password}
		_, err := tlsconf.Load(tlsconf.Settings{Prefix: "ssl.", KeyStore: s})
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestPasswordOfAFile(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte(tlstest.Password+"\n"), 0o600))
	s := tlsconf.Store{Path: ca.JKS(t, dir), Password: "wrong", PasswordPath: secret}
	load(t, tlsconf.Settings{TrustStore: s})
}

func TestErrorsNameKeyFileAndRemedyAndNoPassword(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	cert := ca.Issue(t, tlstest.Want{})
	other := ca.Issue(t, tlstest.Want{})
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	badly := func(path string) tlsconf.Store { return tlsconf.Store{Path: path, Password: "geheim"} }
	for name, c := range map[string]struct {
		s    tlsconf.Settings
		want string
	}{
		"missing":       {tlsconf.Settings{KeyStore: store(dir + "/no.jks")}, "ssl.keyStore.location: " + dir + "/no.jks: no such file or directory; give a file"},
		"kind unknown":  {tlsconf.Settings{TrustStore: store(dir + "/no.ks")}, "does not tell the kind of the store; set ssl.trustStore.type"},
		"kind wrong":    {tlsconf.Settings{TrustStore: tlsconf.Store{Path: "x", Type: "ZIP"}}, `ssl.trustStore.type: x: "ZIP" is not a kind of store`},
		"bcfks":         {tlsconf.Settings{TrustStore: store("x.bcfks")}, "convert it with keytool"},
		"jks password":  {tlsconf.Settings{KeyStore: badly(cert.JKS(t, dir))}, "the password does not open it, or it is damaged; correct ssl.keyStore.password"},
		"p12 password":  {tlsconf.Settings{KeyStore: badly(cert.PKCS12(t, dir))}, "the password does not open it, or it is damaged; correct ssl.keyStore.password"},
		"no key":        {tlsconf.Settings{KeyStore: store(ca.PEM(t, dir))}, "holds no private key"},
		"no key in jks": {tlsconf.Settings{KeyStore: store(ca.JKS(t, dir))}, "holds no private key"},
		"other's key":   {tlsconf.Settings{KeyStore: store(put("o.pem", string(other.KeyPEM(t))+string(cert.CertPEM())))}, "no certificate that belongs to it"},
		"nothing":       {tlsconf.Settings{TrustStore: store(put("empty.pem", "hello"))}, "holds no trusted certificate"},
		"needs key":     {tlsconf.Settings{NeedKey: true}, "ssl.keyStore.location: is not given"},
		"garbage":       {tlsconf.Settings{TrustStore: badly(put("g.p12", "hello"))}, "cannot be read as PKCS12"},
		"a chain":       {tlsconf.Settings{TrustStore: store(cert.JKS(t, dir))}, "holds no trusted certificate"},
		"a key trusted": {tlsconf.Settings{TrustStore: store(cert.PKCS12(t, dir))}, "keep only trusted certificates in it"},
		"password file": {tlsconf.Settings{TrustStore: tlsconf.Store{Path: "x.jks", PasswordPath: dir + "/none"}}, "ssl.trustStore.passwordPath: " + dir + "/none: no such file"},
		"protocol":      {tlsconf.Settings{Protocol: "SSLv3"}, `ssl.protocol: "SSLv3" is not a protocol`},
		"protocols":     {tlsconf.Settings{EnabledProtocols: []string{"TLSv1.1", "TLSv1.3"}}, "leaves out a protocol between"},
		"no protocol":   {tlsconf.Settings{EnabledProtocols: []string{"SSLv3"}}, "none of the protocols"},
		"suites":        {tlsconf.Settings{CipherSuites: []string{"TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"}}, "none of the suites listed can be spoken: TLS_DHE_RSA"},
		"suite apart":   {tlsconf.Settings{CipherSuites: []string{"TLS_AES_128_GCM_SHA256"}, Protocol: "TLSv1.2"}, "lists no suite of the protocols"},
	} {
		c.s.Prefix = "ssl."
		_, err := tlsconf.Load(c.s)
		require.ErrorContains(t, err, c.want, name)
		var e *tlsconf.Error
		require.ErrorAs(t, err, &e, name)
		require.NotEmpty(t, e.Remedy, name)
		require.NotContains(t, err.Error(), "geheim", name)
	}
}

func TestProtocolsAndSuites(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	cbc := "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384" // Go has none
	gcm := "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
	for name, c := range map[string]struct {
		change   func(*tlsconf.Settings)
		version  uint16
		suite    uint16
		warnings int
	}{
		"default":          {func(*tlsconf.Settings) {}, tls.VersionTLS13, 0, 0},
		"protocol":         {func(s *tlsconf.Settings) { s.Protocol = "TLSv1.2" }, tls.VersionTLS12, 0, 0},
		"enabled":          {func(s *tlsconf.Settings) { s.EnabledProtocols = []string{"TLSv1.2", "SSLv2Hello"} }, tls.VersionTLS12, 0, 1},
		"suite of TLSv1.2": {func(s *tlsconf.Settings) { s.CipherSuites = []string{gcm, cbc} }, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 1},
		"suite of TLSv1.3": {func(s *tlsconf.Settings) { s.CipherSuites = []string{"TLS_AES_256_GCM_SHA384"} }, tls.VersionTLS13, 0, 1},
	} {
		s := both(t, ca, tlstest.Want{})
		c.change(&s)
		src := load(t, s)
		require.Len(t, src.Warnings(), c.warnings, name)
		state, serr, cerr := meet(t, src.Server(), load(t, both(t, ca, tlstest.Want{})).Client("127.0.0.1"))
		require.NoError(t, errors.Join(serr, cerr), name)
		require.Equal(t, c.version, state.Version, name)
		if c.suite != 0 {
			require.Equal(t, c.suite, state.CipherSuite, name)
		}
	}
}

func TestWhoMustShowACertificate(t *testing.T) {
	ca, stranger := tlstest.NewCA(t, "authority"), tlstest.NewCA(t, "stranger")
	trusting := tlsconf.Settings{TrustStore: both(t, ca, tlstest.Want{}).TrustStore}
	foreign := trusting
	foreign.KeyStore = both(t, stranger, tlstest.Want{}).KeyStore
	for name, c := range map[string]struct {
		auth                  tlsconf.ClientAuth
		none, good, strangers bool // what is let in
	}{"need": {tlsconf.Need, false, true, false}, "want": {tlsconf.Want, true, true, false}, "none": {tlsconf.None, true, true, true}} {
		s := both(t, ca, tlstest.Want{})
		s.ClientAuth = c.auth
		server := load(t, s).Server()
		for who, m := range map[string]struct {
			client tlsconf.Settings
			in     bool
		}{"none": {trusting, c.none}, "good": {both(t, ca, tlstest.Want{}), c.good}, "stranger": {foreign, c.strangers}} {
			_, serr, cerr := meet(t, server, load(t, m.client).Client("127.0.0.1"))
			if who == "stranger" && c.auth != tlsconf.None && serr != nil {
				// A client of ours shows nothing that the server would not take.
				require.ErrorContains(t, serr, "didn't provide a certificate", name+" "+who)
			}
			if who == "stranger" && c.auth == tlsconf.Want {
				continue // it comes in as nobody
			}
			require.Equal(t, m.in, serr == nil && cerr == nil, "%s %s: %v %v", name, who, serr, cerr)
			if !m.in {
				require.NotEmpty(t, tlsconf.Hint(serr, true))
				require.NotEmpty(t, tlsconf.Hint(cerr, false))
			}
		}
	}
}

// TestAStrangersCertificateIsRefused: by a client that shows what it has, whatever it is asked for.
func TestAStrangersCertificateIsRefused(t *testing.T) {
	ca, stranger := tlstest.NewCA(t, "authority"), tlstest.NewCA(t, "stranger")
	c := stranger.Issue(t, tlstest.Want{})
	for _, auth := range []tlsconf.ClientAuth{tlsconf.Need, tlsconf.Want} {
		s := both(t, ca, tlstest.Want{})
		s.ClientAuth = auth
		client := load(t, tlsconf.Settings{TrustStore: s.TrustStore}).Client("127.0.0.1")
		client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{PrivateKey: c.Key, Certificate: [][]byte{c.Cert.Raw}}, nil
		}
		_, serr, cerr := meet(t, load(t, s).Server(), client)
		require.Error(t, cerr)
		var unknown x509.UnknownAuthorityError
		require.ErrorAs(t, serr, &unknown)
		require.Contains(t, tlsconf.Hint(serr, true), "trust store of the server")
	}
}

func TestServersNameIsChecked(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	for name, c := range map[string]struct {
		want tlstest.Want
		host string
		good bool
	}{
		"address":                {tlstest.Want{IPs: []string{"127.0.0.1"}}, "127.0.0.1", true},
		"other address":          {tlstest.Want{IPs: []string{"127.0.0.2"}}, "127.0.0.1", false},
		"name":                   {tlstest.Want{DNSNames: []string{"zk1.example.org"}}, "zk1.example.org", true},
		"name with a dot":        {tlstest.Want{DNSNames: []string{"zk1.example.org"}}, "zk1.example.org.", true},
		"wildcard":               {tlstest.Want{DNSNames: []string{"*.example.org"}}, "ZK1.example.org", true},
		"wildcard, two labels":   {tlstest.Want{DNSNames: []string{"*.example.org"}}, "a.zk1.example.org", false},
		"common name":            {tlstest.Want{NoNames: true, Subject: pkix.Name{CommonName: "zk1.example.org"}}, "zk1.example.org", true},
		"other common name":      {tlstest.Want{NoNames: true, Subject: pkix.Name{CommonName: "zk2.example.org"}}, "zk1.example.org", false},
		"common name with names": {tlstest.Want{DNSNames: []string{"zk2"}, Subject: pkix.Name{CommonName: "zk1"}}, "zk1", false},
		"address as common name": {tlstest.Want{NoNames: true, Subject: pkix.Name{CommonName: "127.0.0.1"}}, "127.0.0.1", false},
		"no host":                {tlstest.Want{}, "", false},
	} {
		server := both(t, ca, c.want)
		client := both(t, ca, tlstest.Want{})
		_, serr, cerr := meet(t, load(t, server).Server(), load(t, client).Client(c.host))
		if c.good {
			require.NoError(t, errors.Join(serr, cerr), name)
			continue
		}
		var e *tlsconf.NameError
		require.ErrorAs(t, cerr, &e, name)
		require.Contains(t, tlsconf.Hint(cerr, false), "subject alternative name", name)
		client.VerifyServer = false
		_, serr, cerr = meet(t, load(t, server).Server(), load(t, client).Client(c.host))
		require.NoError(t, errors.Join(serr, cerr), name)
	}
}

func TestClientsNameIsChecked(t *testing.T) {
	ca := tlstest.NewCA(t, "authority")
	server := both(t, ca, tlstest.Want{})
	server.VerifyClient = true
	elsewhere := load(t, both(t, ca, tlstest.Want{IPs: []string{"192.0.2.1"}})).Client("127.0.0.1")
	_, serr, _ := meet(t, load(t, server).Server(), elsewhere)
	require.ErrorContains(t, serr, "is not one for 127.0.0.1: it names 192.0.2.1")
	_, serr, cerr := meet(t, load(t, server).Server(), load(t, both(t, ca, tlstest.Want{})).Client("127.0.0.1"))
	require.NoError(t, errors.Join(serr, cerr))
	server.VerifyClient = false
	_, serr, cerr = meet(t, load(t, server).Server(), elsewhere)
	require.NoError(t, errors.Join(serr, cerr))
}

func TestExpiredAndWrongAuthority(t *testing.T) {
	ca, stranger := tlstest.NewCA(t, "authority"), tlstest.NewCA(t, "stranger")
	client := load(t, both(t, ca, tlstest.Want{})).Client("127.0.0.1")
	_, serr, cerr := meet(t, load(t, both(t, ca, tlstest.Want{NotAfter: time.Now().Add(-time.Minute)})).Server(), client)
	require.ErrorContains(t, cerr, "expired")
	require.Contains(t, tlsconf.Hint(cerr, false), "renew the certificate of the server")
	require.Contains(t, tlsconf.Hint(serr, true), "look into the log of the client")
	_, serr, cerr = meet(t, load(t, both(t, stranger, tlstest.Want{})).Server(), client)
	require.ErrorContains(t, cerr, "unknown authority")
	require.Contains(t, tlsconf.Hint(cerr, false), "put the certificate of the authority that has issued the server's into the trust store of the client")
	require.Contains(t, tlsconf.Hint(serr, true), "look into the log of the client")
}

func TestReload(t *testing.T) {
	ca, next := tlstest.NewCA(t, "authority"), tlstest.NewCA(t, "next")
	s := both(t, ca, tlstest.Want{})
	src := load(t, s)
	server := src.Server()
	meetAs := func(ca *tlstest.CA) error {
		_, serr, cerr := meet(t, server, load(t, both(t, ca, tlstest.Want{})).Client("127.0.0.1"))
		return errors.Join(serr, cerr)
	}
	require.NoError(t, meetAs(ca))
	require.NoError(t, os.WriteFile(s.KeyStore.Path, []byte("half a file"), 0o600))
	require.Error(t, src.Reload())
	require.NoError(t, meetAs(ca), "a broken file took the certificates away")

	dir := filepath.Dir(s.KeyStore.Path)
	told := make(chan error, 100)
	stop, err := src.Watch(func(err error) { told <- err })
	require.NoError(t, err)
	defer stop()
	next.Issue(t, tlstest.Want{}).PEM(t, dir)
	next.PEM(t, dir)
	for meetAs(next) != nil {
		<-told // the two files may be seen one after the other
	}
	require.Error(t, meetAs(ca))
}

func TestFindings(t *testing.T) {
	ca := tlstest.NewCA(t, "authority") // for a day
	s := both(t, ca, tlstest.Want{NotAfter: time.Now().Add(90 * 24 * time.Hour)})
	s.TrustStore = tlsconf.Store{}
	quiet := load(t, s).Findings(time.Now())
	require.Len(t, quiet, 1, "the authority's is in the chain")
	require.Contains(t, quiet[0], "(CN=authority) expires at ")
	require.Contains(t, quiet[0], "UTC, in 0 days: renew it")

	for when, want := range map[time.Duration]string{48 * time.Hour: "has expired at", -48 * time.Hour: "is not valid before"} {
		found := load(t, both(t, ca, tlstest.Want{})).Findings(time.Now().Add(when))
		require.Len(t, found, 3, "the own, its authority's, and that trusted")
		require.Contains(t, found[0], want)
		require.Contains(t, found[0], "that is shown to others")
		require.Contains(t, found[2], "an authority's certificate")
	}
	if runtime.GOOS != "windows" { // which has no such modes
		require.NoError(t, os.Chmod(s.KeyStore.Path, 0o644))
		require.Contains(t, load(t, s).Findings(time.Now())[0], "every user of this machine can read the private key")
	}
}

func TestDetect(t *testing.T) {
	for text, secure := range map[string]bool{"\x16\x03\x01": true, "ruok": false, "\x00\x00\x00\x2d": false} {
		a, b := net.Pipe()
		go func() {
			_, _ = b.Write([]byte(text))
			_ = b.Close()
		}()
		c, found, err := tlsconf.Detect(a, time.Minute)
		require.NoError(t, err)
		require.Equal(t, secure, found)
		all, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, text, string(all))
	}
	a, b := net.Pipe()
	defer b.Close()
	_, _, err := tlsconf.Detect(a, time.Nanosecond)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
