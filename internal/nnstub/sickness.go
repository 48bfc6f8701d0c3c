package nnstub

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/nnstub/nnpb"
)

// Sickness is a way to make a node sick on demand.
type Sickness = nnpb.SicknessRequest_Kind

// The kinds; they add up until Well.
const (
	Well          Sickness = nnpb.SicknessRequest_WELL
	Unhealthy     Sickness = nnpb.SicknessRequest_UNHEALTHY      // health checks fail
	Hang          Sickness = nnpb.SicknessRequest_HANG           // no call is answered
	SlowPromotion Sickness = nnpb.SicknessRequest_SLOW_PROMOTION // transitionToActive waits first
	Refuse        Sickness = nnpb.SicknessRequest_REFUSE         // transitions are refused
)

// sickness is what a node suffers from.
type sickness struct {
	unhealthy bool
	refuse    bool
	slow      time.Duration
	hang      chan struct{} // not nil while hanging; closed at its end
}

func (s sickness) names() []string {
	var names []string
	if s.unhealthy {
		names = append(names, "unhealthy")
	}
	if s.hang != nil {
		names = append(names, "hang")
	}
	if s.slow > 0 {
		names = append(names, "slow-promotion "+s.slow.String())
	}
	if s.refuse {
		names = append(names, "refuse")
	}
	return names
}

// Sicken makes the node suffer from kind as well, or from nothing any more, and tells what it suffers from now. d is for
// SlowPromotion alone.
func (n *Node) Sicken(kind Sickness, d time.Duration) []string {
	names := n.sicken(kind, d)
	n.log.Info("health set on demand", zap.Strings("sick", names))
	return names
}

func (n *Node) sicken(kind Sickness, d time.Duration) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch kind {
	case Unhealthy:
		n.sick.unhealthy = true
	case Refuse:
		n.sick.refuse = true
	case SlowPromotion:
		n.sick.slow = d
	case Hang:
		if n.sick.hang == nil {
			n.sick.hang = make(chan struct{})
		}
	case Well:
		if n.sick.hang != nil {
			close(n.sick.hang)
		}
		n.sick = sickness{}
	}
	return n.sick.names()
}

// hold keeps a call unanswered while the node hangs; only the cure is let through.
func (n *Node) hold(ctx context.Context, info *hadooprpc.CallInfo) error {
	if info.Protocol == protocolName && info.Method == methodSickness {
		return nil
	}
	n.mu.Lock()
	hang := n.sick.hang
	n.mu.Unlock()
	if hang == nil {
		return nil
	}
	select {
	case <-hang:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stallPromotion waits as long as promotions are to take.
func (n *Node) stallPromotion(ctx context.Context) error {
	n.mu.Lock()
	slow := n.sick.slow
	n.mu.Unlock()
	if slow == 0 {
		return nil
	}
	t := time.NewTimer(slow)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-n.stop:
		return errStandby("WRITE", n.State())
	case <-ctx.Done():
		return ctx.Err()
	}
}
