package peer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// The deadline of what the writer wrote last does not end a link that was quiet since.
func TestQuietLinkOutlivesItsLastDeadline(t *testing.T) {
	const limit = 300 * time.Millisecond // a loaded machine may stand still for a part of it
	c := newCluster(t, 2)
	_, r1 := c.start(1)
	p2, _ := c.start(2, func(cfg *Config) { cfg.InitTimeout = limit })
	at := c.join(1, 2, 1)
	for range 2 {
		p2.Send([]zab.Message{{Type: zab.Proposal, To: 1, Link: at.Link, Data: make([]byte, 4*directBytes)}}) // the writer's work
		require.Equal(t, zab.Proposal, r1.next(t).Type)
		<-time.After(limit + 30*time.Millisecond)
		p2.Send([]zab.Message{{Type: zab.Commit, To: 1, Link: at.Link}})
		require.Equal(t, zab.Commit, r1.next(t).Type)
	}
}
