package replica

import "github.com/holdfast-ha/holdfast/zkserver/zab"

// Unreachable passes on that nothing can be sent to a server now, or that it can again; see zab.Node.Unreachable.
func (r *Replica) Unreachable(sid zab.Sid, yes bool) {
	r.node.Unreachable(sid, yes)
	r.observe()
}

// Silent passes on that a server's host answers nobody who connects, or that it does again; see zab.Node.Silent.
func (r *Replica) Silent(sid zab.Sid, yes bool) {
	r.node.Silent(sid, yes)
	r.observe()
}

// Progress passes on that a synchronization moves on by a link; see zab.Node.Progress.
func (r *Replica) Progress(l zab.Link) { r.node.Progress(l) }

// SetOracle passes on what the oracle of two servers says; see zab.Node.SetOracle.
func (r *Replica) SetOracle(yes bool) {
	r.node.SetOracle(yes)
	r.observe()
}
