package elector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/go-zookeeper/zk"
)

// Tree is a session for work on the parent znode: looking whether it exists, making and clearing it.
type Tree struct {
	s *session
}

// OpenTree connects, or returns why it could not before ctx ended.
func (z ZooKeeper) OpenTree(ctx context.Context) (*Tree, error) {
	up := make(chan struct{}, 1)
	s, err := z.connect(func(ev Event) {
		if _, ok := ev.(Connected); ok {
			select {
			case up <- struct{}{}:
			default:
			}
		}
	}, "")
	if err != nil {
		return nil, err
	}
	select {
	case <-up:
		return &Tree{s}, nil
	case <-ctx.Done():
		return nil, s.unreached(ctx)
	}
}

// unreached ends a session that has not come within ctx, and says why.
func (s *session) unreached(ctx context.Context) error {
	why := s.hosts.reason()
	s.hosts.stop()
	s.Close()
	err := fmt.Errorf("connect to zookeeper at %s: %w", strings.Join(s.zk.Servers, ","), ctx.Err())
	if why != nil {
		err = fmt.Errorf("%w (%w)", err, why)
	}
	return err
}

// Close ends the session.
func (t *Tree) Close() { t.s.Close() }

// within runs f, which ends with the session at the latest, and gives it up with ctx by closing the session.
func (t *Tree) within(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, t.s.hosts.stop)
	defer stop()
	done := make(chan error, 1)
	t.s.wg.Go(func() { done <- f() })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer from zookeeper: %w", ctx.Err())
	}
}

// Exists tells whether path exists.
func (t *Tree) Exists(ctx context.Context, path string) (bool, error) {
	var ok bool
	err := t.within(ctx, func() (err error) {
		ok, _, err = t.s.conn.Exists(path)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("couldn't determine existence of znode %s: %w", path, err)
	}
	return ok, nil
}

// Ensure makes path with every level above it, empty and with the configured ACL; a level that exists with another
// ACL gets the configured one.
func (t *Tree) Ensure(ctx context.Context, path string) error {
	return t.within(ctx, func() error {
		for i := 1; i <= len(path); i++ {
			if i < len(path) && path[i] != '/' {
				continue
			}
			level := path[:i]
			_, err := t.s.conn.Create(level, []byte{}, 0, t.s.acl)
			if errors.Is(err, zk.ErrNodeExists) {
				err = t.fixACL(level)
			}
			if err != nil {
				return fmt.Errorf("couldn't create %s: %w", level, err)
			}
		}
		return nil
	})
}

func (t *Tree) fixACL(path string) error {
	for {
		acl, st, err := t.s.conn.GetACL(path)
		if err != nil {
			return fmt.Errorf("read its ACL: %w", err)
		}
		if sameACL(acl, t.s.acl) {
			return nil
		}
		_, err = t.s.conn.SetACL(path, t.s.acl, st.Aversion)
		if errors.Is(err, zk.ErrBadVersion) { // somebody else set it meanwhile: look again
			continue
		}
		if err != nil {
			return fmt.Errorf("set its ACL: %w", err)
		}
		return nil
	}
}

// sameACL compares as sets.
func sameACL(a, b []zk.ACL) bool {
	in := func(x []zk.ACL) func(zk.ACL) bool { return func(e zk.ACL) bool { return !slices.Contains(x, e) } }
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}

// Clear deletes path and all below it.
func (t *Tree) Clear(ctx context.Context, path string) error {
	return t.within(ctx, func() error {
		all := []string{path}
		for i := 0; i < len(all); i++ {
			children, _, err := t.s.conn.Children(all[i])
			if errors.Is(err, zk.ErrNoNode) {
				continue
			}
			if err != nil {
				return fmt.Errorf("list %s: %w", all[i], err)
			}
			sort.Strings(children)
			for _, c := range children {
				all = append(all, all[i]+"/"+c)
			}
		}
		for _, p := range slices.Backward(all) {
			if err := t.s.conn.Delete(p, -1); err != nil && !errors.Is(err, zk.ErrNoNode) {
				return fmt.Errorf("delete %s: %w", p, err)
			}
		}
		return nil
	})
}
