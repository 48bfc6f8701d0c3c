//go:build compat

package compat

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const slots = 5

// duel drives the two servers step by step with the same requests and compares what each client gets.
type duel struct {
	t        *testing.T
	seed     uint64
	original *side
	ours     *side
	gen      *generator
	open     [slots]bool           // has a connection
	bulk     map[zkproto.Zxid]bool // closeSession transactions: they delete in no particular order
	sessions int
	steps    int
	last     zkproto.Zxid
	log      []step
	seen     map[string]int // answers by op and error, events by type
}

// step is what happened, for the report.
type step struct {
	slot           int
	what           string
	original, ours []string
}

func newDuel(t *testing.T, original, ours server) *duel {
	mk := func(name string, s server) *side {
		return &side{name: name, addr: s.addr, log: s.log, slots: map[int]*slot{}, names: map[int64]string{}}
	}
	return &duel{t: t, original: mk("original", original), ours: mk("zkserver", ours), bulk: map[zkproto.Zxid]bool{},
		seen: map[string]int{}}
}

// run plays one seed.
func (d *duel) run(seed uint64, ops int, extended bool) {
	d.seed = seed
	d.log, d.steps = nil, 0
	d.gen = &generator{Rand: rand.New(rand.NewPCG(seed, 1)), root: fmt.Sprintf("/s%d", seed), versions: map[string]int32{}, extended: extended}
	g := d.gen
	d.ensure(0)
	q := zkproto.CreateRequest{Path: g.root, ACL: zkproto.WorldAll()}
	d.send(0, request{xid: 1, op: zkproto.OpCreate, body: q.AppendTo(nil, zkproto.OpCreate), text: "create the root"})
	expire := map[int]bool{ops / 3: true, ops * 2 / 3: true}
	for d.steps < ops {
		i := g.IntN(slots)
		if len(expire) > 0 && expire[d.steps] {
			delete(expire, d.steps)
			d.expire(i)
			continue
		}
		n := g.IntN(1000)
		switch {
		case !d.open[i]:
			d.reconnect(i)
		case n < 4:
			d.closeSession(i)
		case n < 10:
			d.drop(i)
		case n < 14:
			d.reconnect(i) // while the old connection is there
		case n < 50 && seed%2 == 1:
			d.pipeline(i)
		case n < 20: // not where there are pipelines: what counts as used is a matter of timing in them
			d.exchange(i, g.quota())
		default:
			d.send(i, g.next())
		}
	}
	d.finish()
}

// finish closes all sessions and compares the trees.
func (d *duel) finish() {
	for i := range slots {
		if d.ensure(i); i > 0 {
			d.closeSession(i)
		}
	}
	q := zkproto.AuthRequest{Scheme: "digest", Auth: []byte("super:secret")}
	d.send(0, request{xid: zkproto.XidAuth, op: zkproto.OpAuth, body: q.AppendTo(nil), text: "auth super"})
	d.walk("/", func(name string) bool { return name == "zookeeper" || strings.HasPrefix("/"+name, d.gen.root) })
	d.closeSession(0)
}

// walk compares a znode and, of its children, those that are wanted, with all below them.
func (d *duel) walk(path string, wanted func(name string) bool) {
	read := zkproto.PathWatchRequest{Path: path}
	d.send(0, request{xid: 1, op: zkproto.OpGetData, body: read.AppendTo(nil), text: "final getData " + path})
	d.send(0, request{xid: 2, op: zkproto.OpGetACL, body: jute.AppendString(nil, path), text: "final getACL " + path})
	got := d.send(0, request{xid: 3, op: zkproto.OpGetChildren2, body: read.AppendTo(nil), text: "final getChildren2 " + path})
	dec := jute.NewDecoder(got[len(got)-1].body)
	names := dec.Strings()
	slices.Sort(names)
	for _, n := range names {
		if wanted(n) {
			d.walk(strings.TrimSuffix(path, "/")+"/"+n, func(string) bool { return true })
		}
	}
}

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

// send sends one request to both and compares what comes back. It returns what the original answered.
func (d *duel) send(i int, r request) []packet { return d.exchange(i, []request{r}) }

// pipeline sends several requests at once.
func (d *duel) pipeline(i int) {
	var rs []request
	for range 2 + d.gen.IntN(6) {
		if r := d.gen.next(); !r.alone {
			rs = append(rs, r)
		}
	}
	if len(rs) > 0 {
		d.exchange(i, rs)
	}
}

func (d *duel) exchange(i int, rs []request) []packet {
	var frames [][]byte
	var texts []string
	for _, r := range rs {
		frames = append(frames, r.frame())
		texts = append(texts, r.text)
	}
	both := [2]*side{d.original, d.ours}
	for _, s := range both {
		s.slots[i].write(frames...)
	}
	var got [2][]packet
	for k, s := range both {
		got[k] = s.slots[i].replies(len(rs))
	}
	if rs[len(rs)-1].last { // is the connection still there?
		ping := request{xid: zkproto.XidPing, op: zkproto.OpPing}
		rs = append(rs, ping)
		for k, s := range both {
			end := got[k][len(got[k])-1]
			if end.ended != "" {
				continue
			}
			if err := end.header.Err; err != zkproto.ErrUnimplemented && err != zkproto.ErrAuthFailed { // else it is being closed
				s.slots[i].write(ping.frame())
			}
			got[k] = append(got[k], s.slots[i].replies(1)...)
		}
	}
	d.steps += len(rs)
	for k := range got[0] {
		if h := got[0][k].header; !got[0][k].event() && h.Zxid > d.last {
			d.last = h.Zxid
		}
	}
	d.gen.last = d.last
	for _, r := range rs {
		if r.op == zkproto.OpCloseSession {
			d.bulk[d.last] = true
		}
	}
	d.compare(i, strings.Join(texts, " | "), rs, got)
	d.learn(rs, got[0])
	if got[0][len(got[0])-1].ended != "" {
		d.drop(i)
	}
	return got[0]
}

// compare fails the test when the two servers' packets differ.
func (d *duel) compare(i int, what string, rs []request, got [2][]packet) {
	var texts [2][]string
	for k, s := range []*side{d.original, d.ours} {
		n := 0
		for _, p := range got[k] {
			op := zkproto.OpPing
			if !p.event() {
				if n < len(rs) {
					op = rs[n].op
				}
				n++
			}
			texts[k] = append(texts[k], s.text(p, op))
			if k == 0 {
				d.count(p, op)
			}
		}
		d.sortBulk(got[k], texts[k])
	}
	d.note(i, fmt.Sprintf("%s", what), texts[0], texts[1])
}

func (d *duel) count(p packet, op zkproto.OpCode) {
	what := fmt.Sprintf("%v: %v", op, p.header.Err)
	if p.event() {
		dec := jute.NewDecoder(p.body)
		what = "event " + zkproto.EventType(dec.Int32()).String()
	}
	if p.ended != "" {
		what = p.ended
	}
	d.seen[what]++
}

// sortBulk sorts the events of one closeSession among themselves.
func (d *duel) sortBulk(ps []packet, texts []string) {
	for from := 0; from < len(ps); {
		to := from + 1
		if p := ps[from]; p.event() && d.bulk[p.header.Zxid] {
			for to < len(ps) && ps[to].event() && ps[to].header.Zxid == p.header.Zxid {
				to++
			}
			slices.Sort(texts[from:to])
		}
		from = to
	}
}

// learn takes the names and versions from the original's answers.
func (d *duel) learn(rs []request, got []packet) {
	g := d.gen
	n := 0
	for _, p := range got {
		if p.event() || p.ended != "" || n >= len(rs) {
			continue
		}
		r := rs[n]
		n++
		if p.header.Err != zkproto.ErrOK {
			continue
		}
		dec := jute.NewDecoder(p.body)
		var st zkproto.Stat
		in := jute.NewDecoder(r.body)
		path := in.String()
		switch r.op {
		case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
			made := dec.String()
			g.versions[made] = 0
			if made != path {
				if g.found = append(g.found, made); len(g.found) > 20 {
					g.found = g.found[1:]
				}
			}
		case zkproto.OpGetData:
			dec.Bytes()
			st.Decode(&dec)
			g.versions[path] = st.Version
		case zkproto.OpExists, zkproto.OpSetData:
			st.Decode(&dec)
			g.versions[path] = st.Version
		}
	}
}

// note remembers a step, and ends the test when the answers are not equal.
func (d *duel) note(i int, what string, original, ours []string) {
	d.log = append(d.log, step{slot: i, what: what, original: original, ours: ours})
	if name := os.Getenv("HOLDFAST_DIFF_LOG"); name != "" {
		if f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err == nil {
			fmt.Fprintf(f, "[%d] %s\n      %s\n", i, what, strings.Join(original, "\n      "))
			f.Close()
		}
	}
	if slices.Equal(original, ours) {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d (HOLDFAST_DIFF_SEED=%d), step %d, slot %d: the answers differ\n%s\n", d.seed, d.seed, d.steps, i, what)
	for _, l := range original {
		fmt.Fprintf(&b, "  original: %s\n", l)
	}
	for _, l := range ours {
		fmt.Fprintf(&b, "  zkserver: %s\n", l)
	}
	b.WriteString("before it, of all slots (latest last):\n")
	for _, s := range d.log[max(0, len(d.log)-8) : len(d.log)-1] {
		fmt.Fprintf(&b, "  [%d] %s\n      %s\n", s.slot, s.what, strings.Join(s.original, "\n      "))
	}
	b.WriteString("and of this slot:\n")
	mine := 0
	for k := len(d.log) - 2; k >= 0 && mine < 6; k-- {
		if s := d.log[k]; s.slot == i {
			fmt.Fprintf(&b, "  %s\n      %s\n", s.what, strings.Join(s.original, "\n      "))
			mine++
		}
	}
	require.FailNow(d.t, b.String())
}
