package cnxn

import (
	"bytes"
	"io"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gatheringEcho is an echo server that answers gathered packets at the end of a round. "home" does not fit; "busy" would have to wait; "read" and
// what begins with it are reads, all else are writes.
type gatheringEcho struct {
	echo
	mu      sync.Mutex
	readers map[*echoRound]int // the packets of each gatherer of reads
	rounds  int                // with packets
	taken   int                // packets
	hold    func()             // called in a round, before the answers
	most    int                // connections in one round
}

func (s *gatheringEcho) Fits(frames [][]byte) Fit {
	fit := Writes
	for _, f := range frames {
		if bytes.HasPrefix(f, []byte("home")) || string(f) == "bye" || string(f) == "after you" {
			return Alone
		}
		if bytes.HasPrefix(f, []byte("read")) {
			fit = Reads
		}
	}
	return fit
}

func (s *gatheringEcho) Gather(fit Fit) Gathering { return &echoRound{s: s, fit: fit} }

type echoRound struct {
	s       *gatheringEcho
	fit     Fit
	clients []*echoClient
	frames  [][]byte
}

func (r *echoRound) Take(c Client, frames [][]byte) bool {
	for _, f := range frames {
		if string(f) == "busy" {
			return false
		}
	}
	for _, f := range frames {
		r.clients, r.frames = append(r.clients, c.(*echoClient)), append(r.frames, bytes.Clone(f))
	}
	return true
}

func (r *echoRound) Done() {
	s := r.s
	s.mu.Lock()
	s.rounds++
	s.taken += len(r.frames)
	if r.fit == Reads {
		s.readers[r] += len(r.frames)
	}
	s.most = max(s.most, len(r.clients))
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		hold()
	}
	for i, c := range r.clients {
		if string(r.frames[i]) == "no answer" {
			continue
		}
		_ = c.Requests(r.frames[i : i+1])
	}
	r.clients, r.frames = nil, nil
}

func (s *gatheringEcho) counts() (rounds, taken, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rounds, s.taken, s.most
}

// reads are the packets that each gatherer of reads has taken.
func (s *gatheringEcho) reads() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.readers))
}

func (s *gatheringEcho) holdWith(f func()) {
	s.mu.Lock()
	s.hold = f
	s.mu.Unlock()
}

func serveGathering(t *testing.T, opts Options) (*Port, *gatheringEcho) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux gathers")
	}
	s := &gatheringEcho{echo: echo{closed: make(chan error, 64)}, readers: map[*echoRound]int{}}
	opts.MaxBuffer = 1 << 20
	if opts.LargeFrom == 0 {
		opts.LargeFrom = -1
	}
	p := New(listen(t), s, opts)
	p.Serve()
	t.Cleanup(p.Close)
	return p, s
}

// dialGathered is a connection that has shaken hands, and the server's end.
func dialGathered(t *testing.T, p *Port) (net.Conn, *Conn) {
	t.Helper()
	nc, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	handshake(t, nc)
	ask(t, nc, "home")
	for _, c := range p.Conns() {
		if c.RemoteAddr().String() == nc.LocalAddr().String() {
			return nc, c
		}
	}
	require.Fail(t, "no such connection")
	return nil, nil
}

// ask sends a packet and awaits the answer.
func ask(t *testing.T, nc net.Conn, text string) {
	t.Helper()
	_, err := nc.Write(framed([]byte(text)))
	require.NoError(t, err)
	require.Equal(t, text, string(receive(t, nc, len(text))))
}

func (c *Conn) whereabouts() place {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// settleDown asks until the connection is watched.
func settleDown(t *testing.T, nc net.Conn, c *Conn) {
	t.Helper()
	for range 10_000 {
		if c.whereabouts() != atHome {
			return
		}
		ask(t, nc, "x")
	}
	require.Fail(t, "it is never gathered")
}

func TestGatheredAfterSoManyReadsThatFit(t *testing.T) {
	p, s := serveGathering(t, Options{GatherAfter: 5})
	nc, c := dialGathered(t, p)
	for range 4 {
		ask(t, nc, "x")
	}
	ask(t, nc, "home")
	for range 4 {
		ask(t, nc, "x")
	}
	_, taken, _ := s.counts()
	require.Zero(t, taken, "one that did not fit was between them")
	settleDown(t, nc, c)
	_, before, _ := s.counts()
	for range 100 {
		ask(t, nc, "y")
	}
	_, taken, _ = s.counts()
	require.Equal(t, before+100, taken)
	received, sent := c.Packets()
	require.Equal(t, received, sent+1, "all but the handshake are answered")

	p, s = serveGathering(t, Options{GatherAfter: -1})
	nc, _ = dialGathered(t, p)
	for range 100 {
		ask(t, nc, "x")
	}
	_, taken, _ = s.counts()
	require.Zero(t, taken)
}

func TestGatheredConnectionGoesHome(t *testing.T) {
	big := strings.Repeat("b", 2*gatherBuffer)
	for name, text := range map[string]string{"does not fit": "home", "would wait": "busy", "larger than the buffer": big, "above the limit": "12345678"} {
		t.Run(name, func(t *testing.T) {
			p, _ := serveGathering(t, Options{GatherAfter: 1, LargeFrom: 7})
			nc, c := dialGathered(t, p)
			for range 3 {
				settleDown(t, nc, c)
				ask(t, nc, text)
				require.Equal(t, atHome, c.whereabouts())
			}
		})
	}
	t.Run("many at once", func(t *testing.T) {
		p, _ := serveGathering(t, Options{GatherAfter: 1})
		nc, c := dialGathered(t, p)
		settleDown(t, nc, c)
		_, err := nc.Write(bytes.Repeat(framed([]byte("x")), gatherFrames+1))
		require.NoError(t, err)
		for range gatherFrames + 1 {
			require.Equal(t, "x", string(receive(t, nc, 1)))
		}
		require.Equal(t, atHome, c.whereabouts())
	})
	t.Run("piece by piece", func(t *testing.T) {
		p, _ := serveGathering(t, Options{GatherAfter: 1})
		nc, c := dialGathered(t, p)
		settleDown(t, nc, c)
		for _, b := range framed([]byte("home again")) {
			_, err := nc.Write([]byte{b})
			require.NoError(t, err)
		}
		require.Equal(t, "home again", string(receive(t, nc, 10)))
	})
	t.Run("a length below zero", func(t *testing.T) {
		p, s := serveGathering(t, Options{GatherAfter: 1})
		nc, c := dialGathered(t, p)
		settleDown(t, nc, c)
		_, err := nc.Write([]byte{0xff, 0, 0, 0})
		require.NoError(t, err)
		var fe *FrameError
		require.ErrorAs(t, <-s.closed, &fe)
	})
}

// Who reads is gathered by others than who writes; who does both in turn is at home.
func TestReadsAndWritesAreGatheredApart(t *testing.T) {
	p, s := serveGathering(t, Options{GatherAfter: 3})
	nc, c := dialGathered(t, p)
	for range 10 {
		ask(t, nc, "x")
		ask(t, nc, "x")
		ask(t, nc, "read")
		ask(t, nc, "read")
	}
	require.Equal(t, atHome, c.whereabouts())
	ask(t, nc, "read")
	ask(t, nc, "read") // the answer to the one before comes before the connection is given away, this one after
	require.NotEqual(t, atHome, c.whereabouts())
	require.Equal(t, []int{1}, s.reads())
	ask(t, nc, "x")
	require.Equal(t, atHome, c.whereabouts(), "reads may not wait for a write")

	nc, c = dialGathered(t, p)
	settleDown(t, nc, c)
	ask(t, nc, "read")
	require.Equal(t, atHome, c.whereabouts(), "a read may not wait for writes")
	require.Equal(t, []int{1}, s.reads())
}

// A second gatherer of reads has some when the first one has enough, and then the one that has the fewest gets the next.
func TestReadersAreSharedOut(t *testing.T) {
	p, s := serveGathering(t, Options{GatherAfter: 1, readGatherers: 3})
	ncs := make([]net.Conn, 2*enoughForOne+2)
	for i := range ncs {
		nc, c := dialGathered(t, p)
		for c.whereabouts() == atHome {
			ask(t, nc, "read")
		}
		ncs[i] = nc
	}
	for _, nc := range ncs {
		ask(t, nc, "read")
	}
	counts := make([]int, 3)
	for i, g := range p.gatherers[1:] {
		g.mu.Lock()
		counts[i] = len(g.conns)
		g.mu.Unlock()
	}
	require.Equal(t, []int{enoughForOne, enoughForOne, 2}, counts)
	require.Len(t, s.reads(), 3)
	require.NoError(t, ncs[0].Close())
	require.Eventually(t, func() bool { return p.Count() == len(ncs)-1 }, 20*time.Second, time.Millisecond)
	nc, c := dialGathered(t, p)
	for c.whereabouts() == atHome {
		ask(t, nc, "read")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Same(t, p.gatherers[1], c.gatherer, "the first one has not enough any more")
}

// Readers that come one after the other are better at home, other than writers.
func TestLoneReaderGoesHome(t *testing.T) {
	p, s := serveGathering(t, Options{GatherAfter: 1})
	nc, _ := dialGathered(t, p)
	for len(s.reads()) == 0 {
		ask(t, nc, "read")
	}
	taken := 0
	for taken < s.reads()[0] { // until one is answered at home
		taken = s.reads()[0]
		ask(t, nc, "read")
	}
	require.Zero(t, taken%lookAfter)
	ask(t, nc, "read") // the second one: it takes two now, and no more than one if gathering had paid off
	require.Equal(t, []int{taken}, s.reads())
	ask(t, nc, "read")
	require.Equal(t, []int{taken + 1}, s.reads())

	nc, c := dialGathered(t, p) // a writer stays: what it costs is the sync
	settleDown(t, nc, c)
	_, before, _ := s.counts()
	for range 2 * lookAfter {
		ask(t, nc, "x")
	}
	_, after, _ := s.counts()
	require.Equal(t, before+2*lookAfter, after)
}

func TestFewForEachSleep(t *testing.T) {
	var l lately
	for i := range lookAfter {
		require.False(t, l.few(1+i%2, true))
	}
	for i := range lookAfter - 1 {
		require.False(t, l.few(1+i%2, true))
	}
	require.True(t, l.few(1, true), "one turn less than three for two sleeps")
	for range lookAfter - 1 {
		require.True(t, l.few(1, false))
	}
	require.False(t, l.few(1, false), "one after the other, but without a pause")
}

// A connection that goes there and back for little stays home for longer each time.
func TestStaysHomeForLongerIfGatheringDoesNotPayOff(t *testing.T) {
	p, _ := serveGathering(t, Options{GatherAfter: 1})
	nc, c := dialGathered(t, p)
	for _, need := range []int{1, 2, 4, 8, 16} {
		for range need {
			require.Equal(t, atHome, c.whereabouts())
			ask(t, nc, "x")
		}
		ask(t, nc, "y") // the answer to x comes before the connection is given away, this one after
		require.Equal(t, atHome, leaveBy(t, nc, c))
	}
	settleDown(t, nc, c)
	for range paysOff {
		ask(t, nc, "x")
	}
	leaveBy(t, nc, c)
	ask(t, nc, "x")
	ask(t, nc, "x")
	require.NotEqual(t, atHome, c.whereabouts(), "it has paid off")
}

// leaveBy sends it home.
func leaveBy(t *testing.T, nc net.Conn, c *Conn) place {
	t.Helper()
	require.NotEqual(t, atHome, c.whereabouts())
	ask(t, nc, "home")
	return c.whereabouts()
}

// What came while a round was under way is the next round, all of it.
func TestRoundTakesAllThatHasCome(t *testing.T) {
	p, s := serveGathering(t, Options{GatherAfter: 1})
	const clients = 8
	ncs, conns := make([]net.Conn, clients), make([]*Conn, clients)
	for i := range ncs {
		ncs[i], conns[i] = dialGathered(t, p)
		settleDown(t, ncs[i], conns[i])
	}
	in, on := make(chan struct{}), make(chan struct{})
	s.holdWith(func() { in <- struct{}{}; <-on })
	_, err := ncs[0].Write(framed([]byte("first")))
	require.NoError(t, err)
	<-in
	s.holdWith(nil)
	for _, nc := range ncs[1:] {
		_, err := nc.Write(framed([]byte("then")))
		require.NoError(t, err)
	}
	before, _, _ := s.counts()
	close(on)
	require.Equal(t, "first", string(receive(t, ncs[0], 5)))
	for _, nc := range ncs[1:] {
		require.Equal(t, "then", string(receive(t, nc, 4)))
	}
	after, _, most := s.counts()
	require.Equal(t, before+1, after, "loopback delivers before the write returns")
	require.Equal(t, clients-1, most)
}

// At home a connection must not overtake what of it is in a round.
func TestNothingOvertakesARound(t *testing.T) {
	p, s := serveGathering(t, Options{GatherAfter: 1})
	nc, c := dialGathered(t, p)
	settleDown(t, nc, c)
	in, on := make(chan struct{}), make(chan struct{})
	s.holdWith(func() { in <- struct{}{}; <-on })
	_, err := nc.Write(framed([]byte("first")))
	require.NoError(t, err)
	<-in
	s.holdWith(nil)
	home := make(chan struct{})
	go func() { defer close(home); c.awaitHome() }()
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.wanted }, 20*time.Second, time.Millisecond)
	require.Equal(t, gathered, c.whereabouts())
	close(on)
	<-home
	require.Equal(t, atHome, c.whereabouts())
	require.Equal(t, "first", string(receive(t, nc, 5)))
	ask(t, nc, "home")
}

// Who waits for a connection has it after the round, also if the round had nothing to send.
func TestConnectionIsHandedToWhoWaitsForIt(t *testing.T) {
	p, s := serveGathering(t, Options{GatherAfter: 1})
	nc, c := dialGathered(t, p)
	settleDown(t, nc, c)
	in, on := make(chan struct{}), make(chan struct{})
	s.holdWith(func() { in <- struct{}{}; <-on })
	_, err := nc.Write(framed([]byte("no answer")))
	require.NoError(t, err)
	<-in
	s.holdWith(nil)
	home := make(chan struct{})
	go func() { defer close(home); c.awaitHome() }()
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.wanted }, 20*time.Second, time.Millisecond)
	close(on)
	<-home
	require.Equal(t, atHome, c.whereabouts())
}

func TestEndsOfGatheredConnections(t *testing.T) {
	t.Run("the client closes", func(t *testing.T) {
		p, s := serveGathering(t, Options{GatherAfter: 1})
		nc, c := dialGathered(t, p)
		settleDown(t, nc, c)
		require.NoError(t, nc.Close())
		require.ErrorIs(t, <-s.closed, io.EOF)
		require.Eventually(t, func() bool { return p.Count() == 0 }, 20*time.Second, time.Millisecond)
	})
	t.Run("the server closes", func(t *testing.T) {
		p, s := serveGathering(t, Options{GatherAfter: 1})
		nc, c := dialGathered(t, p)
		settleDown(t, nc, c)
		c.Close(os.ErrClosed)
		c.Close(io.EOF)
		require.ErrorIs(t, <-s.closed, os.ErrClosed)
		_, err := nc.Read(make([]byte, 1))
		require.Error(t, err)
	})
	t.Run("the server closes in a round", func(t *testing.T) {
		p, s := serveGathering(t, Options{GatherAfter: 1})
		nc, c := dialGathered(t, p)
		settleDown(t, nc, c)
		s.holdWith(func() { c.Close(os.ErrClosed) })
		_, err := nc.Write(framed([]byte("x")))
		require.NoError(t, err)
		require.ErrorIs(t, <-s.closed, os.ErrClosed)
	})
	t.Run("the port closes", func(t *testing.T) {
		p, s := serveGathering(t, Options{GatherAfter: 1})
		nc, c := dialGathered(t, p)
		settleDown(t, nc, c)
		p.Close()
		require.ErrorIs(t, <-s.closed, net.ErrClosed)
		require.Zero(t, p.Count())
	})
	for name, inRound := range map[string]bool{"when all is sent": false, "when all is sent, in a round": true} {
		t.Run(name, func(t *testing.T) {
			p, s := serveGathering(t, Options{GatherAfter: 1})
			nc, c := dialGathered(t, p)
			settleDown(t, nc, c)
			last := func() {
				c.Lock()
				c.Out = append(c.Out, "last"...)
				c.CloseWhenSent()
				c.Unlock()
				c.Flush()
			}
			if inRound {
				s.holdWith(last)
				_, err := nc.Write(framed([]byte("x")))
				require.NoError(t, err)
			} else {
				last()
			}
			all, err := io.ReadAll(nc)
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(all, []byte("last")))
			require.True(t, c.Leaving())
			require.NoError(t, nc.Close())
			require.ErrorIs(t, <-s.closed, io.EOF)
		})
	}
}

// Who is told much at once would make others wait, and is at home for longer each time.
func TestLargeAnswersAreGivenAtHome(t *testing.T) {
	p, s := serveGathering(t, Options{GatherAfter: 1})
	nc, c := dialGathered(t, p)
	for len(s.reads()) == 0 {
		ask(t, nc, "read")
	}
	for range 2 * paysOff {
		ask(t, nc, "read")
	}
	taken := s.reads()[0]
	s.holdWith(func() {
		s.holdWith(nil)
		c.Lock()
		c.Out = append(c.Out, make([]byte, muchAtOnce+1)...)
		c.Unlock()
		c.Flush()
	})
	_, err := nc.Write(framed([]byte("read")))
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, nc, muchAtOnce+1)
	require.NoError(t, err)
	receive(t, nc, 4)
	ask(t, nc, "read")
	ask(t, nc, "read") // it takes two now, and no more than one if gathering had paid off
	require.Equal(t, []int{taken + 1}, s.reads())
	ask(t, nc, "read")
	ask(t, nc, "read")
	require.Equal(t, []int{taken + 3}, s.reads(), "what has been is forgotten")
}

// A client that does not read what it is told goes home, and gets all of it when it reads.
func TestGatheredClientThatDoesNotRead(t *testing.T) {
	for name, inRound := range map[string]bool{"between rounds": false, "in a round": true} {
		t.Run(name, func(t *testing.T) {
			p, s := serveGathering(t, Options{GatherAfter: 1})
			nc, c := dialGathered(t, p)
			settleDown(t, nc, c)
			const size = 32 << 20
			told := func() {
				c.Lock()
				c.Out = append(c.Out, make([]byte, size)...)
				c.Unlock()
				c.Flush()
			}
			want := size
			if inRound {
				s.holdWith(func() { s.holdWith(nil); told() })
				_, err := nc.Write(framed([]byte("x")))
				require.NoError(t, err)
				want += len(framed([]byte("x"))) + 16
			} else {
				told()
			}
			n, err := io.CopyN(io.Discard, nc, int64(want))
			require.NoError(t, err)
			require.Equal(t, int64(want), n)
			ask(t, nc, "home")
		})
	}
}
