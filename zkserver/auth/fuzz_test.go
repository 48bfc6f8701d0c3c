package auth

import (
	"net/netip"
	"testing"

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
	r, err := New(Config{SuperDigest: Digest("super:secret")})
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
