package hadoopconf

import (
	"crypto/cipher"
	"crypto/des"  //nolint:gosec // the format's
	"crypto/md5"  //nolint:gosec // the format's
	"crypto/sha1" //nolint:gosec // the format's
	"crypto/subtle"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// A key store of the type JCEKS, in which Hadoop keeps credentials:
//
//	CECECECE version:4 n:4 entry* digest:20          digest := SHA-1(password in UTF-16, "Mighty Aphrodite", all before it)
//	entry := 3 alias date:8 serialized SealedObject  the secret, encrypted with PBEWithMD5AndTripleDES
//
// Entries of the other kinds, private keys (1) and certificates (2), are passed over. Aliases are in lower case.
const (
	jceksMagic   = 0xCECECECE
	jceksWord    = "Mighty Aphrodite"
	jceksAlgo    = "PBEWithMD5AndTripleDES"
	maxPBERounds = 5_000_000 // the JDK's limit
)

// ErrPassword is the error of Secret for a wrong password, or a file that was changed.
var ErrPassword = errors.New("the password does not fit, or the file is damaged")

// Secret is the value of alias in a JCEKS key store; found is false when it has none.
func Secret(store []byte, password, alias string) (value string, found bool, err error) {
	if len(store) < sha1.Size+12 {
		return "", false, errTruncated
	}
	body, digest := store[:len(store)-sha1.Size], store[len(store)-sha1.Size:]
	c := &cursor{data: body}
	if magic, version := c.u32(), c.u32(); magic != jceksMagic || version < 1 || version > 2 {
		return "", false, errors.New("it is no key store of the type JCEKS")
	}
	if subtle.ConstantTimeCompare(digest, jceksDigest(password, body)) != 1 {
		return "", false, ErrPassword
	}
	for n := c.u32(); n > 0 && c.err == nil; n-- {
		tag, name := c.u32(), c.utf()
		c.take(8)
		switch tag {
		case 1:
			c.take(c.u32())
			for k := c.u32(); k > 0 && c.err == nil; k-- {
				c.certificate()
			}
		case 2:
			c.certificate()
		case 3:
			sealed := c.object()
			if c.err == nil && strings.EqualFold(name, alias) {
				value, err := unseal(sealed, password)
				return value, err == nil, err
			}
		default:
			c.fail(fmt.Errorf("it has an entry of kind %d", tag))
		}
	}
	return "", false, c.err
}

func (c *cursor) certificate() {
	c.utf()
	c.take(c.u32())
}

func jceksDigest(password string, body []byte) []byte {
	h := sha1.New() //nolint:gosec // the format's
	for _, u := range utf16.Encode([]rune(password)) {
		h.Write([]byte{byte(u >> 8), byte(u)})
	}
	h.Write([]byte(jceksWord))
	h.Write(body)
	return h.Sum(nil)
}

// unseal decrypts a SealedObject that holds a SecretKeySpec.
func unseal(sealed map[string]any, password string) (string, error) {
	params, _ := sealed["encodedParams"].([]byte)
	content, _ := sealed["encryptedContent"].([]byte)
	if algo, _ := sealed["sealAlg"].(string); algo != jceksAlgo {
		return "", fmt.Errorf("the entry is encrypted with %q, not with %s", algo, jceksAlgo)
	}
	var pbe struct {
		Salt   []byte
		Rounds int
	}
	if _, err := asn1.Unmarshal(params, &pbe); err != nil || len(pbe.Salt) != 8 || pbe.Rounds < 1 || pbe.Rounds > maxPBERounds {
		return "", errors.New("the entry's parameters cannot be read")
	}
	block, iv, err := pbeKey(password, pbe.Salt, pbe.Rounds)
	if err != nil {
		return "", err
	}
	if len(content) == 0 || len(content)%des.BlockSize != 0 {
		return "", errors.New("the entry's length is wrong")
	}
	plain := make([]byte, len(content))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, content)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > des.BlockSize {
		return "", ErrPassword
	}
	c := &cursor{data: plain[:len(plain)-pad]}
	key, _ := c.object()["key"].([]byte)
	if c.err != nil || key == nil {
		return "", ErrPassword
	}
	return string(key), nil
}

// pbeKey is the key and first vector of Sun's PBEWithMD5AndTripleDES: each half of the salt is digested with the password,
// over and over, and gives half of the 32 bytes.
func pbeKey(password string, salt []byte, rounds int) (cipher.Block, []byte, error) {
	s := [8]byte(salt)
	if [4]byte(s[:4]) == [4]byte(s[4:]) { // the JDK's "inversion" of equal halves, with its slip of the index
		for i := range 2 {
			s[i], s[2] = s[3-i], s[i]
		}
	}
	var out []byte
	for half := range 2 {
		sum := s[half*4 : half*4+4]
		for range rounds {
			d := md5.Sum(append(append(make([]byte, 0, 64), sum...), password...)) //nolint:gosec // the format's
			sum = d[:]
		}
		out = append(out, sum...)
	}
	block, err := des.NewTripleDESCipher(out[:24]) //nolint:gosec // the format's
	return block, out[24:], err
}
