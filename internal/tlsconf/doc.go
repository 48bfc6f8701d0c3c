// Package tlsconf makes crypto/tls configurations from what ZooKeeper's ssl.* keys name: key stores and trust stores as JKS,
// PKCS12 or PEM, passwords or files with them, protocols, cipher suites, who must show a certificate, and whose name is checked.
//
// A Source is what one group of keys (ssl. or ssl.quorum.) amounts to. It can be asked to read its files again; connections that
// exist are not touched by that, handshakes from then on see the new certificates. Where the files cannot be used the old
// certificates stay, so that a half-written file never closes a port.
//
// Names are checked as Java's HTTPS rules have it, which is looser than crypto/x509 in one point: the common name counts where a
// certificate names no host at all beside it. keytool makes such certificates unless it is told otherwise.
package tlsconf

import "strings"

// Store is a key store or a trust store: one file.
type Store struct {
	Path         string
	Type         string // JKS, PKCS12 or PEM; empty: by the end of the file's name (.jks, .p12, .pem), as the original does
	Password     string
	PasswordPath string // a file with the password; it wins over Password
}

// ClientAuth says what a port demands of who connects.
type ClientAuth int

// Need is the original's default.
const (
	Need ClientAuth = iota // a certificate, signed by somebody in the trust store
	Want                   // none is well, too; one that is shown must be good
	None                   // nobody is asked
)

// ParseClientAuth reads the value of ssl.clientAuth.
func ParseClientAuth(v string) (ClientAuth, bool) {
	switch strings.ToLower(v) {
	case "", "need":
		return Need, true
	case "want":
		return Want, true
	case "none":
		return None, true
	}
	return Need, false
}

// Settings are the values of one group of keys.
type Settings struct {
	Prefix               string // of the keys, for errors: "ssl." or "ssl.quorum."
	KeyStore, TrustStore Store  // TrustStore.Path "": the system's roots, as the original falls back to those of Java
	NeedKey              bool   // a port: without a certificate nothing can connect to it, so Load demands one
	// Protocol is Java's name of a protocol and stands for itself and, from TLSv1.3 on, for TLSv1.2, too. Empty: TLSv1.3 and TLSv1.2.
	// The original's default is TLSv1.2 in FIPS mode, which is on by default; an original and a server of ours agree on that.
	Protocol                   string
	EnabledProtocols           []string // wins over Protocol
	CipherSuites               []string // IANA's names, which are Java's; empty: the defaults of crypto/tls
	ClientAuth                 ClientAuth
	VerifyServer, VerifyClient bool // check the host's name in a server's (ssl.hostnameVerification) and a client's certificate
	ReverseDNS                 bool // ask the DNS for the name of an address that the certificate does not hold
}

// Error is something wrong with a setting or with the file it names. It never holds a password.
type Error struct {
	Key    string // the whole key, "ssl.keyStore.location"
	File   string // may be empty
	Reason string
	Remedy string
}

func (e *Error) Error() string {
	s := e.Key + ": "
	if e.File != "" {
		s += e.File + ": "
	}
	return s + e.Reason + "; " + e.Remedy
}
