package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

func TestMessagesOfALinkArriveInOrderAndWhole(t *testing.T) {
	c := newCluster(t, 2)
	p1, r1 := c.start(1)
	p2, r2 := c.start(2)
	at := c.join(1, 2, 7)

	var want []zab.Message
	for i := range 3000 {
		m := zab.Message{Type: zab.Proposal, From: 2, To: 1, Link: at.Link, Zxid: zab.Zxid(i)}
		switch i % 5 {
		case 0:
			m.Data = []byte{}
		case 1:
			m.Data = bytes.Repeat([]byte{byte(i)}, i)
		case 2:
			m.Type = zab.Commit
		case 3:
			m.Data, m.Auth = []byte("x"), []zkproto.ID{{Scheme: "ip", ID: "127.0.0.1"}}
		}
		if i%500 == 1 {
			m.Data = bytes.Repeat([]byte{byte(i)}, 100_000+i)
		}
		want = append(want, m)
	}
	for from := 0; from < len(want); from += 100 {
		p2.Send(want[from : from+100])
	}
	for i, w := range want {
		m := r1.next(t)
		w.From, w.To, w.Link = 2, 1, 7
		require.Equal(t, w, m, "message %d", i)
	}

	p1.Send([]zab.Message{{Type: zab.Ack, To: 2, Link: 7, Zxid: 5}, {Type: zab.Ack, To: 2, Link: 7, Zxid: 6}})
	require.Equal(t, zab.Message{Type: zab.Ack, From: 1, To: 2, Link: at.Link, Zxid: 5}, r2.next(t))
	require.Equal(t, zab.Zxid(6), r2.next(t).Zxid)
}

func TestDropEndsALinkAfterWhatWasSent(t *testing.T) {
	c := newCluster(t, 2)
	_, r1 := c.start(1)
	p2, r2 := c.start(2, unhurried)
	at := c.join(1, 2, 1)
	p2.Send([]zab.Message{{Type: zab.Ping, To: 1, Link: at.Link, Data: make([]byte, 1<<20)}})
	p2.Drop([]zab.Link{at, {Peer: 9, Link: 9}})
	require.Len(t, r1.next(t).Data, 1<<20)
	e := receive(t, r2.ends, "the end on the leader's side")
	require.Equal(t, at, e.link)
	require.ErrorIs(t, e.reason, errDropped)
	e = receive(t, r1.ends, "the end on the learner's side")
	require.Equal(t, zab.Link{Peer: 2, Link: 1}, e.link)
	require.ErrorIs(t, e.reason, io.EOF)
	p2.Send([]zab.Message{{Type: zab.Ping, To: 1, Link: at.Link}}) // to nobody, and no harm done
	require.Empty(t, p2.Status().Links)
}

func TestLearnerTriesOnUntilTheLeaderIsThere(t *testing.T) {
	c := newCluster(t, 2)
	p1, _ := c.start(1)
	require.NoError(t, c.reserved(c.servers[1].Quorum[0]).Close()) // refused from now on
	p1.Send([]zab.Message{info(1, 2, 1)})
	p1.Send([]zab.Message{{Type: zab.Ack, To: 2, Link: 1, Zxid: 3}})
	_, r2 := c.start(2)
	require.Equal(t, zab.FollowerInfo, r2.next(t).Type)
	require.Equal(t, zab.Zxid(3), r2.next(t).Zxid)
}

func TestLearnerGivesUpAndSaysSo(t *testing.T) {
	c := newCluster(t, 2)
	p1, r1 := c.start(1, func(cfg *Config) { cfg.ConnectTimeout = 50 * time.Millisecond })
	require.NoError(t, c.reserved(c.servers[1].Quorum[0]).Close()) // refused from now on
	p1.Send([]zab.Message{info(1, 2, 1)})
	require.ErrorContains(t, receive(t, r1.ends, "the end").reason, "leader 2 not reached within 50ms")
	p1.Send([]zab.Message{info(1, 3, 2)})
	require.ErrorContains(t, receive(t, r1.ends, "the end").reason, "not among the members")
}

// A leader where nobody listens has stopped to lead: it is given up long before ConnectTimeout.
func TestLearnerGivesUpWhereNobodyListens(t *testing.T) {
	c := newCluster(t, 2)
	p1, r1 := c.start(1, func(cfg *Config) {
		cfg.ConnectTimeout = time.Hour
		// A port that was free a moment ago may be anybody's by now.
		cfg.Dial = func(context.Context, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	})
	p1.Send([]zab.Message{info(1, 2, 1)})
	require.ErrorContains(t, receive(t, r1.ends, "the end").reason, "leader 2 does not listen for learners")
}

func TestDropWhileDialing(t *testing.T) {
	c := newCluster(t, 2)
	p1, r1 := c.start(1)
	require.NoError(t, c.reserved(c.servers[1].Quorum[0]).Close()) // refused from now on
	p1.Send([]zab.Message{info(1, 2, 1)})
	p1.Drop([]zab.Link{{Peer: 2, Link: 1}})
	e := receive(t, r1.ends, "the end")
	require.Equal(t, zab.Link{Peer: 2, Link: 1}, e.link)
	require.ErrorIs(t, e.reason, errDropped)
}

func TestAllAddressesOfALeaderAreTried(t *testing.T) {
	c := newCluster(t, 2)
	good := c.servers[1].Quorum[0]
	dead := c.open()
	require.NoError(t, c.reserved(dead).Close()) // refused from now on
	c.start(2)
	c.servers = []Server{c.servers[0], {ID: 2, Quorum: []string{dead, "no.such.host.invalid:1", good}, Election: c.servers[1].Election}}
	c.start(1)
	c.join(1, 2, 1)
}

func TestLinksOfOneServerHaveNumbersOfTheirOwn(t *testing.T) {
	c := newCluster(t, 2)
	c.start(1)
	p2, _ := c.start(2)
	a, b := c.join(1, 2, 1), c.join(1, 2, 2)
	require.NotEqual(t, a, b)
	require.Greater(t, min(a.Link, b.Link), uint64(firstAccepted))
	s := p2.Status()
	require.Len(t, s.Links, 2)
	require.Equal(t, a, s.Links[0].Link)
	require.True(t, s.Links[0].Connected)
	require.False(t, s.Links[0].Leader)
	require.NotEmpty(t, s.Links[0].Address)
}

func TestLinkThatDoesNotKeepUpIsClosed(t *testing.T) {
	c := newCluster(t, 2)
	_, r1 := c.start(1)
	r1.hold = make(chan struct{})
	p2, r2 := c.start(2, func(cfg *Config) { cfg.MaxQueue = 1 << 20 })
	at := c.join(1, 2, 1)
	// More than the system's buffers hold.
	big := zab.Message{Type: zab.Proposal, To: 1, Link: at.Link, Data: make([]byte, 1<<20)}
	for range 64 {
		p2.Send([]zab.Message{big})
	}
	require.ErrorContains(t, receive(t, r2.ends, "the end").reason, "does not keep up")
	close(r1.hold)
}

func TestSnapshotTravelsInItsPlace(t *testing.T) {
	c := newCluster(t, 2)
	_, r1 := c.start(1)
	p2, r2 := c.start(2)
	at := c.join(1, 2, 1)
	r2.entries = []zab.Entry{entry(4, 10), entry(5, 50_000), entry(6, 10)}
	body := append([]byte(nil), emptySnapshot[:len(emptySnapshot)-5]...)
	for i := range 100 {
		path := []byte("/n")
		body = append(append(body, 0, 0, 0, 2), path...)
		body = append(append(body, 0, 0, byte(i), 0), make([]byte, int(byte(i))<<8+afterData)...)
	}
	body = append(body, 0, 0, 0, 1, '/')
	r2.send = func(w io.Writer) error { _, err := w.Write(body); return err }
	p2.Send([]zab.Message{
		{Type: zab.Ping, To: 1, Link: at.Link},
		{Type: zab.Snap, To: 1, Link: at.Link, Zxid: 3},
		{Type: zab.Replay, To: 1, Link: at.Link, After: 3, Zxid: 6},
		{Type: zab.NewLeader, To: 1, Link: at.Link, Zxid: 9},
	})
	require.Equal(t, zab.Ping, r1.next(t).Type)
	m := r1.next(t)
	require.Equal(t, zab.Message{Type: zab.Snap, From: 2, To: 1, Link: 1, Zxid: 3}, m)
	require.Equal(t, body, receive(t, r1.bodies, "the snapshot"))
	for _, e := range r2.entries {
		m = r1.next(t)
		require.Equal(t, zab.Message{Type: zab.Proposal, From: 2, To: 1, Link: 1, Zxid: e.Zxid, Data: e.Data}, m)
		require.Equal(t, zab.Message{Type: zab.Commit, From: 2, To: 1, Link: 1, Zxid: e.Zxid}, r1.next(t))
	}
	require.Equal(t, zab.NewLeader, r1.next(t).Type)
}

func TestSnapshotNotReadIsSkipped(t *testing.T) {
	c := newCluster(t, 2)
	_, r1 := c.start(1)
	p2, _ := c.start(2)
	at := c.join(1, 2, 1)
	r1.receive = func(r io.Reader) error { _, err := io.ReadFull(r, make([]byte, 3)); return err }
	p2.Send([]zab.Message{{Type: zab.Snap, To: 1, Link: at.Link, Zxid: 3}, {Type: zab.Ping, To: 1, Link: at.Link}})
	require.Equal(t, zab.Snap, r1.next(t).Type)
	require.Equal(t, zab.Ping, r1.next(t).Type)
}

func TestFailedSnapshotEndsTheLink(t *testing.T) {
	for name, fail := range map[string]func(r1, r2 *recorder){
		"sender":   func(_, r2 *recorder) { r2.send = func(io.Writer) error { return errors.New("disk on fire") } },
		"receiver": func(r1, _ *recorder) { r1.receive = func(io.Reader) error { return errors.New("disk on fire") } },
		"garbage": func(_, r2 *recorder) {
			r2.send = func(w io.Writer) error { _, err := w.Write(bytes.Repeat([]byte{0xff, 0, 0, 0}, 100)); return err }
		},
		"no signature": func(_, r2 *recorder) {
			r2.send = func(w io.Writer) error { _, err := w.Write(append(emptySnapshot, 1)); return err }
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			_, r1 := c.start(1)
			p2, r2 := c.start(2)
			at := c.join(1, 2, 1)
			fail(r1, r2)
			p2.Send([]zab.Message{{Type: zab.Snap, To: 1, Link: at.Link, Zxid: 3}, {Type: zab.Ping, To: 1, Link: at.Link}})
			require.Equal(t, at, receive(t, r2.ends, "the end").link)
			require.Error(t, receive(t, r1.ends, "the end").reason)
			require.Empty(t, r1.msgs)
		})
	}
}

func TestReplayOutsideOfItsBoundsEndsTheLink(t *testing.T) {
	c := newCluster(t, 2)
	c.start(1)
	p2, r2 := c.start(2)
	at := c.join(1, 2, 1)
	r2.entries = []zab.Entry{entry(4, 1)}
	p2.Send([]zab.Message{{Type: zab.Replay, To: 1, Link: at.Link, After: 4, Zxid: 9}})
	require.ErrorContains(t, receive(t, r2.ends, "the end").reason, "outside of what was asked for")
}

func TestKilledPeerIsNoticedAtOnce(t *testing.T) {
	c := newCluster(t, 2)
	c.start(1)
	_, r2 := c.start(2)
	at := c.join(1, 2, 1)
	c.stop(1)
	require.Equal(t, at, receive(t, r2.ends, "the end").link, "nothing but the closed connection tells")
}

func TestCloseTellsOfAllLinks(t *testing.T) {
	c := newCluster(t, 3)
	_, r1 := c.start(1)
	c.start(3)
	c.join(1, 3, 1)
	c.peers[1].Send([]zab.Message{info(1, 2, 2)}) // nobody answers: it is in the listener's queue
	c.stop(1)
	seen := []zab.Link{receive(t, r1.ends, "an end").link, receive(t, r1.ends, "an end").link}
	require.ElementsMatch(t, []zab.Link{{Peer: 3, Link: 1}, {Peer: 2, Link: 2}}, seen)
}

func TestPortsMoveWithTheConfiguration(t *testing.T) {
	c := newCluster(t, 2)
	p1, _ := c.start(1)
	p2, _ := c.start(2)
	c.join(1, 2, 1)
	moved := []Server{c.servers[0], {ID: 2, Quorum: []string{c.open()}, Election: []string{c.open()}}}
	require.NoError(t, p2.SetServers(moved))
	require.NoError(t, p1.SetServers(moved))
	c.join(1, 2, 2)
	_, err := net.Dial("tcp", c.servers[1].Quorum[0])
	require.Error(t, err)
	require.ErrorContains(t, p2.SetServers([]Server{{ID: 2, Quorum: []string{"nonsense"}}}), "server.2 has no address")
	require.NoError(t, p2.SetServers(moved[:1]), "it was removed")
	c.join(1, 2, 3)
	require.Len(t, p2.Status().Links, 3, "connections stay")
}

func TestSnapshotEndsWithItsLink(t *testing.T) {
	for name, end := range map[string]func(*Peers, zab.Link){
		"dropped": func(p *Peers, l zab.Link) { p.Drop([]zab.Link{l}) },
		"closed":  func(p *Peers, _ zab.Link) { p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			_, r1 := c.start(1)
			p2, r2 := c.start(2)
			at := c.join(1, 2, 1)
			begun := make(chan struct{}, 1)
			r1.receive = func(r io.Reader) error {
				_, err := r.Read(make([]byte, 8))
				begun <- struct{}{}
				if err == nil {
					_, err = io.Copy(io.Discard, r)
				}
				return err
			}
			r2.send = func(w io.Writer) error {
				_, err := w.Write(emptySnapshot[:len(emptySnapshot)-5])
				for err == nil {
					_, err = w.Write(append([]byte{0, 0, 0, 1, 'x', 0, 0, 4, 0}, make([]byte, 1024+afterData)...))
				}
				return err
			}
			p2.Send([]zab.Message{{Type: zab.Snap, To: 1, Link: at.Link}})
			receive(t, begun, "the beginning of the snapshot")
			end(p2, at)
			require.Equal(t, at, receive(t, r2.ends, "the end").link)
			require.Error(t, receive(t, r1.ends, "the end").reason)
		})
	}
}
