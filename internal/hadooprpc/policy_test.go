package hadooprpc

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMachinesAreReadAsHadoopReadsThem(t *testing.T) {
	for _, c := range []struct {
		list    string
		in, out []string
	}{
		{"*", []string{"10.1.2.3", "::1"}, nil},
		{"", nil, []string{"10.1.2.3"}},
		{"10.1.2.3, 10.2.0.0/16", []string{"10.1.2.3", "10.2.255.1", "::ffff:10.1.2.3"}, []string{"10.1.2.4", "10.3.0.0"}},
		{"10.2.3.4/16", []string{"10.2.0.1"}, []string{"10.3.0.1"}},
		{"fe80::/10,::1", []string{"fe80::1%eth0", "::1"}, []string{"::2"}},
		{"localhost", []string{"127.0.0.1"}, []string{"10.1.2.3"}},
		{"*,10.1.2.3", []string{"10.1.2.3"}, []string{"10.1.2.4"}},
		{"no-such-host.invalid", nil, []string{"127.0.0.1"}},
	} {
		m, err := ParseMachines(c.list)
		require.NoError(t, err)
		for _, a := range c.in {
			require.True(t, m.Has(t.Context(), netip.MustParseAddr(a)), "%s has %s", c.list, a)
		}
		for _, a := range c.out {
			require.False(t, m.Has(t.Context(), netip.MustParseAddr(a)), "%s has not %s", c.list, a)
		}
	}
	_, err := ParseMachines("10.0.0.0/33")
	require.EqualError(t, err, `"10.0.0.0/33" is no network such as 10.0.0.0/8`)
}

func TestPolicyRefusesInTheOriginalsWords(t *testing.T) {
	local, err := ParseMachines("127.0.0.0/8")
	require.NoError(t, err)
	p := Policy{Protocol: testProtocol, Allowed: ParseACL("ann,bob"), Blocked: ParseACL("bob"), Hosts: local}
	call := func(user, from string) error {
		host, err := net.ResolveTCPAddr("tcp", from)
		require.NoError(t, err)
		return p.Check(t.Context(), &CallInfo{User: user, Remote: host, Protocol: testProtocol})
	}
	require.NoError(t, call("ann", "127.0.0.1:5"))
	for who, want := range map[[2]string]string{
		{"bob", "127.0.0.1:5"}: "User bob (auth:SIMPLE) is not authorized for protocol interface " + testProtocol + ": denied by configured ACL",
		{"eve", "127.0.0.1:5"}: "User eve (auth:SIMPLE) is not authorized for protocol interface " + testProtocol + ": denied by configured ACL",
		{"ann", "10.0.0.1:5"}:  "Host 10.0.0.1 is not authorized for protocol interface " + testProtocol,
	} {
		err := call(who[0], who[1])
		require.True(t, IsClass(err, ClassAuthorization))
		require.ErrorContains(t, err, want)
	}
	p.BlockedHosts = Machines{All: true}
	require.ErrorContains(t, call("ann", "127.0.0.1:5"), "Host 127.0.0.1 is not authorized")

	_, addr, _ := serveTest(t, ServerOptions{Before: p.Check}, nil)
	_, err = ask(t.Context(), newTestClient(t, addr, testProtocol, 3, ClientOptions{User: "ann"}), "x")
	require.True(t, IsClass(err, ClassAuthorization), err)
	p.BlockedHosts = Machines{}
	_, addr, _ = serveTest(t, ServerOptions{Before: p.Check}, nil)
	_, err = ask(t.Context(), newTestClient(t, addr, testProtocol, 3, ClientOptions{User: "ann"}), "x")
	require.True(t, IsClass(err, ClassNoSuchMethod), "it has reached the protocol")
}
