package auth

import (
	"crypto/md5" //nolint:gosec // an operator who asks for it has znodes with it
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"net/netip"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// digest is the scheme of user names and passwords: the id is "user:" and the base64 hash of "user:password".
type digest struct {
	sum   func(data string) []byte
	super string
}

// algorithms are the hashes by their names, without dashes in capitals: those of Java's MessageDigest but MD2.
var algorithms = map[string]func() hash.Hash{
	"": sha1.New, "SHA": sha1.New, "SHA1": sha1.New, "MD5": md5.New,
	"SHA224": sha256.New224, "SHA256": sha256.New, "SHA384": sha512.New384, "SHA512": sha512.New,
	"SHA512/224": sha512.New512_224, "SHA512/256": sha512.New512_256,
	"SHA3224": func() hash.Hash { return sha3.New224() }, "SHA3256": func() hash.Hash { return sha3.New256() },
	"SHA3384": func() hash.Hash { return sha3.New384() }, "SHA3512": func() hash.Hash { return sha3.New512() },
}

// CheckAlgorithm tells whether there is a digest algorithm of that name.
func CheckAlgorithm(name string) error {
	if algorithms[plain(name)] == nil {
		return fmt.Errorf("auth: digest algorithm %q is not known; use SHA1, SHA-256, SHA-512, SHA3-256 or another of Java's SHA family", name)
	}
	return nil
}

func plain(algorithm string) string { return strings.ToUpper(strings.ReplaceAll(algorithm, "-", "")) }

func newDigest(algorithm, super string) (digest, error) {
	if err := CheckAlgorithm(algorithm); err != nil {
		return digest{}, err
	}
	make := algorithms[plain(algorithm)]
	return digest{super: super, sum: func(data string) []byte {
		h := make()
		h.Write([]byte(data)) // never fails
		return h.Sum(nil)
	}}, nil
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
