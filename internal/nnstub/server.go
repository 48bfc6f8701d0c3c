package nnstub

import (
	"context"
	"net"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/nnstub/journal"
	"github.com/holdfast-ha/holdfast/internal/nnstub/nnpb"
)

const (
	protocolName    = "holdfast.nnstub.Namespace"
	protocolVersion = 1
	methodSickness  = "setSickness"

	maxFrame = journal.MaxData + 64<<10
)

// Server is a Node on a port.
type Server struct {
	Node *Node
	rpc  *hadooprpc.Server
}

// NewServer returns the service of a node, which it owns from now on.
func NewServer(n *Node, log *zap.Logger) *Server {
	s := &Server{Node: n, rpc: hadooprpc.NewServer(log, hadooprpc.ServerOptions{MaxFrame: maxFrame, Before: n.hold})}
	target.RegisterHAService(s.rpc, n)
	s.rpc.Register(hadooprpc.Protocol{Name: protocolName, Version: protocolVersion, Methods: map[string]hadooprpc.Method{
		"put":          hadooprpc.Unary(n.put),
		"get":          hadooprpc.Unary(n.get),
		"list":         hadooprpc.Unary(n.list),
		methodSickness: hadooprpc.Unary(n.setSickness),
	}})
	return s
}

// Serve accepts connections until Close.
func (s *Server) Serve(ln net.Listener) error { return s.rpc.Serve(ln) }

// Close ends the node and all its connections. It is idempotent.
func (s *Server) Close() error {
	err := s.Node.Close()
	if rpcErr := s.rpc.Close(); err == nil {
		err = rpcErr
	}
	return err
}

func (n *Node) put(ctx context.Context, req *nnpb.PutRequest) (proto.Message, error) {
	if err := checkPath(req.GetPath()); err != nil {
		return nil, err
	}
	if len(req.GetData()) > journal.MaxData {
		return nil, hadooprpc.NewException("java.lang.IllegalArgumentException", "a file holds at most 16 MiB")
	}
	n.mu.Lock()
	c, state := n.committer, n.state
	n.mu.Unlock()
	if c == nil {
		return nil, errStandby("WRITE", state)
	}
	p := &put{path: req.GetPath(), data: req.GetData(), done: make(chan putResult, 1)}
	select {
	case c.queue <- p:
	case <-c.ended:
		return nil, errStandby("WRITE", n.State())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var r putResult
	select {
	case r = <-p.done:
	case <-c.ended:
		select {
		case r = <-p.done:
		default: // still in the queue: nobody will take it
			return nil, errStandby("WRITE", n.State())
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return &nnpb.PutResponse{Epoch: &r.epoch, Txid: &r.txid, Node: &n.cfg.ID}, nil
}

// readable refuses reads on a node that may be behind without being an observer.
func (n *Node) readable() error {
	if s := n.State(); s != target.Active && s != target.Observer {
		return errStandby("READ", s)
	}
	return nil
}

func (n *Node) get(_ context.Context, req *nnpb.GetRequest) (proto.Message, error) {
	if err := checkPath(req.GetPath()); err != nil {
		return nil, err
	}
	if err := n.readable(); err != nil {
		return nil, err
	}
	e, ok := n.files.get(req.GetPath())
	if !ok {
		return nil, hadooprpc.NewException(hadooprpc.ClassFileNotFound, "File does not exist: "+req.GetPath())
	}
	return &nnpb.GetResponse{Data: e.Data, Epoch: &e.Epoch, Txid: &e.Txid, Node: &n.cfg.ID}, nil
}

func (n *Node) list(_ context.Context, req *nnpb.ListRequest) (proto.Message, error) {
	if err := n.readable(); err != nil {
		return nil, err
	}
	resp := &nnpb.ListResponse{Node: &n.cfg.ID}
	for _, e := range n.files.list(req.GetPrefix()) {
		size := uint64(len(e.Data))
		resp.Entries = append(resp.Entries, &nnpb.Entry{Path: &e.Path, Size: &size, Epoch: &e.Epoch, Txid: &e.Txid})
	}
	return resp, nil
}

func (n *Node) setSickness(_ context.Context, req *nnpb.SicknessRequest) (proto.Message, error) {
	d := time.Duration(req.GetMillis()) * time.Millisecond
	return &nnpb.SicknessResponse{Now: n.Sicken(req.GetKind(), d)}, nil
}
