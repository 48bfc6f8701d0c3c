package zktest

import (
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// SetConfig makes the znode of the ensemble's configuration.
func (s *Server) SetConfig(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes["/zookeeper/config"] = &node{data: []byte(text), acl: zkproto.WorldAll()}
}

// extended answers the operations that came with 3.5 and later. Persistent watches are remembered for their removal only:
// they see nothing.
func (s *Server) extended(c *conn, op zkproto.OpCode, d *jute.Decoder) (reply, zkproto.Error) {
	switch op {
	case zkproto.OpAddWatch:
		var r zkproto.AddWatchRequest
		r.Decode(d)
		return func(b []byte) []byte { return jute.AppendInt32(b, 0) }, zkproto.ErrOK
	case zkproto.OpRemoveWatches:
		var r zkproto.WatchesRequest
		r.Decode(d)
		if s.refuse {
			return nil, zkproto.ErrNoWatcher
		}
		delete(c.watches, watch{r.Path, false})
		delete(c.watches, watch{r.Path, true})
		return nil, zkproto.ErrOK
	case zkproto.OpGetEphemerals:
		var r zkproto.PathRequest
		r.Decode(d)
		var paths []string
		for p, n := range s.nodes {
			if n.stat.EphemeralOwner == int64(c.session) && strings.HasPrefix(p, r.Path) {
				paths = append(paths, p)
			}
		}
		slices.Sort(paths)
		return func(b []byte) []byte { return jute.AppendStrings(b, paths) }, zkproto.ErrOK
	case zkproto.OpGetAllChildrenNumber:
		var r zkproto.PathRequest
		r.Decode(d)
		if s.nodes[r.Path] == nil {
			return nil, zkproto.ErrNoNode
		}
		n := int32(0)
		for p := range s.nodes {
			if p != "/" && strings.HasPrefix(p, strings.TrimSuffix(r.Path, "/")+"/") {
				n++
			}
		}
		return func(b []byte) []byte { return jute.AppendInt32(b, n) }, zkproto.ErrOK
	default: // reconfig: the new configuration is the request, so that tests see what was asked for
		var r zkproto.ReconfigRequest
		r.Decode(d)
		if s.refuse {
			return nil, zkproto.ErrReconfigDisabled
		}
		text := "joining=" + r.Joining + " leaving=" + r.Leaving + " members=" + strings.ReplaceAll(r.NewMembers, "\n", ",")
		return (&zkproto.GetDataReply{Data: []byte(text)}).AppendTo, zkproto.ErrOK
	}
}

// Refuse makes the server refuse reconfig and removeWatches.
func (s *Server) Refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = on
}
