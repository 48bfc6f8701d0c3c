package auth

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// What may stand in an ACL of scheme x509 is what Java's X500Principal can read. That is more than it prints: names of attributes in
// any case, quotes, semicolons, spaces.

// dnKeywords are the names of attributes that Java reads.
var dnKeywords = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(`CN C L S ST O OU T IP STREET DC DNQUALIFIER DNQ SURNAME GIVENNAME INITIALS GENERATION EMAIL EMAILADDRESS
		UID SERIALNUMBER`) {
		m[name] = true
	}
	return m
}()

// validDN tells whether Java could read a name. The empty one it can.
func validDN(s string) bool {
	if s == "" {
		return true
	}
	chars := []rune(s)
	begin, from, quotes := 0, 0, 0
	for i, c := range chars {
		if c != ',' && c != ';' {
			continue
		}
		quotes += countQuotes(chars[from:i])
		if quotes != 1 && !escapedAt(chars, i, from) {
			if !validRDN(chars[begin:i]) {
				return false
			}
			begin, quotes = i+1, 0
		}
		from = i + 1
	}
	return validRDN(chars[begin:])
}

// countQuotes counts the quotation marks that no backslash stands before.
func countQuotes(chars []rune) int {
	n, backslashes := 0, 0
	for _, c := range chars {
		if c == '"' && backslashes%2 == 0 {
			n++
		}
		if backslashes++; c != '\\' {
			backslashes = 0
		}
	}
	return n
}

// escapedAt tells whether an odd number of backslashes stands before i.
func escapedAt(chars []rune, i, from int) bool {
	if i < 1 || chars[i-1] != '\\' {
		return false
	}
	if i < 2 || chars[i-2] != '\\' {
		return true
	}
	n := 0
	for k := i - 1; k >= from; k-- { // all there are, as Java does it
		if chars[k] == '\\' {
			n++
		}
	}
	return n%2 == 1
}

// validRDN is a part of a name: attributes with + between.
func validRDN(chars []rune) bool {
	begin, from, quotes := 0, 0, 0
	for i, c := range chars {
		if c != '+' {
			continue
		}
		quotes += countQuotes(chars[from:i])
		if i > 0 && chars[i-1] != '\\' && quotes != 1 {
			if !validAVA(chars[begin:i]) {
				return false
			}
			begin, quotes = i+1, 0
		}
		from = i + 1
	}
	return validAVA(chars[begin:])
}

// validAVA is one attribute: its name or number, =, and a value as text, in quotes, or in hexadecimal behind #.
func validAVA(chars []rune) bool {
	eq := strings.IndexRune(string(chars), '=')
	if eq < 0 {
		return false
	}
	text := string(chars)
	if !validKeyword(text[:eq]) {
		return false
	}
	value := []rune(strings.TrimLeft(text[eq+1:], " \n"))
	switch {
	case len(value) == 0:
		return true
	case value[0] == '#':
		return validHex(value[1:])
	case value[0] == '"':
		return validQuoted(value[1:])
	default:
		return validText(value)
	}
}

func validKeyword(k string) bool {
	k = strings.TrimFunc(strings.ToUpper(k), func(c rune) bool { return c <= ' ' }) // as Java trims
	if dnKeywords[k] {
		return true
	}
	return validOID(strings.TrimPrefix(k, "OID."))
}

func validOID(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) < 2 || s[0] < '0' || s[0] > '9' {
		return false
	}
	for i, p := range parts {
		for _, c := range p {
			if c < '0' || c > '9' {
				return false
			}
		}
		if p == "" {
			return false
		}
		n, err := strconv.ParseUint(p, 10, 64)
		first := parts[0]
		if i == 0 && (err != nil || n > 2) || i == 1 && strings.Trim(first, "0") != "2" && (err != nil || n > 39) {
			return false
		}
	}
	return true
}

// terminator tells where Java stops to read a value that is not in quotes; what follows it does not see.
func terminator(c rune) bool { return c == '+' || c == ',' || c == ';' }

func validHex(chars []rune) bool {
	var digits []rune
	for _, c := range chars {
		if terminator(c) {
			break
		}
		digits = append(digits, c)
	}
	der, err := hex.DecodeString(string(digits))
	return err == nil && len(der) > 0 && validDER(der)
}

// validDER tells whether bytes are one value with tag and length. Java takes no indefinite lengths here.
func validDER(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	n, rest := int(b[1]), b[2:]
	if n >= 0x80 {
		size := n & 0x7f
		if size == 0 || size > 4 || len(rest) < size {
			return false
		}
		n = 0
		for _, c := range rest[:size] {
			n = n<<8 | int(c)
		}
		if rest[0] == 0 || n < 0x80 { // not the shortest form
			return false
		}
		rest = rest[size:]
	}
	return n == len(rest)
}

func isHex(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func validQuoted(chars []rune) bool {
	for i := 0; i < len(chars); i++ {
		switch c := chars[i]; {
		case c == '"':
			return strings.Trim(string(chars[i+1:]), " \n") == ""
		case c != '\\':
		case i+1 == len(chars):
			return false
		case isHex(chars[i+1]):
			if i+2 >= len(chars) || !isHex(chars[i+2]) {
				return false
			}
			i += 2
		case !strings.ContainsRune(",=\n+<>#;\\\"", chars[i+1]):
			return false
		default:
			i++
		}
	}
	return false
}

func validText(chars []rune) bool {
	for i := 0; i < len(chars) && (i == 0 || !terminator(chars[i])); i++ {
		switch c := chars[i]; {
		case c != '\\':
			if strings.ContainsRune(",+<>;\"", c) {
				return false
			}
		case i+1 == len(chars):
			return false
		case isHex(chars[i+1]):
			if i+2 >= len(chars) || !isHex(chars[i+2]) {
				return false
			}
			i += 2
		case !strings.ContainsRune(",=\n+<>#;\\\" ", chars[i+1]):
			return false
		default:
			i++
		}
	}
	return true
}
