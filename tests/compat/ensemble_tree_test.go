//go:build compat

package compat

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// node is everything a client can see of a znode.
type node struct {
	data string
	acl  string
	stat zkproto.Stat
}

// tree reads the whole tree of one member, behind a sync.
func (e *ensemble) tree(m *member) map[string]node {
	e.t.Helper()
	c := e.session(20*time.Second, m)
	defer c.Leave()
	ctx, cancel := context.WithTimeout(e.t.Context(), 4*time.Minute) // hundreds of thousands, in TestFarBehindInMixedEnsemble
	defer cancel()
	require.NoError(e.t, c.AddAuth(ctx, "digest", []byte("super:secret")))
	require.NoError(e.t, c.Sync(ctx, "/"), "sync at %s", m)
	var mu sync.Mutex
	out := map[string]node{}
	level := []string{"/"}
	for len(level) > 0 {
		var next []string
		group, within := errgroup.WithContext(ctx)
		group.SetLimit(256)
		for _, path := range level {
			group.Go(func() error {
				n, children, err := read(within, c, path)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				mu.Lock()
				defer mu.Unlock()
				out[path] = n
				for _, child := range children {
					next = append(next, strings.TrimSuffix(path, "/")+"/"+child)
				}
				return nil
			})
		}
		require.NoError(e.t, group.Wait(), "reading the tree of %s", m)
		level = next
	}
	return out
}

func read(ctx context.Context, c *zkclient.Client, path string) (n node, children []string, err error) {
	data, stat, err := c.Get(ctx, path, false)
	if err != nil {
		return n, nil, err
	}
	n = node{data: string(data), stat: stat}
	acl, _, err := c.ACL(ctx, path)
	if err != nil {
		return n, nil, err
	}
	n.acl = fmt.Sprint(acl)
	if stat.NumChildren > 0 {
		children, _, err = c.Children(ctx, path, false)
	}
	return n, children, err
}

// touch changes a znode that is there for that. Not the root: an original leader knows that as "" when a child of it changes, and as
// "/" when it changes itself (PrepRequestProcessor); with both under way the digest that it logs is not its tree's.
func touch(ctx context.Context, c *zkclient.Client) (zkproto.Stat, error) {
	const path = "/touched"
	stat, err := c.Set(ctx, path, nil, -1)
	if !errors.Is(err, zkproto.ErrNoNode) {
		return stat, err
	}
	if _, err := c.Create(ctx, path, nil, world, zkproto.ModePersistent, 0); err != nil && !errors.Is(err, zkproto.ErrNodeExists) {
		return stat, err
	}
	return c.Set(ctx, path, nil, -1)
}

// same compares all members that run: their trees znode by znode, and the digests that each of them has logged. It answers
// the tree. Nobody may write meanwhile.
func (e *ensemble) same() map[string]node {
	e.t.Helper()
	e.settle()
	members := e.up()
	c := e.session(20*time.Second, members[0])
	defer c.Leave()
	for n := 0; n < 260; { // digests are logged every 128 transactions
		_, err := touch(e.t.Context(), c)
		if errors.Is(err, zkproto.ErrConnectionLoss) { // an original's clients lose it at the end of an epoch
			continue
		}
		require.NoError(e.t, err)
		n++
	}
	require.NoError(e.t, c.Close())

	first := e.tree(members[0])
	for _, m := range members[1:] {
		other := e.tree(m)
		paths := map[string]bool{}
		for p := range first {
			paths[p] = true
		}
		for p := range other {
			paths[p] = true
		}
		var different []string
		for _, p := range slices.Sorted(maps.Keys(paths)) {
			a, inFirst := first[p]
			b, inOther := other[p]
			if p == "/zookeeper/config" { // each server makes it for itself when it starts
				a.stat, b.stat = zkproto.Stat{}, zkproto.Stat{}
				// in which it may be 0.0.0.0 itself
				a.data, b.data = strings.ReplaceAll(sortedLines(a.data), "=0.0.0.0:", "=127.0.0.1:"), strings.ReplaceAll(sortedLines(b.data), "=0.0.0.0:", "=127.0.0.1:")
			}
			if a != b || inFirst != inOther {
				different = append(different, fmt.Sprintf("%s\n  %s: %+v\n  %s: %+v", p, members[0], a, m, b))
			}
		}
		require.Empty(e.t, different[:min(len(different), 10)], "%d of %d znodes differ between %s and %s", len(different), len(paths), members[0], m)
	}
	e.sameDigests(members)
	return first
}

func sortedLines(text string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(text, "\n")), "\n")
}

// sameDigests compares what the members answer to the word hash: zxids and the digest of the tree at each.
func (e *ensemble) sameDigests(members []*member) {
	e.t.Helper()
	digests := func(m *member) map[string]string {
		out := map[string]string{}
		for line := range strings.SplitSeq(m.said("hash"), "\n") {
			if zxid, digest, ok := strings.Cut(line, ": "); ok {
				out[zxid] = digest
			}
		}
		return out
	}
	first := digests(members[0])
	for _, m := range members[1:] {
		common := 0
		for zxid, digest := range digests(m) {
			if want, ok := first[zxid]; ok {
				common++
				require.Equal(e.t, want, digest, "the digest at %s differs between %s and %s", zxid, members[0], m)
			}
		}
		require.NotZero(e.t, common, "%s and %s have logged no digest at the same zxid:\n%v", members[0], m, first)
	}
	for _, m := range members {
		if n := metricIn(m.said("mntr"), "zk_digest_mismatches_count"); n != "" {
			require.Equal(e.t, "0", n, "%s has found a wrong digest", m)
		}
	}
}
