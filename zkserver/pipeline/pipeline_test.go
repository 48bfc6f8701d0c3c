package pipeline

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestRingIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Ring[int]
		var model []int
		next := 0
		for _, push := range rapid.SliceOfN(rapid.Bool(), 0, 200).Draw(t, "pushes") {
			if push {
				r.Push(next)
				model = append(model, next)
				next++
			} else {
				v, ok := r.Pop()
				require.Equal(t, len(model) > 0, ok)
				if ok {
					require.Equal(t, model[0], v)
					model = model[1:]
				}
			}
			require.Equal(t, len(model), r.Len())
			if front := r.Front(); len(model) > 0 {
				require.Equal(t, model[0], *front)
			} else {
				require.Nil(t, front)
			}
		}
	})
}

func TestReadsWaitBehindTheWritesBeforeThem(t *testing.T) {
	var f FIFO
	require.True(t, f.Idle())
	body := []byte("abc")
	f.PushWrite(Item{Xid: 1})
	f.PushRead(Item{Xid: 2, Body: body})
	f.PushRead(Item{Xid: 3})
	f.PushWrite(Item{Xid: 4})
	f.PushRead(Item{Xid: 5})
	body[0] = 'x' // the frame's buffer is used again

	_, ok := f.PopRead()
	require.False(t, ok, "no read before the write")
	it, ok := f.PopWrite()
	require.True(t, ok)
	require.Equal(t, int32(1), it.Xid)
	it, ok = f.PopRead()
	require.True(t, ok)
	require.Equal(t, "abc", string(it.Body))
	it, _ = f.PopRead()
	require.Equal(t, int32(3), it.Xid)
	_, ok = f.PopRead()
	require.False(t, ok, "a read does not overtake a write")
	it, _ = f.PopWrite()
	require.Equal(t, int32(4), it.Xid)
	require.Equal(t, 1, f.Len())
	f.Clear()
	require.True(t, f.Idle())
	_, ok = f.PopWrite()
	require.False(t, ok)
}

func TestInboxKeepsTheOrderOfEachSender(t *testing.T) {
	var wakes atomic.Int64
	q := NewInbox[int](func() { wakes.Add(1) })
	const senders, each = 4, 500
	var group sync.WaitGroup
	for from := range senders {
		group.Go(func() {
			for i := 0; i < each; i += 5 {
				b := q.Get()
				for j := range 5 {
					b.Add(Request[int]{From: from, Xid: int32(i + j)}, []byte{byte(from), byte(i + j)})
				}
				q.Put(b)
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	next := [senders]int32{}
	for got, finished := 0, false; !finished || got < senders*each; {
		select {
		case <-done:
			finished = true
		default:
		}
		for _, b := range q.Take(nil) {
			for i := range b.Requests {
				r := &b.Requests[i]
				require.Equal(t, next[r.From], r.Xid)
				require.Equal(t, []byte{byte(r.From), byte(r.Xid)}, b.Body(i))
				next[r.From]++
				got++
			}
			q.GiveBack(b)
		}
	}
	require.Equal(t, int64(senders*each/5), wakes.Load(), "one wake-up a batch")
	q.Close()
	b := q.Get()
	b.Add(Request[int]{Op: zkproto.OpPing}, nil)
	require.False(t, q.Put(b))
	require.Empty(t, q.Take(nil))
}
