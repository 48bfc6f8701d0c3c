package zkbench

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// tree is the part of the server's tree that a load works on:
//
//	ROOT                 data "zkbench": what tells that zkbench may delete it
//	ROOT/k/0000000000 …  the keys that set, get and exists use
//	ROOT/l/0 … 9         what children lists
//	ROOT/cN/…            what connection N creates and deletes
type tree struct {
	o      *options
	client *zkclient.Client
	path   string // ROOT with the chroot before it: loads know no chroot
	made   bool
}

const mark = "zkbench"

// setupWindow is the number of requests in flight while the tree is prepared or removed.
const setupWindow = 200

func (t *tree) keys() string { return t.path + "/k/" }
func (t *tree) list() string { return t.path + "/l" }

// openTree connects to the server.
func openTree(ctx context.Context, o *options) (*tree, error) {
	c, err := zkclient.Connect(ctx, zkclient.Config{Servers: o.servers, SessionTimeout: o.timeout, Secure: o.secure})
	if err != nil {
		return nil, fmt.Errorf("%w\nis the server running, and is --server %s its client port?", err, o.server)
	}
	return &tree{o: o, client: c, path: o.chroot + o.root}, nil
}

// prepare makes the tree, in place of one that an earlier run has left.
func (t *tree) prepare(ctx context.Context) error {
	data, _, err := t.client.Get(ctx, t.path, false)
	switch {
	case errors.Is(err, zkproto.ErrNoNode):
	case err != nil:
		return fmt.Errorf("read %s: %w", t.path, err)
	case string(data) != mark:
		return fmt.Errorf("%s exists and was not made by zkbench: choose another --root", t.path)
	default:
		t.made = true
		if err := t.remove(ctx); err != nil {
			return fmt.Errorf("remove what an earlier run has left: %w", err)
		}
	}
	paths := []string{t.path, t.path + "/k", t.path + "/l"}
	for i := range 10 {
		paths = append(paths, fmt.Sprintf("%s/l/%d", t.path, i))
	}
	if t.o.ops[opCreate] > 0 {
		for i := range t.o.connections {
			p := t.createdBy(i)
			paths = append(paths, p[:len(p)-1])
		}
	}
	for i, p := range paths {
		var data []byte
		if i == 0 {
			data = []byte(mark)
		}
		if _, err := t.client.Create(ctx, p, data, zkproto.WorldAll(), zkproto.ModePersistent, 0); err != nil {
			return fmt.Errorf("create %s: %w", p, err)
		}
		t.made = true
	}
	return t.bulk(ctx, opCreate, t.keys(), 0, uint64(t.o.keys))
}

// bulk creates or deletes the znodes prefix+from … prefix+(to-1).
func (t *tree) bulk(ctx context.Context, o op, prefix string, from, to uint64) error {
	if from >= to {
		return nil
	}
	w, err := zkclient.Dial(ctx, t.client.Dialled(), zkclient.Handshake{Timeout: t.o.timeout, Secure: t.o.secure})
	if err != nil {
		return err
	}
	defer endSession(w)
	var tmpl [numOps]template
	tmpl[o] = newTemplate(o, prefix, true, payload(t.o.size))
	s := newStream(w, setupWindow, &tmpl, 100)
	n := from
	s.next = func() (op, uint64, bool) {
		n++
		return o, n - 1, n <= to
	}
	var failed error
	s.done = recordFirst(&failed)
	if err := s.run(ctx); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("%s %s…: %w", o, prefix, failed)
	}
	return nil
}

// close removes the tree, unless it is to be kept, and ends the session.
func (t *tree) close(ctx context.Context) error {
	var err error
	if t.made && !t.o.keep {
		if err = t.remove(ctx); err != nil {
			err = fmt.Errorf("remove %s: %w", t.path, err)
		}
	}
	return errors.Join(err, t.client.Close())
}

// remove deletes the tree, children first. The server lists what is there: a load that was broken off does not know.
func (t *tree) remove(ctx context.Context) error {
	dirs, _, err := t.client.Children(ctx, t.path, false)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		dir := t.path + "/" + d
		names, _, err := t.client.Children(ctx, dir, false)
		if err != nil {
			return err
		}
		if err := t.deleteAll(ctx, dir+"/", names); err != nil {
			return err
		}
		if err := t.client.Delete(ctx, dir, -1); err != nil {
			return err
		}
	}
	t.made = false
	return t.client.Delete(ctx, t.path, -1)
}

// deleteAll deletes the names below prefix, many at a time.
func (t *tree) deleteAll(ctx context.Context, prefix string, names []string) error {
	room := make(chan struct{}, setupWindow)
	failed := make(chan error, 1)
	for _, name := range names {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		req := zkproto.PathVersionRequest{Path: prefix + name, Version: -1}
		t.client.Submit(zkproto.OpDelete, req.AppendTo, func(r zkclient.Reply) {
			if r.Err != nil && !errors.Is(r.Err, zkproto.ErrNoNode) {
				select {
				case failed <- fmt.Errorf("delete %s: %w", req.Path, r.Err):
				default:
				}
			}
			<-room
		})
	}
	for range setupWindow { // all of the room is free again: all are answered
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
