package tlsconf

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	p12 "software.sslmate.com/src/go-pkcs12"
)

// openJKS reads Java's own format. Its checksum is made with the password, so that one opens nothing without it.
func openJKS(data []byte, password string) (keystore.KeyStore, error) {
	ks := keystore.New(keystore.WithOrderedAliases(), keystore.WithCaseExactAliases())
	if err := ks.Load(bytes.NewReader(data), []byte(password)); err != nil {
		return ks, errPassword
	}
	return ks, nil
}

func jksKeys(data []byte, password string) ([]chain, error) {
	ks, err := openJKS(data, password)
	if err != nil {
		return nil, err
	}
	var all []chain
	for _, alias := range ks.Aliases() {
		if !ks.IsPrivateKeyEntry(alias) {
			continue
		}
		entry, err := ks.GetPrivateKeyEntry(alias, []byte(password))
		if err != nil {
			return nil, wrong("give the key the password of the store (keytool -keypasswd); the original demands that, too", "the key %q has another password than the store", alias)
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return nil, wrong("use an RSA, EC or Ed25519 key", "the key %q cannot be used: %v", alias, err)
		}
		var certs []*x509.Certificate
		for _, c := range entry.CertificateChain {
			cert, err := x509.ParseCertificate(c.Content)
			if err != nil {
				return nil, wrong("have it issued anew", "a certificate of %q cannot be read: %v", alias, err)
			}
			certs = append(certs, cert)
		}
		if certs, err = ordered(key, certs); err != nil {
			return nil, err
		}
		all = append(all, chain{key, certs})
	}
	if len(all) == 0 {
		return nil, wrong("make one with keytool -genkeypair, or import it with keytool -importkeystore", "holds no private key")
	}
	return all, nil
}

func jksTrusted(data []byte, password string) ([]*x509.Certificate, error) {
	ks, err := openJKS(data, password)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for _, alias := range ks.Aliases() {
		if !ks.IsTrustedCertificateEntry(alias) {
			continue // a chain beside a key is not trusted for that, in Java either
		}
		entry, err := ks.GetTrustedCertificateEntry(alias)
		if err != nil {
			return nil, err
		}
		cert, err := x509.ParseCertificate(entry.Certificate.Content)
		if err != nil {
			return nil, wrong("remove it (keytool -delete) or have it issued anew", "the certificate %q cannot be read: %v", alias, err)
		}
		all = append(all, cert)
	}
	return all, nil
}

func pkcs12Keys(data []byte, password string) ([]chain, error) {
	key, cert, others, err := p12.DecodeChain(data, password)
	if err != nil {
		return nil, pkcs12Problem(err, "keep one private key in it, with its certificates (keytool -importkeystore -srcalias)")
	}
	certs, err := ordered(key, slices.Concat([]*x509.Certificate{cert}, others))
	if err != nil {
		return nil, err
	}
	return []chain{{key, certs}}, nil
}

func pkcs12Trusted(data []byte, password string) ([]*x509.Certificate, error) {
	certs, err := p12.DecodeTrustStore(data, password)
	if err != nil {
		return nil, pkcs12Problem(err, "keep only trusted certificates in it, imported with keytool -importcert (openssl alone does not mark them as "+
			"trusted, and Java does not trust those either), or use PEM")
	}
	return certs, nil
}

func pkcs12Problem(err error, remedy string) error {
	if errors.Is(err, p12.ErrIncorrectPassword) || errors.Is(err, p12.ErrDecryption) {
		return errPassword
	}
	return wrong(remedy, "cannot be read as PKCS12: %v", err)
}
