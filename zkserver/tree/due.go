package tree

import "slices"

// Due returns the znodes that have outlived their purpose, sorted: containers that had children and have none any more,
// containers that had none for more than neverUsed milliseconds (0: they may wait for ever), and TTL znodes without
// children that were not set for longer than their time. now is milliseconds since 1970. The znode's own ttl is cut to the
// 40 bits that it can have. It costs what the number of containers and TTL znodes costs. Source: ContainerManager.java.
func (t *Tree) Due(now, neverUsed int64) []string {
	var due []string
	for n := range t.mortal {
		if len(n.children()) > 0 {
			continue
		}
		age := now - n.mtime()
		switch t.Kind(n.owner()) {
		case Container:
			if n.cversion() > 0 || neverUsed != 0 && age > neverUsed {
				due = append(due, n.path())
			}
		case TTL:
			if ttl := n.owner() & MaxTTL; ttl != 0 && age > ttl {
				due = append(due, n.path())
			}
		case Persistent, Ephemeral:
		}
	}
	slices.Sort(due)
	return due
}

// Mortals is the number of containers and TTL znodes.
func (t *Tree) Mortals() int { return len(t.mortal) }
