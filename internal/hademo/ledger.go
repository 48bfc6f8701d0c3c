package hademo

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/nnstub"
	"github.com/holdfast-ha/holdfast/internal/nnstub/journal"
)

// nameNodes is the writing client over the demo NameNode's own protocol.
type nameNodes struct {
	client *nnstub.Client
}

func newNameNodes(nodes []*node) (*nameNodes, error) {
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.rpcAddr())
	}
	c, err := nnstub.NewClient(addrs)
	return &nameNodes{client: c}, err
}

func (n *nameNodes) put(ctx context.Context, path string, data []byte) (ack, error) {
	a, err := n.client.Put(ctx, path, data)
	return ack{path: path, node: a.Node, epoch: a.Epoch, txid: a.Txid, at: time.Now()}, err
}

// list returns the paths of all files whose path begins with dir, as the active NameNode knows them.
func (n *nameNodes) list(ctx context.Context, dir string) (map[string]bool, error) {
	files, err := n.client.List(ctx, dir)
	if err != nil {
		return nil, err
	}
	paths := make(map[string]bool, len(files))
	for _, f := range files {
		paths[f.Path] = true
	}
	return paths, nil
}

func (n *nameNodes) close() { _ = n.client.Close() }

// ledger reads the shared journal on disk with eyes of its own, to hold the acknowledged writes against it.
type ledger struct {
	journal *journal.Journal
	edits   map[uint64]edit // by txid
}

type edit struct {
	epoch uint64
	path  string
}

func openLedger(dir string) (*ledger, error) {
	j, err := journal.Open(dir, zap.NewNop())
	return &ledger{journal: j, edits: make(map[uint64]edit)}, err
}

// missing counts the acknowledged writes that are not in the journal as they were acknowledged, or that the active NameNode
// does not have.
func (l *ledger) missing(acks []ack, has func(path string) bool) (int, error) {
	for {
		n, err := l.journal.Poll(func(e journal.Edit) { l.edits[e.Txid] = edit{epoch: e.Epoch, path: e.Path} })
		if err != nil {
			return 0, fmt.Errorf("read the journal: %w", err)
		}
		if n == 0 {
			break
		}
	}
	lost := 0
	for _, a := range acks {
		if l.edits[a.txid] != (edit{epoch: a.epoch, path: a.path}) || !has(a.path) {
			lost++
		}
	}
	return lost, nil
}
