package zkserver

import (
	"runtime"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// notify tells the watchers of a change. The tree is locked for writing.
func (s *Server) notify(ev tree.Event) {
	c := &s.core
	s.watchMu.Lock()
	c.watchers = s.watches.Trigger(ev, c.watchers[:0])
	s.watchMu.Unlock()
	s.stats.told(ev.Type, len(c.watchers))
	s.stats.changed(&ev)
	for _, w := range c.watchers {
		w.Lock()
		if !w.Dead() && s.registry.Check(ev.ACL, zkproto.PermRead, w.ids) {
			w.event(ev.Zxid, zkproto.WatcherEvent{Type: ev.Type, State: zkproto.StateSyncConnected, Path: ev.Path})
		}
		w.Unlock()
		if !w.told {
			w.told = true
			c.told = append(c.told, w)
		}
	}
}

// touched remembers that a client has an answer to flush.
func (s *Server) touched(w *client) {
	if !w.dirty {
		w.dirty = true
		s.core.dirty = append(s.core.dirty, w)
	}
}

// fewEvents is up to how many clients the core sends events itself.
const fewEvents = 32

// flush sends what was appended in this step: the answers first, so that who has changed a znode does not wait until all
// who watch it have been told. Telling many is left to goroutines, as many as there are processors, one fan-out at a time:
// requests go on meanwhile. Each connection sends its outbox in order whoever flushes it.
func (s *Server) flush() {
	c := &s.core
	for i, w := range c.dirty {
		w.dirty = false
		w.Flush()
		c.dirty[i] = nil
	}
	c.dirty = c.dirty[:0]
	for _, w := range c.told {
		w.told = false
	}
	if len(c.told) > fewEvents && c.telling.Load() == 0 {
		part := max((len(c.told)-1)/runtime.GOMAXPROCS(0)+1, fewEvents)
		for told := range slices.Chunk(c.told, part) {
			c.telling.Add(1)
			s.group.Go(func() {
				defer c.telling.Add(-1)
				for _, w := range told {
					w.Flush()
				}
			})
		}
		c.told = nil
		return
	}
	for i, w := range c.told {
		w.Flush()
		c.told[i] = nil
	}
	c.told = c.told[:0]
}
