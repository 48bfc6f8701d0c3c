package peer

import (
	"bytes"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// counting is a Handler that counts.
type counting struct {
	n    atomic.Int64
	want atomic.Int64
	all  chan struct{}
}

func (c *counting) Messages(msgs []zab.Message) {
	if n := c.n.Add(int64(len(msgs))); n == c.want.Load() {
		c.all <- struct{}{}
	}
}
func (c *counting) Disconnected(zab.Link, error)                                    {}
func (c *counting) ReceiveSnapshot(zab.Link, zab.Zxid, io.Reader) error             { return nil }
func (c *counting) SendSnapshot(zab.Link, zab.Zxid, io.Writer) error                { return nil }
func (c *counting) Replay(_ zab.Link, _, _ zab.Zxid, _ func(zab.Entry) error) error { return nil }

// BenchmarkProposals sends batches of 64 proposals of 200 bytes, each with a commit, and waits for them at the other end.
func BenchmarkProposals(b *testing.B) { benchmarkProposals(b, nil, 64) }

// BenchmarkProposalsTLS is the same over TLS.
func BenchmarkProposalsTLS(b *testing.B) { benchmarkProposals(b, benchTLS(b), 64) }

// BenchmarkProposal sends a single proposal with its commit, and BenchmarkProposalTLS over TLS: what one write costs.
func BenchmarkProposal(b *testing.B) { benchmarkProposals(b, nil, 1) }

// BenchmarkProposalTLS see BenchmarkProposal.
func BenchmarkProposalTLS(b *testing.B) { benchmarkProposals(b, benchTLS(b), 1) }

func benchTLS(b *testing.B) *TLS {
	b.Helper()
	return &TLS{Dial: true, Source: sourceOf(b, b.TempDir(), tlstest.NewCA(b, "ensemble"), tlstest.Want{})}
}

func benchmarkProposals(b *testing.B, secure *TLS, size int) {
	b.Helper()
	var servers []Server
	var handlers [2]counting
	var peers [2]*Peers
	addresses := []string{"127.0.0.1:27811", "127.0.0.1:27812", "127.0.0.1:27813", "127.0.0.1:27814"}
	for i := range 2 {
		servers = append(servers, Server{ID: zab.Sid(i + 1), Quorum: addresses[2*i : 2*i+1], Election: addresses[2*i+1 : 2*i+2]})
	}
	for i := range 2 {
		handlers[i].all = make(chan struct{}, 1)
		p, err := New(Config{ID: zab.Sid(i + 1), Servers: servers, TLS: secure}, &handlers[i])
		require.NoError(b, err)
		p.Start()
		defer p.Close()
		peers[i] = p
	}
	handlers[1].want.Store(1)
	peers[0].Send([]zab.Message{info(1, 2, 1)})
	<-handlers[1].all
	var batch []zab.Message
	data := bytes.Repeat([]byte("x"), 200)
	for range size {
		batch = append(batch, zab.Message{Type: zab.Proposal, To: 2, Link: 1, Data: data}, zab.Message{Type: zab.Commit, To: 2, Link: 1})
	}
	b.ReportAllocs()
	for b.Loop() {
		handlers[1].want.Store(handlers[1].n.Load() + int64(len(batch)))
		peers[0].Send(batch)
		<-handlers[1].all
	}
}
