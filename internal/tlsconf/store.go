package tlsconf

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// chain is a private key with its certificate and what leads from that to a root.
type chain struct {
	key   crypto.PrivateKey
	certs []*x509.Certificate
}

// problem is what is wrong with a store's content. Key and file are added by who knows them.
type problem struct{ reason, remedy string }

func (p *problem) Error() string { return p.reason }

func wrong(remedy, format string, a ...any) error {
	return &problem{fmt.Sprintf(format, a...), remedy}
}

// load reads both stores.
func (s *Settings) load() (*material, error) {
	m := &material{}
	sum := sha256.New()
	if s.KeyStore.Path == "" {
		if s.NeedKey {
			return nil, &Error{
				Key: s.Prefix + "keyStore.location", Reason: "is not given, but a port that speaks TLS needs a certificate",
				Remedy: "name a file with the key and the certificates (JKS, PKCS12 or PEM)",
			}
		}
	} else {
		data, kind, password, err := s.KeyStore.read(s.Prefix + "keyStore.")
		if err != nil {
			return nil, err
		}
		chains, err := readKeys(data, kind, password)
		if err != nil {
			return nil, s.KeyStore.complain(s.Prefix+"keyStore.", err)
		}
		for _, c := range chains {
			m.keys = append(m.keys, c.certificate())
		}
		sum.Write(data)
		sum.Write([]byte(password))
	}
	if s.TrustStore.Path != "" {
		data, kind, password, err := s.TrustStore.read(s.Prefix + "trustStore.")
		if err != nil {
			return nil, err
		}
		if m.trusted, err = readTrusted(data, kind, password); err == nil && len(m.trusted) == 0 {
			err = wrong("import the certificates of the authorities (keytool -importcert -trustcacerts)", "holds no trusted certificate")
		}
		if err != nil {
			return nil, s.TrustStore.complain(s.Prefix+"trustStore.", err)
		}
		m.roots = x509.NewCertPool()
		for _, c := range m.trusted {
			m.roots.AddCert(c)
		}
		sum.Write([]byte{0})
		sum.Write(data)
	}
	sum.Sum(m.sum[:0])
	return m, nil
}

func (c *chain) certificate() tls.Certificate {
	t := tls.Certificate{PrivateKey: c.key, Leaf: c.certs[0]}
	for _, cert := range c.certs {
		t.Certificate = append(t.Certificate, cert.Raw)
	}
	return t
}

// Kinds of store.
const (
	jks    = "JKS"
	pkcs12 = "PKCS12"
	pemDoc = "PEM"
)

// read is the file, its kind and its password. prefix is "ssl.keyStore." or the like.
func (s *Store) read(prefix string) ([]byte, string, string, error) {
	kind, err := s.kind(prefix)
	if err != nil {
		return nil, "", "", err
	}
	password := s.Password
	if s.PasswordPath != "" {
		b, err := os.ReadFile(s.PasswordPath)
		if err != nil {
			return nil, "", "", &Error{Key: prefix + "passwordPath", File: s.PasswordPath, Reason: cause(err), Remedy: "give a file that this user can read, with the password as its only line"}
		}
		password = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	}
	data, err := os.ReadFile(s.Path)
	if err != nil {
		return nil, "", "", &Error{Key: prefix + "location", File: s.Path, Reason: cause(err), Remedy: "give a file that this user can read"}
	}
	if kind != pemDoc {
		// Since Java 9 keytool writes PKCS12 whatever the name of the file, and Java reads either kind under either name.
		kind = pkcs12
		if bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}) {
			kind = jks
		}
	}
	return data, kind, password, nil
}

// kind is the kind that the settings name, or that the end of the file's name stands for.
func (s *Store) kind(prefix string) (string, error) {
	kind, key := strings.ToUpper(s.Type), prefix+"type"
	if kind == "" {
		key = prefix + "location"
		kind = map[string]string{".jks": jks, ".p12": pkcs12, ".pem": pemDoc, ".bcfks": "BCFKS"}[filepath.Ext(s.Path)]
	}
	switch kind {
	case jks, pkcs12, pemDoc:
		return kind, nil
	case "BCFKS":
		return "", &Error{
			Key: key, File: s.Path, Reason: "BCFKS stores are Bouncy Castle's own and not read here",
			Remedy: "convert it with keytool -importkeystore -deststoretype PKCS12",
		}
	case "":
		return "", &Error{Key: key, File: s.Path, Reason: "the name does not tell the kind of the store", Remedy: "set " + prefix + "type to JKS, PKCS12 or PEM"}
	}
	return "", &Error{Key: key, File: s.Path, Reason: fmt.Sprintf("%q is not a kind of store", s.Type), Remedy: "give JKS, PKCS12 or PEM"}
}

// complain adds key and file to what is wrong with the content.
func (s *Store) complain(prefix string, err error) error {
	e := &Error{Key: prefix + "location", File: s.Path, Reason: err.Error(), Remedy: "look at it with keytool -list -v, and make it anew"}
	if p, ok := errors.AsType[*problem](err); ok {
		e.Remedy = p.remedy
	}
	if errors.Is(err, errPassword) {
		e.Remedy = "correct " + prefix + "password or the file of " + prefix + "passwordPath"
	}
	return e
}

var errPassword = errors.New("the password does not open it, or it is damaged")

func readKeys(data []byte, kind, password string) ([]chain, error) {
	switch kind {
	case jks:
		return jksKeys(data, password)
	case pkcs12:
		return pkcs12Keys(data, password)
	}
	return pemKeys(data, password)
}

func readTrusted(data []byte, kind, password string) ([]*x509.Certificate, error) {
	switch kind {
	case jks:
		return jksTrusted(data, password)
	case pkcs12:
		return pkcs12Trusted(data, password)
	}
	return pemCertificates(data)
}

// cause is an error of the file system without the path, which the message has already.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// ordered puts the certificate that belongs to the key first and after it each one's issuer; what leads nowhere is left out.
func ordered(key crypto.PrivateKey, certs []*x509.Certificate) ([]*x509.Certificate, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, wrong("use an RSA, EC or Ed25519 key", "keys of type %T cannot be used for TLS", key)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, wrong("use an RSA, EC or Ed25519 key", "keys of type %T cannot be used for TLS", key)
	}
	var leaf *x509.Certificate
	for _, c := range certs {
		if public.Equal(c.PublicKey) {
			leaf = c
			break
		}
	}
	if leaf == nil {
		return nil, wrong("put the certificate that was made for this key into the same store", "holds a private key, but no certificate that belongs to it")
	}
	way := []*x509.Certificate{leaf}
	for len(way) <= len(certs) {
		last := way[len(way)-1]
		if bytes.Equal(last.RawIssuer, last.RawSubject) {
			break
		}
		var next *x509.Certificate
		for _, c := range certs {
			if bytes.Equal(c.RawSubject, last.RawIssuer) && last.CheckSignatureFrom(c) == nil {
				next = c
				break
			}
		}
		if next == nil {
			break
		}
		way = append(way, next)
	}
	return way, nil
}
