package replica

import (
	"errors"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/session"
)

// dial sends a connect request; settle or tick to see what comes.
func (s *server) dial(con Connect) *client {
	w := &client{at: s, heard: s.c.now.Mono}
	con.From = w
	if con.Timeout == 0 {
		con.Timeout = 4000
	}
	s.r.Connect(&con)
	s.perform()
	return w
}

// connect makes a session.
func (s *server) connect() *client {
	s.c.t.Helper()
	w := s.dial(Connect{})
	s.c.settle()
	require.NotNil(s.c.t, w.est, "no session: %v", w.refused)
	return w
}

// again connects to a server with a client's session.
func (w *client) again(s *server) *client {
	p := session.Password(w.session)
	return s.dial(Connect{Session: w.session, Password: p[:]})
}

// gone tells the server that the connection has ended.
func (w *client) gone() {
	w.silent, w.dead, w.heard = true, true, w.at.c.now.Mono
	w.at.r.Detach(w, w.session)
	if w.closed == nil {
		w.closed = errors.New("gone")
	}
	w.sent = nil
}

// submit sends a request and delivers nothing.
func (w *client) submit(op zkproto.OpCode, body []byte) int32 {
	w.xid++
	w.sent = append(w.sent, w.xid)
	w.at.r.Submit(&Request{
		From: w, Session: w.session, Op: op, Xid: w.xid, Body: body, IDs: append([]zkproto.ID{{Scheme: "ip", ID: "127.0.0.1"}}, w.ids...),
		Arrived: 7, Note: "note",
	})
	w.at.perform()
	return w.xid
}

// do sends a request and waits for its answer.
func (w *client) do(op zkproto.OpCode, body []byte) Answer {
	w.at.c.t.Helper()
	xid := w.submit(op, body)
	w.at.c.settle()
	a, ok := w.answer(xid)
	require.True(w.at.c.t, ok, "no answer to %s", op)
	return a
}

func (w *client) answer(xid int32) (Answer, bool) {
	for _, a := range w.answers {
		if a.Xid == xid {
			return a, true
		}
	}
	return Answer{}, false
}

func createBody(path, data string, mode zkproto.CreateMode) []byte {
	q := zkproto.CreateRequest{Path: path, Data: []byte(data), ACL: zkproto.WorldAll(), Mode: mode}
	return q.AppendTo(nil, zkproto.OpCreate)
}

func setBody(path, data string) []byte {
	q := zkproto.SetDataRequest{Path: path, Data: []byte(data), Version: -1}
	return q.AppendTo(nil)
}

func pathBody(path string) []byte { return jute.AppendString(nil, path) }
