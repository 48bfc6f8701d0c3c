package zkserver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// serverStores are a server's certificate and trust, in one directory.
func serverStores(t *testing.T, dir string, ca *tlstest.CA) tlsconf.Settings {
	t.Helper()
	return tlsconf.Settings{
		Prefix: "ssl.quorum.", KeyStore: tlsconf.Store{Path: ca.Issue(t, tlstest.Want{}).PEM(t, dir)}, TrustStore: tlsconf.Store{Path: ca.PEM(t, dir)},
	}
}

// An ensemble changes to TLS while it runs, as operations.md has it: server by server, three times. No write is lost, and there
// is a quorum all the time. Then all connections are secure.
func TestEnsembleChangesToTLSServerByServer(t *testing.T) {
	ssl := serverStores(t, t.TempDir(), tlstest.NewCA(t, "ensemble"))
	steps := []config.PeerTLS{{PortUnification: true}, {PortUnification: true, SSLQuorum: true}, {SSLQuorum: true}}
	now := map[quorum.Sid]config.PeerTLS{}
	e := newEnsemble(t, 3, 1, func(c *config.Config) { c.PeerTLS, c.QuorumTLS = now[c.MyID], ssl })
	e.startAll()
	require.NotZero(t, e.members[0].plainPeers())
	w := e.write(3)
	for _, step := range steps {
		for _, m := range e.members {
			w.more(10)
			m.stop()
			w.more(10)
			now[m.id] = step
			e.startAll()
		}
	}
	w.more(30)
	for _, m := range e.members {
		require.Zero(t, m.plainPeers())
		s := m.peers.Status()
		for _, l := range s.Links {
			require.Contains(t, l.TLS, "TLS 1.3", "%d: %+v", m.id, l)
		}
		for _, v := range s.Voters {
			require.Equal(t, v.Connected, v.TLS != "", "%d: %+v", m.id, v)
		}
	}
	w.stop()
}

// sslQuorumReloadCertFiles: certificates of a new authority take the place of those in use, file by file, and the ensemble goes
// on; a server that starts later needs the new ones. A broken file changes nothing.
func TestCertificatesBetweenServersAreRenewed(t *testing.T) {
	dir := t.TempDir()
	old, next := tlstest.NewCA(t, "old"), tlstest.NewCA(t, "new")
	ssl := serverStores(t, dir, old)
	e := newEnsemble(t, 3, 0, func(c *config.Config) {
		c.PeerTLS, c.QuorumTLS = config.PeerTLS{SSLQuorum: true, QuorumCertReload: true}, ssl
	})
	e.startAll()
	w := e.write(3)
	w.more(10)
	said := func(message string) {
		for _, m := range e.members {
			e.await(message, func() bool { return m.logs.FilterMessage(message).Len() > 0 })
		}
	}
	require.NoError(t, os.WriteFile(ssl.KeyStore.Path, []byte("no key"), 0o600))
	said("the certificates cannot be read again, the old ones stay in use")
	w.more(10)
	require.NoError(t, os.Rename(next.PEM(t, t.TempDir()), ssl.TrustStore.Path))
	require.NoError(t, os.Rename(next.Issue(t, tlstest.Want{}).PEM(t, t.TempDir()), filepath.Join(dir, "key.pem")))
	said("certificates reloaded; who is connected stays")
	for _, m := range e.members {
		m.stop()
		w.more(10)
		e.startAll()
	}
	w.stop()
}
