package zkserver

import (
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/watch"
)

// watch leaves a watch of w.
func (s *Server) watch(w *client, path string, kind watch.Kind) {
	s.watchMu.Lock()
	s.watches.Add(path, w, kind)
	s.watchMu.Unlock()
}

func (s *Server) addWatch(w *client, d *jute.Decoder) zkproto.Error {
	var req zkproto.AddWatchRequest
	req.Decode(d)
	if d.Err() != nil {
		return zkproto.ErrMarshallingError
	}
	kind := watch.Persistent
	switch req.Mode {
	case zkproto.WatchPersistent:
	case zkproto.WatchPersistentRecursive:
		kind = watch.PersistentRecursive
	default:
		return zkproto.ErrMarshallingError
	}
	s.watch(w, req.Path, kind)
	w.Out = jute.AppendInt32(w.Out, 0) // the original answers an ErrorResponse of 0
	return zkproto.ErrOK
}

func (s *Server) findWatches(w *client, d *jute.Decoder, remove bool) zkproto.Error {
	var req zkproto.WatchesRequest
	req.Decode(d)
	if d.Err() != nil || req.Type < zkproto.WatcherChildren || req.Type > zkproto.WatcherPersistentRecursive {
		return zkproto.ErrMarshallingError
	}
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	found, op := false, zkproto.OpCheckWatches
	if remove {
		op = zkproto.OpRemoveWatches
		found = s.watches.Remove(req.Path, w, req.Type)
	} else {
		found = s.watches.Contains(req.Path, w, req.Type)
	}
	if !found {
		return zkproto.ErrNoWatcher
	}
	if p := s.paths.Load(); p != nil {
		p.count(op, req.Path, s.clock.Now())
	}
	return zkproto.ErrOK
}

// setWatches answers setWatches and setWatches2: first what happened since, then the reply.
func (s *Server) setWatches(w *client, it *pipeline.Item) {
	var req zkproto.SetWatchesRequest
	d := jute.NewDecoder(it.Body)
	req.Decode(&d, it.Op)
	h := zkproto.ReplyHeader{Xid: it.Xid, Zxid: s.tree.LastZxid()}
	if d.Err() != nil || stopAtNull(&req, it.Op) {
		h.Err = zkproto.ErrMarshallingError
	}
	if d.Err() == nil {
		s.watchMu.Lock()
		events := s.watches.SetWatches(s.tree, w, &req, nil)
		s.watchMu.Unlock()
		for _, ev := range events {
			w.event(noZxid, ev)
		}
	}
	w.EndFrame(w.BeginFrame(h))
}

// noZxid is in the header of events that report what has changed some time ago.
const noZxid zkproto.Zxid = -1

// stopAtNull tells whether one of the lists is null: as in the original, those before it count, it and the others do not.
func stopAtNull(r *zkproto.SetWatchesRequest, op zkproto.OpCode) bool {
	lists := []*[]string{&r.Data, &r.Exist, &r.Child, &r.Persistent, &r.PersistentRecursive}
	if op == zkproto.OpSetWatches {
		lists = lists[:3]
	}
	for i, l := range lists {
		if *l == nil {
			for _, rest := range lists[i:] {
				*rest = nil
			}
			return true
		}
	}
	return false
}
