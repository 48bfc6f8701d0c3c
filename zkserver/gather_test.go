package zkserver

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
)

func TestOnlyWritesFit(t *testing.T) {
	s := start(t).Server
	packet := func(op zkproto.OpCode) []byte { return frame(1, op, nil)[4:] }
	require.True(t, s.Fits([][]byte{packet(zkproto.OpSetData), packet(zkproto.OpMulti)}))
	for _, op := range []zkproto.OpCode{zkproto.OpGetData, zkproto.OpPing, zkproto.OpSync, zkproto.OpAuth, zkproto.OpCloseSession, 77, -1000} {
		require.False(t, s.Fits([][]byte{packet(zkproto.OpSetData), packet(op)}), op.String())
	}
	require.False(t, s.Fits([][]byte{make([]byte, headerSize-1)}))
}

// What would have to wait, or be answered with an error of the connection's, is left to the connection's own goroutine: nothing of it has
// happened.
func TestGatheringRefusesWhatIsNotSimple(t *testing.T) {
	write := [][]byte{frame(1, zkproto.OpSetData, setBody("/", nil))[4:]}
	for name, change := range map[string]func(*Server, *client){
		"requests are throttled": func(s *Server, _ *client) { l := *s.live.Load(); l.ThrottleLimit = 1; s.live.Store(&l) },
		"too many wait of all":   func(s *Server, _ *client) { s.throttle.count.Add(s.throttle.limit.Load() + 1) },
		"it does not wait for its answers": func(_ *Server, w *client) {
			w.fifo.PushWrite(pipeline.Item{})
		},
		"it has to authenticate":     func(_ *Server, w *client) { w.barred = true },
		"it has closed its session":  func(_ *Server, w *client) { w.closing = true },
		"it does not read":           func(_ *Server, w *client) { w.Out = make([]byte, 2<<20) },
		"the server has no quorum":   func(s *Server, _ *client) { s.mode.Store(0) },
		"nothing: then it is simple": func(*Server, *client) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.raw(zkclient.Handshake{})
			w := r.conns()[0].Client().(*client)
			g := r.Gather().(*gathering)
			mode := r.mode.Load()
			w.Lock()
			change(r.Server, w)
			before := w.fifo.Len()
			w.Unlock()
			taken := g.Take(w, write)
			w.Lock()
			require.Equal(t, name == "nothing: then it is simple", taken)
			require.Equal(t, taken, g.batch != nil)
			require.Equal(t, taken, w.fifo.Len() > before)
			w.fifo.Clear()
			w.Out = nil
			w.Unlock()
			r.mode.Store(mode)
		})
	}
}

func TestGatheredClientsOfAStoppedServerAreClosed(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	w := r.conns()[0].Client().(*client)
	g := r.Gather()
	require.True(t, g.Take(w, [][]byte{frame(1, zkproto.OpSetData, setBody("/", nil))[4:]}))
	r.inbox.Close()
	g.Done()
	w.Lock()
	dead := w.Dead()
	w.Unlock()
	require.True(t, dead)
	require.Error(t, c.ReadBatch(func([]byte) error { return nil }))
	g.Done() // of nothing
}

// Clients that write one by one, and now and then several at once or a read, go there and back. Each sees its own writes, and each write
// happens once.
func TestGatheredAndBackAgain(t *testing.T) {
	for _, after := range []int{0, 1, 3} {
		r := start(t, func(c *config.Config) { c.GatherAfter = after })
		const clients, rounds = 6, 300
		var wg sync.WaitGroup
		var failed [clients]string
		paths := []string{"/a", "/b", "/c", "/d", "/e", "/f"}
		for i := range clients {
			c := r.raw(zkclient.Handshake{})
			require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody(paths[i], nil, 0)).Err)
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), uint64(after)))
				for round := range rounds {
					n := 1 + random.IntN(12)/9
					var out []byte
					for k := range n {
						c.xid++
						out = append(out, frame(c.xid, zkproto.OpSetData, setBody(paths[i], binary.BigEndian.AppendUint64(nil, uint64(10*round+k))))...)
					}
					reads := random.IntN(9) == 0
					if reads {
						c.xid++
						out = append(out, frame(c.xid, zkproto.OpGetData, readBody(paths[i], false))...)
						n++
					}
					if err := c.Write(out); err != nil {
						failed[i] = err.Error()
						return
					}
					for k := range n {
						rep := c.next()
						if rep.Err != zkproto.ErrOK || rep.Xid != c.xid-int32(n-1-k) {
							failed[i] = "an answer out of order"
							return
						}
						if !reads || k < n-1 {
							continue
						}
						var data zkproto.GetDataReply
						data.Decode(&rep.body)
						if binary.BigEndian.Uint64(data.Data) != uint64(10*round+n-2) {
							failed[i] = "a read that does not see what came before"
							return
						}
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, [clients]string{}, failed)
	}
}
