package zkclient

import (
	"context"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// full is the path as the server knows it.
func (c *Client) full(path string) string {
	switch {
	case c.cfg.Chroot == "":
		return path
	case path == "/":
		return c.cfg.Chroot
	default:
		return c.cfg.Chroot + path
	}
}

// strip is the reverse of full. A path outside the chroot stays as it is.
func (c *Client) strip(path string) string {
	rest, ok := strings.CutPrefix(path, c.cfg.Chroot)
	switch {
	case !ok:
		return path
	case rest == "" && path != "":
		return "/"
	case rest != "" && rest[0] != '/':
		return path
	default:
		return rest
	}
}

// do validates path, sends op with the body that body appends, and waits.
func (c *Client) do(ctx context.Context, op zkproto.OpCode, path string, body func([]byte) []byte, decode func(*jute.Decoder)) error {
	if err := ValidatePath(path); err != nil {
		return &PathError{err}
	}
	return c.await(ctx, func(done Callback) { c.Submit(op, body, done) }, decode)
}

// PathError is a path that was refused before anything was sent.
type PathError struct{ err error }

func (e *PathError) Error() string { return e.err.Error() }

func (e *PathError) Unwrap() error { return e.err }

// Create creates a znode and returns its name, which differs from path for sequential modes. ttl, in milliseconds, is
// for the TTL modes.
func (c *Client) Create(ctx context.Context, path string, data []byte, acl []zkproto.ACL, mode zkproto.CreateMode, ttl int64) (string, error) {
	check := path
	if mode.Sequential() {
		check += "1" // so "/a/" is a fine prefix
	}
	if err := ValidatePath(check); err != nil {
		return "", &PathError{err}
	}
	op := zkproto.OpCreate
	switch {
	case mode.TTL():
		op = zkproto.OpCreateTTL
	case mode.Container():
		op = zkproto.OpCreateContainer
	}
	req := zkproto.CreateRequest{Path: c.full(path), Data: data, ACL: acl, Mode: mode, TTL: ttl}
	var name zkproto.PathRequest
	err := c.await(ctx, func(done Callback) {
		c.Submit(op, func(b []byte) []byte { return req.AppendTo(b, op) }, done)
	}, name.Decode)
	return c.strip(name.Path), err
}

// Delete deletes a znode if its version is version; -1 means any.
func (c *Client) Delete(ctx context.Context, path string, version int32) error {
	req := zkproto.PathVersionRequest{Path: c.full(path), Version: version}
	return c.do(ctx, zkproto.OpDelete, path, req.AppendTo, nil)
}

// DeleteMulti deletes the paths, in this order, all or none.
func (c *Client) DeleteMulti(ctx context.Context, paths []string) error {
	var req zkproto.MultiRequest
	for _, p := range paths {
		if err := ValidatePath(p); err != nil {
			return &PathError{err}
		}
		req.Ops = append(req.Ops, zkproto.MultiOp{
			Type: zkproto.OpDelete, PathVersion: zkproto.PathVersionRequest{Path: c.full(p), Version: -1},
		})
	}
	var result error
	err := c.await(ctx, func(done Callback) { c.Submit(zkproto.OpMulti, req.AppendTo, done) }, func(d *jute.Decoder) {
		for d.Err() == nil {
			var h zkproto.MultiHeader
			h.Decode(d)
			if h.Done || d.Err() != nil {
				return
			}
			if h.Type != zkproto.OpError {
				continue // a delete that went well has no body
			}
			if e := zkproto.Error(d.Int32()); e != zkproto.ErrOK && result == nil {
				result = e
			}
		}
	})
	if err == nil {
		err = result
	}
	return err
}

// Exists returns the Stat of a znode, or zkproto.ErrNoNode. A watch is left in both cases if asked for.
func (c *Client) Exists(ctx context.Context, path string, watch bool) (zkproto.Stat, error) {
	var st zkproto.Stat
	err := c.read1(ctx, zkproto.OpExists, path, watch, watchExists, st.Decode)
	return st, err
}

// Get returns the data, nil when it was created without, and the Stat.
func (c *Client) Get(ctx context.Context, path string, watch bool) ([]byte, zkproto.Stat, error) {
	var r zkproto.GetDataReply
	err := c.read1(ctx, zkproto.OpGetData, path, watch, watchData, func(d *jute.Decoder) {
		r.Decode(d)
		if r.Data != nil {
			r.Data = append([]byte{}, r.Data...)
		}
	})
	return r.Data, r.Stat, err
}

// Children returns the names of the children, in the server's order, and the Stat.
func (c *Client) Children(ctx context.Context, path string, watch bool) ([]string, zkproto.Stat, error) {
	var r zkproto.GetChildren2Reply
	err := c.read1(ctx, zkproto.OpGetChildren2, path, watch, watchChild, r.Decode)
	return r.Children, r.Stat, err
}

// read1 sends one of the reads that may leave a watch.
func (c *Client) read1(ctx context.Context, op zkproto.OpCode, path string, watch bool, kind watchKind, decode func(*jute.Decoder)) error {
	if err := ValidatePath(path); err != nil {
		return &PathError{err}
	}
	if !watch {
		kind = watchNone
	}
	req := zkproto.PathWatchRequest{Path: c.full(path), Watch: watch}
	return c.await(ctx, func(done Callback) { c.submit(op, req.AppendTo, kind, req.Path, done) }, decode)
}

// Set replaces the data if the version is version; -1 means any.
func (c *Client) Set(ctx context.Context, path string, data []byte, version int32) (zkproto.Stat, error) {
	req := zkproto.SetDataRequest{Path: c.full(path), Data: data, Version: version}
	var st zkproto.Stat
	err := c.do(ctx, zkproto.OpSetData, path, req.AppendTo, st.Decode)
	return st, err
}

// ACL returns the access control list and the Stat.
func (c *Client) ACL(ctx context.Context, path string) ([]zkproto.ACL, zkproto.Stat, error) {
	req := zkproto.PathRequest{Path: c.full(path)}
	var r zkproto.GetACLReply
	err := c.do(ctx, zkproto.OpGetACL, path, req.AppendTo, r.Decode)
	return r.ACL, r.Stat, err
}

// SetACL replaces the access control list if its version is version; -1 means any.
func (c *Client) SetACL(ctx context.Context, path string, acl []zkproto.ACL, version int32) (zkproto.Stat, error) {
	req := zkproto.SetACLRequest{Path: c.full(path), ACL: acl, Version: version}
	var st zkproto.Stat
	err := c.do(ctx, zkproto.OpSetACL, path, req.AppendTo, st.Decode)
	return st, err
}

// Sync waits until the server connected to has applied what the leader had applied when it was asked.
func (c *Client) Sync(ctx context.Context, path string) error {
	req := zkproto.PathRequest{Path: c.full(path)}
	return c.do(ctx, zkproto.OpSync, path, req.AppendTo, nil)
}

// WhoAmI returns the identities of the session.
func (c *Client) WhoAmI(ctx context.Context) ([]zkproto.ClientInfo, error) {
	var infos []zkproto.ClientInfo
	err := c.await(ctx, func(done Callback) { c.Submit(zkproto.OpWhoAmI, nil, done) }, func(d *jute.Decoder) {
		for range max(d.VectorLen(8), 0) {
			var i zkproto.ClientInfo
			i.Decode(d)
			infos = append(infos, i)
		}
	})
	return infos, err
}
