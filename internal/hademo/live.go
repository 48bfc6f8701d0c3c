package hademo

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/failover"
)

// Vital says how a process is.
type Vital int

// The vitals of a process.
const (
	Dead Vital = iota
	Running
	Suspended
)

// Live is the present state of the cluster, as a view shows it.
type Live struct {
	Nodes     []LiveNode
	Servers   []LiveServer
	Holder    string  // the node whose controller holds the lock; empty: nobody, or unknown
	Rate      float64 // acknowledged writes per second
	Acked     int     // acknowledged writes so far
	SinceLast time.Duration
}

// LiveServer is one zkserver.
type LiveServer struct {
	ID    string
	Mode  string // "leader", "follower"; something else while it is neither
	Vital Vital
}

// LiveNode is one machine.
type LiveNode struct {
	ID         string
	State      string // what the NameNode says of itself; empty when it does not answer
	NameNode   Vital
	Controller Vital
}

// live looks at everything now.
func (p *play) live() Live {
	now := time.Now()
	l := Live{
		Holder: p.scout.lockHolder(), Rate: p.writer.rate(now, time.Second/2),
		Acked: p.writer.count(),
	}
	if a, ok := p.writer.last(); ok {
		l.SinceLast = now.Sub(a.at)
	}
	for _, s := range p.cluster.servers {
		l.Servers = append(l.Servers, LiveServer{ID: s.id, Mode: p.scout.mode(s.id), Vital: vital(s.process)})
	}
	for _, n := range p.cluster.nodes {
		l.Nodes = append(l.Nodes, LiveNode{
			ID: n.id, State: p.scout.state(n.id), NameNode: vital(n.nn), Controller: vital(n.fc),
		})
	}
	return l
}

func vital(p *process) Vital {
	switch running, suspended := p.alive(); {
	case suspended:
		return Suspended
	case running:
		return Running
	default:
		return Dead
	}
}

// describe says in words for a newcomer what a controller's event means.
func (e event) describe() string {
	var s string
	switch e.Event {
	case failover.EventServiceDown:
		s = "sees the connection to its NameNode close"
	case failover.EventHealthChanged:
		s = "health of its NameNode: " + strings.ToLower(strings.TrimPrefix(e.Detail, "SERVICE_"))
		return strings.ReplaceAll(s, "_", " ")
	case failover.EventElectionQuit:
		s = "gives up the lock"
	case failover.EventSessionClosed:
		s = "closed its ZooKeeper session"
	case failover.EventLockLost:
		s = "sees that the lock is gone"
	case failover.EventLockAcquired:
		s = "holds the lock"
	case failover.EventBreadcrumbRead:
		s = "reads the breadcrumb"
	case failover.EventFenceStart:
		s = "begins to fence the old active"
	case failover.EventFenceGraceful:
		s = "asked the old active to step down"
	case failover.EventFenceMethod:
		s = "ran the fencing methods"
	case failover.EventFenceDone:
		s = "the old active is fenced"
	case failover.EventPromoteStart:
		s = "promotes its NameNode"
	case failover.EventPromoteDone:
		s = "its NameNode is ACTIVE"
	case failover.EventStandbyDone:
		s = "its NameNode is standby"
	case failover.EventNeutral:
		s = "lost ZooKeeper: neutral, nothing changes"
	case failover.EventConnected:
		s = "connected to ZooKeeper"
	case failover.EventSessionExpired:
		s = "its session expired"
	case failover.EventCede:
		s = "was asked to cede"
	case failover.EventFailoverRequested:
		s = "was asked to take over"
	default:
		s = strings.ReplaceAll(e.Event, "-", " ")
	}
	if e.Detail != "" && len(e.Detail) <= 60 {
		s += " (" + e.Detail + ")"
	}
	if e.Millis >= 0.05 {
		s += fmt.Sprintf(" [%.1f ms]", e.Millis)
	}
	return s
}
