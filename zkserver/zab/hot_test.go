package zab

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// hot is an ensemble without network and disks to speak of: messages go from one node to the next by hand, batch by batch.
type hot struct {
	leader    *Node
	followers []*Node
	links     []uint64 // by follower, the leader's numbers
	acks      [][]Message
	data      []byte
	batch     int
}

func newHot(t testing.TB, servers, batch int) *hot {
	c := newCluster(t, servers, 0)
	c.cfg.KeepCommitted = 500
	c.cfg.SyncTicks, c.cfg.PingTicks = 1000, 1000
	c.startAll()
	for c.leader() < 0 {
		c.run(1)
	}
	c.settle()
	h := &hot{leader: c.servers[Sid(servers)].node, data: make([]byte, 1024), batch: batch}
	require.Equal(t, Leading, h.leader.Status().Role)
	for i := 1; i < servers; i++ {
		h.followers = append(h.followers, c.servers[Sid(i)].node)
		h.links = append(h.links, h.leader.lead.find(Sid(i)).link)
		h.acks = append(h.acks, nil)
	}
	return h
}

// toFollowers hands a leader's messages over.
func (h *hot) toFollowers(r *Ready) error {
	for i := range r.Messages {
		m := r.Messages[i]
		f := h.followers[m.To-1]
		m.Link = f.link
		if err := f.Step(m); err != nil {
			return err
		}
	}
	return nil
}

// round proposes a batch, lets all log it, and hands out the commits.
func (h *hot) round() error {
	for range h.batch {
		if err := h.leader.Propose(Entry{Zxid: h.leader.NextZxid(), Data: h.data}); err != nil {
			return err
		}
	}
	r := h.leader.Ready()
	if err := h.toFollowers(&r); err != nil {
		return err
	}
	h.leader.Persisted(h.leader.LastZxid())
	for i, f := range h.followers {
		f.Ready()
		f.Persisted(f.LastZxid())
		fr := f.Ready()
		for j := range fr.Messages {
			m := fr.Messages[j]
			m.Link = h.links[i]
			if err := h.leader.Step(m); err != nil {
				return err
			}
		}
	}
	r = h.leader.Ready()
	if err := h.toFollowers(&r); err != nil {
		return err
	}
	for _, f := range h.followers {
		f.Ready()
	}
	return nil
}

// BenchmarkBroadcast is a proposal's whole way through the cores of all servers.
func BenchmarkBroadcast(b *testing.B) {
	for _, servers := range []int{3, 5} {
		for _, batch := range []int{1, 64} {
			b.Run(fmt.Sprintf("servers=%d/batch=%d", servers, batch), func(b *testing.B) {
				h := newHot(b, servers, batch)
				b.ReportAllocs()
				for b.Loop() {
					if err := h.round(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/proposal")
			})
		}
	}
}

func TestBroadcastAllocatesNothing(t *testing.T) {
	h := newHot(t, 3, 64)
	for range 30 {
		require.NoError(t, h.round()) // the buffers grow to their size
	}
	require.Zero(t, testing.AllocsPerRun(50, func() {
		if err := h.round(); err != nil {
			panic(err)
		}
	}))
	require.Equal(t, h.leader.LastZxid(), h.followers[1].CommittedZxid())
}
