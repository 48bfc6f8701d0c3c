package zkserver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
)

func TestWhatIsGathered(t *testing.T) {
	s := start(t).Server
	packet := func(op zkproto.OpCode) []byte { return frame(1, op, nil)[4:] }
	for op, fit := range map[zkproto.OpCode]cnxn.Fit{
		zkproto.OpSetData: cnxn.Writes, zkproto.OpMulti: cnxn.Writes, zkproto.OpGetData: cnxn.Reads, zkproto.OpExists: cnxn.Reads, zkproto.OpGetChildren2: cnxn.Reads,
		zkproto.OpPing: cnxn.Alone, zkproto.OpSync: cnxn.Alone, zkproto.OpAuth: cnxn.Alone, zkproto.OpCloseSession: cnxn.Alone, 77: cnxn.Alone, -1000: cnxn.Alone,
		zkproto.OpSetWatches2: cnxn.Alone, zkproto.OpGetAllChildrenNumber: cnxn.Alone, zkproto.OpGetEphemerals: cnxn.Alone, zkproto.OpMultiRead: cnxn.Alone,
	} {
		require.Equal(t, fit, s.Fits([][]byte{packet(op)}), op.String())
		require.Equal(t, fit, s.Fits([][]byte{packet(op), packet(op)}), op.String())
		if fit != cnxn.Writes {
			require.Equal(t, cnxn.Alone, s.Fits([][]byte{packet(zkproto.OpSetData), packet(op)}), op.String())
		}
	}
	require.Equal(t, cnxn.Alone, s.Fits([][]byte{make([]byte, headerSize-1)}))
}

// What would have to wait, or be answered with an error of the connection's, is left to the connection's own goroutine: nothing of it has
// happened.
func TestGatheringRefusesWhatIsNotSimple(t *testing.T) {
	const simple = "nothing: then it is simple"
	packets := map[cnxn.Fit][][]byte{
		cnxn.Writes: {frame(1, zkproto.OpSetData, setBody("/", nil))[4:]}, cnxn.Reads: {frame(1, zkproto.OpGetData, readBody("/", false))[4:]},
	}
	for name, change := range map[string]func(*Server, *client){
		"requests are throttled": func(s *Server, _ *client) { l := *s.live.Load(); l.ThrottleLimit = 1; s.live.Store(&l) },
		"too many wait of all":   func(s *Server, _ *client) { s.throttle.count.Add(s.throttle.limit.Load() + 1) },
		"it does not wait for its answers": func(_ *Server, w *client) {
			w.fifo.PushWrite(pipeline.Item{})
		},
		"it has to authenticate":    func(_ *Server, w *client) { w.barred = true },
		"it has closed its session": func(_ *Server, w *client) { w.closing = true },
		"it does not read":          func(_ *Server, w *client) { w.Out = make([]byte, 2<<20) },
		"the server has no quorum":  func(s *Server, _ *client) { s.mode.Store(0) },
		simple:                      func(*Server, *client) {},
	} {
		for fit, packet := range packets {
			if name == "too many wait of all" && fit == cnxn.Reads {
				continue // which reads do not wait for
			}
			t.Run(fmt.Sprint(name, fit), func(t *testing.T) {
				r := start(t)
				r.raw(zkclient.Handshake{})
				w := r.conns()[0].Client().(*client)
				g := r.Gather(fit)
				mode := r.mode.Load()
				w.Lock()
				change(r.Server, w)
				waiting, out := w.fifo.Len(), len(w.Out)
				w.Unlock()
				received := r.stats.received.Load()
				taken := g.Take(w, packet)
				require.Equal(t, name == simple, taken)
				w.Lock()
				if writes, ok := g.(*gathering); ok {
					require.Equal(t, taken, writes.batch != nil)
					require.Equal(t, taken, w.fifo.Len() > waiting)
				} else {
					require.Equal(t, waiting, w.fifo.Len(), "a read is answered at once")
				}
				if !taken {
					require.Len(t, w.Out, out)
					require.Equal(t, received, r.stats.received.Load())
				}
				w.fifo.Clear()
				w.Out = nil
				w.Unlock()
				r.mode.Store(mode)
			})
		}
	}
}

func TestGatheredClientsOfAStoppedServerAreClosed(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	w := r.conns()[0].Client().(*client)
	g := r.Gather(cnxn.Writes)
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

// Clients that write one by one, then read one by one, and now and then do several things at once, go there and back. Each sees its own writes,
// and each write happens once.
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
				last := 0 // packet of the round before
				for round := range rounds {
					if round%50 == 0 { // many reads, one by one
						want := binary.BigEndian.AppendUint64(nil, uint64(10*(round-1)+last))
						for range 60 {
							rep := c.ask(zkproto.OpGetData, readBody(paths[i], false))
							var data zkproto.GetDataReply
							data.Decode(&rep.body)
							if rep.Err != zkproto.ErrOK || round > 0 && !bytes.Equal(data.Data, want) {
								failed[i] = "a read that does not see what came before"
								return
							}
						}
					}
					n := 1 + random.IntN(12)/9
					last = n - 1
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
