package peer

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// The golden files are what servers of Apache ZooKeeper 3.9.5 said to each other: an ensemble of three and an observer, in
// which clients wrote, one server was removed by reconfig, and the leader was killed and came back, sending snapshots
// always. Of each connection there is what its dialer said and what its listener said. See testdata/README.md.

// golden answers the recorded streams of a port, by name.
func golden(t *testing.T, port string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", port+"-*.golden"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	m := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		m[filepath.Base(f)] = b
	}
	return m
}

func TestPacketsOfTheOriginal(t *testing.T) {
	seen := make(map[string]map[zab.Type]int)
	for name, in := range golden(t, "quorum") {
		side := strings.Split(name, ".")[1]
		if seen[side] == nil {
			seen[side] = make(map[zab.Type]int)
		}
		r := newReader(bytes.NewReader(in), testLimit)
		var out []byte
		for {
			m, err := r.one()
			if err != nil {
				require.ErrorIs(t, err, io.EOF, name)
				break
			}
			seen[side][m.Type]++
			out = appendPacket(out, &m)
			if m.Type == zab.Snap {
				b, err := io.ReadAll(newBody(r))
				require.NoError(t, err, name)
				out = append(append(append(out, b...), 0, 0, 0, 10), signature...)
			}
			if m.Type == zab.FollowerInfo || m.Type == zab.ObserverInfo {
				var i zab.LearnerInfo
				require.NoError(t, i.Decode(m.Data))
				require.Positive(t, i.Sid)
			}
		}
		require.Equal(t, in, out, name)
	}
	for _, typ := range []zab.Type{zab.FollowerInfo, zab.ObserverInfo, zab.AckEpoch, zab.Ack, zab.Ping, zab.Request, zab.Revalidate} {
		require.Positive(t, seen["dialer"][typ], typ)
	}
	for _, typ := range []zab.Type{
		zab.LeaderInfo, zab.Diff, zab.Snap, zab.NewLeader, zab.UpToDate, zab.Proposal, zab.Commit, zab.Inform, zab.Ping,
		zab.Sync, zab.Revalidate, zab.CommitAndActivate, zab.InformAndActivate,
	} {
		require.Positive(t, seen["listener"][typ], typ)
	}
}

func TestNotificationsOfTheOriginal(t *testing.T) {
	hellos := make(map[string]hello)
	states := make(map[election.State]int)
	for name, in := range golden(t, "election") {
		r := bytes.NewReader(in)
		var out []byte
		if strings.Contains(name, "dialer") {
			h, err := readHello(r)
			require.NoError(t, err, name)
			hellos[name] = h
			out = encodeHello(h, len(h.addresses) > 1)
		}
		for {
			b, err := readFrame(r)
			if err != nil {
				require.ErrorIs(t, err, io.EOF, name)
				break
			}
			n, err := decodeNotification(b)
			require.NoError(t, err, name)
			require.Contains(t, string(n.Config), "server.1=")
			states[n.State]++
			out = appendFrame(out, &n)
		}
		require.Equal(t, in, out, name)
	}
	require.Equal(t, hello{4, []string{"zk4:27002"}}, hellos["election-observer.dialer.golden"])
	require.Equal(t, hello{2, []string{"zk2:27002", "127.0.0.12:27004"}}, hellos["election-addresses.dialer.golden"])
	for s := range election.Leading + 1 {
		require.Positive(t, states[s], s)
	}
}
