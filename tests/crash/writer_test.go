package crash

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const (
	window  = 64  // requests in flight
	keys    = 8   // counters of one writer
	valueSz = 300 // bytes
)

// writer is a client that writes without pause: in turn, it sets one of its counters to the next number and creates the
// next znode of the round. It pipelines, so the server dies with many requests under way.
type writer struct {
	id      int
	session *zkclient.Session
	last    zkproto.Zxid // last zxid seen

	sent, acked [keys]int64 // last number written to a counter; last one acknowledged or read
	rounds      []int64     // for each round, how many of its znodes were acknowledged; they are created in order
	flight      []request   // sent and not answered
}

// request is one in flight: number n for counter k, or the n-th znode of the round if k is negative (0: their parent).
type request struct {
	k int
	n int64
}

func newWriters(n int) []*writer {
	ws := make([]*writer, n)
	for i := range ws {
		ws[i] = &writer{id: i}
	}
	return ws
}

func (w *writer) counter(k int) string    { return fmt.Sprintf("/w%d/counter%d", w.id, k) }
func (w *writer) parent(round int) string { return fmt.Sprintf("/w%d/round%d", w.id, round) }

// dial opens a connection; it continues the writer's session, which must have survived.
func (w *writer) dial(addr string) (*zkclient.Wire, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	wire, err := zkclient.Dial(ctx, addr, zkclient.Handshake{Timeout: 20 * time.Second, Resume: w.session, LastZxid: w.last})
	if err == nil {
		session := wire.Session
		w.session = &session
		_ = wire.SetReadDeadline(time.Now().Add(30 * time.Second))
	}
	return wire, err
}

// frame is a request with its length.
func frame(xid int32, op zkproto.OpCode, body func([]byte) []byte) []byte {
	b := body(zkproto.RequestHeader{Xid: xid, Op: op}.AppendTo(make([]byte, 4, 512)))
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func value(n int64) []byte {
	b := make([]byte, valueSz)
	binary.BigEndian.PutUint64(b, uint64(n))
	return b
}

func create(xid int32, path string, data []byte) []byte {
	req := zkproto.CreateRequest{Path: path, Data: data, ACL: zkproto.WorldAll()}
	return frame(xid, zkproto.OpCreate, func(b []byte) []byte { return req.AppendTo(b, zkproto.OpCreate) })
}

// prepare creates the counters.
func (w *writer) prepare(t *testing.T, addr string) {
	t.Helper()
	wire, err := w.dial(addr)
	require.NoError(t, err)
	defer wire.Close()
	paths := []string{fmt.Sprintf("/w%d", w.id)}
	for k := range keys {
		paths = append(paths, w.counter(k))
	}
	var out []byte
	for i, p := range paths {
		out = append(out, create(int32(i+1), p, value(0))...)
	}
	require.NoError(t, wire.Write(out))
	for got := 0; got < len(paths); {
		require.NoError(t, wire.ReadBatch(func(f []byte) error {
			got++
			_, err := w.reply(f)
			return err
		}))
	}
}

// reply reads a reply's header; a server that refuses a request of this test is an error.
func (w *writer) reply(f []byte) (*jute.Decoder, error) {
	var h zkproto.ReplyHeader
	d := jute.NewDecoder(f)
	h.Decode(&d)
	if d.Err() != nil {
		return nil, d.Err()
	}
	w.last = max(w.last, h.Zxid)
	if h.Err != zkproto.ErrOK {
		return nil, fmt.Errorf("request %d was refused: %w", h.Xid, h.Err)
	}
	return &d, nil
}

// run writes until the connection breaks. What was sent and not answered may have happened or not.
func (w *writer) run(ctx context.Context, addr string) error {
	w.rounds, w.flight = append(w.rounds, 0), w.flight[:0]
	round := len(w.rounds) - 1
	wire, err := w.dial(addr)
	if err != nil {
		return nil //nolint:nilerr // the server was killed before the writer was connected
	}
	defer wire.Close()
	xid := int32(1)
	out := create(xid, w.parent(round), nil)
	w.flight = append(w.flight, request{k: -1})
	created := int64(0)
	for ctx.Err() == nil {
		for len(w.flight) < window {
			xid++
			if k := int(xid); k%2 == 0 {
				k = k / 2 % keys
				w.sent[k]++ // goes on behind what former rounds sent, so a counter never goes back
				w.flight = append(w.flight, request{k, w.sent[k]})
				req := zkproto.SetDataRequest{Path: w.counter(k), Data: value(w.sent[k]), Version: -1}
				out = append(out, frame(xid, zkproto.OpSetData, req.AppendTo)...)
			} else {
				created++
				w.flight = append(w.flight, request{-1, created})
				out = append(out, create(xid, fmt.Sprintf("%s/%d", w.parent(round), created), nil)...)
			}
		}
		if wire.Write(out) != nil {
			return nil
		}
		out = out[:0]
		var refused error
		if wire.ReadBatch(func(f []byte) error {
			if _, refused = w.reply(f); refused != nil {
				return refused
			}
			w.acknowledge(round)
			return nil
		}) != nil {
			return refused // nil when it was the connection that broke
		}
	}
	return nil
}

// acknowledge takes note that the oldest request in flight was answered: replies come in the order of the requests.
func (w *writer) acknowledge(round int) {
	r := w.flight[0]
	w.flight = w.flight[1:]
	if r.k >= 0 {
		w.acked[r.k] = r.n
	} else {
		w.rounds[round] = r.n
	}
}

// verify reads everything back, over the session the writer had, and returns how many writes it has found. What was read
// counts like what was acknowledged from now on: it must never be lost either.
func (w *writer) verify(t *testing.T, addr string, round int) int64 {
	t.Helper()
	wire, err := w.dial(addr)
	require.NoError(t, err, "round %d: the session of writer %d", round, w.id)
	defer wire.Close()
	var found int64
	for k := range keys {
		d, err := w.get(wire, zkproto.OpGetData, w.counter(k))
		require.NoError(t, err)
		n := int64(binary.BigEndian.Uint64(d.Bytes()))
		require.GreaterOrEqual(t, n, w.acked[k], "round %d: %s lost an acknowledged write", round, w.counter(k))
		require.LessOrEqual(t, n, w.sent[k], "round %d: %s has what was never written", round, w.counter(k))
		w.acked[k] = n
		found += n
	}
	for r, acked := range w.rounds {
		if r < len(w.rounds)-2 && r%10 != round%10 {
			continue // look at old rounds now and then
		}
		found += w.verifyRound(t, wire, r, acked)
	}
	return found
}

// verifyRound checks that the acknowledged znodes of a round are there.
func (w *writer) verifyRound(t *testing.T, wire *zkclient.Wire, round int, acked int64) int64 {
	t.Helper()
	d, err := w.get(wire, zkproto.OpGetChildren, w.parent(round))
	if acked == 0 && err != nil {
		return 0 // not even their parent was acknowledged
	}
	require.NoError(t, err)
	there := map[string]bool{}
	for _, name := range d.Strings() {
		there[name] = true
	}
	for n := int64(1); n <= acked; n++ {
		require.True(t, there[strconv.FormatInt(n, 10)], "%s/%d was acknowledged and is lost", w.parent(round), n)
	}
	return acked
}

// get is one read.
func (w *writer) get(wire *zkclient.Wire, op zkproto.OpCode, path string) (d *jute.Decoder, err error) {
	req := zkproto.PathWatchRequest{Path: path}
	if err = wire.Write(frame(1, op, req.AppendTo)); err != nil {
		return nil, err
	}
	var refused error
	err = wire.ReadBatch(func(f []byte) error {
		d, refused = w.reply(append([]byte(nil), f...))
		return nil
	})
	return d, errors.Join(err, refused)
}
