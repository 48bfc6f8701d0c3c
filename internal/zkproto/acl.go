package zkproto

import "github.com/holdfast-ha/holdfast/internal/jute"

// The permission bits of ZooDefs.Perms.
const (
	PermRead   int32 = 1 << 0
	PermWrite  int32 = 1 << 1
	PermCreate int32 = 1 << 2
	PermDelete int32 = 1 << 3
	PermAdmin  int32 = 1 << 4
	PermAll    int32 = PermRead | PermWrite | PermCreate | PermDelete | PermAdmin
)

// ID names who: a scheme (world, auth, digest, ip, x509, sasl, super) and an identity in the scheme's own notation.
type ID struct {
	Scheme string
	ID     string
}

// AppendTo appends the record.
func (i ID) AppendTo(b []byte) []byte {
	return jute.AppendString(jute.AppendString(b, i.Scheme), i.ID)
}

// Decode reads the record.
func (i *ID) Decode(d *jute.Decoder) {
	i.Scheme = d.String()
	i.ID = d.String()
}

// ACL grants the permissions Perms to ID.
type ACL struct {
	Perms int32
	ID
}

// AppendTo appends the record.
func (a ACL) AppendTo(b []byte) []byte { return a.ID.AppendTo(jute.AppendInt32(b, a.Perms)) }

// Decode reads the record.
func (a *ACL) Decode(d *jute.Decoder) {
	a.Perms = d.Int32()
	a.ID.Decode(d)
}

// AppendACLs appends a vector of ACL; nil is written as null (-1), as the originals do for "no list".
func AppendACLs(b []byte, acls []ACL) []byte {
	if acls == nil {
		return jute.AppendInt32(b, -1)
	}
	b = jute.AppendInt32(b, int32(len(acls)))
	for _, a := range acls {
		b = a.AppendTo(b)
	}
	return b
}

// DecodeACLs reads a vector of ACL; null reads as nil.
func DecodeACLs(d *jute.Decoder) []ACL {
	n := d.VectorLen(12)
	if n < 0 || d.Err() != nil {
		return nil
	}
	acls := make([]ACL, n)
	for i := range acls {
		acls[i].Decode(d)
	}
	if d.Err() != nil {
		return nil
	}
	return acls
}

// WorldAll is the open ACL: everyone may do everything (ZooDefs.Ids.OPEN_ACL_UNSAFE). It returns a fresh slice.
func WorldAll() []ACL {
	return []ACL{{Perms: PermAll, ID: ID{Scheme: "world", ID: "anyone"}}}
}
