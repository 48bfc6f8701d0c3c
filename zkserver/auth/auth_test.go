package auth

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func acl(perms int32, scheme, id string) zkproto.ACL {
	return zkproto.ACL{Perms: perms, ID: zkproto.ID{Scheme: scheme, ID: id}}
}

func id(scheme, name string) zkproto.ID { return zkproto.ID{Scheme: scheme, ID: name} }

func registry(t *testing.T, c Config) *Registry {
	t.Helper()
	r, err := New(c)
	require.NoError(t, err)
	return r
}

func TestDigestKnownHashes(t *testing.T) {
	require.Equal(t, "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=", Digest("super:admin"))
	require.Equal(t, "user:smGaoVKd/cQkjm7b88GyorAUz20=", Digest("user:pass"))
}

func TestDigestAuthenticate(t *testing.T) {
	r := registry(t, Config{SuperDigest: "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="})
	ids, err := r.Authenticate("digest", []byte("user:pass"), netip.Addr{})
	require.NoError(t, err)
	require.Equal(t, []zkproto.ID{id("digest", "user:smGaoVKd/cQkjm7b88GyorAUz20=")}, ids)
	ids, err = r.Authenticate("digest", []byte("super:admin"), netip.Addr{})
	require.NoError(t, err)
	require.Equal(t, []zkproto.ID{id("super", ""), id("digest", "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=")}, ids)

	_, err = r.Authenticate("sasl", nil, netip.Addr{})
	require.ErrorContains(t, err, "sasl")
	_, err = registry(t, Config{DisableDigest: true}).Authenticate("digest", []byte("a:b"), netip.Addr{})
	require.Error(t, err)
	_, err = New(Config{DigestAlgorithm: "MD4"})
	require.ErrorContains(t, err, "MD4")
	for alg, want := range map[string]string{ // as openssl computes them
		"SHA-256": "1u81lalRcGTrPhAU2peNL/tIAt6kFmJ+nR4xnqch9V8=", "sha3-256": "IFAGeAiJKZ4jfqy+2LuwvXn81pvIdZebUjTIGQ1sdjs=",
		"MD5": "65VP9Bk7nVzP4StelBUDnA==", "SHA-512/256": "QTEvmwuzgxYYzPc5n2b4z6ypmPnQDhfRlOcj+tjMXio=",
	} {
		ids, err = registry(t, Config{DigestAlgorithm: alg, SuperDigest: "super:" + want}).Authenticate("digest", []byte("super:x"), netip.Addr{})
		require.NoError(t, err)
		require.Equal(t, []zkproto.ID{id("super", ""), id("digest", "super:"+want)}, ids, alg)
	}
	for _, alg := range []string{"", "SHA", "SHA-1", "SHA-224", "SHA-384", "SHA512", "SHA-512/224", "SHA3-224", "SHA3-384", "SHA3-512"} {
		require.NoError(t, CheckAlgorithm(alg))
		_, err = registry(t, Config{DigestAlgorithm: alg}).Authenticate("digest", []byte("a:b"), netip.Addr{})
		require.NoError(t, err)
	}
}

func TestValid(t *testing.T) {
	r := registry(t, Config{})
	for expr, want := range map[zkproto.ID]bool{
		id("world", "anyone"):      true,
		id("world", "someone"):     false,
		id("digest", "a:b"):        true,
		id("digest", ":b"):         true,
		id("digest", "a:b:"):       true,
		id("digest", "a:"):         false,
		id("digest", "a"):          false,
		id("digest", ""):           false,
		id("digest", "a:b:c"):      false,
		id("ip", "10.0.0.1"):       true,
		id("ip", "10.0.0.0/8"):     true,
		id("ip", "10.0.0.0/32"):    true,
		id("ip", "10.0.0.0/33"):    false,
		id("ip", "10.0.0.0/-1"):    false,
		id("ip", "10.0.0.0/x"):     false,
		id("ip", "10.0.0"):         false,
		id("ip", "::1"):            true,
		id("ip", "2001:db8::/32"):  true,
		id("ip", "2001:db8::/129"): false,
		id("ip", "fe80::1%eth0"):   false,
		// as the original reads numbers
		id("ip", "127.0.0.01"):        true,
		id("ip", "+127.0.0.1"):        true,
		id("ip", "127.0.0.1/+8"):      true,
		id("ip", "127.0.0.256"):       false,
		id("ip", "127.0.0.-1"):        false,
		id("ip", "127.0.0.1.1"):       false,
		id("ip", "1:2:3:4:5:6:7:8"):   true,
		id("ip", "1:2:3:4:5:6:7::"):   true,
		id("ip", "1:2:3:4:5:6:7:8::"): false,
		id("ip", "1:2:3:4:5:6:7:"):    false,
		id("ip", "1::2::3"):           false,
		id("ip", "::+1"):              true,
		id("ip", "::12345"):           false,
		id("ip", "::ffff:127.0.0.1"):  false,
		id("ip", "::ffff:7f00:1"):     true,
		id("ip", ":1"):                false,
		id("ip", ""):                  false,
		id("ip", "host"):              false,
		id("super", ""):               false,
		id("sasl", "x"):               false,
	} {
		_, err := r.FixupACL([]zkproto.ACL{{Perms: 1, ID: expr}}, nil)
		require.Equal(t, want, err == zkproto.ErrOK, "%v", expr)
		if !want {
			require.Equal(t, zkproto.ErrInvalidACL, err)
		}
	}
}

func TestFixupACL(t *testing.T) {
	r := registry(t, Config{})
	for _, empty := range [][]zkproto.ACL{nil, {}} {
		_, err := r.FixupACL(empty, nil)
		require.Equal(t, zkproto.ErrInvalidACL, err)
	}
	ids := []zkproto.ID{id("ip", "127.0.0.1"), id("digest", "a:x"), id("digest", "b:y")}
	got, err := r.FixupACL([]zkproto.ACL{acl(31, "auth", ""), acl(1, "world", "anyone"), acl(1, "world", "anyone")}, ids)
	require.Equal(t, zkproto.ErrOK, err)
	require.Equal(t, []zkproto.ACL{acl(31, "digest", "a:x"), acl(31, "digest", "b:y"), acl(1, "world", "anyone")}, got,
		"an address proves no user; duplicates go")
	_, err = r.FixupACL([]zkproto.ACL{acl(31, "auth", "")}, ids[:1])
	require.Equal(t, zkproto.ErrInvalidACL, err, "nobody proven")
	_, err = r.FixupACL([]zkproto.ACL{acl(1, "world", "anyone"), acl(1, "nosuch", "x")}, ids)
	require.Equal(t, zkproto.ErrInvalidACL, err)
}

func TestCheck(t *testing.T) {
	r := registry(t, Config{})
	alice := []zkproto.ID{id("ip", "10.1.2.3"), id("digest", "alice:h")}
	for _, c := range []struct {
		name string
		acl  []zkproto.ACL
		perm int32
		ids  []zkproto.ID
		want bool
	}{
		{"no acl", nil, zkproto.PermAdmin, nil, true},
		{"world", zkproto.WorldAll(), zkproto.PermAdmin, nil, true},
		{"world, other permission", []zkproto.ACL{acl(zkproto.PermRead, "world", "anyone")}, zkproto.PermWrite, alice, false},
		{"any of two", []zkproto.ACL{acl(zkproto.PermRead, "world", "anyone")}, zkproto.PermRead | zkproto.PermAdmin, nil, true},
		{"digest", []zkproto.ACL{acl(31, "digest", "alice:h")}, zkproto.PermWrite, alice, true},
		{"digest of another", []zkproto.ACL{acl(31, "digest", "bob:h")}, zkproto.PermWrite, alice, false},
		{"address", []zkproto.ACL{acl(31, "ip", "10.1.2.3")}, zkproto.PermWrite, alice, true},
		{"prefix", []zkproto.ACL{acl(31, "ip", "10.1.0.0/16")}, zkproto.PermWrite, alice, true},
		{"prefix, host bits set", []zkproto.ACL{acl(31, "ip", "10.1.9.9/16")}, zkproto.PermWrite, alice, true},
		{"prefix of length 0", []zkproto.ACL{acl(31, "ip", "1.2.3.4/0")}, zkproto.PermWrite, alice, true},
		{"other prefix", []zkproto.ACL{acl(31, "ip", "10.2.0.0/16")}, zkproto.PermWrite, alice, false},
		{
			"v6 prefix",
			[]zkproto.ACL{acl(31, "ip", "2001:db8::/32")},
			zkproto.PermRead,
			[]zkproto.ID{id("ip", "2001:db8:0:0:0:0:0:7")},
			true,
		},
		{"v6 is not v4", []zkproto.ACL{acl(31, "ip", "::/0")}, zkproto.PermRead, alice, false},
		{"unknown scheme", []zkproto.ACL{acl(31, "sasl", "alice")}, zkproto.PermRead, []zkproto.ID{id("sasl", "alice")}, false},
		{"super", []zkproto.ACL{acl(0, "digest", "bob:h")}, zkproto.PermAdmin, []zkproto.ID{id("super", "")}, true},
	} {
		require.Equal(t, c.want, r.Check(c.acl, c.perm, c.ids), c.name)
	}
	require.True(t, registry(t, Config{SkipACL: true}).Check([]zkproto.ACL{acl(0, "x", "y")}, 31, nil))
}

func TestGetACLHidesDigests(t *testing.T) {
	r := registry(t, Config{})
	list := []zkproto.ACL{acl(zkproto.PermAll, "digest", "a:secret"), acl(zkproto.PermRead, "world", "anyone")}
	got, ok := r.GetACL(list, nil)
	require.True(t, ok)
	require.Equal(t, []zkproto.ACL{acl(zkproto.PermAll, "digest", "a:x"), list[1]}, got)
	require.Equal(t, "a:secret", list[0].ID.ID, "the tree's list is untouched")
	got, ok = r.GetACL(list, []zkproto.ID{id("digest", "a:secret")})
	require.True(t, ok)
	require.Equal(t, list, got)
	_, ok = r.GetACL([]zkproto.ACL{acl(zkproto.PermWrite, "world", "anyone")}, nil)
	require.False(t, ok)
}

func TestRemoteID(t *testing.T) {
	require.Equal(t, id("ip", "10.0.0.1"), RemoteID(netip.MustParseAddr("10.0.0.1")))
	require.Equal(t, id("ip", "10.0.0.1"), RemoteID(netip.MustParseAddr("::ffff:10.0.0.1")))
	require.Equal(t, id("ip", "2001:db8:0:0:0:0:0:1"), RemoteID(netip.MustParseAddr("2001:db8::1")))
	ids, err := registry(t, Config{}).Authenticate("ip", nil, netip.MustParseAddr("10.0.0.1"))
	require.NoError(t, err)
	require.Equal(t, []zkproto.ID{id("ip", "10.0.0.1")}, ids)
}

func TestAddIDs(t *testing.T) {
	have := []zkproto.ID{id("ip", "1.2.3.4")}
	got := AddIDs(have, id("digest", "a:b"), id("ip", "1.2.3.4"), id("digest", "a:b"))
	require.Equal(t, []zkproto.ID{id("ip", "1.2.3.4"), id("digest", "a:b")}, got)
	require.Len(t, have, 1)
}

func TestAdmits(t *testing.T) {
	alice, address := id("digest", "alice:x"), id("ip", "10.0.0.1")
	for _, c := range []struct {
		demanded []string
		ids      []zkproto.ID
		want     bool
	}{
		{nil, nil, true},
		{nil, []zkproto.ID{address}, true},
		{[]string{"digest"}, []zkproto.ID{address}, false},
		{[]string{"digest"}, []zkproto.ID{address, alice}, true},
		{[]string{"digest"}, []zkproto.ID{address, id("super", "")}, false}, // who proves it by digest has that identity, too
		{[]string{"ensemble", "ip"}, []zkproto.ID{address}, true},
	} {
		require.Equal(t, c.want, registry(t, Config{Demanded: c.demanded}).Admits(c.ids), "%v %v", c.demanded, c.ids)
	}
}
