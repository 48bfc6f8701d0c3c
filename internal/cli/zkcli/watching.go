package zkcli

import (
	"context"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// addWatch leaves a persistent watch. Unlike the original it does not remember a mode from one call to the next.
func addWatch(ctx context.Context, s *shell, p *parsed) error {
	mode := zkproto.WatchPersistentRecursive
	if p.has('m') {
		switch strings.ToUpper(p.flags['m']) {
		case "PERSISTENT":
			mode = zkproto.WatchPersistent
		case "PERSISTENT_RECURSIVE":
		default:
			return failf("%s", p.command.help())
		}
	}
	return explain(s.client.AddWatch(ctx, p.args[0], mode), p.args[0])
}

func removeWatches(ctx context.Context, s *shell, p *parsed) error {
	typ := zkproto.WatcherAny
	switch {
	case p.has('c'):
		typ = zkproto.WatcherChildren
	case p.has('d'):
		typ = zkproto.WatcherData
	case p.has('p'):
		typ = zkproto.WatcherPersistent
	case p.has('r'):
		typ = zkproto.WatcherPersistentRecursive
	}
	return explain(s.client.RemoveWatches(ctx, p.args[0], typ, p.has('l')), p.args[0])
}

func getEphemerals(ctx context.Context, s *shell, p *parsed) error {
	prefix := "/"
	if len(p.args) > 0 {
		prefix = p.args[0]
	}
	paths, err := s.client.Ephemerals(ctx, prefix)
	if err != nil {
		return explain(err, prefix)
	}
	s.show("["+strings.Join(paths, ", ")+"]", struct {
		Ephemerals []string `json:"ephemerals"`
	}{notNil(paths)})
	return nil
}

func getAllChildrenNumber(ctx context.Context, s *shell, p *parsed) error {
	n, err := s.client.AllChildrenNumber(ctx, p.args[0])
	if err != nil {
		return explain(err, p.args[0])
	}
	s.show(itoa(n), struct {
		Path   string `json:"path"`
		Number int    `json:"allChildrenNumber"`
	}{p.args[0], n})
	return nil
}
