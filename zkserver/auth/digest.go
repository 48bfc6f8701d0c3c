package auth

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// digest is the scheme of user names and passwords: the id is "user:" and the base64 hash of "user:password".
type digest struct {
	sum   func(data string) []byte
	super string
}

func newDigest(algorithm, super string) (digest, error) {
	d := digest{super: super}
	switch strings.ToUpper(strings.ReplaceAll(algorithm, "-", "")) {
	case "", "SHA1", "SHA":
		d.sum = func(s string) []byte { h := sha1.Sum([]byte(s)); return h[:] }
	case "SHA224":
		d.sum = func(s string) []byte { h := sha256.Sum224([]byte(s)); return h[:] }
	case "SHA256":
		d.sum = func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	case "SHA384":
		d.sum = func(s string) []byte { h := sha512.Sum384([]byte(s)); return h[:] }
	case "SHA512":
		d.sum = func(s string) []byte { h := sha512.Sum512([]byte(s)); return h[:] }
	default:
		return digest{}, fmt.Errorf("auth: digest algorithm %q is not known; use SHA1, SHA-224, SHA-256, SHA-384 or SHA-512",
			algorithm)
	}
	return d, nil
}

func (d digest) Name() string { return "digest" }

func (d digest) Authenticated() bool { return true }

// Authenticate accepts everything but null: data is "user:password", and whoever knows it is that user.
func (d digest) Authenticate(data []byte, _ netip.Addr) ([]zkproto.ID, error) {
	if data == nil {
		return nil, errors.New("no user:password was given")
	}
	id := d.hash(strings.ToValidUTF8(string(data), "\uFFFD"))
	ids := []zkproto.ID{{Scheme: "digest", ID: id}}
	if id == d.super {
		ids = append([]zkproto.ID{{Scheme: "super"}}, ids...)
	}
	return ids, nil
}

func (d digest) hash(idPassword string) string {
	user, _, _ := strings.Cut(idPassword, ":")
	return user + ":" + base64.StdEncoding.EncodeToString(d.sum(idPassword))
}

// Valid wants two parts around one colon; colons at the end do not count.
func (d digest) Valid(id string) bool {
	return strings.Count(strings.TrimRight(id, ":"), ":") == 1
}

func (d digest) Matches(id, expr string) bool { return id == expr }

// Digest is the id of scheme digest for "user:password", by the default algorithm.
func Digest(idPassword string) string {
	d, _ := newDigest("", "")
	return d.hash(idPassword)
}
