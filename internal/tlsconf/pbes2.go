package tlsconf

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"hash"
)

// An encrypted PKCS8 key as RFC 8018 has it (PBES2): a key made of the password by PBKDF2, then AES in CBC mode. Older ways
// (PBES1 with DES or RC2) are refused: nobody should write them any more, and openssl converts them.

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	prfs = map[string]func() hash.Hash{
		"":                    sha1.New, // the default
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.8":  sha256.New224,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
	aesKeys = map[string]int{
		"2.16.840.1.101.3.4.1.2":  16,
		"2.16.840.1.101.3.4.1.22": 24,
		"2.16.840.1.101.3.4.1.42": 32,
	}
)

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	Derivation, Encryption pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// maxIterations keeps a damaged file from holding the start up.
const maxIterations = 10_000_000

func decryptPKCS8(der []byte, password string) ([]byte, error) {
	var outer encryptedKey
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil, wrong(pkcs8Remedy, "the encrypted private key cannot be read: %v", err)
	}
	var scheme pbes2Params
	var derivation pbkdf2Params
	var iv []byte
	if !outer.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, wrong(pkcs8Remedy, "the private key is encrypted in an old way (%v)", outer.Algorithm.Algorithm)
	}
	if _, err := asn1.Unmarshal(outer.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, wrong(pkcs8Remedy, "the encrypted private key cannot be read: %v", err)
	}
	size := aesKeys[scheme.Encryption.Algorithm.String()]
	if size == 0 || !scheme.Derivation.Algorithm.Equal(oidPBKDF2) {
		return nil, wrong(pkcs8Remedy, "the private key is encrypted in a way that is not known here (%v, %v)", scheme.Derivation.Algorithm, scheme.Encryption.Algorithm)
	}
	if _, err := asn1.Unmarshal(scheme.Derivation.Parameters.FullBytes, &derivation); err != nil {
		return nil, wrong(pkcs8Remedy, "the encrypted private key cannot be read: %v", err)
	}
	prf := prfs[derivation.PRF.Algorithm.String()]
	if prf == nil || derivation.Iterations < 1 || derivation.Iterations > maxIterations {
		return nil, wrong(pkcs8Remedy, "the private key is encrypted in a way that is not known here (%v, %d rounds)", derivation.PRF.Algorithm, derivation.Iterations)
	}
	if _, err := asn1.Unmarshal(scheme.Encryption.Parameters.FullBytes, &iv); err != nil || len(iv) != aes.BlockSize {
		return nil, wrong(pkcs8Remedy, "the encrypted private key cannot be read: its vector is missing")
	}
	key, err := pbkdf2.Key(prf, password, derivation.Salt, derivation.Iterations, size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if len(outer.Data) == 0 || len(outer.Data)%aes.BlockSize != 0 {
		return nil, errPassword
	}
	plain := make([]byte, len(outer.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, outer.Data)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, errPassword
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, errPassword
		}
	}
	return plain[:len(plain)-pad], nil
}
