package hademo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/holdfast-ha/holdfast/failover/target"
)

// scout looks again and again at what each NameNode says of itself and at whose name the lock carries. It sees what any
// operator's tool would see; no figure depends on it.
type scout struct {
	cluster  *cluster
	services map[string]target.Service

	mu     sync.Mutex
	states map[string]target.Status // of the nodes that answered last time
	modes  map[string]string        // of the zkservers
	holder string
}

// How often the scout looks, and how long it waits for an answer.
const (
	scoutEvery    = 50 * time.Millisecond
	scoutPatience = 200 * time.Millisecond
)

func newScout(c *cluster) *scout {
	s := &scout{cluster: c, services: make(map[string]target.Service), states: make(map[string]target.Status), modes: make(map[string]string)}
	for _, n := range c.nodes {
		s.services[n.id] = target.NewHadoop(n.rpcAddr(), target.HadoopOptions{})
	}
	return s
}

// run looks until ctx ends.
func (s *scout) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, n := range s.cluster.nodes {
		wg.Go(func() { s.watchNode(ctx, n) })
	}
	wg.Go(func() { s.watchLock(ctx) })
	for _, z := range s.cluster.servers {
		wg.Go(func() { s.watchServer(ctx, z) })
	}
}

func (s *scout) watchNode(ctx context.Context, n *node) {
	service := s.services[n.id]
	defer service.Close()
	for ctx.Err() == nil {
		actx, cancel := context.WithTimeout(ctx, scoutPatience)
		status, err := service.Status(actx)
		cancel()
		s.mu.Lock()
		if err != nil {
			delete(s.states, n.id)
		} else {
			s.states[n.id] = status
		}
		s.mu.Unlock()
		_ = sleep(ctx, scoutEvery)
	}
}

func (s *scout) watchServer(ctx context.Context, z *server) {
	for ctx.Err() == nil {
		mode := z.mode(ctx)
		s.mu.Lock()
		s.modes[z.id] = mode
		s.mu.Unlock()
		_ = sleep(ctx, scoutEvery)
	}
}

// mode is what a zkserver says it is.
func (s *scout) mode(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.modes[id]
}

func (s *scout) watchLock(ctx context.Context) {
	conn, _, err := zk.Connect(s.cluster.clientAddrs(), 10*time.Second, zk.WithLogger(silent{}))
	if err != nil {
		return // only a malformed address can fail here
	}
	defer conn.Close()
	for ctx.Err() == nil {
		holder := ""
		if conn.State() == zk.StateHasSession {
			if data, _, err := conn.Get("/hadoop-ha/" + nameservice + "/ActiveStandbyElectorLock"); err == nil {
				if id, err := target.ParseNodeInfo(data); err == nil {
					holder = id.ServiceID
				}
			}
		}
		s.mu.Lock()
		s.holder = holder
		s.mu.Unlock()
		_ = sleep(ctx, scoutEvery)
	}
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// roles returns the one active node and the one standby that is ready to take over; nil for what there is not.
func (s *scout) roles() (active, standby *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.cluster.nodes {
		st, ok := s.states[n.id]
		switch {
		case !ok:
		case st.State == target.Active:
			active = n
		case st.State == target.Standby && st.ReadyToBecomeActive:
			standby = n
		}
	}
	return active, standby
}

// ensembleComplete tells whether one zkserver leads and all others follow.
func (s *scout) ensembleComplete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	leaders, followers := 0, 0
	for _, mode := range s.modes {
		switch mode {
		case "leader":
			leaders++
		case "follower":
			followers++
		}
	}
	return leaders == 1 && leaders+followers == len(s.cluster.servers)
}

// state is what the node says of itself; empty when it does not answer.
func (s *scout) state(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.states[id]; ok {
		return st.State.String()
	}
	return ""
}

// lockHolder is the node whose controller holds the lock; empty when nobody does, or ZooKeeper does not answer.
func (s *scout) lockHolder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holder
}

// describe says how things stand, for an error.
func (s *scout) describe() string {
	var parts []string
	for _, n := range s.cluster.nodes {
		st := s.state(n.id)
		if st == "" {
			st = "no answer"
		}
		parts = append(parts, fmt.Sprintf("%s: %s", n.id, st))
	}
	for _, z := range s.cluster.servers {
		parts = append(parts, z.id+": "+s.mode(z.id))
	}
	return strings.Join(append(parts, "lock: "+orNobody(s.lockHolder())), ", ")
}
