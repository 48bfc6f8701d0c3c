// Package tree holds the znodes: it applies transactions, answers reads, and can be walked for a snapshot while it changes.
//
// The package is pure. A Tree is not safe for concurrent use: its owner lets many readers in together or one writer alone.
// Byte slices, strings and ACL lists handed out are never changed afterwards, so they may be used after the lock is given
// back; slices that come in with a transaction (data, ACL) are kept, not copied, and must not be changed by the caller.
//
// # Applying
//
// A transaction is a decision already made (package prep makes it), so Apply checks nothing but existence. It is
// idempotent: a snapshot is taken while the tree goes on changing, so the log replayed onto it begins with transactions
// whose effect, or part of it, or an effect of something later, is in the snapshot already. The rules that make the end
// state right (ZOOKEEPER-3144, 3145, 3249 and relatives):
//
//   - a create of what exists sets the ACL, and raises the parent's cversion and pzxid if its own are higher;
//   - cversion and pzxid of a parent never go back;
//   - a delete raises the parent's pzxid even when the child is gone; it takes the whole subtree with it, because
//     children of a znode that is deleted now can only come from later transactions, which will be replayed too;
//   - closeSession deletes the paths it names, whoever owns them by now;
//   - LastZxid moves after a whole transaction, never within a multi (ZOOKEEPER-3127).
//
// # Digest
//
// The tree keeps a digest of itself, the one of the original's version 2 (digest.go): it travels with each transaction in
// the log and with snapshots, and is compared when they are applied and loaded.
//
// # Quotas, containers, time to live
//
// Paths with a quota are kept in a set; while it is empty nothing is looked up. Containers and TTL znodes are kept in
// another; Due tells which of them have outlived their purpose, by the clock it is given.
//
// # Memory
//
// One index from path to znode (index.go). A znode (node.go) is 80 bytes; it knows its parent and its name, from which its
// path is made when somebody asks. Name and data of a small one are one piece of memory. What only inner znodes and those
// of sessions have is kept apart, 64 bytes; children are a slice of pointers. ACL lists are shared and reference-counted
// under small ids. A leaf with 100 bytes of data and a name of 11 takes 220 bytes in all, however long its path.
//
// Source: DataTree.java, DataNode.java, ReferenceCountedACLCache.java, EphemeralType.java, DigestCalculator.java,
// StatsTrack.java, ContainerManager.java of Apache ZooKeeper 3.9.
package tree
