//go:build compat

package compat

import (
	"fmt"
	"math/rand/v2"
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
	return &duel{
		t: t, original: mk("original", original), ours: mk("zkserver", ours), bulk: map[zkproto.Zxid]bool{},
		seen: map[string]int{},
	}
}

// run plays one seed.
func (d *duel) run(seed uint64, ops int, extended bool) {
	d.seed = seed
	d.log, d.steps = nil, 0
	d.gen = &generator{Rand: rand.New(rand.NewPCG(seed, 1)), root: fmt.Sprintf("/s%d", seed), versions: map[string]int32{}, extended: extended}
	g := d.gen
	d.ensure(0)
	q := zkproto.CreateRequest{Path: g.root, ACL: zkproto.WorldAll()}
	got := d.send(0, request{xid: 1, op: zkproto.OpCreate, body: q.AppendTo(nil, zkproto.OpCreate), text: "create the root"})
	require.Equal(d.t, zkproto.ErrOK, got[len(got)-1].header.Err, "the root of seed %d", seed)
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
	for _, p := range []string{"/", "/zookeeper", "/zookeeper/quota"} { // the next seed finds them open
		open := zkproto.SetACLRequest{Path: p, ACL: zkproto.WorldAll(), Version: -1}
		d.send(0, request{xid: 4, op: zkproto.OpSetACL, body: open.AppendTo(nil), text: "open " + p})
	}
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
