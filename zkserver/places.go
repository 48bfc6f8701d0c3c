package zkserver

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// places bounds how many learners are brought up to date at once. Followers always get one: the quorum may need them, and more
// of them than there are places may need a snapshot at once. Observers wait for theirs, but no longer than half of the time in
// which a learner wants to see something coming; then they are sent away, and come again. (The original sends them away at
// once: LearnerSyncThrottler.)
type places struct {
	mu    sync.Mutex
	used  int
	most  int
	freed chan struct{} // closed when one is given back
}

func (p *places) init(most int) { p.most, p.freed = max(1, most), make(chan struct{}) }

// take takes a place; if there is none, it answers what will be closed when that may have changed.
func (p *places) take(always bool) (ok bool, freed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !always && p.used >= p.most {
		return false, p.freed
	}
	p.used++
	return true, nil
}

func (p *places) giveBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	close(p.freed)
	p.freed = make(chan struct{})
}

// enter takes a place for a learner, or waits for one. While it waits the core is told that this link is not forgotten.
func (h *peerHandler) enter(p *places, to zab.Link) error {
	s := h.s
	follower := false
	s.onCore(func() { follower = s.core.replica.Node().IsFollower(to) })
	ok, freed := p.take(follower)
	if ok {
		return nil
	}
	patience := time.Duration(s.cfg.InitLimit) * s.cfg.TickTime / 2
	s.log.Info("a learner waits for a place to be brought up to date", zap.Int64("peer", int64(to.Peer)), zap.Int("places", p.most))
	limit, ticker := s.clock.NewTimer(patience), s.clock.NewTicker(tellEvery)
	defer limit.Stop()
	defer ticker.Stop()
	way := moving{h: h, link: to}
	for {
		select {
		case <-freed:
			if ok, freed = p.take(false); ok {
				return nil
			}
		case <-ticker.C():
			way.on()
		case <-limit.C():
			return fmt.Errorf("zkserver: server %d: %w within %s (%d places); it is sent away and will come again", to.Peer, errNoPlace, patience, p.most)
		case <-s.quit:
			return errStopping
		}
	}
}

var errNoPlace = errors.New("no place to be brought up to date")
