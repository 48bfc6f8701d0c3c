//go:build compat

package compat

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// A session that owns more ephemerals than a transaction can list is closed by one that does not list all: an original with the same
// jute.maxbuffer starts on that log, and has the same tree.
func TestOriginalReadsASessionWithMoreEphemeralsThanAreListed(t *testing.T) {
	t.Parallel()
	const limit = "-Djute.maxbuffer=65536"
	cfg, addr := zooCfg(t, t.TempDir())
	ours := server{start(t, "zkserver", exec.Command(program(t, "zkserver"), "start-foreground", cfg, limit)), addr}
	eventually(t, "the server serves", func() bool { return strings.Contains(word(addr, "srvr"), "Mode: ") })
	var requests []request
	for i := range 5 {
		q := zkproto.CreateRequest{Path: "/" + strings.Repeat(string(rune('a'+i)), 60_000), ACL: zkproto.WorldAll(), Mode: zkproto.ModeEphemeral}
		requests = append(requests, request{xid: int32(i), op: zkproto.OpCreate, body: q.AppendTo(nil, zkproto.OpCreate)})
	}
	requests = append(requests, request{xid: 9, op: zkproto.OpCloseSession})
	for _, p := range ours.talk(t, requests) {
		require.Equal(t, packet{header: zkproto.ReplyHeader{Xid: p.header.Xid}, body: p.body}, p)
	}
	ours.kill()

	cmd := zookeeper.server(t, cfg)
	cmd.Args = slices.Insert(cmd.Args, 1, limit)
	original := server{start(t, "original", cmd), addr}
	eventually(t, "the original serves", func() bool { return strings.Contains(word(addr, "srvr"), "Mode: ") })
	names, _, err := original.client(t).Children(t.Context(), "/", false)
	require.NoError(t, err)
	require.Equal(t, []string{"zookeeper"}, names)
	log, err := os.ReadFile(original.log)
	require.NoError(t, err)
	require.NotContains(t, string(log), "Digests are not matching")
	require.Contains(t, string(log), "Unexpected extra paths under session")
}
