package zkserver

import (
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// DigestLog is the tree's digest after every 128th zxid, oldest first, at most 1024 of them: what the four-letter word hash
// and the admin command of that name answer. Servers of an ensemble, and an original server on the same data, have equal
// digests at equal zxids.
func (s *Server) DigestLog() []tree.ZxidDigest {
	s.treeMu.RLock()
	defer s.treeMu.RUnlock()
	return s.tree.DigestLog()
}

// DigestMismatches counts the times the tree was found to differ from what a transaction or the loaded snapshot says
// (digest_mismatches_count in the original's metrics).
func (s *Server) DigestMismatches() int64 {
	s.treeMu.RLock()
	defer s.treeMu.RUnlock()
	return s.tree.DigestMismatches()
}

// digestMismatch tells that the tree is not what it was when the transaction was logged. The server goes on, as the
// original does: which of the two is wrong is for the operator to find out. The tree is locked.
func (s *Server) digestMismatch(t *tree.Tree, zxid zkproto.Zxid) {
	if n := t.DigestMismatches(); n&(n-1) == 0 { // the first, and then ever more rarely
		s.log.Error("digests are not matching: the tree differs from what was logged; compare the servers' answers to the word "+
			"hash, and let this one start from a copy of a sound one", zap.Stringer("zxid", zxid), zap.Int64("mismatches", n))
	}
}
