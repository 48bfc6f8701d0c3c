// Package auth decides who a client is and what it may do to a znode.
//
// The package is pure. A client is known by ids, each a scheme and a name in it: every connection has its address (scheme
// ip) from the start, auth packets add others. An ACL is a list of grants; a check succeeds when one grants the
// permission to an id the client has. An empty ACL allows everything. The id "super" may do everything.
//
// The scheme "world" with the id "anyone" stands for everybody; "auth" in an ACL that is being set stands for the ids
// the client has proven, and is replaced by them.
//
// Source: ZooKeeperServer.checkACL, PrepRequestProcessor.fixupACL, FinalRequestProcessor (getACL) and server/auth of
// Apache ZooKeeper 3.9.
package auth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Config sets up a Registry. The zero value is the original's default.
type Config struct {
	SuperDigest     string // "user:base64hash"; who proves it by digest gets the id super too (superDigest)
	DigestAlgorithm string // SHA1 (default), or another that CheckAlgorithm knows
	DisableDigest   bool   // no scheme digest
	SkipACL         bool   // every check succeeds
	Ensemble        bool   // the scheme ensemble, by which clients say where they mean to be
	EnsembleNames   string // of this ensemble, with commas between; empty: whatever clients say is right
	OnEnsemble      func(EnsembleCheck)
	Demanded        []string // schemes of one of which a client must have an identity before it may ask for anything; nil: none
	X509            bool     // the scheme x509, by which clients are known that have shown a certificate
	X509SuperUser   string   // whom no ACL of scheme x509 keeps out; empty for none
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

// Registry is the set of schemes of a server. It may be shared once all schemes are registered.
type Registry struct {
	schemes  map[string]Scheme
	skip     bool
	demanded []string
}

// New returns a registry with the schemes ip and digest. It fails on an unknown digest algorithm.
func New(c Config) (*Registry, error) {
	r := &Registry{schemes: make(map[string]Scheme), skip: c.SkipACL, demanded: c.Demanded}
	r.Register(ipScheme{})
	if c.Ensemble {
		r.Register(newEnsemble(c.EnsembleNames, c.OnEnsemble))
	}
	if c.X509 {
		r.Register(x509Scheme{c.X509SuperUser})
	}
	if !c.DisableDigest {
		d, err := newDigest(c.DigestAlgorithm, c.SuperDigest)
		if err != nil {
			return nil, err
		}
		r.Register(d)
	}
	return r, nil
}

// Register adds a scheme or replaces the one of the same name.
func (r *Registry) Register(s Scheme) { r.schemes[s.Name()] = s }

// Check tells whether a client known by ids may do any of perm (a bit set) to a znode with this ACL.
func (r *Registry) Check(acl []zkproto.ACL, perm int32, ids []zkproto.ID) bool {
	if r.skip || len(acl) == 0 {
		return true
	}
	for i := range acl { // most znodes are open
		if acl[i].Perms&perm != 0 && isWorld(acl[i].ID) {
			return true
		}
	}
	for _, id := range ids {
		if id.Scheme == "super" {
			return true
		}
	}
	for i := range acl {
		a := &acl[i]
		if a.Perms&perm == 0 {
			continue
		}
		s := r.schemes[a.Scheme]
		if s == nil {
			continue
		}
		for _, id := range ids {
			if id.Scheme == a.Scheme && s.Matches(id.ID, a.ID.ID) {
				return true
			}
		}
	}
	return false
}

func isWorld(id zkproto.ID) bool { return id.Scheme == "world" && id.ID == "anyone" }

// FixupACL validates the ACL of a create or setACL, drops duplicates and expands "auth"; ErrInvalidACL otherwise. The
// result may be acl itself: neither may be changed afterwards.
func (r *Registry) FixupACL(acl []zkproto.ACL, ids []zkproto.ID) ([]zkproto.ACL, zkproto.Error) {
	if len(acl) == 0 {
		return nil, zkproto.ErrInvalidACL
	}
	if len(acl) == 1 && isWorld(acl[0].ID) {
		return acl, zkproto.ErrOK
	}
	fixed := make([]zkproto.ACL, 0, len(acl))
	for i, a := range acl {
		if slices.Contains(acl[:i], a) {
			continue
		}
		switch {
		case isWorld(a.ID):
			fixed = append(fixed, a)
		case a.Scheme == "auth":
			proven := false
			for _, id := range ids {
				if s := r.schemes[id.Scheme]; s != nil && s.Authenticated() {
					proven = true
					fixed = append(fixed, zkproto.ACL{Perms: a.Perms, ID: id})
				}
			}
			if !proven {
				return nil, zkproto.ErrInvalidACL
			}
		default:
			s := r.schemes[a.Scheme]
			if s == nil || !s.Valid(a.ID.ID) {
				return nil, zkproto.ErrInvalidACL
			}
			fixed = append(fixed, a)
		}
	}
	return fixed, zkproto.ErrOK
}

// Authenticate answers an auth packet: the ids to add to the connection, or an error. After an error the client is told
// ErrAuthFailed and the connection closes.
func (r *Registry) Authenticate(scheme string, data []byte, remote netip.Addr) ([]zkproto.ID, error) {
	s := r.schemes[scheme]
	if s == nil {
		return nil, fmt.Errorf("auth: no scheme %q is set up on this server", scheme)
	}
	ids, err := s.Authenticate(data, remote)
	if err != nil {
		return nil, fmt.Errorf("auth: scheme %s: %w", scheme, err)
	}
	return ids, nil
}

// Admits tells whether a client known by ids may ask for anything at all (enforce.auth.enabled). That an identity is of a scheme is
// enough, as in the original: what it may do to a znode is for the ACL to say.
func (r *Registry) Admits(ids []zkproto.ID) bool {
	return r.demanded == nil || slices.ContainsFunc(ids, func(id zkproto.ID) bool { return slices.Contains(r.demanded, id.Scheme) })
}

// AddIDs adds ids to a connection's, each once, into a new slice.
func AddIDs(have []zkproto.ID, more ...zkproto.ID) []zkproto.ID {
	ids := slices.Clone(have)
	for _, id := range more {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// GetACL is what getACL may show to a client known by ids: the list, the list with digests hidden (for those who may
// READ but not ADMIN: CVE-2019-0201), or nothing (false: ErrNoAuth).
func (r *Registry) GetACL(acl []zkproto.ACL, ids []zkproto.ID) ([]zkproto.ACL, bool) {
	if r.Check(acl, zkproto.PermAdmin, ids) {
		return acl, true
	}
	if !r.Check(acl, zkproto.PermRead, ids) {
		return nil, false
	}
	shown := slices.Clone(acl)
	for i := range shown {
		if shown[i].Scheme != "digest" {
			continue
		}
		if user, _, ok := strings.Cut(shown[i].ID.ID, ":"); ok {
			shown[i].ID.ID = user + ":x"
		}
	}
	return shown, true
}
