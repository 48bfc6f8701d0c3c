package failover

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/healthcheck"
)

// evidenceTime is how long the fencing of the own service waits for the looks at it, which it would end.
const evidenceTime = time.Second

// sickened starts a look at what the local service is doing when it stops being healthy: once per sickness, and beside
// everything else. The original does this before it leaves the election, which costs up to 20 s in which nobody is
// active; here the lock is given up meanwhile. ctx is the controller's work: its end ends the look.
func (c *Controller) sickened(ctx context.Context, before, now healthcheck.State) {
	if before != healthcheck.Healthy || now != healthcheck.NotResponding && now != healthcheck.Unhealthy {
		return
	}
	if !c.diagnosing.CompareAndSwap(false, true) {
		return
	}
	seen := make(chan struct{})
	c.mu.Lock()
	c.evidence = seen
	c.mu.Unlock()
	c.beside.Go(func() {
		defer c.diagnosing.Store(false)
		defer close(seen)
		c.lookAt(ctx, c.cfg.LogTail, EventLogTail, "log tail") // from a file: first, and at once
		c.lookAt(ctx, c.cfg.Diagnose, EventDiagnosed, "thread dump")
	})
}

func (c *Controller) lookAt(ctx context.Context, look func(context.Context) ([]byte, error), event, what string) {
	if look == nil {
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DiagnoseDeadline)
	defer cancel()
	text, err := look(ctx)
	if err != nil {
		c.log.Warn("Can't get local NN "+what, zap.Error(err))
		c.emit(event, err.Error(), time.Since(began))
		return
	}
	c.log.Info("-- Local NN " + what + " -- \n" + string(text) + "\n -- Local NN " + what + " -- ")
	c.emit(event, "ok", time.Since(began))
}

// fenceSelf stops the local service, which hung while it was active, so that it does not wake up active when another
// node has long been so. An answer of the service before that ends the attempt. The caller holds mu.
func (c *Controller) fenceSelf() {
	if c.cfg.SelfFence == nil {
		return
	}
	ctx, cancel := context.WithCancel(c.life)
	c.sick = cancel
	c.beside.Go(func() {
		defer cancel()
		if err := c.elector.Leave(ctx, true); err != nil { // the lock first: this must delay nobody
			return
		}
		c.mu.Lock()
		evidence := c.evidence
		c.mu.Unlock()
		t := time.NewTimer(evidenceTime)
		defer t.Stop()
		select {
		case <-evidence:
		case <-t.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		c.log.Warn("Local service " + c.name + " hung while it was active: stopping it, so that it cannot wake up active")
		rec, err := c.cfg.SelfFence.Fence(ctx, c.cfg.Local)
		if err != nil {
			c.log.Error("The local service could not be stopped", zap.Error(err))
			c.emit(EventSelfFenced, err.Error(), time.Since(began))
			return
		}
		c.emit(EventSelfFenced, "ok: "+rec.Method, time.Since(began))
	})
}
