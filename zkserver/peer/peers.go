package peer

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Peers are the connections of one server to the others.
type Peers struct {
	cfg      Config
	handler  Handler
	log      *zap.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	group    sync.WaitGroup
	gates    [portKinds]gate
	refused  atomic.Uint64
	accepted atomic.Uint64 // links numbered so far

	life   sync.Mutex // comes after all other locks
	closed bool       // no more goroutines

	mu      sync.Mutex
	started bool
	servers map[zab.Sid]Server
	links   map[zab.Link]*link
	voters  map[zab.Sid]*voter
	ports   []*port
	tracked int // messages that links remember
}

// firstAccepted keeps the numbers of links we accept apart from those the core gives to links it asks for.
const firstAccepted = 1 << 32

// New checks the configuration. Nothing is opened before Start.
func New(cfg Config, h Handler) (*Peers, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	p := &Peers{
		cfg: cfg, handler: h, log: cfg.Logger,
		servers: serverMap(cfg.Servers), links: make(map[zab.Link]*link), voters: make(map[zab.Sid]*voter),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.accepted.Store(firstAccepted)
	return p, nil
}

func serverMap(servers []Server) map[zab.Sid]Server {
	m := make(map[zab.Sid]Server, len(servers))
	for _, s := range servers {
		m[s.ID] = Server{ID: s.ID, Quorum: slices.Clone(s.Quorum), Election: slices.Clone(s.Election), Master: slices.Clone(s.Master)}
	}
	return m
}

// Start opens the ports, in the background: a port that cannot be opened is tried again for ever.
func (p *Peers) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.started {
		p.started = true
		p.openPorts()
	}
}

// run starts a goroutine that Close waits for, unless Close has begun.
func (p *Peers) run(f func()) bool {
	p.life.Lock()
	defer p.life.Unlock()
	if p.closed {
		return false
	}
	p.group.Go(f)
	return true
}

// Send sends messages, those of one link in order, and never blocks. Notifications replace an older one to the same server
// that waits. FOLLOWERINFO or OBSERVERINFO on a new link connects to the server To, by its port for observers if it
// says Relay, and goes on trying until Drop or ConnectTimeout. Snap and Replay call the Handler. Messages for links that have ended are discarded. A link that has more to
// send than MaxQueue is closed. The slice may be used again after the call, the bytes in it must not change.
func (p *Peers) Send(msgs []zab.Message) {
	var room [8]*link
	touched := room[:0]
next:
	for i := range msgs {
		m := &msgs[i]
		if m.Type == zab.Notification {
			p.notify(m)
			continue
		}
		id := zab.Link{Peer: m.To, Link: m.Link}
		for _, l := range touched {
			if l.id == id {
				l.push(m)
				continue next
			}
		}
		if l := p.linkFor(id, m); l != nil {
			l.push(m)
			touched = append(touched, l)
		}
	}
	for _, l := range touched {
		l.wake()
	}
}

// linkFor finds the link, or makes it when this is a learner's first message.
func (p *Peers) linkFor(id zab.Link, m *zab.Message) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.links[id]
	if l == nil && (m.Type == zab.FollowerInfo || m.Type == zab.ObserverInfo) {
		l = newLink(p, id)
		l.leader, l.relay = true, m.Relay
		l.track(p.tracked)
		if !p.run(l.runLearner) {
			return nil
		}
		p.links[id] = l
	}
	return l
}

// Drop closes links, after what was sent before. Disconnected is called for each that was still there.
func (p *Peers) Drop(links []zab.Link) {
	for _, id := range links {
		p.mu.Lock()
		l := p.links[id]
		p.mu.Unlock()
		if l != nil {
			l.drop()
		}
	}
}

// SetServers changes the members. Connections stay; ports are opened anew if this server's addresses change. If this server
// is not in the list (it was removed, or has not been added yet), it keeps the addresses it has. It fails if the list makes
// no sense, and changes nothing then.
func (p *Peers) SetServers(servers []Server) error {
	if err := checkServers(servers); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.servers[p.cfg.ID]
	p.servers = serverMap(servers)
	now, member := p.servers[p.cfg.ID]
	if !member {
		p.servers[p.cfg.ID] = before
		return nil
	}
	same := slices.Equal(before.Quorum, now.Quorum) && slices.Equal(before.Election, now.Election) && slices.Equal(before.Master, now.Master)
	if p.started && p.ctx.Err() == nil && !same {
		p.openPorts()
	}
	return nil
}

// server is what is known of a member.
func (p *Peers) server(sid zab.Sid) (Server, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.servers[sid]
	return s, ok
}

// Status is a view of all connections.
func (p *Peers) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Refused: p.refused.Load()}
	for _, port := range p.ports {
		s.Ports = append(s.Ports, port.status())
	}
	for _, l := range p.links {
		s.Links = append(s.Links, l.status())
	}
	slices.SortFunc(s.Links, func(a, b LinkStatus) int {
		return cmp.Or(cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Link.Link, b.Link.Link))
	})
	for _, sid := range slices.Sorted(maps.Keys(p.voters)) {
		_, known := p.servers[sid]
		v := p.voters[sid].status()
		v.Known = known
		s.Voters = append(s.Voters, v)
	}
	return s
}

// Close closes everything and waits for all goroutines: calls of the Handler must be able to return. It may be called more than
// once.
func (p *Peers) Close() {
	p.life.Lock()
	p.closed = true
	p.life.Unlock()
	p.cancel()
	p.mu.Lock()
	for _, port := range p.ports {
		port.close()
	}
	links, voters := slices.Collect(maps.Values(p.links)), slices.Collect(maps.Values(p.voters))
	p.mu.Unlock()
	for i := range p.gates {
		p.gates[i].closeAll()
	}
	for _, l := range links {
		l.close()
	}
	for _, v := range voters {
		v.close()
	}
	p.group.Wait()
}
