package sim

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/history"
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// keys are the znodes that clients write to; others are ephemeral and belong to one session.
var keys = []string{"/a", "/b", "/c", "/d"}

// act does something and comes again.
func (c *client) act() {
	w := c.w
	if c.done {
		return
	}
	if c.ready && !c.closing && !c.mute && !w.quiet && len(c.asked) < 8 {
		for range 1 + w.rng.IntN(3) {
			if c.ready && !c.closing {
				c.actOnce()
			}
		}
	}
	w.after(w.between(0, 2*w.plan.think), c.act)
}

func (c *client) actOnce() {
	w := c.w
	if w.plan.members != nil && w.rng.IntN(30) == 0 {
		c.reconfigure()
		return
	}
	key := keys[w.rng.IntN(w.plan.keys)]
	switch n := w.rng.IntN(100); {
	case n < 20:
		c.write(history.Create, key)
	case n < 50:
		c.write(history.Set, key)
	case n < 56:
		c.write(history.Delete, key)
	case n < 80:
		c.read(key, w.rng.IntN(3) == 0)
	case n < 90:
		c.sync(key)
		c.read(key, false)
	case n < 97:
		c.serial++
		path := fmt.Sprintf("/e-%d-%d", c.number, c.serial)
		c.create(path, "", zkproto.ModeEphemeral, &asked{path: path, eph: true, op1: -1})
	default:
		c.closeSession()
	}
}

func (c *client) begin(kind history.Kind, key, value string, expect int32) int {
	return c.w.history.Begin(history.Op{
		Session: int64(c.session), Kind: kind, Key: key, Value: value, Expect: expect, Call: c.w.now,
	})
}

func (c *client) write(kind history.Kind, key string) {
	c.serial++
	value := fmt.Sprintf("%d.%d", c.number, c.serial)
	expect := history.AnyVersion
	if c.w.rng.IntN(3) == 0 {
		expect = int32(c.w.rng.IntN(4))
	}
	a := &asked{path: key, op1: c.begin(kind, key, value, expect)}
	switch kind {
	case history.Create:
		c.create(key, value, zkproto.ModePersistent, a)
	case history.Set:
		req := zkproto.SetDataRequest{Path: key, Data: []byte(value), Version: expect}
		c.send(zkproto.OpSetData, req.AppendTo(nil), a)
	default:
		req := zkproto.PathVersionRequest{Path: key, Version: expect}
		c.send(zkproto.OpDelete, req.AppendTo(nil), a)
	}
}

func (c *client) create(path, value string, mode zkproto.CreateMode, a *asked) {
	req := zkproto.CreateRequest{Path: path, Data: []byte(value), ACL: openACL, Mode: mode}
	c.send(zkproto.OpCreate, req.AppendTo(nil, zkproto.OpCreate), a)
}

func (c *client) read(key string, watched bool) {
	if _, already := c.watches[key]; already {
		watched = false
	}
	for _, a := range c.asked {
		if a.watch && a.path == key {
			watched = false // one at a time
		}
	}
	req := zkproto.PathWatchRequest{Path: key, Watch: watched}
	if watched && c.w.rng.IntN(2) == 0 {
		c.send(zkproto.OpExists, req.AppendTo(nil), &asked{path: key, watch: true, op1: -1})
		return
	}
	c.send(zkproto.OpGetData, req.AppendTo(nil), &asked{path: key, watch: watched, op1: c.begin(history.Read, key, "", 0)})
}

// leave ends the client's session, one way or the other.
func (c *client) leave() {
	switch {
	case c.ready && !c.closing && c.number%2 == 0:
		c.closeSession()
	case !c.closing:
		c.hangUp()
		c.done = true
	}
}

func (c *client) sync(key string) {
	c.send(zkproto.OpSync, jute.AppendString(nil, key), &asked{path: key, op1: c.begin(history.Sync, key, "", 0)})
}

func (c *client) closeSession() {
	c.closing = true
	c.send(zkproto.OpCloseSession, nil, &asked{op1: -1})
}
