package zkserver

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/pathstats"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
)

// pathCounts are the request path statistics while they are on. A server without them has none: that is all there is to ask on the
// way of a request.
type pathCounts struct {
	*pathstats.Collector
	cfg  config.PathStats
	over chan struct{} // closed: they were switched off, or others have taken their place
}

// loggedDepth is how deep the paths are that are logged, whatever else is kept: as with the original.
const loggedDepth = 4

// setPathStats switches the statistics on or off, or begins them anew with other settings. It is called from Start, and from Reload
// under its lock.
func (s *Server) setPathStats(cfg config.PathStats) {
	old := s.paths.Load()
	if old == nil && !cfg.Enabled || old != nil && old.cfg == cfg {
		return
	}
	if old != nil {
		close(old.over)
	}
	if !cfg.Enabled {
		s.paths.Store(nil)
		s.log.Info("request path statistics are off")
		return
	}
	p := &pathCounts{cfg: cfg, over: make(chan struct{}), Collector: pathstats.New(pathstats.Options{
		SlotDuration: cfg.SlotDuration, Slots: cfg.SlotCapacity, Depth: cfg.MaxDepth, SampleRate: cfg.SampleRate,
	}, s.clock.Now())}
	s.paths.Store(p)
	s.log.Info("request path statistics are on", zap.Float64("sampleRate", cfg.SampleRate), zap.Int("maxDepth", cfg.MaxDepth),
		zap.Duration("window", cfg.Window()), zap.Duration("firstLoggedAfter", cfg.InitialDelay), zap.Duration("loggedEvery", cfg.Delay))
	s.group.Go(func() { s.tellPaths(p) })
}

// countPath counts a read that was answered.
func (s *Server) countPath(op zkproto.OpCode, path []byte) {
	if p := s.paths.Load(); p != nil && p.Sampled() {
		p.Add(op, string(path), s.clock.Now()) // there is no copy for those that do not count
	}
}

// countWritten counts a client's write that was done, a multi by its parts; and a sync.
func (s *Server) countWritten(a *replica.Answer) {
	p := s.paths.Load()
	if p == nil || a.Result.Err != zkproto.ErrOK {
		return
	}
	switch a.Op {
	case zkproto.OpSync:
		p.count(a.Op, a.Path, s.core.now)
	case zkproto.OpMulti:
		for i := range a.Result.Multi {
			if part := &a.Result.Multi[i]; part.Type != zkproto.OpError {
				p.count(part.Type, part.Path, s.core.now)
			}
		}
	case zkproto.OpReconfig, zkproto.OpCloseSession: // they name no path
	default:
		p.count(a.Op, a.Result.Path, s.core.now)
	}
}

// count counts a request.
func (p *pathCounts) count(op zkproto.OpCode, path string, now time.Time) {
	if p.Sampled() {
		p.Add(op, path, now)
	}
}

// tellPaths logs the most used paths, in the original's layout, until they are over.
func (s *Server) tellPaths(p *pathCounts) {
	for wait := p.cfg.InitialDelay; ; wait = p.cfg.Delay {
		t := s.clock.NewTimer(wait)
		select {
		case <-t.C():
		case <-p.over:
			t.Stop()
			return
		case <-s.quit:
			t.Stop()
			return
		}
		for _, top := range []struct {
			name string
			of   func(zkproto.OpCode) bool
		}{{"Read", isRead}, {"Write", pathstats.IsWrite}} {
			s.log.Info("Here are the top " + top.name + " paths:")
			for _, c := range p.Top(top.of, loggedDepth, p.cfg.TopPathMax, s.clock.Now()) {
				s.log.Info(fmt.Sprintf("%s : %d", pathstats.Printable(c.Path), c.Requests))
			}
		}
	}
}

func isRead(op zkproto.OpCode) bool { return !pathstats.IsWrite(op) }

// countedPaths are the operations whose paths are counted. The original leaves out createTTL, getAllChildrenNumber and the parts of
// multi and multiRead.
var countedPaths = []zkproto.OpCode{
	zkproto.OpCheck, zkproto.OpCheckWatches, zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL,
	zkproto.OpDelete, zkproto.OpExists, zkproto.OpGetACL, zkproto.OpGetAllChildrenNumber, zkproto.OpGetChildren,
	zkproto.OpGetChildren2, zkproto.OpGetData, zkproto.OpRemoveWatches, zkproto.OpSetACL, zkproto.OpSetData, zkproto.OpSync,
}

// TopPaths implements admin.Source.
func (s *Server) TopPaths(q admin.PathQuery) (admin.TopPaths, error) {
	p := s.paths.Load()
	if p == nil {
		return admin.TopPaths{}, admin.ErrPathStatsOff
	}
	counted := func(zkproto.OpCode) bool { return true }
	if q.Op != "" {
		i := slices.IndexFunc(countedPaths, func(op zkproto.OpCode) bool { return op.String() == q.Op })
		if i < 0 {
			return admin.TopPaths{}, fmt.Errorf("%w: %q is none; give one of %s", admin.ErrNoSuchOp, q.Op, strings.Join(opNames(countedPaths), ", "))
		}
		counted = func(op zkproto.OpCode) bool { return op == countedPaths[i] }
	}
	depth, now := q.Depth, s.clock.Now()
	if depth == 0 {
		depth = loggedDepth
	}
	top := func(side func(zkproto.OpCode) bool) []pathstats.Count {
		return p.Top(func(op zkproto.OpCode) bool { return side(op) && counted(op) }, depth, p.cfg.TopPathMax, now)
	}
	return admin.TopPaths{
		SampleRate: p.cfg.SampleRate, Window: p.cfg.Window(), Depth: min(depth, p.cfg.MaxDepth), Reads: top(isRead), Writes: top(pathstats.IsWrite),
	}, nil
}

func opNames(ops []zkproto.OpCode) []string {
	names := make([]string, len(ops))
	for i, op := range ops {
		names[i] = op.String()
	}
	return names
}
