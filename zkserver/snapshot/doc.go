// Package snapshot writes and reads snapshots of the tree in the file format of Apache ZooKeeper 3.4 to 3.9.
//
// A directory (…/version-2) holds files snapshot.<zxid>, the zxid in lower-case hex being the last transaction that is
// surely contained; the content may be newer in parts (a fuzzy snapshot), which replaying the log from that zxid mends.
//
//	+--------+-----------+---------+----------+-----------+-------+------+--------+------+----------+------+
//	| "ZKSN" | version=2 | dbid=-1 | sessions | ACL table | nodes | seal | digest | seal | lastZxid | seal |
//	| 4      | 4         | 8       |          |           |       | 13   | 20     | 13   | 8        | 13   |
//	+--------+-----------+---------+----------+-----------+-------+------+--------+------+----------+------+
//	                                                                     |-- since 3.6 --|--- since 3.9 ---|
//
//	sessions:   int count, then (long id, int timeout in ms)
//	ACL table:  int count, then (long id, vector of ACL); nodes refer to the ids, -1 is the open ACL and not listed
//	nodes:      (ustring path, buffer data, long acl id, StatPersisted), parents before children, the root with the
//	            path ""; closed by the path "/"
//	seal:       long Adler-32 of all bytes before it (earlier seals included), ustring "/"
//	digest:     long zxid, int version, then long digest (version 2 and later) or ustring in hex (before)
//
// All integers are big-endian. The two tails are optional when reading. Writing puts both. The
// digest is that of the tree at the zxid where the writing of the znodes ended: a tree that was replayed up to there must
// have it. It is empty (zxid 0), as 3.9 has it, when no transaction was applied yet, and left out with digests off.
// Readers before 3.6 ignore what follows the first seal. Files that end in .gz (gzip)
// or .snappy (blocks as snappy-java frames them) are packed; both can be written, too.
//
// A snapshot is written under another name, synced, renamed and the directory synced (ZOOKEEPER-2872), so a file with
// the name of a snapshot is a whole one, whatever happened. If it does not check nevertheless it is skipped, with the
// reason, and the next older one is used; the log then must reach back that far.
//
// Source: org.apache.zookeeper.server.persistence.FileSnap, SnapStream; server.DataTree, ReferenceCountedACLCache;
// server.PurgeTxnLog for retention.
package snapshot
