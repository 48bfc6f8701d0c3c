//go:build compat

package compat

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// talk opens a session, sends the requests at once and tells everything that is answered until the connection ends, or until as many
// answers have come.
func (s server) talk(t *testing.T, requests []request) []packet {
	t.Helper()
	one := side{addr: s.addr, slots: map[int]*slot{}, names: map[int64]string{}}
	r, ended := one.connect(0, "", zkproto.ConnectRequest{TimeoutMillis: 20000, HasReadOnly: true, Password: make([]byte, 16)}, 0)
	require.Empty(t, ended)
	require.NotZero(t, r.SessionID)
	sl := one.slots[0]
	defer sl.drop()
	var all []byte
	for _, q := range requests {
		all = append(all, q.frame()...)
	}
	sl.write(all)
	got := sl.replies(len(requests))
	for i := range got {
		got[i].header.Zxid = 0 // what happened before on this server
	}
	return got
}

func authRequest(scheme, auth string) request {
	q := zkproto.AuthRequest{Scheme: scheme, Auth: []byte(auth)}
	return request{xid: -4, op: zkproto.OpAuth, body: q.AppendTo(nil)}
}

// What each request of a client is answered, before and after it has an identity that enforce.auth.schemes asks for.
func TestDemandedIdentitiesMeanTheSame(t *testing.T) {
	t.Parallel()
	exists := request{xid: 3, op: zkproto.OpExists, body: jute.AppendBool(jute.AppendString(nil, "/none"), false)}
	ping := request{xid: -2, op: zkproto.OpPing}
	digest, wrong, unknown := authRequest("digest", "u:p"), authRequest("digest", "nocolon"), authRequest("nothing", "x")
	talks := [][]request{
		{exists},
		{ping},
		{{xid: 4, op: zkproto.OpCloseSession}},
		{{xid: 5, op: zkproto.OpWhoAmI}},
		{{xid: 6, op: 77}},
		{{xid: 7, op: zkproto.OpSync, body: jute.AppendString(nil, "/")}, exists},
		{digest, exists, ping},
		{wrong},
		{unknown},
		{authRequest("ip", "x"), exists},
		{authRequest("ensemble", "x"), exists},
		{{xid: 8, op: zkproto.OpSASL, body: jute.AppendBytes(nil, []byte("x"))}, exists},
	}
	const provider = "authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider\n"
	for lines, refused := range map[string]bool{
		"enforce.auth.enabled=true\nenforce.auth.schemes=digest\n":                        true,
		provider + "enforce.auth.enabled=true\nenforce.auth.schemes=ensemble, digest,,\n": true,
		"enforce.auth.enabled=true\nenforce.auth.schemes=digest,ip\n":                     false,
		"enforce.auth.enabled=false\nenforce.auth.schemes=digest,none\n":                  false,
	} {
		var got [2][][]packet
		for i, ours := range []bool{false, true} {
			s := configured(t, ours, lines)
			for _, requests := range talks {
				got[i] = append(got[i], s.talk(t, requests))
			}
			s.kill()
		}
		for i := range talks {
			require.Equal(t, got[0][i], got[1][i], "%s: %v", lines, talks[i])
		}
		first := got[0][0][0].header.Err
		require.Equal(t, map[bool]zkproto.Error{true: zkproto.ErrSessionClosedRequireSASLAuth, false: zkproto.ErrNoNode}[refused], first)
		require.Equal(t, zkproto.ErrNoNode, got[0][6][1].header.Err, "after it has authenticated")
	}
}

// Neither make starts without a scheme, or with one that it does not have.
func TestDemandsThatCannotBeMet(t *testing.T) {
	t.Parallel()
	for _, schemes := range []string{"", "enforce.auth.schemes=\n", "enforce.auth.schemes=digest,world\n", "enforce.auth.schemes=sasl\n"} {
		cfg, _ := zooCfg(t, t.TempDir())
		text, err := os.ReadFile(cfg)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(cfg, slices.Concat(text, []byte("enforce.auth.enabled=true\n"+schemes)), 0o644))
		exit, stdout, stderr := run(t, "", zookeeper.server(t, cfg))
		require.NotZero(t, exit, schemes)
		require.Contains(t, stdout+stderr, "IllegalArgumentException", schemes)
		exit, _, stderr = run(t, "", exec.Command(program(t, "zkserver"), "start-foreground", cfg))
		require.Equal(t, 2, exit, schemes)
		require.Contains(t, stderr, "enforce.auth.", schemes)
	}
}
