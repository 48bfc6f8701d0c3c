//go:build compat

package compat

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

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
	d.note(i, what, texts[0], texts[1])
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
	fmt.Fprintf(&b, "seed %d, step %d, slot %d: the answers differ (again with HOLDFAST_DIFF_SEED=%d, or, if what earlier seeds "+
		"left in / matters, HOLDFAST_DIFF_SEEDS=%d)\n%s\n", d.seed, d.steps, i, d.seed, d.seed, what)
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
