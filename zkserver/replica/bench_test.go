package replica

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// quiet is a host that counts.
type quiet struct{ answered int }

func (q *quiet) Heard(any) int64               { return 0 }
func (q *quiet) Answer(*Answer)                { q.answered++ }
func (q *quiet) Notify(tree.Event)             {}
func (q *quiet) Established(any, *Established) {}
func (q *quiet) Refused(any, error)            {}
func (q *quiet) Close(any, error)              {}
func (q *quiet) Event(Event)                   {}

// batch is how many requests are submitted before the disk is done.
const batch = 64

// BenchmarkStandalone is a setData of 100 bytes, from Submit to Answer, without disk and sockets.
func BenchmarkStandalone(b *testing.B) {
	c := newCluster(b, 1, standalone)
	s := c.servers[1]
	w := s.connect()
	w.do(zkproto.OpCreate, createBody("/a", "", 0))
	host := &quiet{}
	s.r.host, s.r.notify = host, host.Notify
	q := Request{From: w, Session: w.session, Op: zkproto.OpSetData, Body: setBody("/a", fmt.Sprintf("%100d", 1))}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		for range batch {
			q.Xid++
			s.r.Submit(&q)
		}
		for s.r.HasReady() {
			rd := s.r.Ready()
			if err := s.r.Apply(rd.Committed); err != nil {
				b.Fatal(err)
			}
			if len(rd.Entries) > 0 {
				s.r.Persisted(rd.Entries[len(rd.Entries)-1].Zxid)
			}
		}
	}
	require.GreaterOrEqual(b, host.answered, b.N)
}

// BenchmarkEnsemble is the same on three servers, all their work together: the client is at the leader, or at a learner.
func BenchmarkEnsemble(b *testing.B) {
	for _, at := range []string{"leader", "learner"} {
		b.Run(at, func(b *testing.B) {
			c := newCluster(b, 3, nil)
			s := c.leader()
			if at == "learner" {
				s = c.learner(0)
			}
			w := s.connect()
			w.do(zkproto.OpCreate, createBody("/a", "", 0))
			host := &quiet{}
			for _, id := range c.order {
				c.servers[id].r.host, c.servers[id].r.notify = host, func(tree.Event) {}
			}
			q := Request{From: w, Session: w.session, Op: zkproto.OpSetData, Body: setBody("/a", fmt.Sprintf("%100d", 1))}
			var wire, next []zab.Message
			run := func(s *server) {
				for s.r.HasReady() {
					rd := s.r.Ready()
					if err := s.r.Apply(rd.Committed); err != nil {
						b.Fatal(err)
					}
					s.r.Finish(&rd)
					for _, m := range rd.Messages {
						m.Link = c.servers[m.To].linkOf(s, m.Link)
						wire = append(wire, m)
					}
					if len(rd.Entries) > 0 {
						s.r.Persisted(rd.Entries[len(rd.Entries)-1].Zxid)
					}
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += batch {
				for range batch {
					q.Xid++
					s.r.Submit(&q)
				}
				run(s)
				for len(wire) > 0 {
					wire, next = next[:0], wire
					for _, m := range next {
						if err := c.servers[m.To].r.Step(m); err != nil {
							b.Fatal(err)
						}
					}
					for _, id := range c.order {
						run(c.servers[id])
					}
				}
			}
			require.GreaterOrEqual(b, host.answered, b.N)
		})
	}
}
