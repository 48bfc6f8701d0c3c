package zkclient

import (
	"context"
	"errors"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// configPath is the znode of the ensemble's configuration. No chroot is put before it.
const configPath = "/zookeeper/config"

// AddWatch leaves a watch that stays until RemoveWatches or the end of the session.
func (c *Client) AddWatch(ctx context.Context, path string, mode zkproto.AddWatchMode) error {
	if err := ValidatePath(path); err != nil {
		return &PathError{err}
	}
	kind := watchPersistent
	if mode == zkproto.WatchPersistentRecursive {
		kind = watchRecursive
	}
	req := zkproto.AddWatchRequest{Path: c.full(path), Mode: mode}
	return c.await(ctx, func(done Callback) { c.submit(zkproto.OpAddWatch, req.AppendTo, kind, req.Path, done) }, nil)
}

// RemoveWatches removes this session's watches of a type from a path, here and at the server, and emits an event for each
// kind removed, as the original's client does. Without such a watch it answers zkproto.ErrNoWatcher and asks nobody. With
// local they are removed here even when the server cannot be asked or refuses.
func (c *Client) RemoveWatches(ctx context.Context, path string, typ zkproto.WatcherType, local bool) error {
	if err := ValidatePath(path); err != nil {
		return &PathError{err}
	}
	full := c.full(path)
	c.mu.Lock()
	any := c.watches.has(typ, full)
	c.mu.Unlock()
	if !any {
		return zkproto.ErrNoWatcher
	}
	req := zkproto.WatchesRequest{Path: full, Type: typ}
	err := c.await(ctx, func(done Callback) { c.Submit(zkproto.OpRemoveWatches, req.AppendTo, done) }, nil)
	if err != nil && (!local || errors.Is(err, ErrClosed) || ctx.Err() != nil) {
		return err
	}
	c.mu.Lock()
	gone := c.watches.remove(typ, full)
	c.mu.Unlock()
	state := zkproto.StateSyncConnected // of a read-only server, too: the original's client tells no other here
	if errors.Is(err, zkproto.ErrConnectionLoss) || errors.Is(err, zkproto.ErrSessionExpired) {
		state = zkproto.StateDisconnected
	}
	for _, t := range gone {
		c.emit(Event{Type: t, State: state, Path: path, Zxid: -1})
	}
	return nil
}

// Ephemerals returns the paths of the session's ephemeral znodes that begin with prefix, in the server's order.
func (c *Client) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	req := zkproto.PathRequest{Path: c.full(prefix)}
	var paths []string
	err := c.do(ctx, zkproto.OpGetEphemerals, prefix, req.AppendTo, func(d *jute.Decoder) { paths = d.Strings() })
	for i := range paths {
		paths[i] = c.strip(paths[i])
	}
	return paths, err
}

// AllChildrenNumber is the number of znodes below path.
func (c *Client) AllChildrenNumber(ctx context.Context, path string) (int, error) {
	req := zkproto.PathRequest{Path: c.full(path)}
	var n int32
	err := c.do(ctx, zkproto.OpGetAllChildrenNumber, path, req.AppendTo, func(d *jute.Decoder) { n = d.Int32() })
	return int(n), err
}

// EnsembleConfig returns the text of the ensemble's configuration and the Stat of its znode, which is the same whatever
// the chroot. Its watch's event carries the path /zookeeper/config.
func (c *Client) EnsembleConfig(ctx context.Context, watch bool) ([]byte, zkproto.Stat, error) {
	kind := watchNone
	if watch {
		kind = watchData
	}
	var r zkproto.GetDataReply
	req := zkproto.PathWatchRequest{Path: configPath, Watch: watch}
	err := c.await(ctx, func(done Callback) { c.submit(zkproto.OpGetData, req.AppendTo, kind, configPath, done) },
		func(d *jute.Decoder) {
			r.Decode(d)
			r.Data = append([]byte(nil), r.Data...)
		})
	return r.Data, r.Stat, err
}

// Reconfig changes the membership of the ensemble and returns the new configuration. Texts that are empty are sent as
// null: either joining and leaving are given, or members. version, if not -1, is that of the configuration expected.
func (c *Client) Reconfig(ctx context.Context, joining, leaving, members string, version int64) ([]byte, zkproto.Stat, error) {
	var r zkproto.GetDataReply
	body := func(b []byte) []byte {
		for _, s := range []string{joining, leaving, members} {
			if s == "" {
				b = jute.AppendInt32(b, -1)
			} else {
				b = jute.AppendString(b, s)
			}
		}
		return jute.AppendInt64(b, version)
	}
	err := c.await(ctx, func(done Callback) { c.Submit(zkproto.OpReconfig, body, done) }, func(d *jute.Decoder) {
		r.Decode(d)
		r.Data = append([]byte(nil), r.Data...)
	})
	return r.Data, r.Stat, err
}

// Leave ends the client without ending the session: it, and its ephemerals, live on at the server until its timeout is
// over. Closing or leaving again does nothing.
func (c *Client) Leave() {
	c.mu.Lock()
	if c.closed == nil {
		c.closed = ErrClosed
	}
	c.mu.Unlock()
	c.stop()
	<-c.done
}
