package elector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// begin carries out a step in a goroutine of its own and puts its Done into the mailbox.
func (e *Elector) begin(ctx context.Context, d Do) {
	ctx, e.cancel = context.WithCancel(ctx)
	e.began, e.step = time.Now(), d.Step
	client, cancel := e.client, e.cancel
	e.wg.Go(func() {
		defer cancel()
		done := e.carryOut(ctx, client, d)
		done.N = d.N
		e.box.put(done)
	})
}

func (e *Elector) carryOut(ctx context.Context, c Client, d Do) Done {
	switch d.Step {
	case CreateLock:
		return answer(c.Create(e.lock, d.Data, true))
	case CheckLock:
		l, err := c.Watch(e.lock)
		done := answer(err)
		done.Owner, done.Czxid = l.Owner, l.Czxid
		return done
	case ReadLock:
		data, _, err := c.Get(e.lock)
		done := answer(err)
		done.Data = data
		return done
	case ReadBreadcrumb:
		data, version, err := c.Get(e.breadcrumb)
		done := answer(err)
		done.Data, done.Version = data, version
		return done
	case CreateBreadcrumb:
		return answer(c.Create(e.breadcrumb, d.Data, false))
	case UpdateBreadcrumb:
		return answer(c.Set(e.breadcrumb, d.Data, d.Version))
	case DeleteBreadcrumb:
		return e.deleteBreadcrumb(c, d.Data)
	case Fence:
		return ofApp(e.cfg.App.FenceOldActive(ctx, d.Data))
	case BecomeActive:
		return ofApp(e.cfg.App.BecomeActive(ctx))
	case BecomeStandby:
		return ofApp(e.cfg.App.BecomeStandby(ctx))
	default: // Wait
		t := time.NewTimer(d.Delay)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		return Done{}
	}
}

// deleteBreadcrumb deletes the breadcrumb only if it is ours.
func (e *Elector) deleteBreadcrumb(c Client, own []byte) Done {
	data, version, err := c.Get(e.breadcrumb)
	if err != nil {
		return answer(err)
	}
	if !bytes.Equal(data, own) {
		return Done{Code: Failure, Err: fmt.Errorf("%s holds another node's data: %x", e.breadcrumb, data)}
	}
	return answer(c.Delete(e.breadcrumb, version))
}

// answer is the end of a request to ZooKeeper.
func answer(err error) Done {
	switch {
	case err == nil:
		return Done{}
	case errors.Is(err, ErrNoNode):
		return Done{Code: NoNode}
	case errors.Is(err, ErrNodeExists):
		return Done{Code: NodeExists}
	case errors.Is(err, ErrBadVersion):
		return Done{Code: BadVersion}
	case errors.Is(err, ErrLost):
		return Done{Code: Lost, Err: err}
	default:
		return Done{Code: Failure, Err: err}
	}
}

func ofApp(err error) Done {
	if err != nil {
		return Done{Code: Failure, Err: err}
	}
	return Done{}
}
