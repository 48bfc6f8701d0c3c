package failover

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/healthcheck"
)

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name  string
		cause Cause
		o     Observed
		b     Belief
		acts  []Action
		after Belief
	}{
		{"healthy: join", HealthChanged, Observed{Health: healthcheck.Healthy}, Belief{}, []Action{JoinElection}, Belief{}},
		{
			"healthy observer: stay out", HealthChanged,
			Observed{Health: healthcheck.Healthy, Reported: target.Observer},
			Belief{},
			nil,
			Belief{Expected: target.Observer},
		},
		{
			"unhealthy: leave, to be fenced", HealthChanged,
			Observed{Health: healthcheck.Unhealthy},
			Belief{Expected: target.Active},
			[]Action{QuitFenced},
			Belief{},
		},
		{
			"standby that does not answer: leave, to be fenced", HealthChanged,
			Observed{Health: healthcheck.NotResponding, Silent: true},
			Belief{Expected: target.Standby},
			[]Action{QuitFenced},
			Belief{},
		},
		{
			"dead active: leave, to be fenced", HealthChanged,
			Observed{Health: healthcheck.NotResponding},
			Belief{Expected: target.Active},
			[]Action{QuitFenced},
			Belief{Relinquished: true},
		},
		{
			"hung active: leave, to be fenced, here as well", HealthChanged,
			Observed{Health: healthcheck.NotResponding, Silent: true},
			Belief{Expected: target.Active},
			[]Action{QuitFenced, FenceSelf},
			Belief{Relinquished: true},
		},
		{
			"hung active wakes up active: stand down", Answered,
			Observed{Health: healthcheck.NotResponding, Reported: target.Active},
			Belief{Relinquished: true},
			[]Action{StandDown},
			Belief{},
		},
		{
			"dead active comes back as a standby", Answered,
			Observed{Health: healthcheck.NotResponding, Reported: target.Standby},
			Belief{Relinquished: true},
			nil,
			Belief{},
		},
		{
			"active that has not hung", Answered,
			Observed{Health: healthcheck.Healthy, Reported: target.Active},
			Belief{Expected: target.Active},
			nil,
			Belief{Expected: target.Active},
		},
		{
			"not known yet: leave in order", HealthChanged,
			Observed{Health: healthcheck.Initializing},
			Belief{Expected: target.Standby},
			[]Action{QuitClean},
			Belief{},
		},
		{
			"monitor broken: leave and give up, even while held", HealthChanged,
			Observed{Health: healthcheck.Failed},
			Belief{Expected: target.Active, HoldUntil: time.Second},
			[]Action{QuitFenced, GiveUp},
			Belief{HoldUntil: time.Second},
		},
		{
			"held out and healthy: say so", HealthChanged,
			Observed{Health: healthcheck.Healthy, Now: 4},
			Belief{HoldUntil: 10},
			[]Action{StayOut, LookAgain},
			Belief{HoldUntil: 10},
		},
		{
			"held out and ill: wait", HealthChanged,
			Observed{Health: healthcheck.Unhealthy, Now: 4},
			Belief{HoldUntil: 10},
			[]Action{LookAgain},
			Belief{HoldUntil: 10},
		},
		{
			"hold over: join", HoldEnded,
			Observed{Health: healthcheck.Healthy, Now: 10},
			Belief{HoldUntil: 10, Retry: true},
			[]Action{JoinElection},
			Belief{HoldUntil: 10},
		},
		{
			"as expected", StateReported,
			Observed{Health: healthcheck.Healthy, Reported: target.Active},
			Belief{Expected: target.Active, Mismatches: 1},
			nil,
			Belief{Expected: target.Active},
		},
		{
			"first difference: perhaps a crossing", StateReported,
			Observed{Health: healthcheck.Healthy, Reported: target.Standby},
			Belief{Expected: target.Active},
			nil,
			Belief{Expected: target.Active, Mismatches: 1},
		},
		{
			"second difference: leave for a second", StateReported,
			Observed{Health: healthcheck.Healthy, Reported: target.Standby, Now: 5},
			Belief{Expected: target.Active, Mismatches: 1},
			[]Action{TellMismatch, QuitFenced, LookAgain},
			Belief{HoldUntil: 5 + time.Second, Retry: true},
		},
		{
			"difference during a transition says nothing", StateReported,
			Observed{Health: healthcheck.Healthy, Reported: target.Active, Changing: true},
			Belief{Expected: target.Standby, Mismatches: 1},
			nil,
			Belief{Expected: target.Standby, Mismatches: 1},
		},
		{"nothing is claimed", StateReported, Observed{Health: healthcheck.Healthy, Reported: target.Active}, Belief{}, nil, Belief{}},
		{
			"report after a mismatch: join again", StateReported,
			Observed{Health: healthcheck.Healthy, Reported: target.Standby, Now: 9},
			Belief{Retry: true, HoldUntil: 5},
			[]Action{JoinElection},
			Belief{HoldUntil: 5},
		},
		{
			"made an observer by hand: leave", StateReported,
			Observed{Health: healthcheck.Healthy, Reported: target.Observer},
			Belief{Expected: target.Standby},
			[]Action{QuitFenced},
			Belief{Expected: target.Observer},
		},
		{
			"still an observer", StateReported,
			Observed{Health: healthcheck.Healthy, Reported: target.Observer},
			Belief{Expected: target.Observer},
			nil,
			Belief{Expected: target.Observer},
		},
		{
			"observer made standby by hand: join", StateReported,
			Observed{Health: healthcheck.Healthy, Reported: target.Standby},
			Belief{Expected: target.Observer},
			[]Action{JoinElection},
			Belief{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			acts, after := Decide(c.cause, c.o, c.b)
			require.Equal(t, c.acts, acts)
			require.Equal(t, c.after, after)
		})
	}
}
