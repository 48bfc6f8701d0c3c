package zab

// Node is one server's Zab. It is not safe for concurrent use: one goroutine owns it.
type Node struct {
	cfg Config
}

// New starts a node: LOOKING, or LEADING when Standalone.
func New(cfg Config) (*Node, error) { return nil, nil }

// Tick tells that one tick of time has passed.
func (n *Node) Tick() {}

// Step takes a message from another server. An error is a *MessageError: close the link it came by.
func (n *Node) Step(m Message) error { return nil }

// Disconnected tells that a link has ended, from either side.
func (n *Node) Disconnected(l Link) {}

// NextZxid is the zxid the next Propose must carry; 0 when none is possible.
func (n *Node) NextZxid() Zxid { return 0 }

// Propose makes an entry part of the history: it is logged, sent to the followers and, when a quorum has it, committed.
// Errors: ErrNotLeading, ErrOutOfOrder, ErrEpochExhausted.
func (n *Node) Propose(e Entry) error { return nil }

// Persisted tells that the log is synced up to and including zxid.
func (n *Node) Persisted(z Zxid) {}

// StepDown gives the role up and looks for a leader again, in a new epoch. A standalone node ignores it.
func (n *Node) StepDown(reason string) {}

// Send queues a message that zab does not look into behind those it has queued: REQUEST and REVALIDATE to the leader;
// REVALIDATE and SYNC to a learner. From and Link are filled in. Error: ErrNotPeer.
func (n *Node) Send(m Message) error { return nil }

// SetPingData is what the next answer to the leader's PING carries: the touched sessions.
func (n *Node) SetPingData(b []byte) {}

// HasReady tells whether Ready has something to do.
func (n *Node) HasReady() bool { return false }

// Ready takes what there is to do. It is handed out once: the node counts on it being done.
func (n *Node) Ready() Ready { return Ready{} }

// Status is where the node stands now.
func (n *Node) Status() Status { return Status{} }

// LastZxid is the last entry in this server's log, synced or not.
func (n *Node) LastZxid() Zxid { return 0 }

// CommittedZxid is the last zxid known to be committed, as far as Ready has told.
func (n *Node) CommittedZxid() Zxid { return 0 }
