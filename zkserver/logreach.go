package zkserver

import (
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// storage is what zab asks about the log.
type storage struct{ s *Server }

// snapshotShare is up to which part of the size of a snapshot entries are read from the log for a learner; beyond that a
// snapshot is quicker (zookeeper.snapshotSizeFactor).
const snapshotShare = 0.33

// leastLogForSnapshot is how many bytes of log are always read rather than a snapshot sent.
const leastLogForSnapshot = 64 << 20

// Floor implements zab.Storage.
func (st storage) Floor(z zkproto.Zxid) (zkproto.Zxid, bool) {
	return st.s.store.Floor(z, st.s.mostLog())
}

// mostLog is how many bytes of log are sent to a learner at most. On the core.
func (s *Server) mostLog() int64 {
	size := s.tree.DataSize() + 100*int64(s.tree.NodeCount())
	return max(leastLogForSnapshot, int64(snapshotShare*float64(size)))
}

// lookBack finds out how far the log reaches back before the snapshot that was loaded, for learners that come later.
func (s *Server) lookBack(most int64) {
	stop := func() bool {
		select {
		case <-s.quit:
			return true
		case <-s.failed:
			return true
		default:
			return false
		}
	}
	from, err := s.store.ReachBack(most, stop)
	if err != nil {
		s.log.Info("followers that lack something from before the snapshot will get a snapshot: the log before it cannot be used", zap.Error(err))
		return
	}
	s.log.Debug("log before the snapshot", zap.Stringer("from", from))
}
