package failover

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
	"github.com/holdfast-ha/holdfast/internal/zktls"
	"github.com/holdfast-ha/holdfast/internal/zktls/tlsfront"
)

// party is what one side of TLS has: a certificate of ca, and trust in it.
func party(t *testing.T, ca *tlstest.CA) tlsconf.Settings {
	t.Helper()
	dir := t.TempDir()
	return tlsconf.Settings{
		Prefix: "ssl.", KeyStore: tlsconf.Store{Path: ca.Issue(t, tlstest.Want{}).PEM(t, dir)}, TrustStore: tlsconf.Store{Path: ca.PEM(t, dir)},
		VerifyServer: true,
	}
}

func port(t *testing.T, s tlsconf.Settings) *tls.Config {
	t.Helper()
	src, err := tlsconf.Load(s)
	require.NoError(t, err)
	return src.Server()
}

// overTLS are clients of addr, and what they log.
func overTLS(t *testing.T, addr string, s tlsconf.Settings) (elector.ZooKeeper, *observer.ObservedLogs) {
	t.Helper()
	d, err := zktls.New(s, zktls.Names{KeyStore: "zookeeper.tls.keyStore", TrustStore: "zookeeper.tls.trustStore"}, nil)
	require.NoError(t, err)
	core, logs := observer.New(zapcore.WarnLevel)
	return elector.ZooKeeper{Servers: []string{addr}, SessionTimeout: 2 * time.Second, Secure: d.Secure, Log: zap.New(core)}, logs
}

// An election whose sessions are secret: the active keeps the lock over a broken connection, and hands it over.
func TestElectionOverTLS(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	ca := tlstest.NewCA(t, "authority")
	front := tlsfront.Start(t, port(t, party(t, ca)), addr)
	zoo, logs := overTLS(t, front.Addr(), party(t, ca))
	tree, err := zoo.OpenTree(t.Context())
	require.NoError(t, err)
	require.NoError(t, tree.Ensure(t.Context(), "/hadoop-ha/ns1"))
	tree.Close()
	e1, s1 := runWith(t, zoo, app{})
	e1.Join(data(t, 1), false)
	await(t, s1, elector.Active)
	e2, s2 := runWith(t, zoo, app{fence: func([]byte) { t.Error("nobody is to be fenced") }})
	e2.Join(data(t, 2), false)
	await(t, s2, elector.Standby)
	front.Drop()
	await(t, s1, elector.Neutral)
	await(t, s1, elector.Active)
	await(t, s2, elector.Standby)
	require.NoError(t, e1.Leave(t.Context(), false))
	await(t, s2, elector.Active)
	require.Empty(t, logs.All())
	require.GreaterOrEqual(t, front.Accepted(), 5, "all of it went by TLS")
}

// What keeps a session from being made is in the log and in the answer, and mending it at the server is enough.
func TestElectorTellsWhyThereIsNoTLS(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	ca, other := tlstest.NewCA(t, "authority"), tlstest.NewCA(t, "somebody else")
	stranger := party(t, ca)
	stranger.KeyStore = party(t, other).KeyStore
	for name, c := range map[string]struct {
		port string
		mine tlsconf.Settings
		want string
	}{
		"server not trusted": {tlsfront.Start(t, port(t, party(t, other)), addr).Addr(), party(t, ca), "add the certificate of that authority to zookeeper.tls.trustStore"},
		"client not trusted": {tlsfront.Start(t, port(t, party(t, ca)), addr).Addr(), stranger, "(zookeeper.tls.keyStore"},
		"no certificate":     {tlsfront.Start(t, port(t, party(t, ca)), addr).Addr(), tlsconf.Settings{Prefix: "ssl.", TrustStore: party(t, ca).TrustStore}, "zookeeper.tls.keyStore"},
		"plain port":         {addr, party(t, ca), "connect to its secureClientPort"},
	} {
		t.Run(name, func(t *testing.T) {
			zoo, logs := overTLS(t, c.port, c.mine)
			bounded, give := context.WithTimeout(t.Context(), 15*time.Second)
			defer give()
			ctx, cancel := context.WithCancel(bounded)
			defer cancel()
			zoo.Log = zoo.Log.WithOptions(zap.Hooks(func(zapcore.Entry) error { cancel(); return nil })) // as soon as it is known
			_, err := zoo.OpenTree(ctx)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorContains(t, err, c.want)
			said := logs.All()[0]
			require.Equal(t, "zookeeper is not reachable: trying again until it is; nothing is decided meanwhile", said.Message)
			require.Contains(t, said.ContextMap()["error"], c.want)
		})
	}
}
