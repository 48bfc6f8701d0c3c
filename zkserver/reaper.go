package zkserver

import (
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
)

// reapContainers deletes, every ContainerCheckInterval, the containers that have lost their last child and the TTL znodes
// that have outlived their time, as fast as ContainerMaxPerMinute allows. Which are due is the tree's word; whether a znode
// really may go is decided anew when the deletion is prepared.
func (s *Server) reapContainers() {
	pause := time.Minute / time.Duration(s.cfg.ContainerMaxPerMinute)
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
		for _, path := range s.reapable() {
			s.log.Debug("a container or TTL znode is due", zap.String("path", path))
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
	s.treeMu.RLock()
	defer s.treeMu.RUnlock()
	return s.tree.Due(s.clock.Now().UnixMilli(), s.cfg.ContainerMaxNeverUsed.Milliseconds())
}
