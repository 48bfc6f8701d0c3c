package peer

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

const (
	packetHead = 4 + 8 + 4 // type, zxid, length of data
	// minPacket is a packet with null data and null authinfo.
	minPacket = packetHead + 4
	// maxFirst is the longest first packet taken: 20 bytes of data are usual.
	maxFirst = 1 << 10
)

// signature follows a snapshot on the wire, as a ustring.
const signature = "BenWasHere"

// appendHead appends a packet up to its data.
func appendHead(b []byte, t zab.Type, z zab.Zxid, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(t))
	b = binary.BigEndian.AppendUint64(b, uint64(z))
	if data == nil {
		return jute.AppendInt32(b, -1)
	}
	return jute.AppendInt32(b, int32(len(data)))
}

// appendAuth appends what follows the data; nil is null.
func appendAuth(b []byte, auth []zkproto.ID) []byte {
	if auth == nil {
		return jute.AppendInt32(b, -1)
	}
	b = jute.AppendInt32(b, int32(len(auth)))
	for _, id := range auth {
		b = id.AppendTo(b)
	}
	return b
}

// appendPacket appends a whole packet.
func appendPacket(b []byte, m *zab.Message) []byte {
	return appendAuth(append(appendHead(b, m.Type, m.Zxid, m.Data), m.Data...), m.Auth)
}

// packetError is a packet that breaks the format.
type packetError struct{ problem string }

func (e *packetError) Error() string { return "bad packet: " + e.problem }

func badPacket(format string, args ...any) error { return &packetError{fmt.Sprintf(format, args...)} }

// measure finds the end of the packet at the beginning of b: n bytes. When b does not hold all of it, n is 0 and need is how
// many bytes it has at least. A packet longer than limit is an error, as early as it can be told.
func measure(b []byte, limit int) (n, need int, err error) {
	if len(b) >= 4 {
		// These never travel above 0xff, and a wrong type is the first sign of something that is no server.
		if t := zab.Type(binary.BigEndian.Uint32(b)); t < zab.Request || t > zab.InformAndActivate {
			return 0, 0, badPacket("it begins with %s, that is no type of a packet", looksLike(b[:min(len(b), 8)]))
		}
	}
	at := packetHead - 4
	if len(b) < packetHead {
		return 0, minPacket, nil
	}
	if at, err = skip(b, at, limit, "data"); err != nil {
		return 0, 0, err
	}
	if at+4 > len(b) {
		return 0, at + 4, nil
	}
	count := int32(binary.BigEndian.Uint32(b[at:]))
	at += 4
	if count > 0 && int64(count)*8 > int64(limit-at) {
		return 0, 0, badPacket("%d identities", count)
	}
	for range 2 * max(int(count), 0) { // scheme and id
		if at+4 > len(b) {
			return 0, at + 4, nil
		}
		if at, err = skip(b, at, limit, "identity"); err != nil {
			return 0, 0, err
		}
	}
	if at > limit {
		return 0, 0, badPacket("%d bytes, at most %d are taken", at, limit)
	}
	if at > len(b) {
		return 0, at, nil
	}
	return at, at, nil
}

// skip steps over a buffer or ustring at b[at:]; at least its length is there. What it answers may lie behind b.
func skip(b []byte, at, limit int, what string) (int, error) {
	l := int64(int32(binary.BigEndian.Uint32(b[at:])))
	if l < -1 || int64(at)+l+8 > int64(limit)+4 {
		return 0, badPacket("%s of %d bytes, packets of at most %d are taken", what, l, limit)
	}
	return at + 4 + int(max(l, 0)), nil
}

// decodePacket takes the packet that is all of b: measure has seen it. Data aliases b, with no room behind it.
func decodePacket(b []byte, ids *idCache) (m zab.Message, err error) {
	d := jute.NewDecoder(b)
	m.Type = zab.Type(d.Int32())
	m.Zxid = zab.Zxid(d.Int64())
	m.Data = d.Bytes()
	if rest := d.Rest(); len(rest) > 4 || len(rest) == 4 && rest[0] == 0 {
		m.Auth, err = ids.decode(rest)
	}
	if err == nil {
		err = d.Err()
	}
	return m, err
}

// idCache keeps the last list of identities: the requests of one learner mostly carry the same few.
type idCache struct {
	raw []byte
	ids []zkproto.ID
}

// decode reads a vector of identities. The slice is shared between messages: nobody changes it.
func (c *idCache) decode(b []byte) ([]zkproto.ID, error) {
	if c.raw != nil && string(c.raw) == string(b) {
		return c.ids, nil
	}
	d := jute.NewDecoder(b)
	n := d.VectorLen(8)
	ids := make([]zkproto.ID, max(n, 0))
	for i := range ids {
		ids[i].Decode(&d)
	}
	if err := d.Err(); err != nil {
		return nil, badPacket("authinfo: %v", err)
	}
	c.raw, c.ids = append(c.raw[:0], b...), ids
	return ids, nil
}
