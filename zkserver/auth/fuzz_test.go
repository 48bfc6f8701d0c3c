package auth

import (
	"net/netip"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Whatever a client sends as credentials or as an ACL: what is accepted can be checked, and who has proved something never matches
// less than before.
func FuzzCredentialsAndACLs(f *testing.F) {
	for _, scheme := range []string{"digest", "ip", "world", "auth", "super", "x509", ""} {
		f.Add(scheme, "u:p", int32(31), "127.0.0.1")
	}
	for _, id := range []string{
		"10.0.0.0/8", "::1/128", "::ffff:10.0.0.1", "fe80::1%eth0", "1:2:3:4:5:6:7::", "::/0", "1.2.3.4/33", "/8", "u:KnXPPGh6BTKkSTvgVwNSZUb8Oqk=", "anyone",
	} {
		f.Add("ip", id, int32(1), "10.0.0.1")
		f.Add("digest", id, int32(1), "::1")
	}
	for _, id := range []string{"CN=a,OU=b", `CN="a, b"+O=\2c`, "OID.2.5.4.3=#0c0161; cn=", "=", "CN=\\", "CN=#80"} {
		f.Add("x509", id, int32(1), "::1")
	}
	r, err := New(Config{SuperDigest: Digest("super:secret"), X509: true, X509SuperUser: "CN=root"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, scheme, id string, perms int32, from string) {
		remote, err := netip.ParseAddr(from)
		if err != nil {
			return
		}
		remote = remote.Unmap()
		ids := []zkproto.ID{RemoteID(remote)}
		acl, refused := r.FixupACL([]zkproto.ACL{{Perms: perms, ID: zkproto.ID{Scheme: scheme, ID: id}}}, ids)
		if refused == zkproto.ErrOK {
			require.NotEmpty(t, acl, "an ACL that lets nobody in")
			before := r.Check(acl, zkproto.PermRead, ids)
			if proved, err := r.Authenticate(scheme, []byte(id), remote); err == nil {
				require.NotEmpty(t, proved)
				ids = AddIDs(ids, proved...)
			}
			require.True(t, !before || r.Check(acl, zkproto.PermRead, ids))
			_, _ = r.GetACL(acl, ids)
		}
		// An address is an ACL for itself, and nothing else's.
		own := []zkproto.ACL{{Perms: zkproto.PermRead, ID: zkproto.ID{Scheme: "ip", ID: remote.WithZone("").String()}}}
		require.True(t, r.Check(own, zkproto.PermRead, []zkproto.ID{RemoteID(remote.WithZone(""))}), "%s", remote)
		require.False(t, r.Check(own, zkproto.PermWrite, []zkproto.ID{RemoteID(remote.WithZone(""))}))
	})
}

// Whatever a certificate's subject holds: it is printed as text, or refused.
func FuzzSubjects(f *testing.F) {
	for _, der := range []string{"0\x00", "0\x0f1\r0\v\x06\x03U\x04\x03\x0c\x04root", "0\x111\x0f0\r\x06\x03U\x04\x03\x1e\x06\x00A\x00B\x00C", "0\x0e1\x0c0\n\x06\x03U\x04\x03\x0c\x03\xed\xa0\x80"} {
		f.Add([]byte(der))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		ids, err := X509IDs(der, "")
		if err == nil {
			require.Len(t, ids, 1)
			require.True(t, utf8.ValidString(ids[0].ID))
		}
	})
}
