package tree

import "github.com/holdfast-ha/holdfast/internal/zkproto"

// SetConfig puts the membership of the ensemble into /zookeeper/config, without a transaction: every server has it from its
// own configuration, and a change of it may reach a server that way first. version becomes the znode's mzxid. A tree of a
// release before 3.5, which has no such znode, gets it. Znodes below /zookeeper are in no digest, so servers may differ.
//
// Source: ZKDatabase.initConfigInZKDatabase, DataTree.addConfigNode.
func (t *Tree) SetConfig(data []byte, version zkproto.Zxid, now int64) {
	n := t.node(configPath)
	if n == nil {
		parent := t.node(procPath)
		if parent == nil {
			return // no server has ever written such a tree
		}
		n = t.newConfig(parent)
		t.dataSize += int64(len(configPath))
	}
	t.dataSize += int64(len(data)) - int64(n.size())
	t.subtract(n)
	n.setData(data)
	t.setContent(n, configPath, data)
	n.setMtime(now)
	n.mzxid, n.version = version, -1
	t.add(n)
}

// newConfig makes the znode. Only an administrator may change the membership (ZOOKEEPER-2014).
func (t *Tree) newConfig(parent *node) *node {
	acl := t.acls.acquire([]zkproto.ACL{{Perms: zkproto.PermRead, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}})
	return t.plant(parent, configPath, []byte{}, &zkproto.StatPersisted{Aversion: -1}, acl)
}
