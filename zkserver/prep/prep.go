// Package prep turns requests into transactions: it decides, against the tree and the changes that are on their way to
// it, whether a request succeeds, and what exactly it will do.
//
// The package is pure; a Prep is not safe for concurrent use. One goroutine prepares requests in zxid order, and the
// same one tells it what was applied:
//
//	Prepare(request, zxid) -> header, txn      zxids ascending, none used twice
//	Applied(zxid)                              the tree has everything up to zxid
//
// Between the two, the change waits in the table of outstanding changes, so that the next request sees it. A refused
// request becomes an ErrorTxn: it takes its zxid and is logged like the others.
//
// Who owns what: Prepare copies out of Body everything the transaction needs, data included; the tree keeps the
// transaction's slices when it applies it, but makes a copy of short data. Nothing refers to the frame afterwards.
//
// One deliberate difference: the original does not note a new ACL, or the children a closing session takes along, among
// the outstanding changes, so a pipelined request may be judged by the old ones, depending on timing. Here it never is.
//
// Source: PrepRequestProcessor.java of Apache ZooKeeper 3.9.
package prep

import (
	"bytes"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// Request is a write to be prepared. Nothing of it is kept: it, Body and IDs may be reused when Prepare returns.
type Request struct {
	Session zkproto.SessionID
	Owner   session.Owner // where the session is attached (see package session)
	Cxid    int32
	// Op is one for which Op.IsWrite. Two of these clients may not send: a check outside a multi and deleteContainer.
	// The server answers them like unknown ops (ErrUnimplemented, and the connection closes).
	Op zkproto.OpCode
	// Body is the record after the RequestHeader, aliasing the frame. For createSession it is a CreateSessionTxn (the
	// server that took the connection makes it); for closeSession it is empty.
	Body []byte
	IDs  []zkproto.ID // who the client is
}

// Owner names the server a session is attached to (package session).
type Owner = session.Owner

// Sessions is what prep needs of the session table; *session.Table has it.
type Sessions interface {
	// Check tells whether a session may act from owner.
	Check(id zkproto.SessionID, owner Owner) zkproto.Error
	// CheckGlobal is Check for what only a session of the whole ensemble may do: owning ephemeral znodes.
	CheckGlobal(id zkproto.SessionID, owner Owner) zkproto.Error
	SetOwner(id zkproto.SessionID, owner Owner) zkproto.Error
	SetClosing(id zkproto.SessionID)
}

// Config holds the settings that change what is allowed.
type Config struct {
	ExtendedTypes   bool // extendedTypesEnabled: TTL znodes may be created; the tree needs WithExtendedTypes then
	ReconfigEnabled bool // reconfigEnabled
	// Reconfigure computes the text of the membership that a request asks for, which will be proposed as zxid; nil:
	// Unimplemented, as for an ensemble of one.
	Reconfigure  func(q *zkproto.ReconfigRequest, zxid zkproto.Zxid) (text []byte, err zkproto.Error)
	EnforceQuota bool // enforceQuota: what would exceed a hard quota is refused
	// OnQuota, if not nil, is told of each request that exceeds a quota, soft ones and those not enforced included.
	OnQuota func(Exceeded)
	// Longest is how many bytes a transaction may have at most: what the log, the links between servers and an original that takes
	// over the files can hold; nil for no limit.
	Longest func() int
}

// Prep prepares requests against the tree and the changes not yet applied to it.
type Prep struct {
	changes  changes
	sessions Sessions
	auth     *auth.Registry
	config   Config
	room     []byte // the rest of a piece of memory that short data is copied to
}

// New returns a Prep without outstanding changes.
func New(t *tree.Tree, sessions Sessions, reg *auth.Registry, c Config) *Prep {
	p := &Prep{sessions: sessions, auth: reg, config: c}
	p.Reset(t)
	return p
}

// roomSize is how much memory for short data is taken at once. The tree keeps none of it, so it is free again when all of its
// transactions are applied, and is no gap between the many pieces of memory of that size which the tree does keep.
const roomSize = 16 << 10

// copy makes a copy of a request's data.
func (p *Prep) copy(data []byte) []byte {
	if len(data) == 0 || len(data) > tree.Copied {
		return bytes.Clone(data)
	}
	if len(p.room) < len(data) {
		p.room = make([]byte, roomSize)
	}
	n := copy(p.room, data)
	data, p.room = p.room[:n:n], p.room[n:]
	return data
}

// Applied forgets the changes up to zxid: they are in the tree.
func (p *Prep) Applied(zxid zkproto.Zxid) { p.changes.applied(zxid) }

// Reset forgets all changes: leadership was lost, or the tree was replaced. From now on t is the tree.
func (p *Prep) Reset(t *tree.Tree) {
	added, gone := p.changes.added, p.changes.gone
	p.changes = changes{tree: t, byPath: make(map[string]*change), noDigest: !t.HasDigest(), sum: t.Digest(), added: added, gone: gone}
}

// Changes is how many changes of znodes were queued so far, and how many of these were applied. Those that were taken back, or
// forgotten, are not.
func (p *Prep) Changes() (queued, applied int64) { return p.changes.added, p.changes.gone }

// Digest is the tree's digest after the transaction that Prepare returned last, and all before it. ok is false when the
// tree has no digest (the zero one is returned then); an ErrorTxn carries none either, as in the original.
func (p *Prep) Digest() (d zkproto.TxnDigest, ok bool) {
	if p.changes.noDigest {
		return d, false
	}
	return zkproto.TxnDigest{Version: tree.DigestVersion, Digest: p.changes.sum}, true
}

// Outstanding is the number of changes of znodes prepared and not applied.
func (p *Prep) Outstanding() int { return len(p.changes.queue) - p.changes.head }

// call is one request, or one part of a multi, while it is decided.
type call struct {
	*Request
	zxid  zkproto.Zxid
	now   int64
	grown int // by how much, at most, the transaction is longer than the body
}

// Prepare decides a request: the transaction to log, an ErrorTxn (header type OpError) for a refused one. A multi that
// is refused stays of type OpMulti, with ErrorTxn parts.
//
// A nil Txn means that the body could not be decoded (or that Op is no write): nothing is to be proposed, the zxid is
// not used, and the answer is ErrMarshallingError. An ErrorTxn of ErrSessionMoved is not answered: the connection closes.
//
// nowMillis is the leader's wall clock in milliseconds since 1970.
func (p *Prep) Prepare(r *Request, zxid zkproto.Zxid, nowMillis int64) (zkproto.TxnHeader, zkproto.Txn) {
	h := zkproto.TxnHeader{ClientID: r.Session, Cxid: r.Cxid, Zxid: zxid, Time: nowMillis, Type: r.Op}
	c := call{Request: r, zxid: zxid, now: nowMillis}
	if p.Outstanding() == 0 {
		p.changes.sum = p.changes.tree.Digest()
	}
	txn, err := p.decide(&c)
	if err != zkproto.ErrOK {
		if err == errMalformed {
			return h, nil
		}
		h.Type = zkproto.OpError
		return h, &zkproto.ErrorTxn{Err: err}
	}
	return h, txn
}

// errMalformed is a body that cannot be decoded. It is no code of the protocol.
const errMalformed zkproto.Error = 1

// errNullPath is the answer to a create or delete without a path: what is wrong besides, else a marshalling error.
func errNullPath(other zkproto.Error) zkproto.Error {
	if other != zkproto.ErrOK {
		return other
	}
	return zkproto.ErrMarshallingError
}

func (p *Prep) decide(c *call) (zkproto.Txn, zkproto.Error) {
	d := jute.NewDecoder(c.Body)
	switch c.Op {
	case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
		var q zkproto.CreateRequest
		null, ok := decodeCreate(&q, c.Body, c.Op)
		switch {
		case !ok:
			return nil, errMalformed
		case null:
			_, err := p.ownerOf(c, c.Op, &q)
			return nil, errNullPath(err)
		}
		return p.create(c, c.Op, &q)
	case zkproto.OpSetData:
		path, data, version := d.StringView(), d.Bytes(), d.Int32()
		if d.Err() != nil {
			return nil, errMalformed
		}
		return p.setData(c, string(path), data, version)
	case zkproto.OpDelete, zkproto.OpCheck:
		path, version := d.StringView(), d.Int32()
		switch {
		case d.Err() != nil:
			return nil, errMalformed
		case c.Op == zkproto.OpCheck:
			return p.check(c, string(path), version)
		case path == nil:
			return nil, errNullPath(p.sessions.Check(c.Session, c.Owner))
		}
		return p.delete(c, string(path), version)
	case zkproto.OpDeleteContainer:
		path := d.StringView()
		if d.Err() != nil {
			return nil, errMalformed
		}
		return p.deleteContainer(c, string(path))
	case zkproto.OpSetACL:
		var q zkproto.SetACLRequest
		if q.Decode(&d); d.Err() != nil {
			return nil, errMalformed
		}
		return p.setACL(c, &q)
	case zkproto.OpMulti:
		return p.multi(c, &d)
	case zkproto.OpCreateSession:
		timeout := d.Int32()
		if d.Err() != nil {
			return nil, errMalformed
		}
		return &zkproto.CreateSessionTxn{TimeoutMillis: timeout}, p.sessions.SetOwner(c.Session, c.Owner)
	case zkproto.OpCloseSession:
		return p.closeSession(c), zkproto.ErrOK
	case zkproto.OpReconfig:
		return p.reconfig(c, &d)
	default:
		return nil, errMalformed
	}
}

// worldAll is the ACL that nearly every create brings, as it is on the wire, and decoded once for all of them.
var (
	worldAll      = zkproto.WorldAll()
	worldAllBytes = zkproto.AppendACLs(nil, worldAll)
)

func decodeCreate(q *zkproto.CreateRequest, body []byte, op zkproto.OpCode) (nullPath, ok bool) {
	d := jute.NewDecoder(body)
	path := d.StringView()
	q.Path = string(path)
	q.Data = d.Bytes()
	if d.Err() != nil {
		return false, false
	}
	if rest := body[d.Offset():]; bytes.HasPrefix(rest, worldAllBytes) {
		q.ACL = worldAll
		d = jute.NewDecoder(rest[len(worldAllBytes):])
	} else {
		q.ACL = zkproto.DecodeACLs(&d)
	}
	q.Mode = zkproto.CreateMode(d.Int32())
	if op == zkproto.OpCreateTTL {
		q.TTL = d.Int64()
	}
	return path == nil, d.Err() == nil
}
