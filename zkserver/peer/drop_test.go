package peer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// unhurried lets a dropped link send all it has, however slow the machine is.
func unhurried(c *Config) { c.LingerTime = time.Minute }

// A connection that is closed with something unread in it would take what is on its way with it.
func TestWhatWasSentBeforeADropArrivesThoughNobodyReadsHere(t *testing.T) {
	c := newCluster(t, 2)
	p1, r1 := c.start(1)
	p2, r2 := c.start(2, unhurried)
	r2.hold = make(chan struct{}, 1)
	r2.hold <- struct{}{} // for the first packet
	at := c.join(1, 2, 1)
	for i := range 64 { // these are never read: the reader waits for the handler
		p1.Send([]zab.Message{{Type: zab.Request, To: 2, Link: 1, Zxid: zab.Zxid(i), Data: make([]byte, 64<<10)}})
	}
	const n = 200
	for i := range n {
		p2.Send([]zab.Message{{Type: zab.Proposal, To: 1, Link: at.Link, Zxid: zab.Zxid(i), Data: make([]byte, 64<<10)}})
	}
	p2.Send([]zab.Message{{Type: zab.CommitAndActivate, To: 1, Link: at.Link, Zxid: n}})
	p2.Drop([]zab.Link{at})
	for i := range n {
		require.Equal(t, zab.Zxid(i), r1.next(t).Zxid)
	}
	require.Equal(t, zab.CommitAndActivate, r1.next(t).Type)
	close(r2.hold)
	require.ErrorIs(t, receive(t, r2.ends, "the end").reason, errDropped)
}

func TestDropDoesNotWaitForAPeerThatDoesNotRead(t *testing.T) {
	c := newCluster(t, 2)
	_, r1 := c.start(1)
	r1.hold = make(chan struct{})
	p2, r2 := c.start(2)
	at := c.join(1, 2, 1)
	for range 64 {
		p2.Send([]zab.Message{{Type: zab.Proposal, To: 1, Link: at.Link, Data: make([]byte, 1<<20)}})
	}
	p2.Drop([]zab.Link{at})
	require.ErrorIs(t, receive(t, r2.ends, "the end").reason, errDropped)
	close(r1.hold)
}

// Closing right after a drop must not cut off what the drop promised.
func TestCloseLetsADroppedLinkFinish(t *testing.T) {
	c := newCluster(t, 2)
	_, r1 := c.start(1)
	p2, _ := c.start(2, unhurried)
	at := c.join(1, 2, 1)
	for range 12 {
		p2.Send([]zab.Message{{Type: zab.Proposal, To: 1, Link: at.Link, Data: make([]byte, 1<<20)}})
	}
	p2.Drop([]zab.Link{at})
	p2.Close()
	for range 12 {
		require.Equal(t, zab.Proposal, r1.next(t).Type)
	}
}
