package zkproto

import "github.com/holdfast-ha/holdfast/internal/jute"

// CreateRequest is the body of create, create2, createContainer and, with TTL, createTTL.
type CreateRequest struct {
	Path string
	Data []byte
	ACL  []ACL
	Mode CreateMode
	TTL  int64 // milliseconds; on the wire only for createTTL
}

// AppendTo appends the body as op carries it.
func (r *CreateRequest) AppendTo(b []byte, op OpCode) []byte {
	b = jute.AppendString(b, r.Path)
	b = jute.AppendBytes(b, r.Data)
	b = AppendACLs(b, r.ACL)
	b = jute.AppendInt32(b, int32(r.Mode))
	if op == OpCreateTTL {
		b = jute.AppendInt64(b, r.TTL)
	}
	return b
}

// Decode reads the body as op carries it.
func (r *CreateRequest) Decode(d *jute.Decoder, op OpCode) {
	r.Path = d.String()
	r.Data = d.Bytes()
	r.ACL = DecodeACLs(d)
	r.Mode = CreateMode(d.Int32())
	if op == OpCreateTTL {
		r.TTL = d.Int64()
	}
}

// PathVersionRequest is the body of delete and of check: act on Path if its version is Version (-1: whatever it is).
type PathVersionRequest struct {
	Path    string
	Version int32
}

// AppendTo appends the body.
func (r *PathVersionRequest) AppendTo(b []byte) []byte {
	return jute.AppendInt32(jute.AppendString(b, r.Path), r.Version)
}

// Decode reads the body.
func (r *PathVersionRequest) Decode(d *jute.Decoder) {
	r.Path = d.String()
	r.Version = d.Int32()
}

// SetDataRequest is the body of setData.
type SetDataRequest struct {
	Path    string
	Data    []byte
	Version int32
}

// AppendTo appends the body.
func (r *SetDataRequest) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, r.Path)
	b = jute.AppendBytes(b, r.Data)
	return jute.AppendInt32(b, r.Version)
}

// Decode reads the body.
func (r *SetDataRequest) Decode(d *jute.Decoder) {
	r.Path = d.String()
	r.Data = d.Bytes()
	r.Version = d.Int32()
}

// SetACLRequest is the body of setACL.
type SetACLRequest struct {
	Path    string
	ACL     []ACL
	Version int32
}

// AppendTo appends the body.
func (r *SetACLRequest) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, r.Path)
	b = AppendACLs(b, r.ACL)
	return jute.AppendInt32(b, r.Version)
}

// Decode reads the body.
func (r *SetACLRequest) Decode(d *jute.Decoder) {
	r.Path = d.String()
	r.ACL = DecodeACLs(d)
	r.Version = d.Int32()
}

// PathWatchRequest is the body of exists, getData, getChildren and getChildren2: read Path and, if Watch, leave a
// one-shot watch.
type PathWatchRequest struct {
	Path  string
	Watch bool
}

// AppendTo appends the body.
func (r *PathWatchRequest) AppendTo(b []byte) []byte {
	return jute.AppendBool(jute.AppendString(b, r.Path), r.Watch)
}

// Decode reads the body.
func (r *PathWatchRequest) Decode(d *jute.Decoder) {
	r.Path = d.String()
	r.Watch = d.Bool()
}

// PathRequest is the body of getACL, sync, getAllChildrenNumber and (as a prefix) getEphemerals, and of the replies to
// create and sync.
type PathRequest struct {
	Path string
}

// AppendTo appends the body.
func (r *PathRequest) AppendTo(b []byte) []byte { return jute.AppendString(b, r.Path) }

// Decode reads the body.
func (r *PathRequest) Decode(d *jute.Decoder) { r.Path = d.String() }

// AuthRequest is the body of auth: present the credentials Auth to Scheme.
type AuthRequest struct {
	Type   int32 // always 0
	Scheme string
	Auth   []byte
}

// AppendTo appends the body.
func (r *AuthRequest) AppendTo(b []byte) []byte {
	b = jute.AppendInt32(b, r.Type)
	b = jute.AppendString(b, r.Scheme)
	return jute.AppendBytes(b, r.Auth)
}

// Decode reads the body.
func (r *AuthRequest) Decode(d *jute.Decoder) {
	r.Type = d.Int32()
	r.Scheme = d.String()
	r.Auth = d.Bytes()
}

// SetWatchesRequest is the body of setWatches and setWatches2: the watches a client carries over to a new connection,
// and the last zxid it has seen.
type SetWatchesRequest struct {
	RelativeZxid        Zxid
	Data                []string
	Exist               []string
	Child               []string
	Persistent          []string // setWatches2 only
	PersistentRecursive []string // setWatches2 only
}

// AppendTo appends the body as op carries it.
func (r *SetWatchesRequest) AppendTo(b []byte, op OpCode) []byte {
	b = jute.AppendInt64(b, int64(r.RelativeZxid))
	b = jute.AppendStrings(b, r.Data)
	b = jute.AppendStrings(b, r.Exist)
	b = jute.AppendStrings(b, r.Child)
	if op == OpSetWatches2 {
		b = jute.AppendStrings(b, r.Persistent)
		b = jute.AppendStrings(b, r.PersistentRecursive)
	}
	return b
}

// Decode reads the body as op carries it.
func (r *SetWatchesRequest) Decode(d *jute.Decoder, op OpCode) {
	r.RelativeZxid = Zxid(d.Int64())
	r.Data = d.Strings()
	r.Exist = d.Strings()
	r.Child = d.Strings()
	if op == OpSetWatches2 {
		r.Persistent = d.Strings()
		r.PersistentRecursive = d.Strings()
	}
}

// AddWatchRequest is the body of addWatch.
type AddWatchRequest struct {
	Path string
	Mode AddWatchMode
}

// AppendTo appends the body.
func (r *AddWatchRequest) AppendTo(b []byte) []byte {
	return jute.AppendInt32(jute.AppendString(b, r.Path), int32(r.Mode))
}

// Decode reads the body.
func (r *AddWatchRequest) Decode(d *jute.Decoder) {
	r.Path = d.String()
	r.Mode = AddWatchMode(d.Int32())
}

// WatchesRequest is the body of checkWatches and removeWatches.
type WatchesRequest struct {
	Path string
	Type WatcherType
}

// AppendTo appends the body.
func (r *WatchesRequest) AppendTo(b []byte) []byte {
	return jute.AppendInt32(jute.AppendString(b, r.Path), int32(r.Type))
}

// Decode reads the body.
func (r *WatchesRequest) Decode(d *jute.Decoder) {
	r.Path = d.String()
	r.Type = WatcherType(d.Int32())
}

// ReconfigRequest is the body of reconfig.
type ReconfigRequest struct {
	Joining     string
	Leaving     string
	NewMembers  string
	CurConfigID int64
}

// AppendTo appends the body.
func (r *ReconfigRequest) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, r.Joining)
	b = jute.AppendString(b, r.Leaving)
	b = jute.AppendString(b, r.NewMembers)
	return jute.AppendInt64(b, r.CurConfigID)
}

// Decode reads the body.
func (r *ReconfigRequest) Decode(d *jute.Decoder) {
	r.Joining = d.String()
	r.Leaving = d.String()
	r.NewMembers = d.String()
	r.CurConfigID = d.Int64()
}
