package zkserver

import (
	"fmt"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func TestPlaces(t *testing.T) {
	var p places
	p.init(0)
	ok, _ := p.take(false)
	require.True(t, ok, "at least one")
	ok, freed := p.take(false)
	require.False(t, ok)
	ok, _ = p.take(true)
	require.True(t, ok, "who has to come in does")
	p.giveBack()
	<-freed
	ok, freed = p.take(false)
	require.False(t, ok, "there is one too many still")
	p.giveBack()
	<-freed
	ok, _ = p.take(false)
	require.True(t, ok)
}

// All places are taken: a follower is brought up to date nevertheless, an observer waits, is sent away and comes again, until
// there is a place. The leader does not take the one that waits for dead.
func TestObserversWaitForAPlaceAndFollowersDoNot(t *testing.T) {
	e := newEnsemble(t, 3, 1, func(c *config.Config) {
		c.MaxSnapSyncs, c.MaxDiffSyncs, c.InitLimit = 1, 1, 10
		c.CommitLogCount = 5
	})
	var observer *member
	for _, m := range e.members {
		if m.id == 4 {
			observer = m
			continue
		}
		m.start()
	}
	leader := e.leader()
	e.await("followers", func() bool { return len(e.followers()) == 2 })
	c := e.connect(leader)
	for i := range 20 {
		_, err := c.Create(fmt.Sprintf("/n%d", i), nil, 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
	}
	h := &leader.peerHandler
	h.sending.take(true)
	h.reading.take(true)

	behind := e.followers()[0]
	behind.kill()
	behind.mem = vfs.NewMem()
	behind.start()
	e.await("the follower is in sync", behind.serves)
	observer.start()
	e.await("the observer waits", func() bool { return leader.logged("a learner waits for a place", "") })
	e.await("it is sent away", func() bool { return observer.logged("zab: lost", "link to the leader closed") })
	require.False(t, observer.serves())
	h.sending.giveBack()
	h.reading.giveBack()
	e.await("the observer is in sync", observer.serves)
	require.Equal(t, leader, e.leader())
	e.same()
}
