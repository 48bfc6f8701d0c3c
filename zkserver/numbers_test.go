package zkserver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// With globalOutstandingLimit=0 who has a write under way is not read, and everybody is answered all the same.
func TestNoOutstandingWritesAllowed(t *testing.T) {
	r := start(t, func(c *config.Config) { c.GlobalOutstandingLimit = 0 })
	a, b := r.raw(zkclient.Handshake{}), r.raw(zkclient.Handshake{})
	for round := range 20 {
		for i, c := range []*raw{a, b} {
			for k := range 5 {
				require.NoError(t, c.Write(frame(int32(k), zkproto.OpCreate, createBody(fmt.Sprintf("/%d-%d-%d", round, i, k), nil, 0))))
			}
		}
		for _, c := range []*raw{a, b} {
			for k := range 5 {
				require.Equal(t, int32(k), c.next().Xid)
			}
		}
	}
}

// Below 0 there is no lower bound for the timeout of a session.
func TestNoLowerBoundOfSessionTimeouts(t *testing.T) {
	for least, want := range map[time.Duration]time.Duration{-1: 30 * time.Millisecond, 0: 200 * time.Millisecond} {
		r := start(t, func(c *config.Config) { c.MinSessionTimeout = least })
		require.Equal(t, want, r.raw(zkclient.Handshake{Timeout: 30 * time.Millisecond}).Session.Timeout)
	}
}

// preAllocSize=0: the log is as long as what is in it.
func TestLogThatIsNotPreallocated(t *testing.T) {
	r := start(t, func(c *config.Config) { c.PreAllocSize = -1 })
	require.Equal(t, zkproto.ErrOK, r.raw(zkclient.Handshake{}).ask(zkproto.OpCreate, createBody("/a", make([]byte, 10_000), 0)).Err)
	r.stop()
	logs, err := filepath.Glob(filepath.Join(r.cfg.DataDir, "version-2", "log.*"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	info, err := os.Stat(logs[0])
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(20_000))
}

// A request of the largest size allowed must fit into a record, with what the transaction adds: a record that is too long stops the server.
func TestLargestRequestFitsIntoARecord(t *testing.T) {
	require.LessOrEqual(t, config.LargestMaxBuffer+1<<20, txnlog.MaxRecord)
}
