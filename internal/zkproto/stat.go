package zkproto

import "github.com/holdfast-ha/holdfast/internal/jute"

// Stat is what a client is told of a znode besides its data.
type Stat struct {
	Czxid          Zxid  // the change that created it
	Mzxid          Zxid  // the last change of its data
	Ctime          int64 // wall time of creation, milliseconds since 1970 by the leader's clock
	Mtime          int64 // wall time of the last change of its data
	Version        int32 // changes of its data
	Cversion       int32 // changes of its children
	Aversion       int32 // changes of its ACL
	EphemeralOwner int64 // owning session; 0 for none; special values mark containers and TTL nodes
	DataLength     int32 // bytes
	NumChildren    int32
	Pzxid          Zxid // the last change of its children
}

// StatSize is the encoded size of a Stat in bytes.
const StatSize = 68

// AppendTo appends the 68 bytes of the record.
func (s *Stat) AppendTo(b []byte) []byte {
	b = jute.AppendInt64(b, int64(s.Czxid))
	b = jute.AppendInt64(b, int64(s.Mzxid))
	b = jute.AppendInt64(b, s.Ctime)
	b = jute.AppendInt64(b, s.Mtime)
	b = jute.AppendInt32(b, s.Version)
	b = jute.AppendInt32(b, s.Cversion)
	b = jute.AppendInt32(b, s.Aversion)
	b = jute.AppendInt64(b, s.EphemeralOwner)
	b = jute.AppendInt32(b, s.DataLength)
	b = jute.AppendInt32(b, s.NumChildren)
	return jute.AppendInt64(b, int64(s.Pzxid))
}

// Decode reads the record.
func (s *Stat) Decode(d *jute.Decoder) {
	s.Czxid = Zxid(d.Int64())
	s.Mzxid = Zxid(d.Int64())
	s.Ctime = d.Int64()
	s.Mtime = d.Int64()
	s.Version = d.Int32()
	s.Cversion = d.Int32()
	s.Aversion = d.Int32()
	s.EphemeralOwner = d.Int64()
	s.DataLength = d.Int32()
	s.NumChildren = d.Int32()
	s.Pzxid = Zxid(d.Int64())
}

// StatPersisted is the part of a Stat that snapshots keep; the rest is derived from the znode itself.
type StatPersisted struct {
	Czxid          Zxid
	Mzxid          Zxid
	Ctime          int64
	Mtime          int64
	Version        int32
	Cversion       int32
	Aversion       int32
	EphemeralOwner int64
	Pzxid          Zxid
}

// AppendTo appends the 60 bytes of the record.
func (s *StatPersisted) AppendTo(b []byte) []byte {
	b = jute.AppendInt64(b, int64(s.Czxid))
	b = jute.AppendInt64(b, int64(s.Mzxid))
	b = jute.AppendInt64(b, s.Ctime)
	b = jute.AppendInt64(b, s.Mtime)
	b = jute.AppendInt32(b, s.Version)
	b = jute.AppendInt32(b, s.Cversion)
	b = jute.AppendInt32(b, s.Aversion)
	b = jute.AppendInt64(b, s.EphemeralOwner)
	return jute.AppendInt64(b, int64(s.Pzxid))
}

// Decode reads the record.
func (s *StatPersisted) Decode(d *jute.Decoder) {
	s.Czxid = Zxid(d.Int64())
	s.Mzxid = Zxid(d.Int64())
	s.Ctime = d.Int64()
	s.Mtime = d.Int64()
	s.Version = d.Int32()
	s.Cversion = d.Int32()
	s.Aversion = d.Int32()
	s.EphemeralOwner = d.Int64()
	s.Pzxid = Zxid(d.Int64())
}
