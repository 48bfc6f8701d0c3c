package cnxn

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/holdfast-ha/holdfast/internal/sock"
)

// Connections whose clients ask for little and wait for each answer are read by one goroutine, many of them: what has come for several is
// handed over in one piece, and nobody wakes up for each. Who reads is gathered by other goroutines than who writes.
//
//	accepted -> own goroutine -- so many packets in a row that fit ----------> gathered
//	                 ^                                                            |
//	                 '-- a packet that does not fit, is not all there or too much, '
//	                     an end, a large answer, one that the socket does not take
//
// At its own goroutine a connection may wait: for room, for its turn, for the rest of a packet. The goroutine that gathers never waits for
// one of them.

// Gatherer is a Server that takes small packets of several connections together.
type Gatherer interface {
	// Fits tells with which of others such packets may be taken together. It looks at nothing else.
	Fits(frames [][]byte) Fit
	// Gather makes what one goroutine hands packets of that kind to.
	Gather(Fit) Gathering
}

// Fit is with which packets others may be taken together.
type Fit uint8

// The values of Fit.
const (
	Alone  Fit = iota // with none
	Reads             // with such as are answered at once; some goroutines gather them, each connection's always the same one
	Writes            // with such as are answered later; one goroutine gathers them
)

// Gathering takes packets of many connections.
type Gathering interface {
	// Take takes a complete packet that fits, as Client.Requests does, but never waits and never fails. If it would have to it is false, and
	// nothing has happened. The frame is valid only during the call.
	Take(c Client, frame [][]byte) bool
	// Done ends a round, in which each connection had one turn at most.
	Done()
}

const (
	defaultGatherAfter = 16
	gatherFrames       = 1        // packets of one read: more are of who does not wait for answers
	gatherBuffer       = 16 << 10 // bytes that are little
	enoughForOne       = 16       // connections of one gatherer of reads before there is another one
	muchAtOnce         = 64 << 10 // bytes of answers that take long to make: meanwhile others would wait
	paysOff            = 64       // reads of a gathered connection, for the way there and back
)

// place is who reads a connection.
type place uint8

const (
	atHome   place = iota // its own goroutine
	watched               // nobody, until something comes
	gathered              // the goroutine that gathers, until the end of the round
)

// gatherer reads the connections of a port that are watched and ask for what fits.
type gatherer struct {
	port  *Port
	set   *sock.Set
	fit   Fit
	fits  func(frames [][]byte) Fit
	round Gathering

	mu    sync.Mutex
	conns map[uint64]*Conn
	last  uint64 // number given

	// Of its goroutine.
	buf    []byte
	frames [][]byte
	held   []*Conn
	lately lately
}

// startGathering makes a port's gatherers, if there is such a thing.
func (p *Port) startGathering() {
	server, ok := p.server.(Gatherer)
	if !ok || p.opts.GatherAfter < 0 {
		return
	}
	all := []*gatherer{p.newGatherer(server, Writes)}
	readers := p.opts.readGatherers
	if readers == 0 {
		readers = max(1, runtime.GOMAXPROCS(0)-1) // one processor is left to all else
	}
	for range readers {
		all = append(all, p.newGatherer(server, Reads))
	}
	if slices.Contains(all, nil) { // not on this system
		for _, g := range all {
			if g != nil {
				g.set.Close()
			}
		}
		return
	}
	p.gatherers = all
	for _, g := range all {
		p.group.Go(g.run)
	}
}

// newGatherer is nil if that cannot be.
func (p *Port) newGatherer(server Gatherer, fit Fit) *gatherer {
	set, err := sock.NewSet()
	if err != nil {
		return nil
	}
	return &gatherer{
		port: p, set: set, fit: fit, fits: server.Fits, round: server.Gather(fit), conns: map[uint64]*Conn{}, buf: make([]byte, gatherBuffer),
	}
}

// gathererOf is who may gather packets that fit: of the gatherers of reads, as many as there are so many connections for each, the one that has
// the fewest.
func (p *Port) gathererOf(fit Fit) *gatherer {
	if fit == Writes {
		return p.gatherers[0]
	}
	readers := p.gatherers[1:]
	var least *gatherer
	var total, fewest int
	for i, g := range readers {
		if i*enoughForOne > total {
			break // those before have not enough
		}
		g.mu.Lock()
		n := len(g.conns)
		g.mu.Unlock()
		if total += n; least == nil || n < fewest {
			least, fewest = g, n
		}
	}
	return least
}

// settling counts the packets of a connection at home that fit.
type settling struct {
	fit    Fit // of the last ones
	streak int // of them, in a row
	need   int // so many are asked for, if it is more than GatherAfter
	turns  int // as a gathered one
}

// settle looks at what one read has brought, with a partial packet or without, and tells whether the connection is to be gathered.
func (c *Conn) settle(frames [][]byte, partial bool) bool {
	p, s := c.port, &c.settling
	if p.gatherers == nil || c.secure != nil || partial || len(frames) == 0 || len(frames) > gatherFrames {
		s.streak = 0
		return false
	}
	fit := p.gatherers[0].fits(frames)
	if fit != s.fit {
		s.fit, s.streak = fit, 0
	}
	if fit == Alone {
		return false
	}
	s.streak++
	return s.streak >= max(s.need, p.opts.GatherAfter)
}

// errGathered ends a connection's goroutine, not the connection.
var errGathered = errors.New("cnxn: gathered")

// leaveHome gives a connection to a gatherer. Its goroutine calls it, and has nothing more to do with it if that is true.
func (c *Conn) leaveHome() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settling.streak, c.settling.turns = 0, 0
	if c.dead || c.closeWhenSent || c.sending || len(c.Out) > 0 {
		return false
	}
	bare, err := sock.Detach(c.nc)
	if err != nil {
		c.settling.need = math.MaxInt // not this one
		return false
	}
	g := c.port.gathererOf(c.settling.fit)
	g.mu.Lock()
	g.last++
	c.number = g.last
	g.conns[c.number] = c
	g.mu.Unlock()
	c.bare, c.at, c.gatherer, c.much = bare, watched, g, false
	if g.set.Add(bare, c.number) == nil {
		return true
	}
	c.settling.need = math.MaxInt
	c.comeHome() // if that fails it is closed, as the next read will tell
	return false
}

// sendHome gives a connection a goroutine of its own again; rest has been read already. The lock is held. It is false when the connection is
// closed: then the goroutine has only that to tell.
func (c *Conn) sendHome(rest []byte) bool {
	if c.settling.turns < paysOff {
		c.settling.need = min(2*max(c.settling.need, c.port.opts.GatherAfter), math.MaxInt/4)
	} else {
		c.settling.need = 0
	}
	if !c.comeHome() {
		c.port.group.Go(func() { c.finish(nil) })
		return false
	}
	c.port.group.Go(func() { c.resume(rest) })
	return true
}

// comeHome takes a connection away from its gatherer. The lock is held. It is false when the connection is closed.
func (c *Conn) comeHome() bool {
	c.gatherer.forget(c)
	bare := c.bare
	c.bare, c.at, c.gatherer, c.wanted = nil, atHome, nil, false
	defer c.roomy.Broadcast()
	defer bare.Close()
	if c.dead {
		return false
	}
	nc, err := bare.Attach()
	if err != nil {
		c.dead, c.reason = true, err
		return false
	}
	c.nc, c.sock = nc, sock.New(nc)
	return true
}

// awaitHome returns when the connection is at home, for somebody who needs more of it than a write that does not wait.
func (c *Conn) awaitHome() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.at == gathered {
		c.wanted = true
		c.roomy.Wait()
	}
	if c.at == watched {
		c.sendHome(nil)
	}
}

func (g *gatherer) forget(c *Conn) {
	g.mu.Lock()
	delete(g.conns, c.number)
	g.mu.Unlock()
	g.set.Remove(c.bare)
}

// run is the goroutine that gathers.
func (g *gatherer) run() {
	numbers := make([]uint64, 0, 128)
	for {
		numbers = g.set.Wait(numbers)
		if len(numbers) == 0 {
			return
		}
		now := g.port.now().UnixNano()
		for _, n := range numbers {
			g.mu.Lock()
			c := g.conns[n]
			g.mu.Unlock()
			if c != nil && g.read(c, now) {
				g.held = append(g.held, c)
			}
		}
		if len(g.held) > 0 {
			g.round.Done()
		}
		home := g.fit == Reads && g.lately.few(len(g.held), g.set.Slept())
		// They are held until here, because at home they might overtake what is in the round.
		for i, c := range g.held {
			if home {
				c.settling.turns = 0 // for nothing
			}
			g.release(c, nil, home)
			g.held[i] = nil
		}
		g.held = g.held[:0]
	}
}

// lately tells whether gathering pays off: whom the goroutine wakes up for each time is read faster at home. With writes it does not matter
// so much, as each takes a sync.
type lately struct {
	rounds, turns, sleeps int  // of these
	alone                 bool // in those before
}

// lookAfter is how many rounds are looked at together.
const lookAfter = 256

// few takes note of a round with so many turns, after a sleep or not, and tells whether in the rounds before there was hardly more than one for
// each sleep.
func (l *lately) few(turns int, slept bool) bool {
	l.rounds++
	l.turns += turns
	if slept {
		l.sleeps++
	}
	if l.rounds == lookAfter {
		l.alone = 2*l.turns < 3*l.sleeps
		l.rounds, l.turns, l.sleeps = 0, 0, 0
	}
	return l.alone
}

// read takes what a connection has. It is false when that is in no round.
func (g *gatherer) read(c *Conn, now int64) bool {
	c.mu.Lock()
	if c.at != watched {
		c.mu.Unlock()
		return false
	}
	c.at = gathered
	bare := c.bare
	c.mu.Unlock()
	n, err := bare.TryRead(g.buf)
	if n == 0 {
		g.release(c, nil, err != nil) // at home it is told the same
		return false
	}
	c.heard.Store(now)
	if !g.take(c, g.buf[:n]) {
		g.release(c, append([]byte(nil), g.buf[:n]...), true)
		return false
	}
	c.settling.turns++
	c.received.Add(int64(len(g.frames)))
	return true
}

// take puts what has been read into the round, if it fits.
func (g *gatherer) take(c *Conn, b []byte) bool {
	limit := c.port.limits.Load().MaxBuffer
	if from := c.port.opts.LargeFrom; from >= 0 {
		limit = min(limit, from)
	}
	g.frames = g.frames[:0]
	for len(b) >= 4 && len(g.frames) < gatherFrames {
		length := int(int32(binary.BigEndian.Uint32(b)))
		if length < 0 || length > limit || length > len(b)-4 {
			return false
		}
		g.frames = append(g.frames, b[4:4+length:4+length])
		b = b[4+length:]
	}
	return len(b) == 0 && g.fits(g.frames) == g.fit && g.round.Take(c.client, g.frames)
}

// release watches a connection again, or sends it home.
func (g *gatherer) release(c *Conn, rest []byte, home bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = watched
	if c.much {
		c.settling.turns, home = 0, true // for nothing
	}
	if home || c.wanted || c.dead || c.closeWhenSent {
		if c.sendHome(rest) && c.closeWhenSent && !c.sending && len(c.Out) == 0 {
			c.endWriting()
		}
	}
}

// resume is a connection's goroutine after it was gathered.
func (c *Conn) resume(rest []byte) {
	buf := make([]byte, max(firstBuffer, len(rest)))
	if err := c.read(buf, copy(buf, rest)); !errors.Is(err, errGathered) {
		c.finish(err)
	}
}
