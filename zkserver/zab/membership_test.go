package zab

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// An observer that an outstanding reconfiguration makes a voter follows: its vote may be needed to commit it.
func TestObserverToBeAVoterFollows(t *testing.T) {
	observer := testConfig(t, 3, 0)
	observer.Members[0].Observer = true
	active, err := quorum.NewMembership(observer.Members, nil, nil, int64(z(1, 0)))
	require.NoError(t, err)
	for seen, want := range map[*quorum.Membership]Role{nil: Observing, testConfig(t, 3, int64(z(1, 4))): Following, testConfig(t, 3, 1): Observing} {
		n, err := New(Config{ID: 1, Active: active, LastSeen: seen, ReconfigEnabled: true, AcceptedEpoch: 1, CurrentEpoch: 1})
		require.NoError(t, err)
		n.startFollowing(3)
		require.Equal(t, want, n.Status().Role)
	}
}

// A server in no configuration follows without a vote; without reconfiguration it is a mistake.
func TestStrangerFollows(t *testing.T) {
	n, err := New(Config{ID: 9, Active: testConfig(t, 3, 0), ReconfigEnabled: true})
	require.NoError(t, err)
	n.startFollowing(3)
	require.Equal(t, Following, n.Status().Role)
	require.Equal(t, -1, n.self)
	_, err = New(Config{ID: 9, Active: testConfig(t, 3, 0)})
	require.ErrorContains(t, err, "not among the voters")
	n, err = New(Config{ID: 1, Active: testConfig(t, 3, 0), LastSeen: testConfig(t, 5, 7)})
	require.NoError(t, err)
	require.Equal(t, n.Active(), n.LastSeen(), "without reconfigEnabled nothing is seen")
}

// What a notification tells while this server looks: only newer configurations, only if they can be read, only with
// reconfiguration enabled, and not once there is a leader.
func TestConfigurationOfANotification(t *testing.T) {
	for name, c := range map[string]struct {
		config  []byte
		version int32
		off     bool
		want    int64
	}{
		"newer":         {testConfig(t, 5, 8).Data(), 2, false, 8},
		"same members":  {testConfig(t, 3, 8).Data(), 2, false, 8},
		"older":         {testConfig(t, 5, 6).Data(), 2, false, 7},
		"unreadable":    {[]byte("server.1=nonsense\nversion=8"), 2, false, 7},
		"nobody":        {[]byte("version=8"), 2, false, 7},
		"old format":    {testConfig(t, 5, 8).Data(), 1, false, 7},
		"switched off":  {testConfig(t, 5, 8).Data(), 2, true, 7},
		"none, in fact": {nil, 2, false, 7},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := New(Config{ID: 1, Active: testConfig(t, 3, 7), ReconfigEnabled: !c.off})
			require.NoError(t, err)
			hear := func(state Role) {
				require.NoError(t, n.Step(Message{Type: Notification, From: 2, To: 1, Vote: &election.Notification{
					From: 2, To: 1, State: state, Version: c.version, Config: c.config, Vote: election.Vote{Leader: 2, Round: 1},
				}}))
			}
			hear(Looking)
			require.Equal(t, c.want, n.Active().Version)
			require.Equal(t, c.want != 7, n.Ready().ActiveConfig != nil)
			if name == "newer" {
				require.Len(t, n.Quorum().Voters(), 5)
				require.Equal(t, int64(2), n.el.Round(), "the election begins again")
			}
			n.startFollowing(3)
			c.config = testConfig(t, 5, 99).Data()
			hear(Looking)
			require.Equal(t, c.want, n.Active().Version)
		})
	}
}

// ZOOKEEPER-3769: who voted for this server votes for another now, and nobody would come; at once, not after initLimit.
func TestDesertedLeaderLooksAgain(t *testing.T) {
	n, err := New(Config{ID: 2, Quorum: majority(t, 1, 2, 3)})
	require.NoError(t, err)
	hear := func(leader Sid) {
		require.NoError(t, n.Step(Message{Type: Notification, From: 1, To: 2, Vote: &election.Notification{
			From: 1, To: 2, State: Looking, Version: 2, Vote: election.Vote{Leader: leader, Round: 1},
		}}))
	}
	hear(2)
	n.Tick()
	n.Tick()
	require.Equal(t, Leading, n.Status().Role)
	n.Tick()
	hear(3)
	require.Equal(t, Looking, n.Status().Role)
	require.Equal(t, uint64(1), n.Status().Changes)
}

// The leader that a reconfiguration designates has a history nobody here has heard of: it is told the truth about ours.
func TestDesignatedLeaderIsToldTheTruth(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 5))
	n.wantSnap = true
	n.vote = election.Vote{Leader: 3, PeerEpoch: 1, Zxid: z(1, 9)}
	require.Equal(t, askSnapshot, n.joinZxid())
	n.leave(2, "for the test")
	n.appoint(2)
	require.Equal(t, z(1, 5), n.joinZxid())
}

// Of the voters that are in sync under the new configuration, the one that has acknowledged most is designated.
func TestDesignatedIsTheOneWithMost(t *testing.T) {
	c := newCluster(t, 4, 0)
	c.dynamic = true
	c.startAll()
	c.elect()
	n := c.servers[4].node
	for sid, acked := range map[Sid]uint32{1: 3, 2: 9, 3: 9} {
		n.lead.find(sid).acked = z(1, acked)
	}
	require.Equal(t, Sid(2), n.designate(testConfig(t, 3, 0)))
	n.lead.find(2).stage = stageSyncing
	require.Equal(t, Sid(3), n.designate(testConfig(t, 3, 0)))
	require.Equal(t, Sid(1), n.designate(testConfig(t, 1, 0)))
	require.Equal(t, Sid(4), n.designate(testConfig(t, 4, 0)), "it stays, if it can")
}

// A follower hears of the designated leader before that leader does itself: its packet waits there.
func TestDesignatedLeaderHearsLast(t *testing.T) {
	c := newCluster(t, 3, 0)
	c.dynamic = true
	c.startAll()
	c.elect()
	require.NoError(t, c.reconfig(3, zkproto.ReconfigRequest{Leaving: "3", CurConfigID: -1}))
	c.deliver(3, 1, false)
	c.deliver(3, 2, false)
	for _, id := range []Sid{1, 2, 3} {
		c.sync(id)
	}
	c.deliver(1, 3, false)
	c.deliver(2, 3, false)
	require.Equal(t, Sid(1), c.servers[3].node.Status().Leader)
	for c.deliver(3, 2, false) {
		continue
	}
	require.Equal(t, Sid(1), c.servers[2].node.Status().Leader)
	c.deliver(2, 1, false)
	require.Equal(t, Following, c.servers[1].node.Status().Role)
	c.settle()
	require.Equal(t, Sid(1), c.leader(), "without a tick")
	require.Equal(t, Following, c.servers[2].node.Status().Role)
}
