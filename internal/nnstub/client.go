package nnstub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/nnstub/nnpb"
)

const (
	hedgeAfter = 30 * time.Millisecond // an answer that takes longer makes the client ask the other nodes as well
	firstPause = 1 * time.Millisecond  // after all nodes have said no; doubled each round
	longPause  = 8 * time.Millisecond
)

// Ack says which node accepted a put, in which epoch of the journal, as which edit.
type Ack struct {
	Epoch uint64
	Txid  uint64
	Node  string
}

// File is one file of a listing, or one that was read.
type File struct {
	Path  string
	Size  uint64
	Data  []byte // of Get alone
	Epoch uint64
	Txid  uint64
}

// Client finds the active node by itself: it asks the one that answered last, and the others at once when that one is
// gone, is not active, or takes longer than 30 ms. A put may therefore reach the journal twice; it writes a file whole,
// so that changes nothing. Calls may be made from several goroutines.
type Client struct {
	nodes   []*hadooprpc.Client
	current chan int // holds the index of the node that answered last
}

// NewClient returns a client of the nodes at the given addresses (host:port, at least one). It connects nothing yet.
func NewClient(addrs []string) (*Client, error) {
	if len(addrs) == 0 {
		return nil, errors.New("no address of a NameNode given")
	}
	c := &Client{current: make(chan int, 1)}
	for _, a := range addrs {
		c.nodes = append(c.nodes, hadooprpc.NewClient(a, protocolName, protocolVersion, hadooprpc.ClientOptions{MaxFrame: maxFrame}))
	}
	c.current <- 0
	return c, nil
}

// Put writes a file whole. It tries until a node has accepted it or ctx ends; the error then is the last node's.
func (c *Client) Put(ctx context.Context, path string, data []byte) (Ack, error) {
	if data == nil {
		data = []byte{} // an empty file, not a missing field
	}
	req := &nnpb.PutRequest{Path: &path, Data: data}
	resp, err := call(ctx, c, "put", req, func() *nnpb.PutResponse { return &nnpb.PutResponse{} })
	if err != nil {
		return Ack{}, err
	}
	return Ack{Epoch: resp.GetEpoch(), Txid: resp.GetTxid(), Node: resp.GetNode()}, nil
}

// Get reads a file.
func (c *Client) Get(ctx context.Context, path string) (File, error) {
	resp, err := call(ctx, c, "get", &nnpb.GetRequest{Path: &path}, func() *nnpb.GetResponse { return &nnpb.GetResponse{} })
	if err != nil {
		return File{}, err
	}
	data := resp.GetData()
	return File{Path: path, Size: uint64(len(data)), Data: data, Epoch: resp.GetEpoch(), Txid: resp.GetTxid()}, nil
}

// List returns the files whose path begins with prefix, in order of path.
func (c *Client) List(ctx context.Context, prefix string) ([]File, error) {
	resp, err := call(ctx, c, "list", &nnpb.ListRequest{Prefix: &prefix}, func() *nnpb.ListResponse { return &nnpb.ListResponse{} })
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(resp.GetEntries()))
	for _, e := range resp.GetEntries() {
		files = append(files, File{Path: e.GetPath(), Size: e.GetSize(), Epoch: e.GetEpoch(), Txid: e.GetTxid()})
	}
	return files, nil
}

// Close ends all connections. It is idempotent.
func (c *Client) Close() error {
	var err error
	for _, n := range c.nodes {
		err = errors.Join(err, n.Close())
	}
	return err
}

// attempt is the outcome of asking one node.
type attempt[R any] struct {
	node int
	resp R
	err  error
}

// call asks nodes until one has done it. At most one question to each node is under way.
func call[R proto.Message](ctx context.Context, c *Client, method string, req proto.Message, newResp func() R) (R, error) {
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan attempt[R], len(c.nodes))
	asking := make([]bool, len(c.nodes)) // a question is under way
	asked := make([]bool, len(c.nodes))  // since the last pause
	underWay := 0
	defer func() {
		cancel()
		for ; underWay > 0; underWay-- {
			<-results
		}
	}()
	ask := func(i int) {
		asking[i], asked[i] = true, true
		underWay++
		go func() {
			a := attempt[R]{node: i, resp: newResp()}
			a.err = c.nodes[i].Call(ctx, method, req, a.resp)
			results <- a
		}()
	}
	next := func(after int) bool {
		for k := 1; k <= len(c.nodes); k++ {
			if i := (after + k) % len(c.nodes); !asking[i] && !asked[i] {
				ask(i)
				return true
			}
		}
		return false
	}
	first := <-c.current
	c.current <- first
	ask(first)
	last := first
	timer := time.NewTimer(hedgeAfter)
	defer timer.Stop()
	pause := firstPause
	var why error
	for {
		select {
		case a := <-results:
			asking[a.node] = false
			underWay--
			last = a.node
			if a.err == nil || final(a.err) {
				if a.err == nil && a.node != first {
					<-c.current
					c.current <- a.node
				}
				return a.resp, a.err
			}
			if why == nil || !outOfTime(a.err) { // what happened before the time was over tells more
				why = a.err
			}
			if ctx.Err() != nil {
				return a.resp, fmt.Errorf("%s: no active node found: %w", method, why)
			}
			if next(last) {
				timer.Reset(hedgeAfter)
			} else {
				timer.Reset(pause)
				pause = min(2*pause, longPause)
			}
		case <-timer.C:
			if !next(last) {
				clear(asked)
				next(last)
			}
			timer.Reset(hedgeAfter)
		case <-ctx.Done():
			var zero R
			if why == nil {
				why = ctx.Err()
			}
			return zero, fmt.Errorf("%s: no active node found: %w", method, why)
		}
	}
}

func outOfTime(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// final tells whether another node, or another attempt, would give the same answer.
func final(err error) bool {
	var e *hadooprpc.Exception
	if !errors.As(err, &e) {
		return errors.Is(err, hadooprpc.ErrClosed) || errors.Is(err, proto.Error)
	}
	return e.Class != hadooprpc.ClassStandby && e.Class != hadooprpc.ClassIO
}

// SetSickness makes the node at addr sick (see Sickness) and returns what it suffers from now. d is for SlowPromotion.
func SetSickness(ctx context.Context, addr string, kind Sickness, d time.Duration) ([]string, error) {
	c := hadooprpc.NewClient(addr, protocolName, protocolVersion, hadooprpc.ClientOptions{MaxFrame: maxFrame})
	defer c.Close()
	millis := uint64(d.Milliseconds())
	var resp nnpb.SicknessResponse
	if err := c.Call(ctx, methodSickness, &nnpb.SicknessRequest{Kind: &kind, Millis: &millis}, &resp); err != nil {
		return nil, err
	}
	return resp.GetNow(), nil
}
