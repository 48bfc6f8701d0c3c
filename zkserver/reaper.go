package zkserver

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// reapContainers deletes, every ContainerCheckInterval, the containers that have lost their last child and the TTL znodes
// that have outlived their time, as fast as ContainerMaxPerMinute allows. The search takes the tree's read lock piece by
// piece; whether a znode really may go is decided anew when the deletion is prepared.
func (s *Server) reapContainers() {
	ticker := s.clock.NewTicker(s.cfg.ContainerCheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-s.failed:
			return
		case <-ticker.C():
		}
		pause := time.Minute / time.Duration(s.cfg.ContainerMaxPerMinute)
		for _, path := range s.reapable() {
			b := s.inbox.Get()
			b.Add(pipeline.Request[*client]{Op: zkproto.OpDeleteContainer}, jute.AppendString(nil, path))
			if !s.inbox.Put(b) || !s.pause(pause) {
				return
			}
		}
	}
}

// pause waits; false when the server stops.
func (s *Server) pause(d time.Duration) bool {
	t := s.clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-s.quit:
		return false
	case <-s.failed:
		return false
	}
}

// reapable are the paths of the znodes to delete.
func (s *Server) reapable() []string {
	var candidates []string
	s.treeMu.RLock()
	walk := s.tree.Walk()
	s.treeMu.RUnlock()
	now := s.clock.Now().UnixMilli()
	for more := true; more; {
		s.treeMu.RLock()
		more = walk.Next(1000, func(path string, _ []byte, _ int64, st zkproto.StatPersisted) {
			if s.outlived(&st, now) {
				candidates = append(candidates, path)
			}
		})
		s.treeMu.RUnlock()
	}
	s.treeMu.RLock()
	defer s.treeMu.RUnlock()
	var paths []string
	for _, path := range candidates {
		if st, _, ok := s.tree.Exists(path); ok && st.NumChildren == 0 {
			paths = append(paths, path)
		}
	}
	return paths
}

// outlived tells whether a znode without children would have no reason to be any more.
func (s *Server) outlived(st *zkproto.StatPersisted, nowMillis int64) bool {
	switch tree.KindOf(st.EphemeralOwner, s.cfg.ExtendedTypes) {
	case tree.Container:
		return st.Cversion > 0 // it has had a child
	case tree.TTL:
		return nowMillis-st.Mtime > st.EphemeralOwner&tree.MaxTTL
	default:
		return false
	}
}
