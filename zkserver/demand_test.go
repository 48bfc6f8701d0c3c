package zkserver

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// demand lets a server ask for an identity of one of these schemes.
func demand(schemes ...string) func(*config.Config) {
	return func(c *config.Config) { c.EnforceAuth, c.EnforceAuthSchemes = true, schemes }
}

func digestAuth() []byte {
	q := zkproto.AuthRequest{Scheme: "digest", Auth: []byte("u:p")}
	return q.AppendTo(nil)
}

// turnedAway sends requests, of which the first is answered with an error alone and nothing after it at all.
func (c *raw) turnedAway(xid int32, frames ...[]byte) {
	c.t.Helper()
	for _, f := range frames {
		require.NoError(c.t, c.Write(f))
	}
	r := c.next()
	require.Equal(c.t, zkproto.ReplyHeader{Xid: xid, Err: zkproto.ErrSessionClosedRequireSASLAuth}, r.ReplyHeader)
	require.Empty(c.t, r.body.Rest())
	require.Empty(c.t, c.pending, "an answer to what came after it")
	require.ErrorIs(c.t, c.ReadBatch(func([]byte) error { return nil }), io.EOF)
}

func TestClientsWithoutADemandedIdentityAreTurnedAway(t *testing.T) {
	r := start(t, demand("digest"))
	for op, body := range map[zkproto.OpCode][]byte{
		zkproto.OpPing: nil, zkproto.OpCloseSession: nil, zkproto.OpExists: readBody("/", false), zkproto.OpCreate: createBody("/a", nil, 0),
		zkproto.OpSync: jute.AppendString(nil, "/"), zkproto.OpSetWatches: nil, zkproto.OpCheck: nil, 77: nil, -7: nil,
	} {
		c := r.raw(zkclient.Handshake{})
		c.turnedAway(5, append(frame(5, op, body), frame(6, zkproto.OpPing, nil)...))
	}
	r.awaitLog("the client has not authenticated by any of enforce.auth.schemes: it is disconnected")

	c := r.raw(zkclient.Handshake{})
	require.NoError(t, c.Write(append(frame(1, zkproto.OpAuth, digestAuth()), frame(2, zkproto.OpExists, readBody("/a", false))...)))
	require.Equal(t, zkproto.ReplyHeader{Xid: 1}, c.next().ReplyHeader)
	require.Equal(t, zkproto.ErrNoNode, c.next().Err, "it may ask now, and nothing has been made before")
	for range 100 { // it stays so
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpWhoAmI, nil).Err)
	}
}

// Tokens of SASL are answered without an identity, and the wrong answer of another scheme is the ordinary one.
func TestAuthenticationItselfNeedsNoIdentity(t *testing.T) {
	r := start(t, demand("digest"), func(c *config.Config) { c.EnsembleAuth = true })
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSASL, jute.AppendBytes(nil, []byte("x"))).Err)
	q := zkproto.AuthRequest{Scheme: "ensemble", Auth: []byte("any")}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpAuth, q.AppendTo(nil)).Err, "it proves nobody")
	c.turnedAway(9, frame(9, zkproto.OpPing, nil))

	c = r.raw(zkclient.Handshake{})
	q.Scheme = "nothing"
	require.Equal(t, zkproto.ErrAuthFailed, c.ask(zkproto.OpAuth, q.AppendTo(nil)).Err)
}

func TestDemandIsMetByTheAddress(t *testing.T) {
	r := start(t, demand("digest", "ip"))
	require.Equal(t, zkproto.ErrOK, r.raw(zkclient.Handshake{}).ask(zkproto.OpWhoAmI, nil).Err)
}

// The session of who is turned away goes on: with the identity, the next connection has it.
func TestTurnedAwayClientKeepsItsSession(t *testing.T) {
	r := start(t, demand("digest"))
	c := r.raw(zkclient.Handshake{Timeout: 10 * time.Second})
	c.turnedAway(1, frame(1, zkproto.OpCloseSession, nil))
	again := r.raw(zkclient.Handshake{Timeout: 10 * time.Second, Resume: &c.Session})
	require.Equal(t, c.Session.ID, again.Session.ID)
	require.Equal(t, zkproto.ErrOK, again.ask(zkproto.OpAuth, digestAuth()).Err)
	require.Equal(t, zkproto.ErrOK, again.ask(zkproto.OpWhoAmI, nil).Err)
}

// What the throttle would answer comes after the demand, as in the original.
func TestDemandComesBeforeTheThrottle(t *testing.T) {
	r := start(t, demand("digest"), func(c *config.Config) { c.ThrottleLimit, c.ThrottledOpWait = 1000, time.Nanosecond })
	r.raw(zkclient.Handshake{}).turnedAway(3, frame(3, zkproto.OpExists, readBody("/", false)))
}

func TestDemandForAnUnknownSchemeIsRefused(t *testing.T) {
	cfg := testConfig(t)
	demand("world")(&cfg)
	_, err := New(cfg)
	require.ErrorContains(t, err, `no scheme "world" is set up on this server`)
}
