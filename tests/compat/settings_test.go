//go:build compat

package compat

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// configured is a fresh server of either make with more lines in its zoo.cfg, and system properties.
func configured(t *testing.T, ours bool, lines string, properties ...string) server {
	t.Helper()
	cfg, addr := zooCfg(t, t.TempDir())
	text, err := os.ReadFile(cfg)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cfg, append(text, lines...), 0o644))
	cmd := exec.Command(program(t, "zkserver"), append([]string{"start-foreground", cfg}, properties...)...)
	if !ours {
		cmd = zookeeper.server(t, cfg)
		cmd.Args = slices.Insert(cmd.Args, 1, properties...)
	}
	s := server{start(t, map[bool]string{true: "zkserver", false: "original"}[ours], cmd), addr}
	eventually(t, "the server serves", func() bool { return strings.Contains(word(addr, "srvr"), "Mode: ") })
	return s
}

func (s server) client(t *testing.T) *zkclient.Client {
	t.Helper()
	c, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{s.addr}, SessionTimeout: 20 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// code is the error that a client is told, or would be for a connection that ends.
func code(err error) zkproto.Error {
	var told zkproto.Error
	if err != nil && !errors.As(err, &told) {
		return zkproto.ErrConnectionLoss
	}
	return told
}

// A client of another ensemble is disconnected without an answer by both, and one of this ensemble, or of none, is not.
func TestEnsembleNamesMeanTheSame(t *testing.T) {
	t.Parallel()
	const provider = "authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider\n"
	for _, lines := range []string{provider + "ensembleAuthName=ours, mine\n", provider, ""} {
		var got [2][]zkproto.Error
		for i, ours := range []bool{false, true} {
			s := configured(t, ours, lines)
			for _, name := range []string{"ours", "mine", "", "theirs"} {
				got[i] = append(got[i], code(s.client(t).AddAuth(t.Context(), "ensemble", []byte(name))))
			}
			s.kill()
		}
		require.Equal(t, got[0], got[1], lines)
		switch lines {
		case "":
			require.Equal(t, zkproto.ErrAuthFailed, got[0][0])
		case provider:
			require.Equal(t, make([]zkproto.Error, 4), got[0])
		default:
			require.Equal(t, []zkproto.Error{0, 0, 0, zkproto.ErrConnectionLoss}, got[0])
		}
	}
}

func TestFrameLimitInHexadecimal(t *testing.T) {
	t.Parallel()
	for _, ours := range []bool{false, true} {
		s := configured(t, ours, "", "-Djute.maxbuffer=0x1000")
		for size, want := range map[int]zkproto.Error{3000: zkproto.ErrOK, 5000: zkproto.ErrConnectionLoss} {
			_, err := s.client(t).Create(t.Context(), "/a", make([]byte, size), zkproto.WorldAll(), zkproto.ModePersistent, 0)
			require.Equal(t, want, code(err), "ours: %v, %d bytes", ours, size)
		}
		s.kill()
	}
}

// To the original skipACL=true is no: zkserver, which would not say so, refuses it (docs/compatibility.md).
func TestTrueIsNotYesToTheOriginal(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]error{"skipACL=true\n": zk.ErrNoAuth, "skipACL=yes\n": nil} {
		s := configured(t, false, lines)
		c := s.connect(t)
		_, err := c.Create("/locked", []byte("x"), 0, []zk.ACL{{Perms: zk.PermAll, Scheme: "digest", ID: "u:x"}})
		require.NoError(t, err)
		_, _, err = c.Get("/locked")
		require.ErrorIs(t, err, want, lines)
		s.kill()
	}
	cfg, _ := zooCfg(t, t.TempDir())
	text, err := os.ReadFile(cfg)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cfg, append(text, "skipACL=true\n"...), 0o644))
	exit, stdout, _ := run(t, "", exec.Command(program(t, "zkserver"), "check", cfg))
	require.Equal(t, 2, exit)
	require.Contains(t, stdout, `skipACL: "true" means no to the original`)
}

// Numbers below zero are no limit, or off, for both.
func TestNumbersBelowZeroMeanTheSame(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string][]string{
		"maxClientCnxns=-1\nautopurge.purgeInterval=-1\nautopurge.snapRetainCount=-1\nclientPortListenBacklog=-7\n": {"maxClientCnxns=-1"},
		"minSessionTimeout=0\nmaxSessionTimeout=9000\n":                                                             {"minSessionTimeout=0", "maxSessionTimeout=9000"},
		"minSessionTimeout=-1\nmaxSessionTimeout=-1\n":                                                              {"minSessionTimeout=4000", "maxSessionTimeout=40000"},
		"maxCnxns=-1\nsnapCount=-5\nglobalOutstandingLimit=-1\nsnapSizeLimitInKb=-3\ntxnLogSizeLimitInKb=-3\npreAllocSize=-1\n" +
			"largeRequestThreshold=0\nthrottledOpWaitTime=-1\nfsync.warningthresholdms=0\n": nil,
	} {
		var granted [2]time.Duration
		for i, ours := range []bool{false, true} {
			s := configured(t, ours, lines, "-Dzookeeper.request_throttle_max_requests=-1", "-Dzookeeper.admin.idleTimeout=-1")
			for _, line := range want {
				require.Contains(t, word(s.addr, "conf"), line+"\n", "ours: %v", ours)
			}
			c := s.client(t)
			for range 20 {
				_, err := c.Create(t.Context(), "/n-", nil, zkproto.WorldAll(), zkproto.ModePersistentSequential, 0)
				require.NoError(t, err, "ours: %v", ours)
			}
			quick, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{s.addr}, SessionTimeout: 1500 * time.Millisecond})
			require.NoError(t, err)
			granted[i] = quick.Session().Timeout
			_ = quick.Close() // it may be over by now
			s.kill()
		}
		require.Equal(t, granted[0], granted[1], lines)
	}
}
