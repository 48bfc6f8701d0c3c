//go:build compat

package compat

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The chosen differences are there, and are what we say they are.
func TestChosenDifferences(t *testing.T) {
	t.Parallel()
	d := startDuel(t, true, [2]string{t.TempDir(), t.TempDir()})
	d.gen = &generator{Rand: rand.New(rand.NewPCG(1, 1)), versions: map[string]int32{}}
	d.ensure(0)
	both := [2]*side{d.original, d.ours}
	ask := func(i int, op zkproto.OpCode, body []byte) (got [2]packet) {
		for k, s := range both {
			if s.slots[i] == nil || s.slots[i].nc == nil {
				got[k] = packet{ended: "closed"}
				continue
			}
			s.slots[i].write(request{xid: 5, op: op, body: body}.frame())
			got[k] = s.slots[i].replies(1)[0]
		}
		return got
	}
	errs := func(got [2]packet) string { return fmt.Sprint(int(got[0].header.Err), int(got[1].header.Err)) }
	create := func(path string, op zkproto.OpCode, mode zkproto.CreateMode, acl []zkproto.ACL, ttl int64) [2]packet {
		q := zkproto.CreateRequest{Path: path, ACL: acl, Mode: mode, TTL: ttl}
		return ask(0, op, q.AppendTo(nil, op))
	}
	again := func(i int) {
		d.original.slots[i].drop()
		d.ours.slots[i].drop()
		d.open[i] = false
		d.ensure(i)
	}

	t.Run("internal requests", func(t *testing.T) {
		locked := []zkproto.ACL{{Perms: zkproto.PermRead, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}
		require.Equal(t, "0 0", errs(create("/locked", zkproto.OpCreate, 0, zkproto.WorldAll(), 0)))
		require.Equal(t, "0 0", errs(create("/locked/c", zkproto.OpCreateContainer, zkproto.ModeContainer, locked, 0)))
		acl := zkproto.SetACLRequest{Path: "/locked", ACL: locked, Version: -1}
		require.Equal(t, "0 0", errs(ask(0, zkproto.OpSetACL, acl.AppendTo(nil))))
		got := ask(0, zkproto.OpDeleteContainer, jute.AppendString(nil, "/locked/c"))
		require.Equal(t, "0 -6", errs(got), "the original deletes it for a client that may not")
		again(0)
		got = ask(0, zkproto.OpExists, jute.AppendBool(jute.AppendString(nil, "/locked/c"), false))
		require.Equal(t, "-101 0", errs(got))
	})
	t.Run("wrong password", func(t *testing.T) {
		d.ensure(1)
		for _, s := range both {
			s.slots[2] = &slot{}
			q := zkproto.ConnectRequest{TimeoutMillis: 40000, SessionID: s.slots[1].id, Password: make([]byte, 16), HasReadOnly: true}
			r, _ := s.connect(2, "", q, 0)
			require.Equal(t, zkproto.SessionID(0), r.SessionID, "refused")
		}
		got := ask(1, zkproto.OpPing, nil)
		require.Equal(t, "closed", got[0].ended, "the original lets anybody end anybody's connection")
		require.Empty(t, got[1].ended)
	})
	t.Run("characters", func(t *testing.T) {
		path := jute.AppendString(nil, "/😀")
		got := ask(0, zkproto.OpSync, path)
		require.Equal(t, path, got[1].body)
		require.Equal(t, jute.AppendString(nil, "/\xed\xa0\xbd\xed\xb8\x80"), got[0].body)
		got = ask(0, zkproto.OpSync, jute.AppendString(nil, "/\xff"))
		require.Equal(t, jute.AppendString(nil, "/\xff"), got[1].body)
		require.Equal(t, jute.AppendString(nil, "/\uFFFD"), got[0].body)
	})
	t.Run("null ids", func(t *testing.T) {
		b := jute.AppendBytes(jute.AppendString(nil, "/x"), nil)
		b = jute.AppendString(jute.AppendInt32(jute.AppendInt32(b, 1), 31), "digest")
		b = jute.AppendInt32(jute.AppendInt32(b, -1), 0)
		require.Equal(t, "-5 -114", errs(ask(0, zkproto.OpCreate, b)))
	})
	t.Run("a transaction that cannot be applied", func(t *testing.T) {
		got := create("/ttl", zkproto.OpCreateTTL, zkproto.ModePersistent, zkproto.WorldAll(), -1)
		require.NotEmpty(t, got[0].ended, "the original answers no more")
		require.Equal(t, zkproto.ErrBadArguments, got[1].header.Err)
		got = ask(0, zkproto.OpPing, nil)
		require.NotEmpty(t, got[0].ended)
		require.Empty(t, got[1].ended)
	})
}
