//go:build hadoop && unix

package hadoop

// killNameNode is the death of the active NameNode: the other one takes over, and the dead one comes back to stand by.
func (p *pair) killNameNode() {
	p.t.Helper()
	a := p.active()
	p.nn[a].kill()
	p.zkfc[a].forget()
	p.waitActive(1 - a)
	p.revive(p.t, a)
	p.settled(1 - a)
	p.progress()
}
