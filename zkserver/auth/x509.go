package auth

import (
	"errors"
	"net/netip"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// x509Scheme knows clients by the subject of the certificate that they have shown. The connection's handshake checks the
// certificate and gives the ids (X509IDs), so that there is nothing left to prove by an auth packet.
type x509Scheme struct{ superUser string }

func (x509Scheme) Name() string { return "x509" }

func (x509Scheme) Authenticate([]byte, netip.Addr) ([]zkproto.ID, error) {
	return nil, errors.New("the client has shown no certificate")
}

// Valid wants what Java reads as a name. It need not be written as Java would print it, and then matches nobody: the original
// compares strings, too.
func (x509Scheme) Valid(id string) bool { return validDN(id) }

// Matches lets the superuser be anybody.
func (x x509Scheme) Matches(id, expr string) bool {
	return id == expr || x.superUser != "" && id == x.superUser
}

func (x509Scheme) Authenticated() bool { return true }

// X509IDs are the ids of who has shown a certificate with this subject (as DER): its name as Java prints it, and super if it is the
// superuser's.
func X509IDs(subject []byte, superUser string) ([]zkproto.ID, error) {
	name, err := rfc2253(subject)
	if err != nil {
		return nil, err
	}
	ids := []zkproto.ID{{Scheme: "x509", ID: name}}
	if superUser != "" && name == superUser {
		ids = append(ids, zkproto.ID{Scheme: "super", ID: name})
	}
	return ids, nil
}
