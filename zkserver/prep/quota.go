package prep

import "github.com/holdfast-ha/holdfast/internal/zkproto"

// Exceeded is a change that would take a subtree over its quota.
type Exceeded struct {
	Path  string // that has the quota
	What  string // "count" (of znodes) or "bytes"
	Value int64  // what the subtree would have
	Limit int64
	Hard  bool
}

// checkQuota compares what a change would add with the deepest quota above it. The original's order: count before bytes, a
// hard limit instead of a soft one. What is used is that of the tree: changes on their way do not count yet.
func (p *Prep) checkQuota(path string, count, bytes int64) zkproto.Error {
	prefix, limits, used, ok := p.changes.tree.Quota(path)
	if !ok {
		return zkproto.ErrOK
	}
	over := func(what string, value, soft, hard int64) bool {
		e := Exceeded{Path: prefix, What: what, Value: value, Limit: soft}
		if hard > -1 {
			e.Limit, e.Hard = hard, true
		}
		if e.Limit < 0 || value <= e.Limit {
			return false
		}
		if p.config.OnQuota != nil {
			p.config.OnQuota(e)
		}
		return e.Hard && p.config.EnforceQuota
	}
	if count != 0 && over("count", used.Count+count, limits.Count, limits.CountHardLimit) ||
		bytes != 0 && over("bytes", used.Bytes+bytes, limits.Bytes, limits.ByteHardLimit) {
		return zkproto.ErrQuotaExceeded
	}
	return zkproto.ErrOK
}
