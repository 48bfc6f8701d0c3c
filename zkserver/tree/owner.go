package tree

import "math"

// The ephemeralOwner field says more than who:
//
//	0                            nobody: a persistent znode
//	0x8000000000000000           a container
//	0xff 0000 <40 bits of ttl>   a TTL znode, milliseconds (only with extended types)
//	anything else                the session that owns the ephemeral znode

// OwnerKind is what an ephemeralOwner field means.
type OwnerKind uint8

// The kinds of EphemeralType.java: VOID, NORMAL, CONTAINER, TTL.
const (
	Persistent OwnerKind = iota
	Ephemeral
	Container
	TTL
)

const (
	// ContainerOwner marks containers.
	ContainerOwner int64 = math.MinInt64
	// MaxTTL is the longest time to live, in milliseconds (about 34 years).
	MaxTTL int64 = 1<<40 - 1

	ttlMask int64 = -0x100000000000000 // 0xff00000000000000
)

// TTLOwner is the owner field of a TTL znode; ok is false when ttl (milliseconds) is not within 1 to MaxTTL.
func TTLOwner(ttl int64) (owner int64, ok bool) {
	if ttl <= 0 || ttl > MaxTTL {
		return 0, false
	}
	return ttlMask | ttl, true
}

// KindOf reads an owner field. Without extended types a TTL mark reads as a session, as in the original.
func KindOf(owner int64, extended bool) OwnerKind {
	switch {
	case owner == 0:
		return Persistent
	case owner == ContainerOwner:
		return Container
	case extended && owner&ttlMask == ttlMask:
		return TTL
	default:
		return Ephemeral
	}
}

// Kind reads an owner field with the tree's options.
func (t *Tree) Kind(owner int64) OwnerKind {
	if t.emulate353 && t.extended && owner < 0 && owner != ContainerOwner {
		return TTL
	}
	return KindOf(owner, t.extended)
}
