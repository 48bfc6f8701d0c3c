//go:build linux && netns

package netns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/history"
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// workload is a number of clients that write and read a few keys all the time, and the record of what they were told.
type workload struct {
	e        *ensemble
	recorder history.Recorder
	begin    time.Time
	sessions atomic.Int64
	serial   atomic.Int64
	acked    atomic.Int64 // writes
	stop     context.CancelFunc
	clients  sync.WaitGroup
	keys     []string
}

const (
	keysOfWorkload    = 5
	clientsOfWorkload = 6
	sessionTimeout    = 4 * time.Second
	// Both keep the histories easy enough to be judged: each unknown outcome doubles the ways in which they may be explained.
	betweenOps   = 3 * time.Millisecond
	afterUnknown = 200 * time.Millisecond
)

// newWorkload creates the keys and starts the clients. Half of them begin with each server in turn.
func newWorkload(e *ensemble, seed uint64) *workload {
	e.t.Helper()
	e.t.Logf("seed %d", seed)
	w := &workload{e: e, begin: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	e.t.Cleanup(func() { cancel(); w.clients.Wait() })
	c, err := zkclient.Connect(ctx, zkclient.Config{Servers: e.clientAddrs(), SessionTimeout: sessionTimeout})
	require.NoError(e.t, err)
	for i := range keysOfWorkload {
		key := fmt.Sprintf("/key%d", i)
		w.keys = append(w.keys, key)
		w.do(ctx, c, 0, history.Op{Kind: history.Create, Key: key, Value: w.value()})
	}
	require.NoError(e.t, c.Close())
	require.Equal(e.t, int64(keysOfWorkload), w.acked.Load(), "the keys are there")
	for i := range clientsOfWorkload {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		addrs := e.clientAddrs()
		first := i % len(addrs)
		addrs = append(addrs[first:len(addrs):len(addrs)], addrs[:first]...)
		w.clients.Go(func() { w.client(ctx, rng, addrs) })
	}
	return w
}

// value is unique.
func (w *workload) value() string { return fmt.Sprint(w.serial.Add(1)) }

func (w *workload) now() int64 { return int64(time.Since(w.begin)) }

// client works in one session after the other until ctx ends.
func (w *workload) client(ctx context.Context, rng *rand.Rand, addrs []string) {
	every := time.NewTicker(betweenOps)
	defer every.Stop()
	for ctx.Err() == nil {
		c, err := zkclient.Connect(ctx, zkclient.Config{
			Servers: addrs, SessionTimeout: sessionTimeout, DialTimeout: time.Second, Reconnect: true,
		})
		session := w.sessions.Add(1)
		versions := map[string]int32{}
		for err == nil && ctx.Err() == nil {
			select {
			case <-every.C:
			case <-ctx.Done():
			}
			err = w.step(ctx, c, session, rng, versions)
		}
		if c != nil {
			_ = c.Close()
		}
		select {
		case <-every.C:
		case <-ctx.Done():
		}
	}
}

// step is one operation, or a sync with a read behind it. The error ends the session.
func (w *workload) step(ctx context.Context, c *zkclient.Client, session int64, rng *rand.Rand, versions map[string]int32) error {
	op := history.Op{Key: w.keys[rng.IntN(len(w.keys))], Expect: history.AnyVersion}
	switch p := rng.IntN(100); {
	case p < 35:
		op.Kind, op.Value = history.Set, w.value()
	case p < 50:
		op.Kind, op.Value = history.Set, w.value()
		if v, ok := versions[op.Key]; ok {
			op.Expect = v
		}
	case p < 80:
		op.Kind = history.Read
	default:
		if _, err := w.do(ctx, c, session, history.Op{Kind: history.Sync, Key: op.Key}); err != nil {
			return err
		}
		op.Kind = history.Read
	}
	done, err := w.do(ctx, c, session, op)
	switch {
	case done.Outcome == history.OK:
		versions[op.Key] = done.Version
	case done.Outcome == history.Unknown && err == nil:
		select {
		case <-time.After(afterUnknown):
		case <-ctx.Done():
		}
	}
	return err
}

// do does one operation and records it. The error tells that the session has ended.
func (w *workload) do(ctx context.Context, c *zkclient.Client, session int64, op history.Op) (history.Op, error) {
	op.Session, op.Call = session, w.now()
	number := w.recorder.Begin(op)
	type answer struct {
		zxid zkproto.Zxid
		err  error
		stat zkproto.Stat
		data string
	}
	answers := make(chan answer, 1)
	code, body := request(op)
	c.Submit(code, body, func(r zkclient.Reply) {
		a := answer{zxid: r.Zxid, err: r.Err}
		if r.Err == nil {
			d := jute.NewDecoder(r.Body)
			switch op.Kind {
			case history.Read:
				a.data = string(d.Bytes())
				a.stat.Decode(&d)
			case history.Set:
				a.stat.Decode(&d)
			case history.Create, history.Delete, history.Sync:
			}
			a.err = d.Err()
		}
		answers <- a
	})
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		return op, ctx.Err() // it stays open
	}
	w.recorder.End(number, w.now(), func(o *history.Op) {
		o.Seen = int64(a.zxid)
		switch {
		case a.err == nil:
			o.Outcome, o.Found, o.Version, o.Mzxid = history.OK, true, a.stat.Version, int64(a.stat.Mzxid)
			switch o.Kind {
			case history.Read:
				o.Value = a.data
			case history.Create:
				o.Mzxid = o.Seen
			case history.Set, history.Delete, history.Sync:
			}
		case errors.Is(a.err, zkproto.ErrBadVersion):
			o.Outcome, o.Reason = history.Refused, history.BadVersion
		case errors.Is(a.err, zkproto.ErrNodeExists):
			o.Outcome, o.Reason = history.Refused, history.NodeExists
		case errors.Is(a.err, zkproto.ErrNoNode):
			o.Outcome, o.Reason = history.Refused, history.NoNode
		}
		op = *o
	})
	switch {
	case a.err == nil:
		if op.Kind == history.Set || op.Kind == history.Create {
			w.acked.Add(1)
		}
		return op, nil
	case op.Outcome == history.Refused, errors.Is(a.err, zkproto.ErrConnectionLoss):
		return op, nil
	default:
		return op, a.err
	}
}

// request is an operation as it goes over the wire.
func request(op history.Op) (zkproto.OpCode, func([]byte) []byte) {
	switch op.Kind {
	case history.Create:
		r := zkproto.CreateRequest{Path: op.Key, Data: []byte(op.Value), ACL: []zkproto.ACL{
			{Perms: zkproto.PermAll, ID: zkproto.ID{Scheme: "world", ID: "anyone"}},
		}}
		return zkproto.OpCreate, func(b []byte) []byte { return r.AppendTo(b, zkproto.OpCreate) }
	case history.Set:
		r := zkproto.SetDataRequest{Path: op.Key, Data: []byte(op.Value), Version: op.Expect}
		return zkproto.OpSetData, r.AppendTo
	case history.Sync:
		r := zkproto.PathRequest{Path: op.Key}
		return zkproto.OpSync, r.AppendTo
	default:
		r := zkproto.PathWatchRequest{Path: op.Key}
		return zkproto.OpGetData, r.AppendTo
	}
}

// progress waits until so many more writes were acknowledged.
func (w *workload) progress(n int64) {
	w.e.t.Helper()
	from := w.acked.Load()
	w.e.eventually(fmt.Sprintf("%d writes acknowledged", n), func() bool { return w.acked.Load() >= from+n })
}

// judge stops the clients, reads every key behind a sync from every server, and judges the whole history.
func (w *workload) judge() {
	w.e.t.Helper()
	w.stop()
	w.clients.Wait()
	for _, addr := range w.e.clientAddrs() {
		c, err := zkclient.Connect(context.Background(), zkclient.Config{Servers: []string{addr}, SessionTimeout: sessionTimeout})
		require.NoError(w.e.t, err)
		session := w.sessions.Add(1)
		for _, key := range w.keys {
			for _, kind := range []history.Kind{history.Sync, history.Read} {
				op, err := w.do(context.Background(), c, session, history.Op{Kind: kind, Key: key})
				require.NoError(w.e.t, err)
				require.Equal(w.e.t, history.OK, op.Outcome, "%s", &op)
			}
		}
		require.NoError(w.e.t, c.Close())
	}
	ops := w.recorder.Ops()
	open := 0
	for i := range ops {
		if ops[i].Outcome == history.Unknown {
			open++
		}
	}
	w.e.t.Logf("%d operations in %d sessions, %d writes acknowledged, %d of unknown outcome", len(ops), w.sessions.Load(), w.acked.Load(), open)
	require.NoError(w.e.t, history.Sessions(ops))
	require.NoError(w.e.t, history.Writes(ops, time.Minute))
}
