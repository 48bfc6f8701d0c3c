package tlsconf

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

const pkcs8Remedy = "convert it with openssl pkcs8 -topk8 -v2 aes-256-cbc (or -nocrypt, and no password)"

// pemKeys reads a private key and its certificates from one file, in any order.
func pemKeys(data []byte, password string) ([]chain, error) {
	var key crypto.PrivateKey
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		var err error
		if key, err = pemKey(block, password); err != nil {
			return nil, err
		}
		break
	}
	if key == nil {
		return nil, wrong("put the private key (PKCS8) and the certificates into one file", "holds no private key")
	}
	certs, err := pemCertificates(data)
	if err != nil {
		return nil, err
	}
	if len(certs) == 0 {
		return nil, wrong("put the private key (PKCS8) and the certificates into one file", "holds no certificate")
	}
	if certs, err = ordered(key, certs); err != nil {
		return nil, err
	}
	return []chain{{key, certs}}, nil
}

// pemKey reads one key. The original reads PKCS8 alone; the older forms of openssl are read as well.
func pemKey(block *pem.Block, password string) (crypto.PrivateKey, error) {
	der := block.Bytes
	switch block.Type {
	case "ENCRYPTED PRIVATE KEY":
		if password == "" {
			return nil, wrong("give its password", "the private key is encrypted")
		}
		var err error
		if der, err = decryptPKCS8(der, password); err != nil {
			return nil, err
		}
	case "PRIVATE KEY":
	case "RSA PRIVATE KEY", "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, wrong(pkcs8Remedy, "the private key is encrypted in openssl's old way")
		}
	default:
		return nil, wrong(pkcs8Remedy, "a block %q is no private key that can be used", block.Type)
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, errPassword
	}
	return nil, wrong("use an RSA, EC or Ed25519 key as PKCS8", "the private key cannot be read")
}

func pemCertificates(data []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for n := 1; ; {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return all, nil
		}
		if !strings.HasSuffix(block.Type, "CERTIFICATE") {
			continue
		}
		der := block.Bytes
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, wrong("remove it or have it issued anew", "certificate %d in it cannot be read: %v", n, err)
		}
		all = append(all, cert)
		n++
	}
}
