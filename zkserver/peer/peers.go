package peer

import (
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Peers are the connections of one server to the others.
type Peers struct {
	cfg     Config
	handler Handler
}

// New checks the configuration. Nothing is opened before Start.
func New(cfg Config, h Handler) (*Peers, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Peers{cfg: cfg, handler: h}, nil
}

// Start opens both ports, in the background: a port that cannot be opened is tried again for ever.
func (p *Peers) Start() {}

// Send sends messages, those of one link in order, and never blocks. Notifications replace an older one to the same server
// that waits. FOLLOWERINFO or OBSERVERINFO on a new link connects to the server To, and goes on trying until Drop or
// InitTimeout. Snap and Replay call the Handler. Messages for links that have ended are discarded. A link that has more to
// send than MaxQueue is closed. The slice may be used again after the call, the bytes in it must not change.
func (p *Peers) Send(msgs []zab.Message) {}

// Drop closes links, after what was sent before. Disconnected is called for each that was still there.
func (p *Peers) Drop(links []zab.Link) {}

// SetServers changes the members. Connections stay; ports are opened anew if this server's addresses change. It fails if
// the list makes no sense, and changes nothing then.
func (p *Peers) SetServers(servers []Server) error { return nil }

// Status is a view of all connections.
func (p *Peers) Status() Status { return Status{} }

// Close closes everything and waits for all goroutines: calls of the Handler must be able to return. It may be called more than
// once.
func (p *Peers) Close() {}
