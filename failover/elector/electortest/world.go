// Package electortest is a ZooKeeper in memory, with just what electors use, for the tests of electors and controllers.
package electortest

import (
	"slices"
	"sync"

	"github.com/holdfast-ha/holdfast/failover/elector"
)

// World is a ZooKeeper with just what electors use. Its sessions live until they are closed or expired by hand.
type World struct {
	mu      sync.Mutex
	nodes   map[string]*znode
	zxid    int64
	clients []*fake
	journal []string // the writes
	cut     bool
	kept    map[string]*fake // by the name of Resuming
}

type znode struct {
	data    []byte
	version int32
	czxid   int64
	owner   int64
}

type fake struct {
	w      *World
	id     int64
	events func(elector.Event)
	watch  map[string]bool
	closed bool // the session is over
	gone   bool // the session may live, its client does not
}

// New is an empty World.
func New() *World { return &World{nodes: map[string]*znode{}, kept: map[string]*fake{}} }

// Data is what the znode holds; false when there is none.
func (w *World) Data(path string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.nodes[path]
	if n == nil {
		return "", false
	}
	return string(n.data), true
}

// Put makes a persistent znode.
func (w *World) Put(path string, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zxid++
	w.nodes[path] = &znode{data: data, czxid: w.zxid}
}

// Journal is the writes so far.
func (w *World) Journal() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.journal)
}

// Expire ends the session that owns the znode as the server does when its client is silent; the client hears of it.
func (w *World) Expire(path string) {
	w.expire(path, func(f *fake) { f.events(elector.Expired{}) })
}

// Freeze is Expire of a client that does not hear of it, because its process is stopped or cut off.
func (w *World) Freeze(path string) { w.expire(path, func(*fake) {}) }

func (w *World) expire(path string, tell func(*fake)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clients {
		if n := w.nodes[path]; n != nil && c.id == n.owner && !c.closed {
			c.end()
			if !c.gone {
				tell(c)
			}
			return
		}
	}
}

// Cut breaks all connections; Restore brings them back, the sessions live on. While they are cut requests fail.
func (w *World) Cut() { w.link(true, elector.Disconnected{}) }

// Restore is the end of Cut.
func (w *World) Restore() { w.link(false, nil) }

func (w *World) link(cut bool, e elector.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for _, c := range w.clients {
		if c.closed || c.gone {
			continue
		}
		if cut {
			c.events(e)
		} else {
			c.events(elector.Connected{Session: c.id})
		}
	}
}

// Connect is an elector.Connect.
func (w *World) Connect(events func(elector.Event)) (elector.Client, error) {
	return w.connect(events, nil)
}

func (w *World) connect(events func(elector.Event), resumed *fake) (*fake, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zxid++
	f := &fake{w: w, id: w.zxid, events: events, watch: map[string]bool{}}
	if resumed != nil && !resumed.closed {
		f.id = resumed.id
		resumed.gone, resumed.closed = true, true
	}
	w.clients = append(w.clients, f)
	if !w.cut {
		events(elector.Connected{Session: f.id})
	}
	return f, nil
}

// Resuming is an elector.Connect that goes on with the session that was opened under the same name before, if it lives.
func (w *World) Resuming(name string) elector.Connect {
	return func(events func(elector.Event)) (elector.Client, error) {
		w.mu.Lock()
		old := w.kept[name]
		w.mu.Unlock()
		c, err := w.connect(events, old)
		if err == nil {
			w.mu.Lock()
			w.kept[name] = c
			w.mu.Unlock()
		}
		return c, err
	}
}

// Forget is the loss of what Resuming keeps under a name.
func (w *World) Forget(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.kept, name)
}

func (w *World) fire(path string) {
	for _, c := range w.clients {
		if c.watch[path] && !c.closed && !c.gone {
			delete(c.watch, path)
			c.events(elector.LockDeleted{})
		}
	}
}

// end is the end of a session, by close or expiry.
func (f *fake) end() {
	f.closed = true
	for p, n := range f.w.nodes {
		if n.owner == f.id {
			delete(f.w.nodes, p)
			f.w.fire(p)
		}
	}
}

func (f *fake) begin() (unlock func(), err error) {
	f.w.mu.Lock()
	if f.closed || f.gone || f.w.cut {
		f.w.mu.Unlock()
		return nil, elector.ErrLost
	}
	return f.w.mu.Unlock, nil
}

func (f *fake) Create(path string, data []byte, ephemeral bool) error {
	unlock, err := f.begin()
	if err != nil {
		return err
	}
	defer unlock()
	if f.w.nodes[path] != nil {
		return elector.ErrNodeExists
	}
	f.w.zxid++
	n := &znode{data: data, czxid: f.w.zxid}
	if ephemeral {
		n.owner = f.id
	}
	f.w.nodes[path] = n
	f.w.journal = append(f.w.journal, "create "+path+" "+string(data))
	return nil
}

func (f *fake) Get(path string) ([]byte, int32, error) {
	unlock, err := f.begin()
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	n := f.w.nodes[path]
	if n == nil {
		return nil, 0, elector.ErrNoNode
	}
	return n.data, n.version, nil
}

func (f *fake) Set(path string, data []byte, version int32) error {
	unlock, err := f.begin()
	if err != nil {
		return err
	}
	defer unlock()
	n := f.w.nodes[path]
	if n == nil {
		return elector.ErrNoNode
	}
	if n.version != version {
		return elector.ErrBadVersion
	}
	n.data, n.version = data, n.version+1
	f.w.journal = append(f.w.journal, "set "+path+" "+string(data))
	return nil
}

func (f *fake) Delete(path string, version int32) error {
	unlock, err := f.begin()
	if err != nil {
		return err
	}
	defer unlock()
	n := f.w.nodes[path]
	if n == nil {
		return elector.ErrNoNode
	}
	if n.version != version {
		return elector.ErrBadVersion
	}
	delete(f.w.nodes, path)
	f.w.journal = append(f.w.journal, "delete "+path)
	return nil
}

func (f *fake) Watch(path string) (elector.Lock, error) {
	unlock, err := f.begin()
	if err != nil {
		return elector.Lock{}, err
	}
	defer unlock()
	f.watch[path] = true
	n := f.w.nodes[path]
	if n == nil {
		return elector.Lock{}, elector.ErrNoNode
	}
	return elector.Lock{Owner: n.owner, Czxid: n.czxid}, nil
}

func (f *fake) Close() {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.end()
}

func (f *fake) Abandon() {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.gone = true
}
