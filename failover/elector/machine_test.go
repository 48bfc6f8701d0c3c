package elector

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	mine   = []byte("mine")
	theirs = []byte("theirs")
)

// line is an action as the tables write it.
func line(a Action) string {
	switch a := a.(type) {
	case Do:
		s := a.Step.String()
		if a.Step == UpdateBreadcrumb {
			s += fmt.Sprintf(" v%d", a.Version)
		}
		if a.Step == Fence {
			s += " " + string(a.Data)
		}
		if a.Step == Wait {
			s += " " + a.Delay.String()
		}
		return s
	case Cancel:
		return "cancel"
	case Open:
		return "open"
	case Close:
		return "close"
	case Enter:
		return "-> " + a.State.String()
	default:
		return ""
	}
}

// script plays events on a machine; each is followed by the actions that it must cause, in order, without notices.
type script []any

type then string

// at answers the step under way.
type at Done

func play(t *testing.T, m *Machine, s script) {
	t.Helper()
	for i := 0; i < len(s); i += 2 {
		var acts []Action
		switch e := s[i].(type) {
		case at:
			d := Done(e)
			d.N = m.n
			acts = m.Step(d)
		case Event:
			acts = m.Step(e)
		}
		var got []string
		for _, a := range acts {
			if l := line(a); l != "" {
				got = append(got, l)
			}
		}
		require.Equal(t, string(s[i+1].(then)), strings.Join(got, "; "), "event %d: %#v", i/2, s[i])
	}
}

// The ways into the states that the tables begin with.
func joined() script {
	return script{Join{Data: mine}, then("open"), Connected{7}, then("create lock")}
}

func active() script {
	return append(joined(),
		at{}, then("read breadcrumb"),
		at{Code: NoNode}, then("create breadcrumb"),
		at{}, then("become active"),
		at{}, then("-> ACTIVE; check lock"),
		at{Owner: 7, Czxid: 8}, then(""))
}

func standby() script {
	return append(joined(),
		at{Code: NodeExists}, then("check lock"),
		at{Owner: 9, Czxid: 8}, then("become standby"),
		at{}, then("-> STANDBY"))
}

func TestMachine(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name  string
		from  script
		play  script
		state State
	}{
		{"first of all nodes", active(), nil, Active},
		{"second node", standby(), nil, Standby},
		{"join twice", active(), script{Join{Data: mine}, then("")}, Active},
		{"lock of the other ends: fence it, then become active", standby(), script{
			LockDeleted{},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: theirs, Version: 3},
			then("fence theirs"),
			at{},
			then("update breadcrumb v3"),
			at{},
			then("become active"),
			at{},
			then("-> ACTIVE; check lock"),
			at{Owner: 7},
			then(""),
		}, Active},
		{"old active left in order: nobody to fence", standby(), script{
			LockDeleted{},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Code: NoNode},
			then("create breadcrumb"),
		}, Standby},
		{"own breadcrumb is not fenced", standby(), script{
			LockDeleted{},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: mine, Version: 5},
			then("update breadcrumb v5"),
		}, Standby},
		{"empty breadcrumb is not nobody", standby(), script{
			LockDeleted{},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: nil, Version: 1},
			then("fence "),
			at{Code: Failure, Err: boom},
			then("-> NEUTRAL; close"),
		}, Neutral},
		{"third node was faster", standby(), script{
			LockDeleted{},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 11, Czxid: 20},
			then(""),
		}, Standby},
		{"lock gone again before the watch was set", joined(), script{
			at{Code: NodeExists},
			then("check lock"),
			at{Code: NoNode},
			then("-> NEUTRAL; create lock"),
		}, Neutral},
		{"watch fires before the answer to exists is seen", joined(), script{
			at{Code: NodeExists},
			then("check lock"),
			LockDeleted{},
			then(""),
			at{Owner: 9},
			then("check lock"),
			at{Code: NoNode},
			then("-> NEUTRAL; create lock"),
		}, Neutral},
		{"lock ends while becoming standby: that is finished first", joined(), script{
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 9},
			then("become standby"),
			LockDeleted{},
			then(""),
			at{},
			then("check lock"),
			at{Code: NoNode},
			then("-> NEUTRAL; create lock"),
		}, Neutral},
		{"becoming standby fails: standby nevertheless", joined(), script{
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 9},
			then("become standby"),
			at{Code: Failure, Err: boom},
			then("-> STANDBY"),
		}, Standby},
		{"create was done although its answer was lost", joined(), script{
			Disconnected{},
			then("-> NEUTRAL"),
			at{Code: Lost},
			then(""),
			Connected{7},
			then("check lock"),
			at{Owner: 7},
			then("read breadcrumb"),
			at{Data: mine},
			then("update breadcrumb v0"),
		}, Neutral},
		{"create was not done, its answer was lost", joined(), script{
			Disconnected{},
			then("-> NEUTRAL"),
			at{Code: Lost},
			then(""),
			Connected{7},
			then("check lock"),
			at{Code: NoNode},
			then("create lock"),
		}, Neutral},
		{"back before the lost answer is known", joined(), script{
			Disconnected{},
			then("-> NEUTRAL"),
			Connected{7},
			then(""),
			at{Code: Lost},
			then("check lock"),
		}, Neutral},
		{"active through an outage: once more active", active(), script{
			Disconnected{},
			then("-> NEUTRAL"),
			Connected{7},
			then("check lock"),
			at{Owner: 7},
			then("read breadcrumb"),
			at{Data: mine, Version: 1},
			then("update breadcrumb v1"),
			at{},
			then("become active"),
			at{},
			then("-> ACTIVE; check lock"),
		}, Active},
		{"standby through an outage: once more standby", standby(), script{
			Disconnected{},
			then("-> NEUTRAL"),
			Connected{7},
			then("check lock"),
			at{Owner: 9},
			then("become standby"),
			at{},
			then("-> STANDBY"),
		}, Standby},
		{"outage while becoming active", joined(), script{
			at{},
			then("read breadcrumb"),
			at{Code: NoNode},
			then("create breadcrumb"),
			at{},
			then("become active"),
			Disconnected{},
			then("-> NEUTRAL"),
			at{},
			then(""),
			Connected{7},
			then("check lock"),
			at{Owner: 7},
			then("read breadcrumb"),
		}, Neutral},
		{"session of the active expires, another takes over", active(), script{
			Expired{},
			then("-> NEUTRAL; close"),
			Closed{},
			then("open"),
			Connected{12},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 9},
			then("become standby"),
			at{},
			then("-> STANDBY"),
		}, Standby},
		{"session expires while fencing: the fencing is given up", standby(), script{
			LockDeleted{},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: theirs},
			then("fence theirs"),
			Expired{},
			then("cancel; -> NEUTRAL; close"),
			at{},
			then(""),
			Closed{},
			then("open"),
		}, Neutral},
		{"fencing fails: yield, wait longer each time, join again", standby(), script{
			LockDeleted{},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: theirs},
			then("fence theirs"),
			at{Code: Failure, Err: boom},
			then("-> NEUTRAL; close"),
			Closed{},
			then("wait 1s"),
			at{},
			then("open"),
			Connected{8},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: theirs},
			then("fence theirs"),
			at{Code: Failure, Err: boom},
			then("close"),
			Closed{},
			then("wait 2s"),
			at{},
			then("open"),
			Connected{9},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 3},
			then("become standby"),
		}, Neutral},
		{"promotion fails: yield", joined(), script{
			at{},
			then("read breadcrumb"),
			at{Code: NoNode},
			then("create breadcrumb"),
			at{},
			then("become active"),
			at{Code: Failure, Err: boom},
			then("-> NEUTRAL; close"),
		}, Neutral},
		{"breadcrumb changed between read and write", standby(), script{
			LockDeleted{},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: theirs, Version: 2},
			then("fence theirs"),
			at{},
			then("update breadcrumb v2"),
			at{Code: BadVersion},
			then("-> NEUTRAL; close"),
		}, Neutral},
		{"leaving in order", active(), script{
			Quit{},
			then("-> INIT; delete breadcrumb"),
			at{},
			then("close"),
			Closed{},
			then(""),
		}, Init},
		{"leaving in order, breadcrumb cannot be deleted", active(), script{
			Quit{},
			then("-> INIT; delete breadcrumb"),
			at{Code: Failure, Err: boom},
			then("close"),
		}, Init},
		{"leaving in order, zookeeper goes away meanwhile", active(), script{
			Quit{},
			then("-> INIT; delete breadcrumb"),
			Disconnected{},
			then("cancel; close"),
		}, Init},
		{"leaving in disorder keeps the breadcrumb", active(), script{Quit{Fence: true}, then("-> INIT; close")}, Init},
		{"a standby leaves without touching the breadcrumb", standby(), script{Quit{}, then("-> INIT; close")}, Init},
		{"leaving while becoming active", joined(), script{
			at{},
			then("read breadcrumb"),
			Quit{Fence: true},
			then("cancel; close"),
			at{Code: Lost},
			then(""),
			Closed{},
			then(""),
		}, Init},
		{"back before the old session is closed", active(), script{
			Quit{},
			then("-> INIT; delete breadcrumb"),
			Join{Data: mine},
			then(""),
			at{},
			then("close"),
			Closed{},
			then("open"),
			Connected{8},
			then("create lock"),
		}, Init},
		{"never joined: quitting touches nothing", nil, script{Quit{Fence: true}, then("")}, Init},
		{"quit before connected", script{Join{Data: mine}, then("open")}, script{
			Quit{},
			then("close"),
			Connected{4},
			then(""),
			Closed{},
			then(""),
		}, Init},
		{"lock deleted by hand under the active", active(), script{
			LockDeleted{},
			then("-> NEUTRAL; create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: mine},
			then("update breadcrumb v0"),
		}, Neutral},
		{"restarted beside an active service: the lock is its own old session's", script{
			Join{Data: mine, Active: true},
			then("open"),
			Connected{7},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 6},
			then("read lock"),
		}, script{
			at{Data: mine},
			then("-> NEUTRAL"),
			LockDeleted{},
			then("create lock"),
			at{},
			then("read breadcrumb"),
			at{Data: mine, Version: 4},
			then("update breadcrumb v4"),
			at{},
			then("become active"),
			at{},
			then("-> ACTIVE; check lock"),
		}, Active},
		{"… and another node is faster when it ends", script{
			Join{Data: mine, Active: true},
			then("open"),
			Connected{7},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 6},
			then("read lock"),
			at{Data: mine},
			then("-> NEUTRAL"),
		}, script{
			LockDeleted{},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 9},
			then("read lock"),
			at{Data: theirs},
			then("become standby"),
			at{},
			then("-> STANDBY"),
		}, Standby},
		{"… and it resumes its old session", script{
			Join{Data: mine, Active: true}, then("open"), Connected{6}, then("create lock"),
		}, script{
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 6},
			then("read breadcrumb"),
		}, Init},
		{"active service, lock of another node", script{
			Join{Data: mine, Active: true},
			then("open"),
			Connected{7},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 6},
			then("read lock"),
		}, script{at{Data: theirs}, then("become standby")}, Init},
		{"active service, the lock cannot be read", script{
			Join{Data: mine, Active: true},
			then("open"),
			Connected{7},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 6},
			then("read lock"),
		}, script{at{Code: Failure, Err: boom}, then("become standby")}, Init},
		{"active service, the lock is gone when it is read", script{
			Join{Data: mine, Active: true},
			then("open"),
			Connected{7},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 6},
			then("read lock"),
		}, script{at{Code: NoNode}, then("create lock")}, Init},
		{"active service, outage while the lock is read", script{
			Join{Data: mine, Active: true},
			then("open"),
			Connected{7},
			then("create lock"),
			at{Code: NodeExists},
			then("check lock"),
			at{Owner: 6},
			then("read lock"),
		}, script{
			Disconnected{},
			then("-> NEUTRAL"),
			at{Code: Lost},
			then(""),
			Connected{7},
			then("check lock"),
			at{Owner: 6},
			then("read lock"),
			at{Data: mine},
			then(""),
		}, Neutral},
		{"lock data changed under the standby", standby(), script{
			LockChanged{},
			then("check lock"),
			at{Owner: 9},
			then(""),
		}, Standby},
		{"parent znode gone: say so and try again", joined(), script{
			at{Code: NoNode},
			then("wait 1s"),
			at{},
			then("create lock"),
		}, Init},
		{"late answers of a given-up step are nothing", standby(), script{Done{N: 1}, then("")}, Standby},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Machine
			play(t, &m, c.from)
			play(t, &m, c.play)
			require.Equal(t, c.state, m.State())
		})
	}
}

func TestLockIDIsThatOfTheLockSeenLast(t *testing.T) {
	var m Machine
	play(t, &m, standby())
	require.EqualValues(t, 8, m.LockID())
	play(t, &m, script{LockDeleted{}, then("create lock"), at{}, then("read breadcrumb")})
	require.EqualValues(t, 8, m.LockID(), "all steps of a failover carry the lock whose end began it")
}

func TestParentGoneNamesTheRemedy(t *testing.T) {
	require.ErrorContains(t, failure(CreateLock, Done{Code: NoNode}), "zkfc -formatZK")
}
