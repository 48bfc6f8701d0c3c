package zab

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
)

// The newest history is a newcomer's, and the present configuration needs the vote of one that has slept through the proposal:
// internal/sim found ensembles that elected nobody for ever (seeds 50723 and 51301, bare, with changes of membership).
func TestNewcomerGetsTheVoteOfOneThatSlept(t *testing.T) {
	c := newCluster(t, 2, 0)
	c.dynamic = true
	c.startAll()
	c.elect()
	c.join(3, false)
	c.run(3)
	require.Equal(t, Sid(2), c.leader())
	c.cut[[2]Sid{2, 1}] = true
	require.NoError(t, c.reconfig(2, zkproto.ReconfigRequest{Joining: "server.3=h3:1:2;3", CurConfigID: -1}))
	require.NoError(t, c.propose(2, "x"))
	for c.deliver(2, 3, false) {
		continue
	}
	c.sync(3)
	c.crash(2, 1) // it has logged the proposal, and not what came after it
	c.crash(1, 0)
	c.crash(3, 0)
	clear(c.cut)
	c.startAll()
	c.run(30)
	require.Equal(t, Sid(3), c.leader())
	require.True(t, c.allServe())
	require.Equal(t, "x", string(c.history[len(c.history)-1].Data))
	require.Len(t, c.servers[1].node.Quorum().Voters(), 3)
}

// The newest history is that of a server that does not know that it has a vote, because its leader alone had seen the
// proposal, and in a file only: seed 5003962.
func TestWhoHasTheNewestHistoryLearnsThatItHasAVote(t *testing.T) {
	c := newCluster(t, 1, 0)
	c.dynamic = true
	c.startAll()
	c.elect()
	c.join(2, false)
	c.run(3)
	require.NoError(t, c.propose(1, "a"))
	for c.deliver(1, 2, false) {
		continue
	}
	c.sync(2)
	c.cut[[2]Sid{1, 2}] = true
	require.NoError(t, c.reconfig(1, zkproto.ReconfigRequest{Joining: "server.2=h2:1:2;3", CurConfigID: -1}))
	c.crash(1, 0)
	c.crash(2, 0)
	clear(c.cut)
	c.startAll()
	c.run(30)
	require.Equal(t, Sid(2), c.leader())
	require.True(t, c.allServe())
	require.Contains(t, data(c.history), "a")
	require.Len(t, c.servers[1].node.Quorum().Voters(), 2)
}

// Hearsay: from voters only, while looking, newer than what is in force; it counts until the round ends or the teller knows
// better, and is never written anywhere.
func TestHearsay(t *testing.T) {
	seen := testConfig(t, 5, 8).Data()
	for name, c := range map[string]struct {
		from  Sid
		seen  []byte
		state Role
		off   bool
		want  bool
	}{
		"proposed":        {2, seen, Looking, false, true},
		"of a follower":   {2, seen, Following, false, true},
		"of a stranger":   {4, seen, Looking, false, false},
		"in force":        {2, testConfig(t, 5, 7).Data(), Looking, false, false},
		"older":           {2, testConfig(t, 5, 6).Data(), Looking, false, false},
		"unreadable":      {2, []byte("server.1=nonsense\nversion=8"), Looking, false, false},
		"nobody":          {2, []byte("version=8"), Looking, false, false},
		"none":            {2, nil, Looking, false, false},
		"reconfig is off": {2, seen, Looking, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := New(Config{ID: 1, Active: testConfig(t, 3, 7), ReconfigEnabled: !c.off})
			require.NoError(t, err)
			n.Ready()
			hear := func(text []byte) {
				require.NoError(t, n.Step(Message{Type: Notification, From: c.from, To: 1, Vote: &election.Notification{
					From: c.from, To: 1, State: c.state, Version: 2, Seen: text, Vote: election.Vote{Leader: 5, Zxid: 9, Round: 1},
				}}))
			}
			hear(c.seen)
			r := n.Ready()
			require.Equal(t, c.want, r.HeardConfig != nil)
			require.Nil(t, r.SeenConfig)
			require.Nil(t, r.ActiveConfig)
			require.Equal(t, c.want && c.state == Looking, n.el.Vote().Leader == 5)
			require.Len(t, n.Quorum().Voters(), 3, "nothing is decided by it")
			hear(c.seen)
			require.Nil(t, n.Ready().HeardConfig, "once")
			hear(nil)
			require.Nil(t, n.heard)
			hear(c.seen)
			n.look()
			require.Nil(t, n.heard)
		})
	}
}

// What is proposed and not in force goes into notifications, and nothing else does.
func TestNotificationsTellWhatIsProposed(t *testing.T) {
	for _, version := range []int64{7, 8} {
		n, err := New(Config{ID: 1, Active: testConfig(t, 3, 7), LastSeen: testConfig(t, 5, version), ReconfigEnabled: true})
		require.NoError(t, err)
		for _, m := range n.Ready().Messages {
			require.Equal(t, version == 8, len(m.Vote.Seen) > 0)
			require.Equal(t, testConfig(t, 3, 7).Data(), m.Vote.Config)
		}
	}
}
