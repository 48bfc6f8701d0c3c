package sim

import (
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// request names what a client asked: its session and its number there.
type request struct {
	session zkproto.SessionID
	xid     int32
}

// note looks into an entry when it becomes part of the line: what it changes is what watches must tell of.
func (o *oracle) note(z zab.Zxid, data []byte) {
	if o.w.opt.Bare {
		return
	}
	h, txn, _, err := store.DecodeTxn(data)
	if err != nil {
		o.w.failf("committed entry %s: %v", z, err)
	}
	if q := (request{h.ClientID, h.Cxid}); q.xid > 0 {
		if before, twice := o.done[q]; twice {
			o.w.failf("request %d of session %s was done twice, as %s and as %s", q.xid, q.session, before, z)
		}
		o.done[q] = z
		o.refused[q] = h.Type == zkproto.OpError
	}
	switch t := txn.(type) {
	case *zkproto.CreateTxn:
		o.changes[t.Path] = append(o.changes[t.Path], z)
	case *zkproto.SetDataTxn:
		o.changes[t.Path] = append(o.changes[t.Path], z)
	case *zkproto.DeleteTxn:
		o.changes[t.Path] = append(o.changes[t.Path], z)
	case *zkproto.CloseSessionTxn:
		o.closed[h.ClientID] = true
	}
}

// changed tells whether a znode changed after one zxid and not after another.
func (o *oracle) changed(path string, after, upTo zab.Zxid) bool {
	list := o.changes[path]
	i, _ := slices.BinarySearch(list, after+1)
	return i < len(list) && list[i] <= upTo
}

// sessionClosed checks a server that has applied a closeSession: no ephemeral of the session may be left.
func (o *oracle) sessionClosed(s *server, id zkproto.SessionID) {
	if left := s.state.Tree.Ephemerals(id); len(left) > 0 {
		o.w.failf("%s has closed session %s and keeps its ephemerals %q", s, id, left)
	}
}

// toldExpired notes that a client was told that its session is over: it must end, on all servers.
func (o *oracle) toldExpired(c *client) {
	if c.session != 0 {
		o.over[c.session] = true
	}
}

// noSessions tells whether no server has sessions or ephemerals any more.
func (o *oracle) noSessions() bool {
	for _, s := range o.w.members() {
		if !s.up || s.state.Tree.EphemeralCount() > 0 || len(s.machine.sessionTimeouts()) > 0 {
			return false
		}
	}
	return true
}
