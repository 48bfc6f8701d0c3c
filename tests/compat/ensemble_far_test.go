//go:build compat

package compat

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// farBehind is how many writes a follower misses; HOLDFAST_COMPAT_BEHIND sets another number (100000).
func farBehind(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HOLDFAST_COMPAT_BEHIND")
	if text == "" {
		return 8000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// A follower that has missed a great many writes joins a leader of the other make: by a DIFF when the leader has them all in
// memory (commitLogCount), by a SNAP when the log is much longer than the tree is large, and not short either: 70 MiB
// in several files (the original does not count the one it reads first).
func TestFarBehindInMixedEnsemble(t *testing.T) {
	t.Parallel()
	n := farBehind(t)
	for _, c := range []struct {
		want, extra string
		request     func(i int) (zkproto.OpCode, func([]byte) []byte)
	}{
		{"DIFF", fmt.Sprintf("commitLogCount=%d", 2*n), func(i int) (zkproto.OpCode, func([]byte) []byte) {
			r := zkproto.CreateRequest{Path: fmt.Sprintf("/far/%d/%d/%07d", i%2, i%97, i), Data: []byte("0123456789"), ACL: world}
			return zkproto.OpCreate, func(b []byte) []byte { return r.AppendTo(b, zkproto.OpCreate) }
		}},
		{"SNAP", fmt.Sprintf("snapCount=%d", n/4), func(i int) (zkproto.OpCode, func([]byte) []byte) {
			r := zkproto.SetDataRequest{Path: fmt.Sprintf("/far/%d/%d", i%2, i%97), Data: fmt.Appendf(nil, "%0*d", 70<<20/n, i), Version: -1}
			return zkproto.OpSetData, r.AppendTo
		}},
	} {
		t.Run(c.want, func(t *testing.T) {
			e := newEnsemble(t, c.extra, golang, java39, golang)
			e.start()
			setup := e.session(20*time.Second, e.up()...)
			paths := []string{"/far", "/far/0", "/far/1"}
			for i := range 97 {
				paths = append(paths, fmt.Sprintf("/far/0/%d", i), fmt.Sprintf("/far/1/%d", i))
			}
			for _, path := range paths {
				_, err := setup.Create(t.Context(), path, nil, world, zkproto.ModePersistent, 0)
				require.NoError(t, err)
			}
			require.NoError(t, setup.Close())
			first := 0
			for _, leads := range []*serverMake{golang, java39} {
				leader := e.lead(leads)
				follower := e.other(leader)
				e.level()
				follower.kill()
				began := time.Now()
				e.flood(leader, first, first+n, c.request)
				first += n
				t.Logf("%d writes at %s took %v", n, leader, time.Since(began).Round(time.Millisecond))
				last := zxidIn(leader.said("srvr"))
				before := len(leader.logText())
				began = time.Now()
				follower.start()
				e.await(func() string { return follower.String() + " has everything" }, func() bool { return follower.zxid() >= last })
				took := time.Since(began)
				e.settle()
				require.Equal(t, leader, e.leader())
				require.Equal(t, c.want, joined(leader, follower, before), "%s joins %s", follower, leader)
				t.Logf("%s, %d writes behind %s, was started, joined by %s and had everything after %v", follower, n, leader, c.want, took.Round(time.Millisecond))
			}
			e.same()
		})
	}
}

// zxid is the last one that a member that serves has applied; 0 when it does not serve.
func (m *member) zxid() zkproto.Zxid { return zxidIn(m.word("srvr")) }

func zxidIn(answer string) zkproto.Zxid {
	var z zkproto.Zxid
	for line := range strings.SplitSeq(answer, "\n") {
		if _, err := fmt.Sscanf(line, "Zxid: 0x%x", &z); err == nil {
			return z
		}
	}
	return 0
}

// flood sends requests from number from to before number to, many at a time, and waits for all answers.
func (e *ensemble) flood(at *member, from, to int, request func(i int) (zkproto.OpCode, func([]byte) []byte)) {
	e.t.Helper()
	c := e.session(20*time.Second, at)
	ctx, cancel := context.WithTimeout(e.t.Context(), 5*time.Minute)
	defer cancel()
	room := make(chan struct{}, 1000)
	failed := make(chan error, 1)
	for i := from; i < to; i++ {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			require.FailNow(e.t, "the writes take too long")
		}
		op, body := request(i)
		c.Submit(op, body, func(r zkclient.Reply) {
			if r.Err != nil {
				select {
				case failed <- fmt.Errorf("write %d: %w", i, r.Err):
				default:
				}
			}
			<-room
		})
	}
	for range cap(room) {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			require.FailNow(e.t, "the last writes are not answered")
		}
	}
	select {
	case err := <-failed:
		require.NoError(e.t, err)
	default:
	}
	require.NoError(e.t, c.Close())
}
