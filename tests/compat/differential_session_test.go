//go:build compat

package compat

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// slotID is a slot's session, by the original's reckoning; 0 when it has none.
func (d *duel) slotID(i int) zkproto.SessionID {
	if s := d.original.slots[i]; s != nil {
		return s.id
	}
	return 0
}

// connect opens a session in a slot, or continues the one it has when id is not 0.
func (d *duel) connect(i int, id zkproto.SessionID, q zkproto.ConnectRequest) {
	g := d.gen
	cut := 0
	q.HasReadOnly = true
	if g.chance(10) {
		q.HasReadOnly = false
	} else if g.chance(2) {
		cut = 1 + g.IntN(30)
	}
	wrong := id != 0 && !d.open[i] && g.chance(4)
	if g.chance(3) {
		q.LastZxidSeen = d.last + 1000
	}
	if cut > 0 || q.LastZxidSeen > d.last {
		if d.open[i] {
			d.drop(i)
		}
	}
	if id == 0 {
		d.sessions++
	}
	name := fmt.Sprintf("session-%d", d.sessions)
	var texts [2]string
	var resp [2]*zkproto.ConnectResponse
	for k, s := range []*side{d.original, d.ours} {
		q := q
		q.Password = make([]byte, 16)
		if id != 0 {
			q.SessionID = s.slots[i].id
			q.Password = s.slots[i].password
			name = s.names[int64(q.SessionID)]
			if wrong {
				q.Password = append([]byte{^q.Password[0]}, q.Password[1:]...)
			}
		}
		r, ended := s.connect(i, name, q, cut)
		resp[k] = r
		texts[k] = ended
		if r != nil {
			texts[k] = fmt.Sprintf("%s %q version=%d timeout=%d granted=%v same=%v ro=%v,%v password=%d", ended, name, r.ProtocolVersion,
				r.TimeoutMillis, r.SessionID != 0, r.SessionID == q.SessionID, r.HasReadOnly, r.ReadOnly, len(r.Password))
		}
	}
	d.open[i] = resp[0] != nil && resp[0].SessionID != 0
	if !d.open[i] && resp[0] != nil { // the session is gone
		if !wrong {
			for _, s := range []*side{d.original, d.ours} {
				s.slots[i].id = 0
			}
		}
	}
	if id == 0 && d.open[i] {
		d.last++
	}
	d.note(i, fmt.Sprintf("connect id=%v timeout=%d seen=%v cut=%d wrong=%v", id != 0, q.TimeoutMillis, q.LastZxidSeen, cut, wrong), texts[0:1], texts[1:2])
}

// reconnect continues a slot's session, or opens a new one; then often sets watches.
func (d *duel) reconnect(i int) {
	g := d.gen
	id := d.slotID(i)
	if id != 0 && g.chance(3) {
		id = 0
		d.ensure(i)
		d.closeSession(i)
	}
	d.connect(i, id, zkproto.ConnectRequest{TimeoutMillis: pick[int32](g, 40000, 40000, 45000, math32), LastZxidSeen: 0})
	if id != 0 && d.open[i] && g.chance(60) {
		op := pick(g, zkproto.OpSetWatches, zkproto.OpSetWatches2)
		body, text := g.setWatches(op)
		d.send(i, request{xid: zkproto.XidSetWatches, op: op, body: body, text: text})
	}
}

const math32 = 1<<31 - 1

// ensure opens a connection in a slot, if it has none. No session may be left behind: it would expire at any time.
func (d *duel) ensure(i int) {
	for !d.open[i] {
		d.connect(i, d.slotID(i), zkproto.ConnectRequest{TimeoutMillis: 40000})
	}
}

func (d *duel) drop(i int) {
	d.original.slots[i].drop()
	d.ours.slots[i].drop()
	d.open[i] = false
	d.note(i, "drop the connection", nil, nil)
}

func (d *duel) closeSession(i int) {
	d.send(i, request{xid: 77, op: zkproto.OpCloseSession, text: "closeSession"})
	if d.open[i] {
		d.drop(i)
	}
	d.original.slots[i].id, d.ours.slots[i].id = 0, 0
}

// expire lets a slot's session expire on both servers.
func (d *duel) expire(i int) {
	if d.slotID(i) == 0 {
		return
	}
	if d.open[i] {
		d.drop(i)
	}
	d.connect(i, d.slotID(i), zkproto.ConnectRequest{TimeoutMillis: 1}) // the least
	if !d.open[i] {
		return
	}
	j := (i + 1) % slots
	d.ensure(j)
	d.send(j, request{xid: zkproto.XidPing, op: zkproto.OpPing, text: "ping"}) // tells the last zxid
	before := d.last
	d.drop(i)
	d.bulk[before+1] = true
	ping := request{xid: zkproto.XidPing, op: zkproto.OpPing}.frame()
	var events [2][]packet
	for k, s := range []*side{d.original, d.ours} {
		eventually(d.t, "the session expires at "+s.name, func() bool {
			s.slots[j].write(ping)
			got := s.slots[j].replies(1)
			end := got[len(got)-1]
			require.Empty(d.t, end.ended, "the pinging session at %s", s.name)
			events[k] = append(events[k], got[:len(got)-1]...)
			return end.header.Zxid > before
		})
	}
	d.last = before + 1
	d.compare(j, "session expired", []request{}, events)
	d.connect(i, d.slotID(i), zkproto.ConnectRequest{TimeoutMillis: 40000}) // refused
}
