package haconfig

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// ACL is one entry of an access list.
type ACL struct {
	Scheme, ID string
	Perms      int32 // ZooKeeper's bits: read 1, write 2, create 4, delete 8, admin 16
}

// Auth is one identity to add to the session.
type Auth struct {
	Scheme string
	Data   []byte
}

// errACL is what is wrong with one entry, and the original's word for that.
type errACL struct{ text, java string }

func (e *errACL) Error() string { return e.text }

// creatorAll gives everything to the identity that makes a znode.
var creatorAll = ACL{Scheme: "auth", Perms: 31}

// ACLs parses the acl key, reading the file behind @file. When it is empty, the controller's own identity has all rights, if it
// has one.
func (z Zookeeper) ACLs() ([]ACL, error) {
	text, err := indirect(z.ACL)
	if err != nil {
		return nil, err
	}
	var out []ACL
	for _, e := range entries(text) {
		first, last := strings.IndexByte(e, ':'), strings.LastIndexByte(e, ':')
		if first <= 0 || last == first || last == len(e)-1 {
			return nil, &errACL{fmt.Sprintf("%q is not scheme:id:perms", e), "ACL '" + e + "' not of expected form scheme:id:perm"}
		}
		a := ACL{Scheme: e[:first], ID: e[first+1 : last]}
		for _, p := range e[last+1:] {
			bit := strings.IndexRune("rwcda", p)
			if bit < 0 {
				return nil, &errACL{
					fmt.Sprintf("%q in %q is not one of the permissions r, w, c, d, a", p, e),
					fmt.Sprintf("Invalid permission '%c' in permission string '%s'", p, e[last+1:]),
				}
			}
			a.Perms |= 1 << bit
		}
		out = append(out, a)
	}
	if len(out) == 0 && strings.TrimSpace(z.Auth) != "" {
		return []ACL{creatorAll}, nil
	}
	if len(out) == 0 {
		return nil, errors.New("no entry, and no identity that could have the rights: nobody could use the znodes")
	}
	return out, nil
}

// locksOut is the scheme by which acls give rights only to who is known by Kerberos, which zkfc cannot be yet, or by a certificate,
// which it may show or not: it could not use its own znodes. Empty when there is another who may do all.
func locksOut(acls []ACL, certificate bool) (scheme string) {
	const needed = 1 | 2 | 4 | 8
	for _, a := range acls {
		switch {
		case a.Scheme == "sasl" || a.Scheme == "x509" && !certificate:
			scheme = a.Scheme
		case a.Perms&needed == needed:
			return ""
		}
	}
	return scheme
}

func lockedOut(scheme string) (text, remedy string) {
	if scheme == "x509" {
		return "gives the rights to an identity of scheme x509 only, and zkfc shows no certificate", "use TLS with a key store (zookeeper.tls), or world or digest"
	}
	return "gives the rights to an identity of scheme " + scheme + " only, which zkfc cannot have yet", "use world, digest or x509; " + laterRelease
}

// Auths parses the auth key, reading the file behind @file. The data never appears in an error.
func (z Zookeeper) Auths() ([]Auth, error) {
	text, err := indirect(z.Auth)
	if err != nil {
		return nil, err
	}
	var out []Auth
	for i, e := range entries(text) {
		scheme, data, ok := strings.Cut(e, ":")
		if !ok || scheme == "" {
			return nil, fmt.Errorf("entry %d is not scheme:data", i+1)
		}
		out = append(out, Auth{Scheme: scheme, Data: []byte(data)})
	}
	return out, nil
}

// indirect is the content of the file after @, or the value itself.
func indirect(value string) (string, error) {
	file, ok := strings.CutPrefix(strings.TrimSpace(value), "@")
	if !ok {
		return value, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the file after @: %w", err)
	}
	return string(text), nil
}

func entries(text string) []string {
	var out []string
	for _, e := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if e = strings.TrimSpace(e); e != "" {
			out = append(out, e)
		}
	}
	return out
}
