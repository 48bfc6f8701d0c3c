// Package tlstest makes authorities, certificates and stores for tests.
package tlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/stretchr/testify/require"
	p12 "software.sslmate.com/src/go-pkcs12"
)

// Password opens all JKS and PKCS12 stores of this package.
const Password = "changeit"

var serial atomic.Int64

// CA is an authority.
type CA struct {
	Cert *x509.Certificate
	key  crypto.Signer
}

// Cert is a certificate with its key and the authority that has issued it.
type Cert struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	CA   *CA
}

// Want describes a certificate. What is zero has a default that fits a server and a client at 127.0.0.1.
type Want struct {
	Subject   pkix.Name // default: CN=localhost
	RawName   []byte    // the subject as DER; wins over Subject
	DNSNames  []string  // default: localhost; see NoNames
	IPs       []string  // default: 127.0.0.1 and ::1
	NoNames   bool      // no alternative name at all
	NotBefore time.Time // default: an hour ago
	NotAfter  time.Time // default: in a day
	RSA       bool      // default: EC
}

// NewCA makes an authority.
func NewCA(tb testing.TB, name string) *CA {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return &CA{Cert: sign(tb, template, template, key.Public(), key), key: key}
}

// Issue makes a certificate.
func (ca *CA) Issue(tb testing.TB, w Want) *Cert {
	tb.Helper()
	var key crypto.Signer
	var err error
	if w.RSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: w.Subject, RawSubject: w.RawName, NotBefore: w.NotBefore, NotAfter: w.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if len(w.Subject.ToRDNSequence()) == 0 && w.RawName == nil {
		template.Subject.CommonName = "localhost"
	}
	if w.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if w.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	if !w.NoNames {
		template.DNSNames = w.DNSNames
		ips := w.IPs
		if w.DNSNames == nil && ips == nil {
			template.DNSNames, ips = []string{"localhost"}, []string{"127.0.0.1", "::1"}
		}
		for _, ip := range ips {
			template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
		}
	}
	return &Cert{Cert: sign(tb, template, ca.Cert, key.Public(), ca.key), Key: key, CA: ca}
}

// SelfSigned makes a certificate that is its own authority, as keytool -genkeypair does: it is no authority for others.
func SelfSigned(tb testing.TB, subject pkix.Name) *Cert {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.ParseIP("127.0.0.1")},
	}
	cert := sign(tb, template, template, key.Public(), key)
	return &Cert{Cert: cert, Key: key, CA: &CA{Cert: cert, key: key}}
}

func sign(tb testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	require.NoError(tb, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return cert
}

// PEM writes the key (PKCS8, not encrypted), the certificate and the authority's into a file of dir and returns its path.
func (c *Cert) PEM(tb testing.TB, dir string) string {
	tb.Helper()
	return write(tb, dir, "key.pem", append(c.KeyPEM(tb), certPEM(c.Cert, c.CA.Cert)...))
}

// KeyPEM is the key as PKCS8, not encrypted.
func (c *Cert) KeyPEM(tb testing.TB) []byte {
	tb.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: c.pkcs8(tb)})
}

// CertPEM is the certificate and the authority's.
func (c *Cert) CertPEM() []byte { return certPEM(c.Cert, c.CA.Cert) }

// PKCS12 writes a key store as Java 17 does.
func (c *Cert) PKCS12(tb testing.TB, dir string) string {
	tb.Helper()
	data, err := p12.Modern2023.Encode(c.Key, c.Cert, []*x509.Certificate{c.CA.Cert}, Password)
	require.NoError(tb, err)
	return write(tb, dir, "key.p12", data)
}

// JKS writes a key store in Java's old format.
func (c *Cert) JKS(tb testing.TB, dir string) string {
	tb.Helper()
	ks := keystore.New()
	require.NoError(tb, ks.SetPrivateKeyEntry("key", keystore.PrivateKeyEntry{
		CreationTime: time.Now(), PrivateKey: c.pkcs8(tb),
		CertificateChain: []keystore.Certificate{{Type: "X509", Content: c.Cert.Raw}, {Type: "X509", Content: c.CA.Cert.Raw}},
	}, []byte(Password)))
	return writeJKS(tb, dir, "key.jks", ks)
}

// PEM writes a trust store.
func (ca *CA) PEM(tb testing.TB, dir string) string {
	tb.Helper()
	return write(tb, dir, "trust.pem", certPEM(ca.Cert))
}

// PKCS12 writes a trust store as Java 17 does.
func (ca *CA) PKCS12(tb testing.TB, dir string) string {
	tb.Helper()
	data, err := p12.Modern2023.EncodeTrustStore([]*x509.Certificate{ca.Cert}, Password)
	require.NoError(tb, err)
	return write(tb, dir, "trust.p12", data)
}

// JKS writes a trust store in Java's old format.
func (ca *CA) JKS(tb testing.TB, dir string) string {
	tb.Helper()
	ks := keystore.New()
	require.NoError(tb, ks.SetTrustedCertificateEntry("ca", keystore.TrustedCertificateEntry{
		CreationTime: time.Now(), Certificate: keystore.Certificate{Type: "X509", Content: ca.Cert.Raw},
	}))
	return writeJKS(tb, dir, "trust.jks", ks)
}

func (c *Cert) pkcs8(tb testing.TB) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	require.NoError(tb, err)
	return der
}

func certPEM(certs ...*x509.Certificate) []byte {
	var all []byte
	for _, c := range certs {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return all
}

func writeJKS(tb testing.TB, dir, name string, ks keystore.KeyStore) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	require.NoError(tb, err)
	require.NoError(tb, ks.Store(f, []byte(Password)))
	require.NoError(tb, f.Close())
	return path
}

func write(tb testing.TB, dir, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	require.NoError(tb, os.WriteFile(path, data, 0o600))
	return path
}
