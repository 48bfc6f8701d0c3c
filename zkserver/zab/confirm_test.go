package zab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoundEndsWithAQuorumOfAnswers(t *testing.T) {
	c := newCluster(t, 5, 1)
	c.startAll()
	c.run(20)
	lead := c.leader()
	s := c.servers[lead]
	others := make([]Sid, 0, 5)
	for _, id := range c.ids {
		if id != lead && !c.servers[id].observer {
			others = append(others, id)
		}
	}
	answer := func(id Sid) {
		for c.deliver(lead, id, false) { //nolint:revive // until there is none
		}
		for c.deliver(id, lead, false) { //nolint:revive // until there is none
		}
	}
	round := s.node.Confirm()
	c.process(s)
	require.Greater(t, round, s.node.Confirmed())
	answer(6)
	require.Greater(t, round, s.node.Confirmed(), "observers do not count")
	answer(others[0])
	require.Greater(t, round, s.node.Confirmed(), "two of five")
	next := s.node.Confirm()
	require.Equal(t, round+1, next, "the round under way began before")
	require.Equal(t, next, s.node.Confirm(), "shared")
	answer(others[0])
	require.Greater(t, round, s.node.Confirmed(), "one server is one, however often it answers")
	answer(others[1])
	require.Equal(t, round, s.node.Confirmed())
	c.settle()
	require.Equal(t, next, s.node.Confirmed())
}

// A learner that joins while a round is under way is asked, too; without it the round might never end.
func TestRoundIncludesWhoJoinsMeanwhile(t *testing.T) {
	c := newCluster(t, 3, 0)
	c.startAll()
	c.run(20)
	lead := c.leader()
	s := c.servers[lead]
	again, silent := s.node.lead.learners[0].sid, s.node.lead.learners[1].sid
	round, heard := s.node.Confirm(), s.node.lead.find(silent).pongs
	c.process(s)
	c.crash(again, 0)
	c.restart(again)
	for range 15 {
		for _, pair := range [][2]Sid{{lead, again}, {again, lead}, {again, silent}, {silent, again}} {
			for c.deliver(pair[0], pair[1], false) { //nolint:revive // until there is none
			}
			c.sync(again)
		}
		c.tick(again)
	}
	require.Equal(t, stageActive, s.node.lead.find(again).stage)
	require.Equal(t, round, s.node.Confirmed())
	require.Equal(t, heard, s.node.lead.find(silent).pongs, "it was the one that joined")
}

func TestSyncsGoBetweenTheCommits(t *testing.T) {
	c := newCluster(t, 3, 0)
	c.startAll()
	c.run(20)
	lead := c.leader()
	s := c.servers[lead]
	learner := s.node.lead.learners[0]
	s.node.SyncLearner(learner.sid, learner.link+1000)
	require.Empty(t, s.node.lead.confirm.syncs, "by a link that is gone")
	require.NoError(t, c.propose(lead, "before"))
	s.node.SyncLearner(learner.sid, learner.link)
	require.NoError(t, c.propose(lead, "after"))
	require.Len(t, s.node.lead.confirm.syncs, 1)
	c.process(s)
	var order []Type
	for range 100 {
		for _, w := range c.queues[[2]Sid{lead, learner.sid}] {
			if w.Type == Commit || w.Type == Sync {
				order = append(order, w.Type)
			}
		}
		// the pings of the round are not delivered to the other, so that only the commits can release the SYNC
		for c.deliver(lead, learner.sid, false) { //nolint:revive // until there is none
		}
		c.sync(learner.sid)
		for i, w := range c.queues[[2]Sid{learner.sid, lead}] {
			if w.Type == Ping {
				q := c.queues[[2]Sid{learner.sid, lead}]
				c.queues[[2]Sid{learner.sid, lead}] = append(q[:i:i], q[i+1:]...)
				break
			}
		}
		c.deliver(learner.sid, lead, false)
		c.sync(lead)
		if len(order) == 3 {
			break
		}
	}
	require.Equal(t, []Type{Commit, Sync, Commit}, order)
	s.node.SyncLearner(learner.sid, learner.link)
	c.crash(learner.sid, 0)
	for c.deliver(learner.sid, lead, false) { //nolint:revive // until there is none
	}
	require.Empty(t, s.node.lead.confirm.syncs, "nobody waits for it any more")
}

func TestLeaderAloneConfirmsAtOnce(t *testing.T) {
	c := newCluster(t, 1, 0)
	c.startAll()
	c.run(3)
	n := c.servers[1].node
	require.Equal(t, n.Confirm(), n.Confirmed())
	require.Zero(t, standalone(t, 0).Confirm())
}
