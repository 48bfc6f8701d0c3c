package zkserver

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Work goes from connections, links and the disk to whoever is the core, and each hand-off needs its wake-up (direct.go). One that
// gets lost costs a stall until some time is up: a ping, or the 250 ms that a member sleeps at most. Here time stands still once
// all serve, so that it would be for ever.
func TestNoHandOffIsLost(t *testing.T) {
	e := newEnsemble(t, 3, 1, nil)
	fake := clock.NewFake(time.Now())
	e.clock = fake
	stop := passing(fake)
	e.startAll()
	const each, rounds = 3, 300
	var clients []*raw
	for i := range each * len(e.members) {
		r := running{Server: e.members[i%len(e.members)].Server, t: t}
		clients = append(clients, r.raw(zkclient.Handshake{Timeout: 4 * time.Second}))
	}
	require.Equal(t, zkproto.ErrOK, clients[0].ask(zkproto.OpCreate, createBody("/n", nil, 0)).Err)
	for _, c := range clients {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSync, jute.AppendString(nil, "/")).Err)
	}
	stop()
	undisturb := e.disturb()
	defer undisturb()

	// First one client after another: nobody else's request takes along what was forgotten.
	for i, c := range clients[:len(e.members)] {
		for round := range rounds {
			c.handOff(i, round)
		}
	}
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for round := range rounds {
				if t.Failed() {
					return
				}
				c.handOff(i, round)
			}
		})
	}
	wg.Wait()
	undisturb()
	stop = passing(fake)
	e.same()
	for _, m := range e.members {
		m.stop()
	}
	stop()
}

// handOff sends one write alone, which may go all its way without the core goroutine; or a sync; or more writes at once than are
// taken directly.
func (c *raw) handOff(i, round int) {
	n := []int{1, 1, directBatch + 1}[(round+i)%3]
	var out []byte
	for k := range n {
		c.xid++
		if (round+i)%3 == 1 {
			out = append(out, frame(c.xid, zkproto.OpSync, jute.AppendString(nil, "/n"))...)
		} else {
			out = append(out, frame(c.xid, zkproto.OpSetData, setBody("/n", fmt.Append(nil, k)))...)
		}
	}
	if err := errors.Join(c.SetReadDeadline(time.Now().Add(20*time.Second)), c.Write(out)); err != nil {
		c.t.Error(err)
		return
	}
	for range n {
		if rep := c.next(); rep.Err != zkproto.ErrOK || rep.Xid > c.xid {
			c.t.Errorf("client %d, round %d: %+v", i, round, rep)
			return
		}
	}
}

// disturb holds the core's lock of all members again and again for a moment, as somebody who is the core does, but does nothing
// with it: whoever wants to be the core and cannot has to leave word.
func (e *ensemble) disturb() (stop func()) {
	var wg sync.WaitGroup
	quit := make(chan struct{})
	for _, m := range e.members {
		c := &m.core
		wg.Go(func() {
			ticker := time.NewTicker(100 * time.Microsecond)
			defer ticker.Stop()
			for {
				select {
				case <-quit:
					return
				case <-ticker.C:
				}
				c.mu.Lock()
				for until := time.Now().Add(80 * time.Microsecond); time.Now().Before(until); {
					runtime.Gosched()
				}
				m.leaveCore(0)
			}
		})
	}
	return sync.OnceFunc(func() { close(quit); wg.Wait() })
}

// passing lets the time of a fake clock pass, until stop is called.
func passing(fake *clock.Fake) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				fake.Advance(2 * time.Millisecond)
			case <-quit:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(quit); <-done })
}
