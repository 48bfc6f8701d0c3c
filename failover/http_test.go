package failover_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover"
)

func TestPagesTellTheActiveFromTheStandby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.svc["nn2"].set(func() { p.svc["nn2"].ill = true })
		p.after(1100 * time.Millisecond)
		for _, c := range []struct {
			node, path string
			want       int
		}{
			{"nn1", "/active", 200},
			{"nn2", "/active", 503},
			{"nn1", "/healthz", 200},
			{"nn2", "/healthz", 503},
			{"nn1", "/livez", 200},
			{"nn2", "/livez", 200}, // its service is ill, it is not
			{"nn1", "/status", 200},
			{"nn1", "/metrics", 200},
			{"nn1", "/bogus", 404},
		} {
			w := httptest.NewRecorder()
			failover.Handler(p.ctl[c.node], prometheus.NewRegistry()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
			require.Equal(t, c.want, w.Code, "%s %s", c.node, c.path)
			if c.path == "/status" {
				var s failover.Status
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &s))
				require.True(t, s.Active)
				require.Equal(t, "0x2", s.Lock)
			}
		}
	})
}

func TestLivezFailsOnlyWhenNothingIsCheckedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1")
		c := p.ctl["nn1"]
		live := func() int {
			w := httptest.NewRecorder()
			failover.Handler(c, prometheus.NewRegistry()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/livez", nil))
			return w.Code
		}
		p.world.Cut()
		p.svc["nn1"].freeze()
		p.after(10 * time.Minute)
		require.Equal(t, 200, live(), "neither a hung service nor a lost ZooKeeper is the controller's fault")
		s := c.Status()
		require.False(t, s.ZooKeeper)
		require.Equal(t, "SERVICE_NOT_RESPONDING", s.Health)
		p.svc["nn1"].wake()
		p.world.Restore()
		p.stop["nn1"]()
		p.after(10 * time.Minute)
		require.Equal(t, 503, live())
	})
}

func TestMetricsCountEventsAndMeasureSteps(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := failover.NewMetrics(reg, func() *failover.Controller { return nil })
	m.Listen(failover.Event{Name: failover.EventPromoteDone, Millis: 3})
	m.Listen(failover.Event{Name: failover.EventNeutral})
	got, err := reg.Gather()
	require.NoError(t, err)
	names := map[string]int{}
	for _, f := range got {
		names[f.GetName()] = len(f.GetMetric())
	}
	require.Equal(t, map[string]int{
		"zkfc_events_total": 2, "zkfc_step_seconds": 1, "zkfc_active": 1, "zkfc_service_healthy": 1, "zkfc_neutral": 1,
		"zkfc_last_check_age_seconds": 1, "zkfc_service_active": 1, "zkfc_zookeeper_connected": 1,
	}, names)
}
