package zkserver

import (
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/audit"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// auditor writes the audit log. A server without one has none: that is all there is to ask on the way of a request.
type auditor struct {
	log  *audit.Writer
	user string // who runs the server
}

// openAudit opens the audit log if the configuration asks for one.
func (s *Server) openAudit() error {
	if !s.cfg.AuditEnabled {
		return nil
	}
	w, err := audit.Open(s.fs, s.cfg.AuditPath(), s.clock, s.log)
	if err != nil {
		return fmt.Errorf("zkserver: the audit log cannot be written: %w; let log.dir name a directory this user may write to, or set audit.enable=false", err)
	}
	s.audit = &auditor{log: w, user: serverUser()}
	return nil
}

// serverUser is the name of the user who runs the process, without a Windows domain.
func serverUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username[strings.LastIndexByte(u.Username, '\\')+1:]
	}
	for _, name := range []string{"USER", "USERNAME"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return "<NA>"
}

// auditServer logs that the server starts or stops.
func (s *Server) auditServer(operation string, r audit.Result) {
	if a := s.audit; a != nil {
		a.log.Log(&audit.Event{User: a.user, Operation: operation, Result: r}, s.clock.Now())
	}
}

// audited is what the log needs of a request that its transaction does not tell.
type audited struct {
	event audit.Event // without a result
	modes []string    // of the creates among the parts of a multi, by position; empty for the others
}

// auditable remembers a client's request for the log; nil for one that is not logged. Of a body that cannot be decoded it
// remembers what there is.
func auditable(r *pipeline.Request[*client], body []byte) *audited {
	d := jute.NewDecoder(body)
	a := &audited{}
	switch r.Op {
	case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
		var req zkproto.CreateRequest
		req.Decode(&d, r.Op)
		a.event.Operation, a.event.Path, a.event.NodeType = audit.Create, req.Path, audit.NodeType(req.Mode)
	case zkproto.OpDelete:
		a.event.Operation, a.event.Path = audit.Delete, d.String()
	case zkproto.OpSetData:
		a.event.Operation, a.event.Path = audit.SetData, d.String()
	case zkproto.OpSetACL:
		var req zkproto.SetACLRequest
		req.Decode(&d)
		a.event.Operation, a.event.Path, a.event.ACL = audit.SetACL, req.Path, audit.ACLText(req.ACL)
	case zkproto.OpMulti:
		var req zkproto.MultiRequest
		req.Decode(&d)
		a.event.Operation, a.modes = audit.MultiOperation, make([]string, len(req.Ops))
		for i := range req.Ops {
			switch req.Ops[i].Type {
			case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
				a.modes[i] = audit.NodeType(req.Ops[i].Create.Mode)
			}
		}
	case zkproto.OpReconfig:
		a.event.Operation = audit.Reconfig
	default:
		return nil
	}
	a.event.Session, a.event.User, a.event.IP = r.Session, audit.Users(r.IDs), auth.RemoteID(r.From.remote).ID
	return a
}

// auditAnswer logs how a request ended. A multi that was done is logged by its parts.
func (s *Server) auditAnswer(a *audited, res *tree.Result) {
	now := s.core.now
	e := &a.event
	e.Result = audit.Success
	switch {
	case res.Err != zkproto.ErrOK || len(res.Multi) > 0 && res.Multi[0].Type == zkproto.OpError:
		e.Result = audit.Failure
	case e.Operation != audit.MultiOperation:
		e.Path = res.Path // of a sequential znode: with its number
	default:
		for i := range res.Multi {
			part := *e
			if part.Path = res.Multi[i].Path; i < len(a.modes) {
				part.NodeType = a.modes[i]
			}
			if part.Operation = partNames[res.Multi[i].Type]; part.Operation != "" { // and no check
				s.audit.log.Log(&part, now)
			}
		}
		return
	}
	s.audit.log.Log(e, now)
}

var partNames = map[zkproto.OpCode]string{
	zkproto.OpCreate: audit.Create, zkproto.OpCreate2: audit.Create, zkproto.OpCreateContainer: audit.Create,
	zkproto.OpCreateTTL: audit.Create, zkproto.OpDelete: audit.Delete, zkproto.OpSetData: audit.SetData,
}

// auditEphemerals logs the znodes that end with their session.
func (s *Server) auditEphemerals(a *replica.Answer) {
	txn, ok := a.Txn.(*zkproto.CloseSessionTxn)
	if !ok {
		return
	}
	e := audit.Event{Session: a.Header.ClientID, User: s.audit.user, Operation: audit.EphemeralDeletion, Result: audit.Success}
	for _, e.Path = range txn.PathsToDelete {
		s.audit.log.Log(&e, s.core.now)
	}
}
