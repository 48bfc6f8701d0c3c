// Package prep turns requests into transactions.
package prep

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// Request is a write to be prepared. Nothing of it is kept: Body and IDs may be reused when Prepare returns.
type Request struct {
	Session zkproto.SessionID
	Owner   session.Owner // where the session is attached (see package session)
	Cxid    int32
	Op      zkproto.OpCode // one for which Op.IsWrite
	// Body is the record after the RequestHeader, aliasing the frame. For createSession it is a CreateSessionTxn (the
	// server that took the connection makes it); for closeSession it is empty.
	Body []byte
	IDs  []zkproto.ID // who the client is
}

// Sessions is what prep needs of the session table; *session.Table has it.
type Sessions interface {
	Check(id zkproto.SessionID, owner session.Owner) zkproto.Error
	SetOwner(id zkproto.SessionID, owner session.Owner) zkproto.Error
	SetClosing(id zkproto.SessionID)
}

// Config holds the settings that change what is allowed.
type Config struct {
	ExtendedTypes   bool // extendedTypesEnabled: TTL znodes may be created
	ReconfigEnabled bool // reconfigEnabled
}

// Prep prepares requests against the tree and the changes not yet applied to it.
type Prep struct{}

// New returns a Prep without outstanding changes.
func New(t *tree.Tree, sessions Sessions, reg *auth.Registry, c Config) *Prep { return nil }

// Prepare decides a request: the transaction to log, an ErrorTxn (header type OpError) for a refused one. A multi that
// is refused stays of type OpMulti, with ErrorTxn parts.
//
// A nil Txn means that the body could not be decoded (or that Op is no write): nothing is to be proposed, the zxid is
// not used, and the answer is ErrMarshallingError.
func (p *Prep) Prepare(r *Request, zxid zkproto.Zxid, nowMillis int64) (zkproto.TxnHeader, zkproto.Txn) {
	return zkproto.TxnHeader{}, nil
}

// Applied forgets the changes up to zxid: they are in the tree.
func (p *Prep) Applied(zxid zkproto.Zxid) {}

// Reset forgets all changes: leadership was lost, or the tree was replaced by t.
func (p *Prep) Reset(t *tree.Tree) {}

// Outstanding is the number of changes prepared and not applied.
func (p *Prep) Outstanding() int { return 0 }
