package zkserver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func authAs(user string) []byte {
	q := zkproto.AuthRequest{Scheme: "digest", Auth: []byte(user + ":p")}
	return q.AppendTo(nil)
}

// A multi of 200 parts that says "auth", from a client with a long name: its transaction is refused, and the server goes on. (One that
// is longer than a record of the log would stop it.)
func TestShortRequestMakesNoEndlessTransaction(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxBuffer = 64 << 10 })
	c := r.raw(zkclient.Handshake{Timeout: 10 * time.Second})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpAuth, authAs(strings.Repeat("u", 30<<10))).Err)
	many := func(n int) []byte {
		var q zkproto.MultiRequest
		for range n {
			q.Ops = append(q.Ops, zkproto.MultiOp{Type: zkproto.OpCreate, Create: zkproto.CreateRequest{
				Path: "/n-", ACL: []zkproto.ACL{{Perms: 31, ID: zkproto.ID{Scheme: "auth"}}}, Mode: zkproto.ModePersistentSequential,
			}})
		}
		return q.AppendTo(nil)
	}
	refused := c.ask(zkproto.OpMulti, many(200))
	require.NotZero(t, refused.Zxid)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpMulti, many(2)).Err)
	rep := c.ask(zkproto.OpGetChildren, readBody("/", false))
	names := rep.body.Strings()
	require.Len(t, names, 3, "two of the multi that fits, and zookeeper: %v", names)
	require.NoError(t, r.Err())
}

// Identities go with every write to the leader, and into ACLs: there is a limit for all of a connection together.
func TestIdentitiesAreLimited(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	for i := range 3 {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpAuth, authAs(strings.Repeat(string(rune('a'+i)), 10_000))).Err)
	}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpAuth, authAs(strings.Repeat("a", 10_000))).Err, "one that it has already")
	require.Equal(t, zkproto.ErrAuthFailed, c.ask(zkproto.OpAuth, authAs(strings.Repeat("z", 10_000))).Err)
	require.Error(t, c.ReadBatch(func([]byte) error { return nil }), "the connection ends")
	r.awaitLog("a client presents more identities than are taken")
	require.Equal(t, zkproto.ErrAuthFailed, r.raw(zkclient.Handshake{}).ask(zkproto.OpAuth, authAs(strings.Repeat("b", 40_000))).Err)
}

// The ephemerals of a session can be more than one transaction names: it ends all the same, also for who reads the log (ZOOKEEPER-4306).
func TestSessionWithMoreEphemeralsThanATransactionNames(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxBuffer = 64 << 10 })
	c := r.raw(zkclient.Handshake{Timeout: 10 * time.Second})
	for i := range 5 {
		path := "/" + strings.Repeat(string(rune('a'+i)), 60_000)
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody(path, nil, zkproto.ModeEphemeral)).Err)
	}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCloseSession, nil).Err)
	for range 2 { // as it was done, and as the log has it
		rep := r.raw(zkclient.Handshake{}).ask(zkproto.OpGetChildren, readBody("/", false))
		require.Equal(t, []string{"zookeeper"}, rep.body.Strings())
		r = r.restart()
		require.Zero(t, r.tree.DigestMismatches())
	}
}
