package replica

import "github.com/holdfast-ha/holdfast/zkserver/zab"

// Unreachable passes on that nothing can be sent to a server now, or that it can again; see zab.Node.Unreachable.
func (r *Replica) Unreachable(sid zab.Sid, yes bool) {
	r.node.Unreachable(sid, yes)
	r.observe()
}

// SetOracle passes on what the oracle of two servers says; see zab.Node.SetOracle.
func (r *Replica) SetOracle(yes bool) {
	r.node.SetOracle(yes)
	r.observe()
}
