package tree

import (
	"slices"
	"strconv"
	"strings"
)

// A quota on a path P is two znodes: quotaPath+P+"/zookeeper_limits", which a client creates with the limits in it, and
// .../zookeeper_stats beside it, in which the server keeps what the subtree P has. Only the deepest quota above a change
// counts. The statistics are changed without a transaction, so each server computes them for itself.
const (
	limitsName = "zookeeper_limits"
	statsName  = "zookeeper_stats"
)

// StatsTrack is the content of these two znodes: numbers by name, -1 for what is not there. The text is
//
//	count=4,bytes=5=;byteHardLimit=10;countHardLimit=10
//
// in which the strange "=;" makes readers before 3.7, which know only the first two, stop there.
type StatsTrack struct {
	Count, Bytes                   int64
	CountHardLimit, ByteHardLimit  int64
	hasCountHardLimit, hasByteHard bool
	others                         []string // "name=value" of names unknown here
}

// ParseStatsTrack reads both the old form (count and bytes) and the new one. Both "," and ";" separate. What is no number
// reads as -1.
func ParseStatsTrack(data []byte) StatsTrack {
	s := StatsTrack{Count: -1, Bytes: -1, CountHardLimit: -1, ByteHardLimit: -1}
	for part := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return r == ',' || r == ';' }) {
		name, text, _ := strings.Cut(part, "=")
		text, _, _ = strings.Cut(text, "=")
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			v = -1
		}
		switch name {
		case "count":
			s.Count = v
		case "bytes":
			s.Bytes = v
		case "countHardLimit":
			s.CountHardLimit, s.hasCountHardLimit = v, true
		case "byteHardLimit":
			s.ByteHardLimit, s.hasByteHard = v, true
		default:
			s.others = append(s.others, name+"="+strconv.FormatInt(v, 10))
		}
	}
	return s
}

// AppendTo appends the text.
func (s *StatsTrack) AppendTo(b []byte) []byte {
	b = strconv.AppendInt(append(b, "count="...), s.Count, 10)
	b = strconv.AppendInt(append(b, ",bytes="...), s.Bytes, 10)
	more := slices.Clone(s.others)
	if s.hasByteHard {
		more = append(more, "byteHardLimit="+strconv.FormatInt(s.ByteHardLimit, 10))
	}
	if s.hasCountHardLimit {
		more = append(more, "countHardLimit="+strconv.FormatInt(s.CountHardLimit, 10))
	}
	if len(more) == 0 {
		return b
	}
	slices.Sort(more)
	b = append(b, '=')
	for _, m := range more {
		b = append(append(b, ';'), m...)
	}
	return b
}

// String is the text.
func (s *StatsTrack) String() string { return string(s.AppendTo(nil)) }

// quotaOf is the path whose quota the znode at parent+"/"+name belongs to.
func quotaOf(parent string) (path string, ok bool) {
	path, ok = strings.CutPrefix(parent, quotaPath)
	return path, ok && len(path) > 1 && path[0] == '/'
}

// quotaAbove is the deepest path with a quota that is path or above it.
func (t *Tree) quotaAbove(path string) (prefix string, ok bool) {
	for len(path) > 1 {
		if _, ok := t.quotas[path]; ok {
			return path, true
		}
		path = parentPath(path)
	}
	return "", false
}

// quotaCreated notes a znode that a create made.
func (t *Tree) quotaCreated(n *node, path string) {
	if strings.HasPrefix(path, quotaPath) {
		if of, ok := quotaOf(parentPath(path)); ok {
			switch n.name() {
			case limitsName:
				t.quotas[of] = struct{}{}
			case statsName:
				t.countQuota(of)
			}
		}
	}
	if len(t.quotas) > 0 {
		t.useQuota(path, 1, int64(n.size()))
	}
}

// quotaDeleted notes a znode that went.
func (t *Tree) quotaDeleted(n *node, path string) {
	if n.name() == limitsName {
		if of, ok := quotaOf(parentPath(path)); ok {
			delete(t.quotas, of)
		}
	}
	t.useQuota(path, -1, -int64(n.size()))
}

// useQuota adds to what the subtree of a quota has.
func (t *Tree) useQuota(path string, count, bytes int64) {
	prefix, ok := t.quotaAbove(path)
	if !ok {
		return
	}
	n := t.node(quotaPath + prefix + "/" + statsName)
	if n == nil {
		return
	}
	s := ParseStatsTrack(n.data())
	s.Count += count
	s.Bytes += bytes
	n.setData(s.AppendTo(nil))
}

// countQuota counts the subtree of a quota anew.
func (t *Tree) countQuota(path string) {
	n := t.node(quotaPath + path + "/" + statsName)
	if n == nil {
		return
	}
	var s StatsTrack
	t.count(t.node(path), &s)
	n.setData(s.AppendTo(nil))
}

func (t *Tree) count(n *node, s *StatsTrack) {
	if n == nil {
		return
	}
	s.Count++
	s.Bytes += int64(n.size())
	for _, c := range n.children() {
		t.count(c, s)
	}
}

// RebuildQuotas finds all quotas and counts what they have. Recovery calls it when the log has been replayed.
func (t *Tree) RebuildQuotas() {
	clear(t.quotas)
	if n := t.node(quotaPath); n != nil {
		t.findQuotas(n)
	}
}

func (t *Tree) findQuotas(n *node) {
	if n.name() == limitsName && len(n.children()) == 0 {
		if path, ok := quotaOf(n.up.path()); ok {
			t.quotas[path] = struct{}{}
			t.countQuota(path)
		}
		return
	}
	for _, c := range n.children() {
		t.findQuotas(c)
	}
}

// Quota returns the quota that counts for a change at path: where it is, its limits and what its subtree has now. ok is
// false when there is none.
func (t *Tree) Quota(path string) (prefix string, limits, used StatsTrack, ok bool) {
	if len(t.quotas) == 0 {
		return "", limits, used, false
	}
	if prefix, ok = t.quotaAbove(path); !ok {
		return "", limits, used, false
	}
	limit, stats := t.node(quotaPath+prefix+"/"+limitsName), t.node(quotaPath+prefix+"/"+statsName)
	if limit == nil || stats == nil {
		return "", limits, used, false
	}
	return prefix, ParseStatsTrack(limit.data()), ParseStatsTrack(stats.data()), true
}

// Quotas lists the paths that have a quota, sorted.
func (t *Tree) Quotas() []string {
	paths := make([]string, 0, len(t.quotas))
	for p := range t.quotas {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}
