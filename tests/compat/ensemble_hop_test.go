//go:build compat

package compat

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Sessions go from server to server, whatever their makes, in the middle of their work and without closing anything first:
// none expires, none loses what was acknowledged or its ephemerals, and each sees its own last write at once wherever it
// comes. With a leader of each make, under load.
func TestSessionsHopUnderLoadInMixedEnsemble(t *testing.T) {
	t.Parallel()
	const hoppers, hops, writes = 6, 12, 15
	e := newEnsemble(t, "", java39, golang, java39)
	e.start()
	w := e.write("w")
	setup := e.session(10*time.Second, e.up()...)
	for i, leads := range []*serverMake{golang, java39} {
		e.lead(leads)
		var list []*hopper
		var group sync.WaitGroup
		for k := range hoppers {
			h := &hopper{e: e, top: fmt.Sprintf("/hop-%d-%d", i, k)}
			list = append(list, h)
			_, err := setup.Create(t.Context(), h.top, nil, world, zkproto.ModePersistent, 0)
			require.NoError(t, err)
			group.Go(func() { h.err = h.run(t.Context(), k, hops, writes) })
		}
		group.Wait()
		require.NoError(t, setup.Sync(t.Context(), "/")) // its server may be behind those that the last writes were sent to
		for _, h := range list {
			require.NoError(t, h.err, h.top)
			names, _, err := setup.Children(t.Context(), h.top, false)
			require.NoError(t, err)
			require.Len(t, names, hops*writes+1)
			stat, err := setup.Exists(t.Context(), h.top+"/mine", false)
			require.NoError(t, err)
			require.Equal(t, h.session.ID, zkproto.SessionID(stat.EphemeralOwner))
		}
		require.NoError(t, setup.Sync(t.Context(), "/"))
		for _, h := range list {
			require.NoError(t, h.close(t.Context(), e.members[i]))
			require.False(t, e.exists(setup, h.top+"/mine"), "the session was closed at %s", e.members[i])
		}
	}
	require.NoError(t, setup.Close())
	w.goesOn(20)
	w.end()
	w.check(e.same())
}

// hopper is a client that writes a little at one server, then goes on at the next.
type hopper struct {
	e       *ensemble
	top     string
	session zkclient.Session
	last    zkproto.Zxid
	xid     int32
	err     error
}

func (h *hopper) run(ctx context.Context, first, hops, writes int) error {
	var before *zkclient.Wire
	for hop := range hops {
		at := h.e.members[(first+hop)%len(h.e.members)]
		w, err := h.dial(ctx, at)
		if err != nil {
			return fmt.Errorf("hop %d to %s: %w", hop, at, err)
		}
		if hop == 0 {
			if _, err := h.create(w, h.top+"/mine", zkproto.ModeEphemeral); err != nil {
				return err
			}
		} else {
			path := fmt.Sprintf("%s/%03d-%03d", h.top, hop-1, writes-1)
			req := zkproto.PathWatchRequest{Path: path}
			if code, err := h.ask(w, zkproto.OpExists, req.AppendTo); err != nil || code != zkproto.ErrOK {
				return fmt.Errorf("%s does not show %s: %w, %w", at, path, code, err)
			}
		}
		for i := range writes {
			code, err := h.create(w, fmt.Sprintf("%s/%03d-%03d", h.top, hop, i), zkproto.ModePersistent)
			if err != nil || code != zkproto.ErrOK {
				return fmt.Errorf("hop %d, write %d at %s: %w, %w", hop, i, at, code, err)
			}
		}
		if before != nil {
			_ = before.Close() // it was left open until now, as a client's that is cut off is
		}
		before = w
	}
	return before.Close()
}

// dial takes the session to a member, or opens it there.
func (h *hopper) dial(ctx context.Context, at *member) (*zkclient.Wire, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	hs := zkclient.Handshake{Timeout: 20 * time.Second, LastZxid: h.last}
	if h.session.ID != 0 {
		hs.Resume = &h.session
	}
	for {
		// Who has seen more than a server is turned away by it, for as long as it is behind.
		w, err := zkclient.Dial(ctx, at.addr(), hs)
		if err == nil {
			if h.session.ID != 0 && w.Session.ID != h.session.ID {
				return nil, fmt.Errorf("session %x has become %x", h.session.ID, w.Session.ID)
			}
			h.session = w.Session
			return w, w.SetReadDeadline(time.Now().Add(30 * time.Second))
		}
		if ctx.Err() != nil || h.last == 0 {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (h *hopper) create(w *zkclient.Wire, path string, mode zkproto.CreateMode) (zkproto.Error, error) {
	req := zkproto.CreateRequest{Path: path, ACL: world, Mode: mode}
	return h.ask(w, zkproto.OpCreate, func(b []byte) []byte { return req.AppendTo(b, zkproto.OpCreate) })
}

// ask sends one request and waits for its reply.
func (h *hopper) ask(w *zkclient.Wire, op zkproto.OpCode, body func([]byte) []byte) (code zkproto.Error, err error) {
	h.xid++
	frame := zkproto.RequestHeader{Xid: h.xid, Op: op}.AppendTo(make([]byte, 4))
	if body != nil {
		frame = body(frame)
	}
	n := len(frame) - 4
	frame[0], frame[1], frame[2], frame[3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	if err := w.Write(frame); err != nil {
		return 0, err
	}
	for done := false; !done; {
		err := w.ReadBatch(func(b []byte) error {
			var r zkproto.ReplyHeader
			d := jute.NewDecoder(b)
			r.Decode(&d)
			if r.Xid == h.xid {
				code, done = r.Err, true
				h.last = max(h.last, r.Zxid)
			}
			return d.Err()
		})
		if err != nil {
			return 0, err
		}
	}
	return code, nil
}

// close closes the session, at whichever server.
func (h *hopper) close(ctx context.Context, at *member) error {
	w, err := h.dial(ctx, at)
	if err != nil {
		return err
	}
	_, err = h.ask(w, zkproto.OpCloseSession, nil)
	_ = w.Close()
	return err
}
