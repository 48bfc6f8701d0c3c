// Package txnlog is the transaction log: the file format of Apache ZooKeeper 3.4 to 3.9, written with group commit and
// read back with every doubt named.
//
// A directory (…/version-2) holds segments log.<zxid>, the zxid of the segment's first record in lower-case hex:
//
//	segment:  +--------+-----------+--------+--------+--------+-----+-----------------+
//	          | "ZKLG" | version=2 | dbid=0 | record | record |  …  | zeros to EOF    |
//	          | 4      | 4         | 8      |        |        |     | (preallocation) |
//	          +--------+-----------+--------+--------+--------+-----+-----------------+
//
//	record:   +-----------+--------+--------------------------------+-----------+
//	          | checksum  | length | TxnHeader, Txn [, TxnDigest]   | 'B' 0x42  |
//	          | 8         | 4      | length bytes                   | 1         |
//	          +-----------+--------+--------------------------------+-----------+
//
// All integers are big-endian. The checksum is Adler-32 of the length bytes of the body, alone, in the lower half of its
// eight bytes (the upper half is zero). A length of zero ends the segment, as does the end of the file. The digest was
// added in 3.6 and is optional; this package moves bodies without looking past the header's zxid.
//
// # Promises
//
// When Sync has returned nil, all records appended before it survive any crash, and Replay hands them out in order.
// After a failed write or sync the Log stays failed (a later fsync proves nothing about pages the kernel gave up on).
//
// A record on whose way nothing else waits (AppendSync, at low load) may go past the page cache: in whole blocks, the one in which the
// log ended written again, zeros behind the record and ahead of it (vfs.WriteSyncer; internal/vfs/direct_linux.go says why what
// is written again is safe and why readers see it). The bytes of the file are those of the other way.
//
// Replay treats what it cannot read by where it stands. In the newest segment, with no valid record behind it, it is the
// torn end of a write that was never synced: it is cut off, durably, and reported (TornTail). Anywhere else it is
// damage to data that were promised: Replay answers a *CorruptError and changes nothing. So that the second is not
// taken for the first, the rest of the segment is searched for a record that still checks. One case cannot be told
// apart: a power loss in the middle of a sync of several pages, where the disk wrote later pages and not earlier ones.
// That too is answered with a CorruptError, whose text says what an operator can do: refusing is the side on which no
// acknowledged write is lost.
//
// Zxids within one epoch follow each other without a gap, and each epoch begins with counter 1; a record that breaks
// this is a CorruptError too (a missing segment).
//
// Source: org.apache.zookeeper.server.persistence.FileTxnLog, FilePadding, Util; ZOOKEEPER-3701 (a failed truncation must not pass).
package txnlog
