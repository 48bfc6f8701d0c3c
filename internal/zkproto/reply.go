package zkproto

import "github.com/holdfast-ha/holdfast/internal/jute"

// The bodies of replies that are one record of their own. create and sync answer a PathRequest; exists, setData and
// setACL answer a bare Stat; getChildren answers a vector of ustring (jute.AppendStrings).

// PathStatReply answers create2.
type PathStatReply struct {
	Path string
	Stat Stat
}

// AppendTo appends the body.
func (r *PathStatReply) AppendTo(b []byte) []byte {
	return r.Stat.AppendTo(jute.AppendString(b, r.Path))
}

// Decode reads the body.
func (r *PathStatReply) Decode(d *jute.Decoder) {
	r.Path = d.String()
	r.Stat.Decode(d)
}

// GetDataReply answers getData.
type GetDataReply struct {
	Data []byte
	Stat Stat
}

// AppendTo appends the body.
func (r *GetDataReply) AppendTo(b []byte) []byte { return r.Stat.AppendTo(jute.AppendBytes(b, r.Data)) }

// Decode reads the body.
func (r *GetDataReply) Decode(d *jute.Decoder) {
	r.Data = d.Bytes()
	r.Stat.Decode(d)
}

// GetChildren2Reply answers getChildren2.
type GetChildren2Reply struct {
	Children []string
	Stat     Stat
}

// AppendTo appends the body.
func (r *GetChildren2Reply) AppendTo(b []byte) []byte {
	return r.Stat.AppendTo(jute.AppendStrings(b, r.Children))
}

// Decode reads the body.
func (r *GetChildren2Reply) Decode(d *jute.Decoder) {
	r.Children = d.Strings()
	r.Stat.Decode(d)
}

// GetACLReply answers getACL.
type GetACLReply struct {
	ACL  []ACL
	Stat Stat
}

// AppendTo appends the body.
func (r *GetACLReply) AppendTo(b []byte) []byte { return r.Stat.AppendTo(AppendACLs(b, r.ACL)) }

// Decode reads the body.
func (r *GetACLReply) Decode(d *jute.Decoder) {
	r.ACL = DecodeACLs(d)
	r.Stat.Decode(d)
}

// ClientInfo is one identity in the answer to whoAmI.
type ClientInfo struct {
	Scheme string
	User   string
}

// AppendTo appends the record.
func (c ClientInfo) AppendTo(b []byte) []byte {
	return jute.AppendString(jute.AppendString(b, c.Scheme), c.User)
}

// Decode reads the record.
func (c *ClientInfo) Decode(d *jute.Decoder) {
	c.Scheme = d.String()
	c.User = d.String()
}
