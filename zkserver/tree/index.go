package tree

import (
	"hash/maphash"
	"unsafe"
)

// index finds znodes by path. It takes 12 bytes a slot where Go's map of strings takes 25, and fills more of them: the key is in the znode and those above it, and 32
// bits of its hash beside the pointer spare looking at the wrong znodes, and at all of them when a part grows. It is in 512
// parts that grow one at a time, so that no single change to a large tree takes long. Slots are probed one after the other
// and closed up when one is taken out.
type index struct {
	seed  maphash.Seed
	parts [1 << partBits]part
	n     int
}

const partBits = 9

type part struct {
	slots []*node
	sums  []uint32 // of the slot's path
	n     int
}

func (x *index) init() { x.seed = maphash.MakeSeed() }

// get returns the znode with this path, nil if there is none. The root is under "".
func (x *index) get(path string) *node { return x.find(path, x.hash(path)) }

// getBytes is get for a path that is still in its frame.
func (x *index) getBytes(path []byte) *node {
	return x.get(unsafe.String(unsafe.SliceData(path), len(path)))
}

func (x *index) find(path string, h uint64) *node {
	p, sum := &x.parts[h>>(64-partBits)], uint32(h)
	if p.n == 0 {
		return nil
	}
	for i := p.home(sum); ; i = p.next(i) {
		n := p.slots[i]
		if n == nil || p.sums[i] == sum && n.isAt(path) {
			return n
		}
	}
}

// put adds a znode that has its parent; false when its path is there already.
func (x *index) put(path string, n *node) bool { return x.add(n, x.hash(path)) }

// hash is what decides a path's place.
func (x *index) hash(path string) uint64 { return maphash.String(x.seed, path) }

// add is put for a znode the hash of whose path is known.
func (x *index) add(n *node, h uint64) bool {
	p, sum := &x.parts[h>>(64-partBits)], uint32(h)
	if p.n >= len(p.slots)/5*4 {
		p.grow()
	}
	i := p.home(sum)
	for ; p.slots[i] != nil; i = p.next(i) {
		if p.sums[i] == sum && p.slots[i].up == n.up && p.slots[i].name() == n.name() {
			return false
		}
	}
	p.slots[i], p.sums[i] = n, sum
	p.n++
	x.n++
	return true
}

// home is where a sum's slot would be if nobody else were there: the sum scaled to the number of slots, which is no power
// of two so that it need not double.
func (p *part) home(sum uint32) int { return int(uint64(sum) * uint64(len(p.slots)) >> 32) }

func (p *part) next(i int) int {
	if i++; i == len(p.slots) {
		return 0
	}
	return i
}

// after is how far slot j is behind slot i.
func (p *part) after(i, j int) int {
	if j < i {
		j += len(p.slots)
	}
	return j - i
}

func (p *part) insert(n *node, sum uint32) {
	i := p.home(sum)
	for p.slots[i] != nil {
		i = p.next(i)
	}
	p.slots[i], p.sums[i] = n, sum
}

func (p *part) grow() {
	old := *p
	size := max(10, len(old.slots)/2*3)
	p.slots, p.sums = make([]*node, size), make([]uint32, size)
	for i, n := range old.slots {
		if n != nil {
			p.insert(n, old.sums[i])
		}
	}
}

// remove takes a znode out.
func (x *index) remove(path []byte, n *node) {
	h := maphash.Bytes(x.seed, path)
	p := &x.parts[h>>(64-partBits)]
	if p.n == 0 {
		return
	}
	i := p.home(uint32(h))
	for p.slots[i] != n {
		if p.slots[i] == nil {
			return
		}
		i = p.next(i)
	}
	p.n--
	x.n--
	// what follows moves up, as far as its own place lets it
	for j := p.next(i); p.slots[j] != nil; j = p.next(j) {
		if p.after(p.home(p.sums[j]), j) >= p.after(i, j) {
			p.slots[i], p.sums[i] = p.slots[j], p.sums[j]
			i = j
		}
	}
	p.slots[i] = nil
}
