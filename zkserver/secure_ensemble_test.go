package zkserver

import (
	"fmt"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// In an ensemble whose members have ports for TLS alone, an identity goes with a request from a follower to the leader, and through
// an observer.
func TestEnsembleWithSecurePortsAlone(t *testing.T) {
	h := newHouse(t)
	e := newEnsemble(t, 3, 1, func(c *config.Config) {
		h.secureOnly(c)
		for i := range c.Servers { // nor is there one in the lines of the servers
			c.Servers[i].ClientHost, c.Servers[i].ClientPort = "", 0
		}
	})
	e.startAll()
	for _, m := range e.members {
		mine, other := over(t, m.SecureAddr(), h.client(t, "me")), over(t, m.SecureAddr(), h.client(t, "other"))
		path := fmt.Sprintf("/by%d", m.id)
		_, err := mine.Create(path, []byte("x"), 0, []zk.ACL{{Perms: zk.PermAll, Scheme: "auth"}})
		require.NoError(t, err)
		_, err = mine.Set(path, []byte("y"), 0)
		require.NoError(t, err)
		_, err = other.Set(path, []byte("z"), -1)
		require.ErrorIs(t, err, zk.ErrNoAuth)
		require.Equal(t, -1, m.Status(false).ClientPort)
		require.Empty(t, m.clientAddr())
		conf, _ := m.words.Answer("conf", nil)
		require.Contains(t, conf, "clientPort=-1\nsecureClientPort="+portText(m.SecureAddr()))
	}
}
