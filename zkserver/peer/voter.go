package peer

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

const (
	// keepTrying is how long after a notification was sent the server it is for is dialed.
	keepTrying = 10 * time.Second
	// dialBackTime is how long a server is dialed that asked to be dialed back.
	dialBackTime = 5 * time.Second
	// recently sent notifications may be lost when the connection ends.
	recently = time.Second
	// awaitBack is how long we wait to be dialed back before we ask again.
	awaitBack = 300 * time.Millisecond
	// sameAgain is the least time between two notifications that say the same, on one connection.
	sameAgain = 20 * time.Millisecond
	// maxStrangers bounds the servers kept in mind that are no members.
	maxStrangers = 64
)

// voter is the election connection to one server, or the wish for it.
type voter struct {
	p   *Peers
	sid zab.Sid
	// poke tells the dialing goroutine to look again.
	poke chan struct{}

	mu       sync.Mutex
	conn     *voterConn
	pending  []byte // a frame to send
	last     []byte // the last frame sent, and when
	sentAt   time.Time
	dialing  bool // there is a goroutine that dials
	wait     time.Duration
	notYet   time.Time // do not dial before
	dialBack bool      // the server wants to be dialed
	atOnce   bool      // it has said so just now
	until    time.Time // after it, nothing is dialed for what waits now
	learned  []string  // addresses it has told
	lastErr  error
	unheard  int // connections in a row that ended before anything came

	silent      bool // somebody waits for an answer
	silentUntil time.Time
}

// voter finds the voter, or makes it. Nil: there are too many strangers, or everything is closed.
func (p *Peers) voter(sid zab.Sid) *voter {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.voters[sid]
	if v != nil {
		return v
	}
	if _, known := p.servers[sid]; !known && len(p.voters) >= len(p.servers)+maxStrangers && !p.forgetStranger() {
		return nil
	}
	v = &voter{p: p, sid: sid, poke: make(chan struct{}, 1)}
	p.voters[sid] = v
	return v
}

// forgetStranger makes room for another server that is no member. The lock is held.
func (p *Peers) forgetStranger() bool {
	for sid, v := range p.voters {
		if _, known := p.servers[sid]; !known && v.idle() {
			delete(p.voters, sid)
			return true
		}
	}
	return false
}

func (v *voter) idle() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.conn == nil && !v.dialing && !v.silent
}

// notify sends a notification, or keeps it until there is a connection.
func (p *Peers) notify(m *zab.Message) {
	if m.Vote == nil || m.To == p.cfg.ID {
		return
	}
	v := p.voter(m.To)
	if v == nil {
		return
	}
	frame := appendFrame(make([]byte, 0, 12+notificationNow+len(m.Vote.Config)+len(m.Vote.Seen)), m.Vote)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending = frame
	v.until = time.Now().Add(keepTrying)
	if v.conn != nil {
		v.conn.wake()
		return
	}
	v.dialLocked()
}

// dialLocked sees to it that somebody dials.
func (v *voter) dialLocked() {
	if v.dialing {
		select {
		case v.poke <- struct{}{}:
		default:
		}
		return
	}
	v.dialing = v.p.run(v.dial)
}

// wanted tells whether a connection is to be made; if not, nobody dials from now on.
func (v *voter) wanted() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	want := (v.dialBack || v.conn == nil && v.pending != nil) && time.Now().Before(v.until) && v.p.ctx.Err() == nil
	if !want {
		v.dialing, v.dialBack = false, false
	}
	return want
}

// install makes nc the connection to the server: it replaces an older one. What was sent last is sent again.
func (v *voter) install(nc net.Conn) {
	_ = nc.SetDeadline(time.Time{})
	c := &voterConn{v: v, nc: nc, work: make(chan struct{}, 1), done: make(chan struct{}), fresh: true}
	v.mu.Lock()
	old, unheard := v.conn, v.unheard
	v.conn, v.lastErr, v.dialBack = c, nil, false
	if v.pending == nil {
		v.pending = v.last
	}
	v.mu.Unlock()
	if old != nil {
		old.close()
	}
	// Before anything can come by it, so that the log has an order.
	_, member := v.p.server(v.sid)
	log := v.p.log.Info
	if unheard > 0 {
		log = v.p.log.Debug // for the last ones were of no use
	}
	log("election connection established", zap.Int64("peer", int64(v.sid)), zap.Stringer("address", nc.RemoteAddr()), zap.Bool("member", member), tlsField(nc))
	c.wake()
	// Only now, so that a connection that ends at once is known when it does.
	if !v.p.run(c.read) || !v.p.run(c.write) {
		c.close()
		v.ended(c, nil)
		return
	}
	if v.p.ctx.Err() != nil {
		c.close() // Close may have missed it
	}
	select {
	case v.poke <- struct{}{}:
	default:
	}
}

// ended takes note of the end of a connection. What was sent shortly before may be lost.
func (v *voter) ended(c *voterConn, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != c {
		return
	}
	v.conn, v.lastErr = nil, err
	if !c.heard {
		v.unheard++
		v.complainLocked(c, err)
	}
	if v.pending == nil && time.Since(v.sentAt) < recently {
		v.pending = v.last
	}
	if v.pending != nil && v.p.ctx.Err() == nil {
		v.dialLocked()
	}
}

// complainLocked tells of a peer that takes connections, and ends them before it says anything: in the log ever more rarely.
func (v *voter) complainLocked(c *voterConn, err error) {
	least := 4 // a few may be a start, or an end
	if isHandshake(err) {
		least = 1
	}
	if v.unheard < least || v.unheard&(v.unheard-1) != 0 || v.p.ctx.Err() != nil {
		return
	}
	if _, secure := c.nc.(*secureConn); !secure && err != nil { // the end of the stream, or a reset
		err = fmt.Errorf("%w (does its port want TLS? this server's sslQuorum is false)", err)
	}
	v.p.log.Warn("a peer ends election connections before it says anything", zap.Int64("peer", int64(v.sid)), zap.Stringer("address", c.nc.RemoteAddr()),
		zap.Int("connections", v.unheard), zap.Error(err))
}

// take answers what is to be sent on c; or how long to wait, because it is what was sent a moment ago: two servers that
// answer each other's old news would otherwise do so as fast as they can (an original observer and a voter do, until the
// election is over).
func (v *voter) take(c *voterConn) (frame []byte, wait time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != c || v.pending == nil {
		return nil, 0
	}
	if wait = sameAgain - time.Since(v.sentAt); wait > 0 && !c.fresh && bytes.Equal(v.pending, v.last) {
		return nil, wait
	}
	c.fresh = false
	v.last, v.pending, v.sentAt = v.pending, nil, time.Now()
	return v.last, 0
}

// unsent takes a frame back that could not be sent.
func (v *voter) unsent(frame []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pending == nil {
		v.pending = frame
	}
}

// learn keeps the addresses a server has told; from is where its connection came from.
func (v *voter) learn(addresses []string, from net.Addr) {
	var list []string
	for _, a := range addresses {
		host, port, err := splitAddress(a)
		if err != nil {
			continue // checked before
		}
		if isWildcard(host) {
			t, ok := from.(*net.TCPAddr)
			if !ok {
				continue
			}
			host = t.IP.String()
		}
		list = append(list, net.JoinHostPort(host, strconv.Itoa(port)))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.learned = list
}

// askedBack takes note that the server wants to be dialed.
func (v *voter) askedBack() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dialBack, v.atOnce = true, true
	if u := time.Now().Add(dialBackTime); u.After(v.until) {
		v.until = u
	}
	v.dialLocked()
}

// addresses are where the server may be: as configured first, then as it has told.
func (v *voter) addresses() []string {
	s, _ := v.p.server(v.sid)
	v.mu.Lock()
	defer v.mu.Unlock()
	list := slices.Clone(s.Election)
	for _, a := range v.learned {
		if !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

func (v *voter) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != nil {
		v.conn.close()
	}
}

func (v *voter) status() VoterStatus {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := VoterStatus{ID: v.sid, Connected: v.conn != nil, Silent: v.silent}
	if v.conn != nil {
		s.Address, s.TLS = v.conn.nc.RemoteAddr().String(), tlsOf(v.conn.nc)
	} else if v.lastErr != nil {
		s.LastError = v.lastErr.Error()
	}
	return s
}
