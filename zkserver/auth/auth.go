// Package auth decides who a client is and what it may do to a znode.
package auth

import (
	"net/netip"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Config sets up a Registry. The zero value is the original's default.
type Config struct {
	SuperDigest     string // "user:base64hash"; who proves it by digest gets the id super (superDigest)
	DigestAlgorithm string // SHA1 (default), SHA-224, SHA-256, SHA-384, SHA-512
	DisableDigest   bool   // no scheme digest
	SkipACL         bool   // every check succeeds
}

// Scheme is one way to be known.
type Scheme interface {
	// Name is the scheme's name in ids and ACLs.
	Name() string
	// Authenticate checks credentials presented from remote and returns the ids they prove, or an error.
	Authenticate(data []byte, remote netip.Addr) ([]zkproto.ID, error)
	// Valid tells whether id may stand in an ACL.
	Valid(id string) bool
	// Matches tells whether a client known as id is meant by the ACL's expr.
	Matches(id, expr string) bool
	// Authenticated tells whether ids of this scheme stand for a proven user, so that "auth" in an ACL expands to them.
	Authenticated() bool
}

// Registry is the set of schemes of a server.
type Registry struct{}

// New returns a registry with the schemes ip and digest.
func New(c Config) (*Registry, error) { return nil, nil }

// Register adds a scheme or replaces the one of the same name.
func (r *Registry) Register(s Scheme) {}

// Check tells whether a client known by ids may do any of perm (a bit set) to a znode with this ACL.
func (r *Registry) Check(acl []zkproto.ACL, perm int32, ids []zkproto.ID) bool { return false }

// FixupACL validates the ACL of a create or setACL, drops duplicates and expands "auth"; ErrInvalidACL otherwise.
func (r *Registry) FixupACL(acl []zkproto.ACL, ids []zkproto.ID) ([]zkproto.ACL, zkproto.Error) {
	return nil, 0
}

// Authenticate answers an auth packet: the ids to add to the connection, or an error (the client is told ErrAuthFailed).
func (r *Registry) Authenticate(scheme string, data []byte, remote netip.Addr) ([]zkproto.ID, error) {
	return nil, nil
}

// AddIDs adds ids to a connection's, each once, into a new slice.
func AddIDs(have []zkproto.ID, more ...zkproto.ID) []zkproto.ID { return nil }

// RemoteID is the id of scheme ip that every connection has from the start.
func RemoteID(remote netip.Addr) zkproto.ID { return zkproto.ID{} }

// GetACL is what getACL may show to a client known by ids: the list, the list with digests hidden (CVE-2019-0201), or
// nothing (false: ErrNoAuth).
func (r *Registry) GetACL(acl []zkproto.ACL, ids []zkproto.ID) ([]zkproto.ACL, bool) {
	return nil, false
}
