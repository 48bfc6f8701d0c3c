package prep

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func ofAuth() []zkproto.ACL { return []zkproto.ACL{{Perms: 31, ID: zkproto.ID{Scheme: "auth"}}} }

// limited is an environment in which no transaction may be longer, and in which the client has a long name.
func limited(longest, name int) *env {
	e := newEnv(Config{Longest: func() int { return longest }})
	e.ids = append(e.ids, zkproto.ID{Scheme: "digest", ID: strings.Repeat("u", name)})
	return e
}

// A short request must not make a transaction that nothing can hold: what "auth" stands for is counted.
func TestAuthCannotMakeATransactionTooLong(t *testing.T) {
	e := limited(2000, 900)
	parts := func(n int) []byte {
		var ops []zkproto.MultiOp
		for range n {
			op := mCreate("/s-", zkproto.ModePersistentSequential)
			op.Create.ACL = ofAuth()
			ops = append(ops, op)
		}
		return multi(ops...)
	}
	digest := e.tree.Digest()
	r := e.do(alice, zkproto.OpMulti, parts(3))
	require.Equal(t, []zkproto.Error{zkproto.ErrOK, zkproto.ErrOK, zkproto.ErrBadArguments}, []zkproto.Error{r.Multi[0].Err, r.Multi[1].Err, r.Multi[2].Err})
	require.Zero(t, e.Outstanding())
	require.Equal(t, digest, e.tree.Digest(), "nothing has been done")

	h, txn := e.prepare(alice, zkproto.OpMulti, parts(2))
	require.Equal(t, zkproto.OpMulti, h.Type)
	require.Less(t, len(h.AppendTo(nil))+len(txn.AppendTo(nil)), 2000)
	e.flush()
	require.Equal(t, zkproto.ErrOK, e.do(alice, zkproto.OpSetACL, setACL("/s-0000000000", ofAuth(), -1)).Err)

	e = limited(900, 900)
	require.Equal(t, zkproto.ErrBadArguments, e.do(alice, zkproto.OpCreate, createBody(zkproto.OpCreate, "/a", 0, ofAuth(), 0)).Err)
	require.Equal(t, zkproto.ErrOK, e.create("/a", 0).Err)
	require.Equal(t, zkproto.ErrBadArguments, e.do(alice, zkproto.OpSetACL, setACL("/a", ofAuth(), -1)).Err)
}

func TestLongestMulti(t *testing.T) {
	e := limited(1000, 1)
	var ops []zkproto.MultiOp
	for range 15 { // 51 bytes each, 61 in the transaction
		ops = append(ops, mCreate("/s-", zkproto.ModePersistentSequential))
	}
	require.Equal(t, zkproto.ErrBadArguments, e.do(alice, zkproto.OpMulti, multi(ops...)).Err)
	require.Equal(t, zkproto.ErrOK, e.do(alice, zkproto.OpMulti, multi(ops[:10]...)).Err)
}

// A session that owns more than one transaction can list is closed by one that does not list all (ZOOKEEPER-4306).
func TestSessionWithMoreEphemeralsThanAreListed(t *testing.T) {
	for n, listed := range map[int]int{2: 2, 3: 2, 7: 2} {
		e := limited(1000, 1)
		require.Equal(t, zkproto.ErrOK, e.create("/p", 0).Err)
		for i := range n {
			require.Equal(t, zkproto.ErrOK, e.create("/p/"+strings.Repeat(string(rune('a'+i)), 400), zkproto.ModeEphemeral).Err)
		}
		h, txn := e.prepare(alice, zkproto.OpCloseSession, nil)
		require.Len(t, txn.(*zkproto.CloseSessionTxn).PathsToDelete, listed)
		require.Less(t, len(h.AppendTo(nil))+len(txn.AppendTo(nil)), 1000)
		require.Equal(t, zkproto.ErrOK, e.flush().Err) // the digest is the one that was foreseen
		require.Empty(t, e.tree.Ephemerals(alice))
		stat, _, found := e.tree.Exists("/p")
		require.True(t, found)
		require.Zero(t, stat.NumChildren)
		require.Zero(t, e.Outstanding())
	}
}
