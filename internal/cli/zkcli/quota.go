package zkcli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The znodes that hold quotas: the limit on /a/b is in /zookeeper/quota/a/b/zookeeper_limits, its use beside it.
const (
	quotaRoot  = "/zookeeper/quota"
	limitsNode = "zookeeper_limits"
	statsNode  = "zookeeper_stats"
)

// quotaKeys are the options of setquota and delquota with the keys they mean in a limits znode.
var quotaKeys = []struct {
	flag byte
	key  string
}{{'n', "count"}, {'b', "bytes"}, {'N', "countHardLimit"}, {'B', "byteHardLimit"}}

// statsTrack is the text of a limits or stats znode: key=number pairs.
type statsTrack map[string]int64

func parseTrack(path string, data []byte) (statsTrack, error) {
	t := statsTrack{}
	for pair := range strings.FieldsFuncSeq(string(data), func(c rune) bool { return c == ',' || c == ';' }) {
		kv := strings.Split(pair, "=") // "bytes=5=" ends with a sign of its own, for readers of 3.4
		if len(kv) < 2 {
			return nil, failf("%s holds %q, which is not a quota: key=number expected", path, data)
		}
		n := int64(-1)
		if kv[1] != "" {
			var err error
			if n, err = strconv.ParseInt(kv[1], 10, 64); err != nil {
				return nil, failf("%s holds %q, which is not a quota: %q is no number", path, data, kv[1])
			}
		}
		t[kv[0]] = n
	}
	return t, nil
}

// get is the value of a key; -1, no limit, when it is not there.
func (t statsTrack) get(key string) int64 {
	if n, ok := t[key]; ok {
		return n
	}
	return -1
}

// String is StatsTrack.toString: count and bytes first, the rest behind a sign that readers of 3.4 stop at.
func (t statsTrack) String() string {
	b := fmt.Sprintf("count=%d,bytes=%d", t.get("count"), t.get("bytes"))
	sep := "=;"
	for _, k := range slices.Sorted(maps.Keys(t)) {
		if k != "count" && k != "bytes" {
			b += fmt.Sprintf("%s%s=%d", sep, k, t[k])
			sep = ";"
		}
	}
	return b
}

// track reads a limits or stats znode.
func (s *shell) track(ctx context.Context, path string) (statsTrack, error) {
	data, _, err := s.client.Get(ctx, path, false)
	if err != nil {
		return nil, err
	}
	return parseTrack(path, data)
}

// noQuota prints the original's sentence for a quota that is not there, which is no failure.
func (s *shell) noQuota(err error, path string) error {
	if errors.Is(err, zkproto.ErrNoNode) {
		s.warn("quota for " + path + " does not exist.")
		return nil
	}
	return explain(err, path)
}

func listQuota(ctx context.Context, s *shell, p *parsed) error {
	path := p.args[0]
	base := quotaRoot + path + "/"
	s.warn("absolute path is " + base + limitsNode)
	limits, err := s.track(ctx, base+limitsNode)
	if err != nil {
		return s.noQuota(err, path)
	}
	used, err := s.track(ctx, base+statsNode)
	if err != nil {
		return s.noQuota(err, path)
	}
	s.show("Output quota for "+path+" "+limits.String()+"\nOutput stat for "+path+" "+used.String(),
		struct {
			Path  string     `json:"path"`
			Quota statsTrack `json:"quota"`
			Stat  statsTrack `json:"stat"`
		}{path, limits, used})
	return nil
}

// wantedQuota is what the options of setquota ask for. ok is false when a value is not allowed, which has been printed.
func (s *shell) wantedQuota(p *parsed) (want statsTrack, ok bool) {
	want = statsTrack{}
	for _, q := range quotaKeys {
		if !p.has(q.flag) {
			continue
		}
		bits := 64
		if q.flag == 'n' || q.flag == 'N' {
			bits = 32
		}
		n, err := strconv.ParseInt(p.flags[q.flag], 10, bits)
		switch {
		case err != nil:
			s.warn("NumberFormatException happens when parsing the option value")
			return nil, false
		case bits == 32 && n <= 0:
			s.warn("the num quota must be greater than zero")
			return nil, false
		case n < 0:
			s.warn("the bytes quota must be greater than or equal to zero")
			return nil, false
		}
		want[q.key] = n
	}
	return want, true
}

func setQuota(ctx context.Context, s *shell, p *parsed) error {
	path := p.args[0]
	if strings.HasPrefix(path, quotaRoot) {
		s.warn("cannot set a quota under the path: " + quotaRoot)
		return nil
	}
	want, ok := s.wantedQuota(p)
	if !ok {
		return nil
	}
	if _, err := s.client.Exists(ctx, path, false); errors.Is(err, zkproto.ErrNoNode) {
		return failf("%s does not exist.", path)
	} else if err != nil {
		return explain(err, path)
	}
	if err := s.quotaBelow(ctx, path); err != nil {
		return err
	}
	if err := s.quotaAbove(ctx, path); err != nil {
		return err
	}
	base, err := s.quotaParents(ctx, path)
	if err != nil {
		return err
	}
	limits, err := s.track(ctx, base+"/"+limitsNode)
	switch {
	case errors.Is(err, zkproto.ErrNoNode):
		return s.createQuota(ctx, base, want)
	case err != nil:
		return explain(err, path)
	}
	maps.Copy(limits, want)
	used, err := s.track(ctx, base+"/"+statsNode)
	if err != nil {
		return explain(err, base+"/"+statsNode)
	}
	s.checkQuota(limits, used)
	_, err = s.client.Set(ctx, base+"/"+limitsNode, []byte(limits.String()), -1)
	return explain(err, base+"/"+limitsNode)
}

// createQuota makes the limits and stats znodes of a path that had no quota. The server fills in the stats.
func (s *shell) createQuota(ctx context.Context, base string, want statsTrack) error {
	limits := statsTrack{"count": -1, "bytes": -1, "countHardLimit": -1, "byteHardLimit": -1}
	maps.Copy(limits, want)
	create := func(path string, t statsTrack) error {
		_, err := s.client.Create(ctx, path, []byte(t.String()), zkproto.WorldAll(), zkproto.ModePersistent, 0)
		return explain(err, path)
	}
	if err := create(base+"/"+limitsNode, limits); err != nil {
		return err
	}
	if err := create(base+"/"+statsNode, statsTrack{"count": 0, "bytes": 0}); err != nil {
		return err
	}
	used, err := s.track(ctx, base+"/"+statsNode)
	if err != nil {
		return explain(err, base+"/"+statsNode)
	}
	s.checkQuota(limits, used)
	return nil
}

// quotaParents makes the znodes above the limits znode and answers the one directly above it.
func (s *shell) quotaParents(ctx context.Context, path string) (string, error) {
	at := quotaRoot
	need := []string{"/zookeeper", quotaRoot}
	for seg := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		at += "/" + seg
		need = append(need, at)
	}
	for _, n := range need {
		_, err := s.client.Exists(ctx, n, false)
		if errors.Is(err, zkproto.ErrNoNode) {
			if _, err = s.client.Create(ctx, n, nil, zkproto.WorldAll(), zkproto.ModePersistent, 0); errors.Is(err, zkproto.ErrNodeExists) {
				continue
			}
		}
		if err != nil {
			return "", explain(err, n)
		}
	}
	return at, nil
}

// quotaBelow refuses a quota on what is above another quota.
func (s *shell) quotaBelow(ctx context.Context, path string) error {
	base := quotaRoot + path
	if _, _, err := s.client.Get(ctx, base, false); errors.Is(err, zkproto.ErrNoNode) {
		return nil
	} else if err != nil {
		return explain(err, base)
	}
	var found string
	err := s.walk(ctx, base, false, func(znode string) {
		dir, name := znode[:strings.LastIndexByte(znode, '/')], znode[strings.LastIndexByte(znode, '/')+1:]
		if name == limitsNode && dir != base && found == "" {
			found = dir
		}
	})
	if err == nil && found != "" {
		err = failf("%s has a child %s which has a quota", path, strings.TrimPrefix(found, quotaRoot))
	}
	return err
}

// quotaAbove refuses a quota on what is below another quota.
func (s *shell) quotaAbove(ctx context.Context, path string) error {
	segs := strings.Split(path, "/")
	at := quotaRoot
	for _, seg := range segs[1 : len(segs)-1] {
		at += "/" + seg
		names, _, err := s.client.Children(ctx, at, false)
		if errors.Is(err, zkproto.ErrNoNode) || err == nil && len(names) == 0 {
			return nil
		}
		if err != nil {
			return explain(err, at)
		}
		if slices.Contains(names, limitsNode) {
			return failf("%s has a parent %s which has a quota", path, strings.TrimPrefix(at, quotaRoot))
		}
	}
	return nil
}

// checkQuota warns of limits that are exceeded already.
func (s *shell) checkQuota(limits, used statsTrack) {
	over := func(limit string, by string) bool { return limits.get(limit) > -1 && limits.get(limit) < used.get(by) }
	if over("count", "count") || over("countHardLimit", "count") {
		s.note(fmt.Sprintf("[Warning]: the count quota you create is less than the existing count:%d", used.get("count")))
	}
	if over("bytes", "bytes") || over("byteHardLimit", "bytes") {
		s.note(fmt.Sprintf("[Warning]: the bytes quota you create is less than the existing bytes:%d", used.get("bytes")))
	}
}

// delQuota lifts the limits that the options name, or without an option removes the quota and the znodes made for it.
func delQuota(ctx context.Context, s *shell, p *parsed) error {
	path := p.args[0]
	base := quotaRoot + path
	limits, err := s.track(ctx, base+"/"+limitsNode)
	if errors.Is(err, zkproto.ErrNoNode) {
		s.note("Quota does not exist for " + path)
		return nil
	}
	if err != nil {
		return explain(err, path)
	}
	if len(p.flags) > 0 {
		for _, q := range quotaKeys {
			if p.has(q.flag) {
				limits[q.key] = -1
			}
		}
		_, err = s.client.Set(ctx, base+"/"+limitsNode, []byte(limits.String()), -1)
		return s.noQuota(err, path)
	}
	names, _, err := s.client.Children(ctx, base, false)
	for _, n := range names {
		if err == nil {
			err = s.client.Delete(ctx, base+"/"+n, -1)
		}
	}
	for at := base; err == nil && at != quotaRoot; at = at[:strings.LastIndexByte(at, '/')] {
		if names, _, err = s.client.Children(ctx, at, false); err != nil || len(names) > 0 {
			break
		}
		err = s.client.Delete(ctx, at, -1)
	}
	return s.noQuota(err, path)
}
