package tree

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The digest of a tree is the sum, modulo 2^64, of the digests of its znodes, so a change costs the same whatever the size
// of the tree. That of a znode is the CRC-32 (IEEE) of
//
//	path ("" for the root), data, czxid, mzxid, pzxid, ctime, mtime (8 bytes each), version, cversion, aversion (4 each),
//	ephemeralOwner (8)
//
// Znodes below /zookeeper/ have none: the statistics of quotas are not changed by transactions. ACLs are not in it.
// Source: DigestCalculator.java, AdHash.java, NodeHashMapImpl.java of Apache ZooKeeper 3.9.

// DigestVersion is the version of this way to compute; digests of another version are not compared.
const DigestVersion int32 = 2

const (
	digestLogEvery = 128  // zxids between two entries of the digest log
	digestLogLimit = 1024 // entries kept
	statBytes      = 60
)

// ZxidDigest is the tree's digest after a transaction.
type ZxidDigest struct {
	Zxid    zkproto.Zxid
	Version int32
	Digest  int64
}

// Digester computes digests of znodes without allocating. It is not safe for concurrent use.
type Digester struct {
	buf  [4 + statBytes]byte
	back *[4][256]uint32
}

// backTables undo four bytes of CRC-32: the checksum whose bytes are a, b, c, d (a the lowest) is what follows four zero
// bytes from the state backTables[0][a] ^ [1][b] ^ [2][c] ^ [3][d], states without their final inversion.
//
// So a checksum is continued over the 60 bytes of a Stat by starting anew with four bytes that lead to it: 64 bytes are
// what processors have instructions for, and take a third of the time.
var backTables = func() (t [4][256]uint32) {
	var back [256]uint32 // by the highest byte of a table entry, its index
	for i, v := range crc32.IEEETable {
		back[v>>24] = uint32(i)
	}
	for k := range t {
		for i := range t[k] {
			state := uint32(i) << (8 * k)
			for range 4 {
				i := back[state>>24]
				state = (state^crc32.IEEETable[i])<<8 | i
			}
			t[k][i] = state
		}
	}
	return t
}()

// Content is the part of a znode's digest that its Stat does not change: the checksum of path and data. The path of the
// root is "" or "/".
func (d *Digester) Content(path string, data []byte) uint32 {
	var sum uint32
	if len(path) > 1 {
		sum = crc32.Update(0, crc32.IEEETable, unsafe.Slice(unsafe.StringData(path), len(path)))
	}
	if len(data) == 0 {
		return sum
	}
	return crc32.Update(sum, crc32.IEEETable, data)
}

// Node is the digest of a znode whose Content is known. It is 0 for what is below /zookeeper/.
func (d *Digester) Node(path string, content uint32, st *zkproto.StatPersisted) int64 {
	if !hasDigest(path) {
		return 0
	}
	return d.node(content, st)
}

// node is Node for a znode that has a digest.
func (d *Digester) node(content uint32, st *zkproto.StatPersisted) int64 {
	if d.back == nil {
		d.back = &backTables
	}
	raw := ^content
	lead := d.back[0][byte(raw)] ^ d.back[1][byte(raw>>8)] ^ d.back[2][byte(raw>>16)] ^ d.back[3][raw>>24]
	binary.LittleEndian.PutUint32(d.buf[:4], ^lead)
	b := d.buf[4:]
	binary.BigEndian.PutUint64(b[0:], uint64(st.Czxid))
	binary.BigEndian.PutUint64(b[8:], uint64(st.Mzxid))
	binary.BigEndian.PutUint64(b[16:], uint64(st.Pzxid))
	binary.BigEndian.PutUint64(b[24:], uint64(st.Ctime))
	binary.BigEndian.PutUint64(b[32:], uint64(st.Mtime))
	binary.BigEndian.PutUint32(b[40:], uint32(st.Version))
	binary.BigEndian.PutUint32(b[44:], uint32(st.Cversion))
	binary.BigEndian.PutUint32(b[48:], uint32(st.Aversion))
	binary.BigEndian.PutUint64(b[52:], uint64(st.EphemeralOwner))
	return int64(crc32.ChecksumIEEE(d.buf[:]))
}

func hasDigest(path string) bool { return !strings.HasPrefix(path, procPath+"/") }

// digest is a tree's sum and what is kept of it.
type digest struct {
	Digester
	off        bool
	sum        int64
	last       ZxidDigest   // after the last transaction; Zxid 0 when there was none yet
	log        []ZxidDigest // a ring once it is full
	logHead    int          // the oldest entry
	expected   ZxidDigest   // of the snapshot that was loaded, not reached yet; Zxid 0 for none
	unsure     bool         // the snapshot had none, so nobody knows how far it reaches into later transactions
	mismatches int64
}

// WithoutDigest makes a tree without digest (digest.enabled=false).
func WithoutDigest() Option { return func(t *Tree) { t.digest.off = true } }

// subtract takes a znode's digest out of the sum, before it changes.
func (t *Tree) subtract(n *node) {
	t.digest.sum -= int64(n.digest)
}

// add puts a znode's digest into the sum, after it changed.
func (t *Tree) add(n *node) {
	if !t.digest.off && n.hasDigest() {
		st := n.persisted()
		d := t.digest.node(n.content, &st)
		n.digest = uint32(d)
		t.digest.sum += d
	}
}

// setContent keeps the checksum of a znode's path and data.
func (t *Tree) setContent(n *node, path string, data []byte) {
	if !t.digest.off && hasDigest(path) {
		n.content = t.digest.Content(path, data)
	}
}

// applied notes the digest after a transaction, or compares it with that of the snapshot while the tree is not sound yet.
func (t *Tree) applied(zxid zkproto.Zxid) {
	d := &t.digest
	if d.expected.Zxid != 0 {
		t.reached(zxid)
		return
	}
	d.last = ZxidDigest{Zxid: zxid, Version: DigestVersion, Digest: d.sum}
	if zxid%digestLogEvery != 0 {
		return
	}
	if len(d.log) < digestLogLimit {
		d.log = append(d.log, d.last)
		return
	}
	d.log[d.logHead] = d.last
	d.logHead = (d.logHead + 1) % digestLogLimit
}

// reached compares the digest with the snapshot's when the tree has come to its zxid.
func (t *Tree) reached(zxid zkproto.Zxid) {
	d := &t.digest
	if zxid != d.expected.Zxid {
		return
	}
	if d.expected.Version == DigestVersion && d.expected.Digest != d.sum && !d.off {
		d.mismatches++
	}
	d.expected = ZxidDigest{}
}

// Digest is the digest of the tree as it is; 0 when digests are off.
func (t *Tree) Digest() int64 { return t.digest.sum }

// HasDigest tells whether the tree keeps a digest.
func (t *Tree) HasDigest() bool { return !t.digest.off }

// LastDigest is the digest after the last transaction, for a snapshot; its Zxid is 0 when none was applied since the tree
// was loaded, or when the loaded snapshot's own has not been reached.
func (t *Tree) LastDigest() ZxidDigest {
	d := t.digest.last
	d.Version = DigestVersion
	return d
}

// DigestLog is the digest after every 128th zxid, oldest first, at most 1024 of them.
func (t *Tree) DigestLog() []ZxidDigest {
	d := &t.digest
	return append(append(make([]ZxidDigest, 0, len(d.log)), d.log[d.logHead:]...), d.log[:d.logHead]...)
}

// Expect gives a loaded tree the digest that its snapshot carries: the tree at its zxid, which is compared as soon as
// replay gets there. Before that, the tree may hold parts of later transactions. One older than the snapshot itself says
// nothing. It tells whether the tree was compared at once and differs.
//
// The zero digest stands for a snapshot without one, like those that a leader sends: it may reach into later transactions,
// and nobody knows how far. Then nothing is compared until a digest fits, or Settled is called.
func (t *Tree) Expect(d ZxidDigest) (mismatch bool) {
	t.digest.unsure = d.Zxid == 0 && t.last > 0
	if t.digest.off || d.Zxid <= 0 || d.Zxid < t.last {
		return false
	}
	before := t.digest.mismatches
	t.digest.expected = d
	t.reached(t.last)
	return t.digest.mismatches > before
}

// Settled tells that the tree is certainly what it is at its zxid, and holds nothing of later transactions: a server calls
// it when it begins to serve. See Expect.
func (t *Tree) Settled() { t.digest.unsure = false }

// Verify compares the digest that was logged with the transaction just applied and tells whether it differs. Digests of
// another version, and those met before the loaded snapshot's is reached, are not compared.
func (t *Tree) Verify(want zkproto.TxnDigest) (mismatch bool) {
	d := &t.digest
	if d.off || d.expected.Zxid != 0 || want.Version != DigestVersion {
		return false
	}
	if want.Digest == d.sum {
		d.unsure = false
		return false
	}
	if d.unsure {
		return false
	}
	d.mismatches++
	return true
}

// DigestMismatches counts how often a comparison found a difference: the tree is not what it was when the transaction was
// logged, through a fault of memory, disk or program.
func (t *Tree) DigestMismatches() int64 { return t.digest.mismatches }
