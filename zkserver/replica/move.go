package replica

// An observer that had to join the leader moves to a follower when one is ready for it (zab/return.go). What it has forwarded
// is answered first, by the old link: nobody could tell what has become of it else. Meanwhile new writes wait, and reads go on.

// move does so when it can.
func (r *Replica) move() {
	can := r.role == roleLearner && r.node.CanMove()
	switch {
	case can && r.drained():
		left := r.left // the leader stays, and does not give these sessions their whole timeout anew
		r.node.Move()
		r.observe()
		r.left = left
	case can:
		r.moving = true
	case r.moving:
		r.moving = false
		r.stay()
	}
}

// drained tells whether nothing is on its way to the leader and back.
func (r *Replica) drained() bool {
	front := r.queue.Front()
	return r.pending.Len() == 0 && (front == nil || !front.sent)
}

// stay lets what has waited go its way after all: the follower was ready and is so no more.
func (r *Replica) stay() {
	for range r.queue.Len() {
		it, _ := r.queue.Pop()
		switch {
		case it.sent || it.kind == kindReply:
			r.queue.Push(it)
		case it.from != nil && !r.seats.attached(it.from, it.session):
			r.lost(&it)
		default:
			r.dispatch(&it, it.body())
		}
	}
	connects := r.connects
	r.connects = nil
	for i := range connects {
		r.connect(&connects[i])
	}
}
