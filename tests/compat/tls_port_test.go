//go:build compat

package compat

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// tlsPort is a server of either make with a plain port and one for TLS.
type tlsPort struct {
	server
	secure string
}

const viaNetty = "-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory" // the original needs it, ours says that it means nothing

// startTLSPort starts a server whose stores are these files, with more lines in its zoo.cfg.
func startTLSPort(t *testing.T, ours bool, key, trust string, lines ...string) tlsPort {
	t.Helper()
	p := tlsPort{secure: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	_, port, _ := strings.Cut(p.secure, ":")
	lines = append(lines, "secureClientPort="+port, "secureClientPortAddress=127.0.0.1")
	lines = append(lines, storeLines("", key, trust)...)
	p.server = configured(t, ours, strings.Join(lines, "\n")+"\n", viaNetty)
	// An original opens this port second, and its server a moment later: a connection that comes between the two is closed.
	eventually(t, "the port for TLS serves", func() bool { return strings.Contains(word(p.addr, "conf"), "secureClientPort="+port+"\n") })
	return p
}

// storeLines are the keys for a key store and a trust store; a prefix makes system properties of them.
func storeLines(prefix, key, trust string) []string {
	var lines []string
	for name, path := range map[string]string{"keyStore": key, "trustStore": trust} {
		if path == "" {
			continue
		}
		lines = append(lines, prefix+"ssl."+name+".location="+path)
		if filepath.Ext(path) != ".pem" {
			lines = append(lines, prefix+"ssl."+name+".password="+tlstest.Password)
		}
	}
	return lines
}

// keytoolStores are made by Java's own tool: a key signed by an authority, which the trust store holds.
func keytoolStores(t *testing.T, kind string) (serverKey, clientKey, trust string) {
	t.Helper()
	dir := t.TempDir()
	tool := func(args ...string) {
		t.Helper()
		out, err := keytool(append(args, "-storepass", tlstest.Password)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	store := func(name string) string { return file(name + map[string]string{"JKS": ".jks", "PKCS12": ".p12"}[kind]) }
	tool("-genkeypair", "-alias", "ca", "-keyalg", "EC", "-dname", "CN=authority", "-ext", "bc:c", "-keystore", file("ca.p12"), "-storetype", "PKCS12")
	tool("-exportcert", "-rfc", "-alias", "ca", "-keystore", file("ca.p12"), "-file", file("ca.pem"))
	for name, subject := range map[string]string{"server": "CN=localhost", "client": "CN=app, OU=Shop, O=Example"} {
		s := store(name)
		tool("-genkeypair", "-alias", name, "-keyalg", "RSA", "-dname", subject, "-ext", "san=dns:localhost,ip:127.0.0.1", "-keystore", s, "-storetype", kind)
		tool("-certreq", "-alias", name, "-keystore", s, "-file", file(name+".csr"))
		tool("-gencert", "-alias", "ca", "-keystore", file("ca.p12"), "-ext", "san=dns:localhost,ip:127.0.0.1", "-infile", file(name+".csr"), "-outfile", file(name+".crt"))
		tool("-importcert", "-noprompt", "-alias", "ca", "-keystore", s, "-file", file("ca.pem"))
		tool("-importcert", "-alias", name, "-keystore", s, "-file", file(name+".crt"))
		tool("-delete", "-alias", "ca", "-keystore", s)
	}
	tool("-importcert", "-noprompt", "-alias", "ca", "-keystore", store("trust"), "-storetype", kind, "-file", file("ca.pem"))
	return store("server"), store("client"), store("trust")
}

// tlsStores are those of a server, of a client whose certificate says CN=app,OU=Shop,O=Example, and of the authority.
func tlsStores(t *testing.T, kind string) (serverKey, clientKey, trust string) {
	t.Helper()
	if made, ok := strings.CutPrefix(kind, "keytool "); ok {
		return keytoolStores(t, made)
	}
	ca := tlstest.NewCA(t, "authority")
	server, client := ca.Issue(t, tlstest.Want{}), ca.Issue(t, tlstest.Want{Subject: shop})
	mine, theirs := t.TempDir(), t.TempDir()
	switch kind {
	case "JKS":
		return server.JKS(t, mine), client.JKS(t, theirs), ca.JKS(t, mine)
	case "PKCS12":
		return server.PKCS12(t, mine), client.PKCS12(t, theirs), ca.PKCS12(t, mine)
	default:
		return server.PEM(t, mine), client.PEM(t, theirs), ca.PEM(t, mine)
	}
}

var shop = pkix.Name{CommonName: "app", OrganizationalUnit: []string{"Shop"}, Organization: []string{"Example"}}

// javaClient is the original's command line client over TLS.
func javaClient(t *testing.T, key, trust string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := cliClient(t, false, args...)
	flags := append([]string{cmd.Args[0], "-Dzookeeper.client.secure=true", "-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty"},
		storeLines("-Dzookeeper.", key, trust)...)
	cmd.Args = append(flags, cmd.Args[1:]...)
	return cmd
}

// The original's client says the same at the port for TLS of either make, with stores of each kind, from either tool.
func TestOriginalClientAtThePortForTLS(t *testing.T) {
	t.Parallel()
	script := []string{
		"create /app x auth::cdrwa", "getAcl /app", "whoami", "addauth x509", "create -e /app/e y", "ls -R /app", "get /app/e",
		"setAcl /app x509:CN=somebody:cdrwa", "get /app", "quit",
	}
	var want string
	for _, c := range []struct {
		kind string
		ours bool
	}{{"JKS", false}, {"JKS", true}, {"PKCS12", true}, {"PEM", true}, {"keytool JKS", true}, {"keytool PKCS12", true}} {
		serverKey, clientKey, trust := tlsStores(t, c.kind)
		p := startTLSPort(t, c.ours, serverKey, trust)
		code, stdout, stderr := converse(t, script, javaClient(t, clientKey, trust, "-server", p.secure))
		// The original lists identities in the order of a hash table.
		said := fmt.Sprintf("exit code %d\n%s", code, strings.Replace(cliTranscript(stdout, stderr), "ip: 127.0.0.1\n", "", 1))
		if want == "" {
			want = said
			require.Contains(t, want, "x509: CN=app,OU=Shop,O=Example\n")
			require.Contains(t, want, "Insufficient permission : /app")
		}
		require.Equal(t, want, said, c.kind)
		p.kill()
	}
}

// knock shakes hands, says something that begins with the word ruok and tells whether it was answered.
func knock(addr string, settings *tls.Config, text string) string {
	dialer := net.Dialer{Timeout: 20 * time.Second}
	c, err := dialer.Dial("tcp", addr)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if settings != nil {
		c = tls.Client(c, settings)
	}
	if _, err := c.Write([]byte(text)); err != nil {
		return "refused"
	}
	if answer, _ := io.ReadAll(c); string(answer) == "imok" {
		return "answered"
	}
	return "refused"
}

// Whom the ports let in is the same for both makes.
func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	ca, stranger := tlstest.NewCA(t, "authority"), tlstest.NewCA(t, "stranger")
	dir := t.TempDir()
	key, trust := ca.Issue(t, tlstest.Want{}).PEM(t, dir), ca.PEM(t, dir)
	shows := func(c *tlstest.Cert) *tls.Config {
		src, err := tlsconf.Load(tlsconf.Settings{TrustStore: tlsconf.Store{Path: trust}, VerifyServer: true})
		require.NoError(t, err)
		settings := src.Client("127.0.0.1")
		if c != nil { // whatever the server asks for
			settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &tls.Certificate{Certificate: [][]byte{c.Cert.Raw}, PrivateKey: c.Key}, nil
			}
		}
		return settings
	}
	old := shows(ca.Issue(t, tlstest.Want{}))
	old.MaxVersion = tls.VersionTLS12
	clients := map[string]*tls.Config{
		"plain": nil, "nobody": shows(nil), "good": shows(ca.Issue(t, tlstest.Want{})), "good by TLSv1.2": old,
		"stranger": shows(stranger.Issue(t, tlstest.Want{})), "expired": shows(ca.Issue(t, tlstest.Want{NotAfter: time.Now().Add(-time.Minute)})),
		"not yet":   shows(ca.Issue(t, tlstest.Want{NotBefore: time.Now().Add(time.Hour)})),
		"elsewhere": shows(ca.Issue(t, tlstest.Want{IPs: []string{"192.0.2.1"}})),
	}
	for _, lines := range []string{
		"", "ssl.clientAuth=want", "ssl.clientAuth=none", "ssl.enabledProtocols=TLSv1.3", "ssl.enabledProtocols=TLSv1.2,TLSv1.3", "client.portUnification=true",
		"ssl.clientHostnameVerification=true\nfips-mode=false",
	} {
		got := [2]map[string]string{{}, {}}
		for i, ours := range []bool{false, true} {
			p := startTLSPort(t, ours, key, trust, lines)
			for name, settings := range clients {
				if settings == old && !strings.Contains(lines, "enabledProtocols") {
					continue // by default 3.9.5 speaks TLSv1.3 alone, and later ones TLSv1.2, too
				}
				text := "ruok"
				if settings == nil {
					text += "\n" // after four bytes the original waits ten seconds for the fifth: five can be a header of TLS
				}
				got[i][name+" at the port for TLS"] = knock(p.secure, settings, text)
				got[i][name+" at the other port"] = knock(p.addr, settings, "ruok")
			}
			p.kill()
		}
		require.Equal(t, got[0], got[1], lines)
		require.Equal(t, "answered", got[0]["plain at the other port"], lines)
		require.Equal(t, "refused", got[0]["plain at the port for TLS"], lines)
	}
}

// tlsSession opens a session over TLS with a certificate.
func tlsSession(t *testing.T, addr string, settings *tls.Config) *zk.Conn {
	t.Helper()
	c, events, err := zk.Connect([]string{addr}, 10*time.Second, zk.WithLogger(quiet{}),
		zk.WithDialer(func(network, address string, timeout time.Duration) (net.Conn, error) {
			return tls.DialWithDialer(&net.Dialer{Timeout: timeout}, network, address, settings)
		}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	for e := range events {
		if e.State == zk.StateHasSession {
			return c
		}
	}
	return nil
}

// Identities, ACLs and the superuser are the same for both makes, to the letter.
func TestCertificatesInACLs(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t, "authority")
	dir := t.TempDir()
	key, trust := ca.Issue(t, tlstest.Want{}).PEM(t, dir), ca.PEM(t, dir)
	utf8 := func(oid asn1.ObjectIdentifier, text string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: oid, Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(text)}}
	}
	cn, ou, mail := asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.ObjectIdentifier{2, 5, 4, 11}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	var subjects [][]byte
	for _, name := range []pkix.RDNSequence{
		{{utf8(cn, "root")}},
		{{utf8(ou, "A, B + C = \"D\"")}, {utf8(cn, " \\leading and trailing ")}},
		{{utf8(cn, "a"), utf8(ou, "b")}, {utf8(mail, "me@example.org")}},
		{{utf8(cn, "J\u00fcrgen \u65e5\u672c")}, {utf8(asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, "org")}, {utf8(asn1.ObjectIdentifier{2, 5, 4, 5}, "123")}},
	} {
		der, err := asn1.Marshal(name)
		require.NoError(t, err)
		subjects = append(subjects, der)
	}
	certs := make([]*tlstest.Cert, len(subjects))
	for i, subject := range subjects {
		certs[i] = ca.Issue(t, tlstest.Want{RawName: subject})
	}
	var got [2][]string
	for i, ours := range []bool{false, true} {
		p := startTLSPort(t, ours, key, trust, "X509AuthenticationProvider.superUser=CN=root")
		told := func(format string, a ...any) { got[i] = append(got[i], fmt.Sprintf(format, a...)) }
		for n, c := range certs {
			src, err := tlsconf.Load(tlsconf.Settings{TrustStore: tlsconf.Store{Path: trust}, KeyStore: tlsconf.Store{Path: c.PEM(t, t.TempDir())}})
			require.NoError(t, err)
			s := tlsSession(t, p.secure, src.Client("127.0.0.1"))
			path := fmt.Sprintf("/of%d", n)
			_, err = s.Create(path, nil, 0, []zk.ACL{{Perms: zk.PermAll, Scheme: "auth"}})
			told("create %v", err)
			acl, _, err := s.GetACL(path)
			slices.SortFunc(acl, func(a, b zk.ACL) int { return strings.Compare(a.Scheme+a.ID, b.Scheme+b.ID) })
			told("its ACL %+v %v", acl, err)
			for other := range n {
				_, _, err := s.Get(fmt.Sprintf("/of%d", other))
				told("%d of %d: %v", n, other, err)
			}
			for _, id := range []string{"CN=a", "cn = a, ou=b", "", "nobody", "CN=a,", `CN="a`, "EMAILADDRESS=a@b", "1.2.3=#0401ff", "CN=a+OU=b;O=c"} {
				_, err := s.Create("/x", nil, 0, []zk.ACL{{Perms: zk.PermAll, Scheme: "x509", ID: id}})
				told("ACL %q: %v", id, err)
				if n == 0 && err == nil {
					require.NoError(t, s.Delete("/x", -1), "the superuser may")
				}
			}
		}
		plain := p.connect(t)
		for n := range certs {
			_, _, err := plain.Get(fmt.Sprintf("/of%d", n))
			told("without TLS: %v", err)
		}
		told("addauth without TLS: %v", plain.AddAuth("x509", nil))
		p.kill()
	}
	require.Equal(t, got[0], got[1])
	require.Contains(t, strings.Join(got[0], "\n"), `x509 ID:CN=\ \\leading and trailing\ ,OU=A\, B \+ C \= \"D\"`)
}

// Words over TLS, by the original's own client for them, and a server without a plain port.
func TestWordsOverTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t, "authority")
	dir := t.TempDir()
	key, trust := ca.Issue(t, tlstest.Want{}).PEM(t, dir), ca.PEM(t, dir)
	port := fmt.Sprint(freePort(t))
	var said [2]string
	for i, ours := range []bool{false, true} {
		cfg := filepath.Join(t.TempDir(), "zoo.cfg")
		text := []string{
			"tickTime=2000", "dataDir=" + filepath.Dir(cfg), "secureClientPort=" + port, "admin.enableServer=false", "4lw.commands.whitelist=*",
			"serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
		}
		require.NoError(t, os.WriteFile(cfg, []byte(strings.Join(append(text, storeLines("", key, trust)...), "\n")), 0o600))
		cmd := exec.Command(program(t, "zkserver"), "start-foreground", cfg)
		if !ours {
			cmd = zookeeper.server(t, cfg)
		}
		d := start(t, "server", cmd)
		ask := func(word string) string {
			c := zookeeper.java(t, "", "org.apache.zookeeper.client.FourLetterWordMain", "localhost", port, word, "true")
			c.Args = append(append([]string{c.Args[0]}, storeLines("-Dzookeeper.", key, trust)...), c.Args[1:]...)
			_, out, _ := run(t, "", c)
			return out
		}
		eventually(t, "it answers", func() bool { return strings.Contains(ask("srvr"), "Mode: standalone") })
		for line := range strings.Lines(ask("conf")) {
			if strings.HasPrefix(line, "clientPort=") || strings.HasPrefix(line, "secureClientPort=") {
				said[i] += line
			}
		}
		if ours {
			code, out, errs := run(t, "", exec.Command(program(t, "zkserver"), "status", cfg))
			require.Zero(t, code, errs)
			require.Equal(t, "Client port found: "+port+". Client address: localhost. Client SSL: true.\nMode: standalone\n", out)
		}
		d.kill()
	}
	require.Equal(t, "clientPort=-1\nsecureClientPort="+port+"\n", said[0])
	require.Equal(t, said[0], said[1])
}
