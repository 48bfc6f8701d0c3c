package auth

import (
	"encoding/asn1"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Names as Java 17 prints them; tests/compat compares many more with a Java that is there.
func TestNamesAreJavas(t *testing.T) {
	cn, ou, o, mail := []int{2, 5, 4, 3}, []int{2, 5, 4, 11}, []int{2, 5, 4, 10}, []int{1, 2, 840, 113549, 1, 9, 1}
	one := func(oid []int, tag int, text string) attributeSET {
		return attributeSET{{oid, asn1.RawValue{Tag: tag, Bytes: []byte(text)}}}
	}
	const utf8String, printable, ia5, bmp, universal = 12, 19, 22, 30, 28
	for want, name := range map[string][]attributeSET{
		"":                                 {},
		`O=Zoo\, Inc.,CN=ab`:               {one(cn, printable, "ab"), one(o, utf8String, "Zoo, Inc.")},
		`CN=a+OU=\<x\> \=`:                 {append(one(cn, utf8String, "a"), one(ou, utf8String, "<x> =")...)},
		"1.2.840.113549.1.9.1=#1603614062": {one(mail, ia5, "a@b")},
		"CN=\\ \\ x\\ \\ \\\r":             {one(cn, utf8String, "  x  \r")},
		`CN=\00A\00B`:                      {one(cn, bmp, "\x00A\x00B")},
		"CN=#1c0400000041":                 {one(cn, universal, "\x00\x00\x00A")},
		"CN=\uFFFD":                        {one(cn, utf8String, "\xed\xa0\x80")},
		"CN=\uFFFD\uFFFDa":                 {one(cn, utf8String, "\xff\xffa")},
	} {
		der, err := asn1.Marshal(name)
		require.NoError(t, err)
		got, err := rfc2253(der)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := rfc2253([]byte{0x30, 5, 1})
	require.ErrorContains(t, err, "the subject of the certificate cannot be read")
}

// What Java 17 reads as a name.
func TestNamesInACLs(t *testing.T) {
	for name, valid := range map[string]bool{
		"": true, "CN=a": true, "cn=a,ou=b;O=c": true, "CN=a+OU=b": true, "oid.2.5.4.3=a": true, "2.5.4.3=#0c0161": true, `CN="a,b"`: true,
		`CN=a\,b`: true, `CN=a\41`: true, "CN=": true, "CN = a": true, `CN=\ a`: true, "EMAILADDRESS=a@b": true, "STREET=a": true,
		"a": false, "CN": false, "XX=a": false, "CN=a,": false, ",CN=a": false, "CN=a,b": false, `CN="a`: false, `CN="a"b`: false, `CN=a\x`: false,
		`CN=a\4`: false, "CN=a<b": false, `CN=a"b`: false, "CN=#0": false, "CN=#": false, "CN=#0c0261": false, "2=a": false, "3.1=a": false, "CN=a++OU=b": false,
	} {
		require.Equal(t, valid, x509Scheme{}.Valid(name), "%q", name)
	}
}

func TestX509(t *testing.T) {
	plain, err := New(Config{})
	require.NoError(t, err)
	mine := zkproto.ID{Scheme: "x509", ID: "CN=me"}
	acl := []zkproto.ACL{{Perms: zkproto.PermAll, ID: mine}}
	_, code := plain.FixupACL(acl, nil)
	require.Equal(t, zkproto.ErrInvalidACL, code, "a server without TLS does not know the scheme")

	r, err := New(Config{X509: true, X509SuperUser: "CN=root"})
	require.NoError(t, err)
	fixed, code := r.FixupACL(acl, nil)
	require.Equal(t, zkproto.ErrOK, code)
	require.Equal(t, acl, fixed)
	_, code = r.FixupACL([]zkproto.ACL{{Perms: 1, ID: zkproto.ID{Scheme: "x509", ID: "me"}}}, nil)
	require.Equal(t, zkproto.ErrInvalidACL, code)
	fixed, code = r.FixupACL([]zkproto.ACL{{Perms: 1, ID: zkproto.ID{Scheme: "auth"}}}, []zkproto.ID{{Scheme: "ip", ID: "::1"}, mine})
	require.Equal(t, zkproto.ErrOK, code)
	require.Equal(t, []zkproto.ACL{{Perms: 1, ID: mine}}, fixed)

	require.True(t, r.Check(acl, zkproto.PermWrite, []zkproto.ID{mine}))
	require.False(t, r.Check(acl, zkproto.PermWrite, []zkproto.ID{{Scheme: "x509", ID: "CN=ME"}}))
	require.False(t, plain.Check(acl, zkproto.PermWrite, []zkproto.ID{mine}))
	require.True(t, r.Check(acl, zkproto.PermWrite, []zkproto.ID{{Scheme: "x509", ID: "CN=root"}}))
	require.False(t, r.Check([]zkproto.ACL{{Perms: 31, ID: zkproto.ID{Scheme: "digest", ID: "a:b"}}}, 1, []zkproto.ID{{Scheme: "x509", ID: "CN=root"}}),
		"the scheme's superuser is one by the id super")

	root, err := X509IDs([]byte("\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04root"), "CN=root")
	require.NoError(t, err)
	require.Equal(t, []zkproto.ID{{Scheme: "x509", ID: "CN=root"}, {Scheme: "super", ID: "CN=root"}}, root)
	_, err = r.Authenticate("x509", nil, netip.Addr{})
	require.ErrorContains(t, err, "has shown no certificate")
}
