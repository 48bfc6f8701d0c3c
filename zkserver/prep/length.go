package prep

import "github.com/holdfast-ha/holdfast/internal/zkproto"

// partGrows is by how much a part of a multi, at most, is longer in the transaction than in the request: the number of a sequential
// znode, and what stands around it.
const partGrows = 16

// fixupACL is auth.Registry's, within the longest transaction: who has long names, or many of them, could make a short multi that says
// "auth" often enough to a transaction of any size.
func (p *Prep) fixupACL(c *call, acl []zkproto.ACL) ([]zkproto.ACL, zkproto.Error) {
	fixed, err := p.auth.FixupACL(acl, c.IDs)
	if err != zkproto.ErrOK || &fixed[0] == &acl[0] {
		return fixed, err
	}
	if c.grown += max(0, length(fixed)-length(acl)); p.tooLong(c) {
		return nil, zkproto.ErrBadArguments
	}
	return fixed, zkproto.ErrOK
}

// tooLong tells whether the transaction may become longer than the longest.
func (p *Prep) tooLong(c *call) bool {
	return p.config.Longest != nil && len(c.Body)+c.grown > p.config.Longest()
}

// length is that of an encoded ACL, without the number of its entries.
func length(acl []zkproto.ACL) int {
	n := 0
	for i := range acl {
		n += 12 + len(acl[i].Scheme) + len(acl[i].ID.ID)
	}
	return n
}

// listed are those ephemerals of a session that the transaction which closes it can list (ZOOKEEPER-4306). Who applies it deletes the
// others, too, the original with a warning; only a parent's pzxid may be an older one where it is replayed over a snapshot that has
// the deletion already.
func (p *Prep) listed(paths []string) []string {
	if p.config.Longest == nil {
		return paths
	}
	room := p.config.Longest() - 64 // the header and the digest
	for i, path := range paths {
		if room -= 4 + len(path); room < 0 {
			return paths[:i]
		}
	}
	return paths
}
