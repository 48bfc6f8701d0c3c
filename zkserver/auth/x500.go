package auth

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The identity of a certificate is its subject as Java's X500Principal.getName prints it, to the letter, because that stands in
// ACLs: RFC 2253, the last part first, with Java's choice of names for attributes and of characters to escape.

// rfc2253Names are the attributes that have a name there; all others show their number, and their value in hexadecimal.
var rfc2253Names = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type attributeSET []attribute // encoding/asn1 takes the name for a SET

// rfc2253 prints a name given as DER.
func rfc2253(der []byte) (string, error) {
	var name []attributeSET
	rest, err := asn1.Unmarshal(der, &name)
	if err != nil || len(rest) > 0 {
		return "", fmt.Errorf("auth: the subject of the certificate cannot be read: %w", err)
	}
	var b strings.Builder
	for i := len(name) - 1; i >= 0; i-- {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		for j, a := range name[i] {
			if j > 0 {
				b.WriteByte('+')
			}
			a.print(&b)
		}
	}
	return b.String(), nil
}

func (a *attribute) print(b *strings.Builder) {
	known, ok := rfc2253Names[a.Type.String()]
	if !ok || !isText(&a.Value) {
		if !ok {
			known = a.Type.String()
		}
		b.WriteString(known + "=#" + hex.EncodeToString(a.Value.FullBytes))
		return
	}
	b.WriteString(known + "=")
	// Java takes the bytes for UTF-8, whatever kind of string they are.
	var text []rune
	for _, c := range decodeUTF8(a.Value.Bytes) {
		switch {
		case strings.ContainsRune(",=+<>#;\"\\", c):
			text = append(text, '\\', c)
		case c == 0:
			text = append(text, '\\', '0', '0')
		default:
			text = append(text, c)
		}
	}
	lead, trail := 0, len(text)-1
	for lead < len(text) && (text[lead] == ' ' || text[lead] == '\r') {
		lead++
	}
	for trail >= 0 && (text[trail] == ' ' || text[trail] == '\r') {
		trail--
	}
	for i, c := range text {
		if i < lead || i > trail {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
}

// decodeUTF8 puts one U+FFFD in the place of each piece that cannot be read, where a piece is as much as might have begun a
// character. (Go puts one in the place of each byte.)
func decodeUTF8(b []byte) []rune {
	var out []rune
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n <= 1 {
			n = 1
			if len(b) > 1 && b[0] == 0xed && b[1]&0xe0 == 0xa0 { // half of a surrogate pair, which Java takes for one piece
				if n = 2; len(b) > 2 && b[2]&0xc0 == 0x80 {
					n = 3
				}
			}
			for n < len(b) && n < 4 && !utf8.FullRune(b[:n]) && b[n]&0xc0 == 0x80 && (utf8.Valid(b[:n+1]) || !utf8.FullRune(b[:n+1])) {
				n++
			}
		}
		out = append(out, c)
		b = b[n:]
	}
	return out
}

// isText tells whether a value is one of the kinds of string that Java prints as text.
func isText(v *asn1.RawValue) bool {
	const tagGeneralString = 27
	if v.Class != asn1.ClassUniversal {
		return false
	}
	switch v.Tag {
	case asn1.TagPrintableString, asn1.TagT61String, asn1.TagIA5String, tagGeneralString, asn1.TagBMPString, asn1.TagUTF8String:
		return true
	}
	return false
}
