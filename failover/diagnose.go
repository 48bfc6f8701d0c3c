package failover

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/healthcheck"
)

// sickened starts a look at what the local service is doing when it stops being healthy: once per sickness, and beside
// everything else. The original does this before it leaves the election, which costs up to 20 s in which nobody is
// active; here the lock is given up meanwhile. ctx is the controller's work: its end ends the look.
func (c *Controller) sickened(ctx context.Context, before, now healthcheck.State) {
	if c.cfg.Diagnose == nil || before != healthcheck.Healthy || now != healthcheck.NotResponding && now != healthcheck.Unhealthy {
		return
	}
	if !c.diagnosing.CompareAndSwap(false, true) {
		return
	}
	c.diagnoses.Go(func() {
		defer c.diagnosing.Store(false)
		began := time.Now()
		look, cancel := context.WithTimeout(ctx, c.cfg.DiagnoseDeadline)
		defer cancel()
		text, err := c.cfg.Diagnose(look)
		if err != nil {
			c.log.Warn("Can't get local NN thread dump", zap.Error(err))
			c.emit(EventDiagnosed, err.Error(), time.Since(began))
			return
		}
		c.log.Info("-- Local NN thread dump -- \n" + string(text) + "\n -- Local NN thread dump -- ")
		c.emit(EventDiagnosed, "ok", time.Since(began))
	})
}
