package zab

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Bugs of the original that lost data or stood still, each as a scenario of the core, in the order in which the project's
// table lists them. What else belongs to them, in the driver or on disk, has its tests there.

// ensemble is a cluster of three that serves, with n entries committed everywhere.
func ensemble(t testing.TB, n int) *cluster {
	t.Helper()
	c := newCluster(t, 3, 0)
	c.startAll()
	c.elect()
	for i := range n {
		require.NoError(t, c.propose(c.leader(), fmt.Sprintf("e%d", i)))
	}
	c.settle()
	return c
}

func (c *cluster) elect() {
	for i := 0; i < 200 && c.leader() < 0; i++ {
		c.run(1)
	}
	require.NotEqual(c.t, quorum.None, c.leader(), "no leader")
	c.settle()
}

func data(list []Entry) []string {
	var out []string
	for _, e := range list {
		out = append(out, string(e.Data))
	}
	return out
}

// tail gives a leader entries that only its own disk has, then takes the power from it.
func (c *cluster) tail(leader Sid, data ...string) {
	for _, d := range data {
		require.NoError(c.t, c.propose(leader, d))
	}
	c.sync(leader)
	for _, peer := range c.ids {
		for c.deliver(leader, peer, true) {
			continue
		}
	}
	c.crash(leader, 0)
}

// allEqual brings everybody back and wants the same log and the same state on all.
func (c *cluster) allEqual() {
	clear(c.cut)
	for _, id := range c.ids {
		c.restart(id)
	}
	for range 60 {
		c.run(5)
		if c.leader() != quorum.None && c.propose(c.leader(), "last") == nil {
			c.settle()
			if c.allServe() {
				break
			}
		}
	}
	require.True(c.t, c.allServe(), "the ensemble does not come back")
	for _, id := range c.ids {
		require.Equal(c.t, c.history, c.servers[id].applied, "server %d", id)
		require.Equal(c.t, c.history, c.servers[id].hist, "server %d", id)
	}
}

// 1. An old leader with extra entries returns: it is not elected for their number, and they are cut, no more and no less.
func TestZOOKEEPER335OldLeaderReturnsWithMore(t *testing.T) {
	c := ensemble(t, 2)
	c.tail(3, "x", "y", "z")
	c.elect()
	require.NoError(t, c.propose(c.leader(), "kept"))
	c.settle()
	require.Equal(t, z(1, 5), last(c.servers[3].hist))
	c.restart(3)
	c.run(12)
	require.NotEqual(t, Sid(3), c.leader(), "ZOOKEEPER-1154: the epoch comes before the length")
	c.allEqual()
	require.Equal(t, []string{"e0", "e1", "kept"}, data(c.history)[:3])
}

// 2. After a restart of all, sessions and data are the same everywhere, whatever tails the logs had: both are entries.
func TestZOOKEEPER1367RestartOfAllLeavesEqualHistories(t *testing.T) {
	c := ensemble(t, 2)
	require.NoError(t, c.propose(3, "createSession"))
	c.deliver(3, 1, false)
	c.sync(1)
	c.deliver(3, 2, false)
	for _, id := range c.ids {
		c.crash(id, 0)
	}
	c.startAll()
	c.elect()
	c.allEqual()
	require.Equal(t, "createSession", string(c.history[2].Data), "one disk had it, and it was in the election")
}

// 3. A snapshot may hold entries that never commit. A learner that has it does not keep them after a DIFF.
func TestZOOKEEPER1549SnapshotWithUncommittedEntries(t *testing.T) {
	c := ensemble(t, 2)
	c.noFloor = true
	c.cfg.KeepCommitted = -1
	c.crash(1, 0)
	require.NoError(t, c.propose(3, "committed"))
	c.settle()
	c.tail(3, "never")
	c.crash(2, 0)
	c.restart(3)
	c.restart(1)
	for i := 0; i < 100 && c.servers[1].start == 0; i++ {
		c.tick(1)
		c.tick(3)
		for _, p := range [][2]Sid{{1, 3}, {3, 1}} {
			for range 4 {
				c.deliver(p[0], p[1], false)
			}
		}
	}
	require.NotZero(t, c.servers[1].start, "server 1 was to get a snapshot of server 3")
	c.crash(1, 0)
	c.crash(3, 0)
	c.allEqual()
}

// 4. What is applied over an election is committed, or is taken back: the state never has more than the log agreed upon.
func TestZOOKEEPER2845StateIsTakenBackWithTheLog(t *testing.T) {
	c := ensemble(t, 2)
	c.tail(3, "x")
	c.restart(3)
	require.Len(t, c.servers[3].applied, 3, "a restart applies the whole log")
	c.elect()
	c.allEqual()
	if string(c.history[2].Data) == "x" {
		return // it was elected in time, and its log is everybody's
	}
	require.NotContains(t, data(c.servers[3].applied), "x")
}

// The other half of it: while a leader sends its history nothing of that is applied, for a quorum may never have it.
func TestZOOKEEPER2845NothingIsAppliedBeforeUpToDate(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 2)},
		Message{Type: Proposal, Zxid: z(1, 2)}, Message{Type: Commit, Zxid: z(1, 2)}, Message{Type: NewLeader, Zxid: z(2, 0)})
	n.Persisted(z(1, 2))
	r := n.Ready()
	require.Len(t, r.Entries, 1)
	require.Empty(t, r.Committed)
	says(t, n, Message{Type: UpToDate, Zxid: -1})
	require.Len(t, n.Ready().Committed, 1)
}

// 5. and 6. A DIFF only if the learner's log ends inside what the leader can send without a gap.
func TestZOOKEEPER2846NoDiffOverAGap(t *testing.T) {
	n, err := New(Config{ID: 1, Quorum: majority(t, 1), AcceptedEpoch: 1, CurrentEpoch: 1, LastZxid: z(1, 9), Storage: shortLog{from: z(1, 5)}})
	require.NoError(t, err)
	require.Equal(t, Snap, n.planSync(z(1, 3), z(1, 9), z(1, 9)).op, "the log on disk does not reach back")
	p := n.planSync(z(1, 6), z(1, 9), z(1, 9))
	require.Equal(t, plan{op: Diff, zxid: z(1, 9), after: z(1, 6), replay: z(1, 9)}, p)
}

func TestZOOKEEPER4352EmptyLearnerGetsNoPartialDiff(t *testing.T) {
	n, err := New(Config{ID: 1, Quorum: majority(t, 1), AcceptedEpoch: 1, CurrentEpoch: 1, LastZxid: z(1, 9)})
	require.NoError(t, err)
	n.w.append(Entry{Zxid: z(1, 10)})
	require.Equal(t, Snap, n.planSync(0, z(1, 10), z(1, 10)).op)
}

// shortLog is a log on disk that begins behind from.
type shortLog struct{ from Zxid }

func (s shortLog) Floor(last Zxid) (Zxid, bool) { return last, last >= s.from }

// 7. A server without entries in memory, as after read-only mode, truncates nobody who is not ahead of it.
func TestZOOKEEPER3526NothingInMemoryTruncatesNobody(t *testing.T) {
	n, err := New(Config{ID: 1, Quorum: majority(t, 1), AcceptedEpoch: 2, CurrentEpoch: 2, LastZxid: z(2, 4)})
	require.NoError(t, err)
	for last, want := range map[Zxid]Type{z(2, 4): Diff, z(2, 3): Snap, z(1, 9): Snap, z(2, 6): Trunc, z(3, 1): Snap, z(3, 0): Diff} {
		require.Equal(t, want, n.planSync(last, z(2, 4), z(2, 4)).op, "learner at %s", last)
	}
}

// 8. A crash before the snapshot is durable leaves the old state, and that joins again.
func TestZOOKEEPER2872CrashWhileASnapshotArrives(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 2))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Snap, Zxid: z(1, 9)}, Message{Type: NewLeader, Zxid: z(2, 0)})
	r := n.Ready()
	require.NotNil(t, r.Install)
	require.Equal(t, []Zxid{z(2, 0)}, acks(r), "in the same Ready, behind Install: the driver makes that durable first")
	// The driver crashed before: what is on disk is as it was but for the accepted epoch, and the leader plans anew.
	n = follower1(t, HardState{AcceptedEpoch: 2, CurrentEpoch: 1}, z(1, 2))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)})
	require.Equal(t, z(1, 2), n.Ready().Messages[0].Zxid)
}

// 9. The leader dies between SNAP and NEWLEADER: what came is on disk, with its zxid and under the old epoch, so that a
// later DIFF builds on what a restart would find.
func TestZOOKEEPER3642SnapshotIsDurableBeforeALaterDiff(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 2))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Snap, Zxid: z(1, 9)})
	r := n.Ready()
	require.NotNil(t, r.Install, "at once, not with NEWLEADER")
	require.False(t, r.SaveCurrent)
	n.Disconnected(Link{Peer: 3, Link: n.link})
	require.Equal(t, z(1, 9), n.LastZxid())
	require.Equal(t, uint32(1), n.HardState().CurrentEpoch)
}

// 10. A snapshot is labelled with what it holds: everything committed when it was ordered, and NEWLEADER comes behind all
// that the label does not cover. (cluster.transmit wants the label to be the last entry applied.)
func TestZOOKEEPER3104SnapshotHoldsWhatItsLabelSays(t *testing.T) {
	c := newCluster(t, 3, 0)
	c.noFloor = true
	c.startAll()
	c.elect()
	c.crash(1, 0)
	for i := range 6 {
		require.NoError(t, c.propose(3, fmt.Sprint(i)))
	}
	c.settle()
	committed := c.servers[3].node.CommittedZxid()
	require.NoError(t, c.propose(3, "outstanding")) // and stays so: nobody but the leader has it until server 1 comes
	c.restart(1)
	c.runPairs(func() bool { return c.servers[1].start != 0 }, [2]Sid{1, 3}, [2]Sid{3, 1}, [2]Sid{1, 2}, [2]Sid{2, 1})
	require.Equal(t, committed, c.servers[1].start)
	require.Len(t, c.history, 6, "it is still outstanding")
	c.crash(1, 0) // its snapshot is on disk, and nothing else
	c.settle()
	c.restart(1)
	c.run(12)
	c.allEqual()
}

// runPairs lets time pass for server 1 and its leader and delivers between these pairs only, until it is done. No disk syncs.
func (c *cluster) runPairs(done func() bool, pairs ...[2]Sid) {
	c.t.Helper()
	for i := 0; !done(); i++ {
		require.Less(c.t, i, 300)
		c.tick(1)
		for _, p := range pairs {
			c.deliver(p[0], p[1], false)
		}
	}
}

// 11. and 12. NEWLEADER is acknowledged when the entries of the synchronization are on disk, not before. The whole quorum
// loses its power right after.
func TestZOOKEEPER3911QuorumCrashesAfterNewLeader(t *testing.T) {
	c := ensemble(t, 1)
	c.crash(1, 0)
	require.NoError(t, c.propose(3, "acknowledged"))
	c.settle()
	require.Len(t, c.history, 2)
	c.crash(3, 0)
	c.restart(1)
	// Everything is delivered and server 1's disk never syncs: server 2 must not get to serve.
	for range 30 {
		for _, id := range []Sid{1, 2} {
			c.tick(id)
			for range 10 {
				c.deliver(1, 2, false)
				c.deliver(2, 1, false)
			}
			c.sync(2)
		}
	}
	require.NotEmpty(t, c.servers[1].pending, "server 1 was to be in synchronization")
	require.Equal(t, quorum.None, c.leader())
	c.crash(1, 0)
	c.crash(2, 0)
	c.allEqual()
}

func TestZOOKEEPER4646AckOvertakesNoSync(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 3)},
		Message{Type: Proposal, Zxid: z(1, 2)}, Message{Type: Commit, Zxid: z(1, 2)},
		Message{Type: Proposal, Zxid: z(1, 3)}, Message{Type: Commit, Zxid: z(1, 3)}, Message{Type: NewLeader, Zxid: z(2, 0)})
	n.Persisted(z(1, 2))
	require.Empty(t, acks(n.Ready()), "half of it")
	n.Persisted(z(1, 3))
	require.Equal(t, []Zxid{z(2, 0)}, acks(n.Ready()))

	says(t, n, Message{Type: UpToDate, Zxid: -1}, Message{Type: Proposal, Zxid: z(2, 1)}, Message{Type: Proposal, Zxid: z(2, 2)})
	require.Equal(t, []Zxid{z(2, 0)}, acks(n.Ready()), "that of UPTODATE")
	n.Persisted(z(2, 1))
	require.Equal(t, []Zxid{z(2, 1)}, acks(n.Ready()), "the other one is not on disk")
	n.Persisted(z(2, 2))
	require.Equal(t, []Zxid{z(2, 2)}, acks(n.Ready()))
}

// 13. The epoch becomes current after the entries it stands for are on disk: else a crash leaves a server that wins the next
// election by its epoch, with the older data.
func TestZOOKEEPER4643CurrentEpochFollowsTheLog(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 2)},
		Message{Type: Proposal, Zxid: z(1, 2)}, Message{Type: Commit, Zxid: z(1, 2)}, Message{Type: NewLeader, Zxid: z(2, 0)})
	r := n.Ready()
	require.Len(t, r.Entries, 1)
	require.False(t, r.SaveCurrent)
	require.Equal(t, uint32(1), n.HardState().CurrentEpoch)
	n.Persisted(z(1, 2))
	require.True(t, n.Ready().SaveCurrent)
}

// 14. An ACK of a proposal before the ACK of NEWLEADER is borne, and counts afterwards.
func TestZOOKEEPER4685EarlyAck(t *testing.T) {
	c := ensemble(t, 0)
	n := c.servers[3].node
	l := n.lead.find(1)
	l.stage = stageSyncing
	require.NoError(t, c.propose(3, "a"))
	require.NoError(t, n.Step(Message{Type: Ack, From: 1, To: 3, Link: l.link, Zxid: z(1, 1)}))
	n.Persisted(z(1, 1))
	require.Equal(t, Leading, n.Status().Role)
	require.Zero(t, n.CommittedZxid())
	require.NoError(t, n.Step(Message{Type: Ack, From: 1, To: 3, Link: l.link, Zxid: z(1, 0)}))
	require.Equal(t, z(1, 1), n.CommittedZxid())
}

// 15. A COMMIT between the ACK of NEWLEADER and UPTODATE finds its proposal.
func TestZOOKEEPER4394CommitBeforeUpToDate(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 1)}, Message{Type: NewLeader, Zxid: z(2, 0)},
		Message{Type: Proposal, Zxid: z(2, 1)}, Message{Type: Commit, Zxid: z(2, 1)}, Message{Type: Proposal, Zxid: z(2, 2)},
		Message{Type: UpToDate, Zxid: -1}, Message{Type: Commit, Zxid: z(2, 2)})
	r := n.Ready()
	require.Len(t, r.Committed, 2)
	require.True(t, r.Status.Serving())
}

// 16. A follower is bounced while it is brought up to date: nothing that was acknowledged by it is missing afterwards.
func TestZOOKEEPER4785FollowerBouncedDuringDiff(t *testing.T) {
	for kept := range 5 {
		c := ensemble(t, 1)
		c.crash(1, 0)
		for i := range 4 {
			require.NoError(t, c.propose(3, fmt.Sprint(i)))
		}
		c.settle()
		c.restart(1)
		for i := 0; i < 200 && len(c.servers[1].pending) < 4; i++ {
			c.tick(1)
			for _, p := range [][2]Sid{{1, 3}, {3, 1}, {1, 2}, {2, 1}} {
				c.deliver(p[0], p[1], false)
			}
		}
		require.Len(t, c.servers[1].pending, 4)
		c.crash(1, kept)
		c.crash(3, 0)
		c.restart(1)
		c.elect()
		require.Len(t, c.history, 5)
		c.allEqual()
	}

	// The leader begins another epoch with the follower that is brought up to date, while the one that has everything is away. When
	// that comes back, and the leader does not, the bounced follower must not win by an epoch whose history it has not got.
	for kept := range 4 {
		c := ensemble(t, 1)
		c.crash(1, 0)
		for i := range 4 {
			require.NoError(t, c.propose(3, fmt.Sprint(i)))
		}
		c.settle()
		c.crash(2, 0)
		c.settle()
		c.restart(1)
		for i := 0; len(c.servers[1].pending) < 4; i++ {
			require.Less(t, i, 300)
			c.tick(1)
			c.tick(3)
			for range 20 {
				c.deliver(1, 3, false)
				c.deliver(3, 1, false)
			}
		}
		c.crash(1, kept)
		c.crash(3, 0)
		c.restart(1)
		c.restart(2)
		c.elect()
		require.Len(t, c.history, 5)
		c.allEqual()
	}
}

// 17. Completions of the log's thread that belong to a former role do nothing: no ACK goes to the next leader for what the
// last one proposed and the next one cut off.
func TestZOOKEEPER4712LateSyncOfAFormerRole(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 1)}, Message{Type: NewLeader, Zxid: z(2, 0)},
		Message{Type: UpToDate, Zxid: -1}, Message{Type: Proposal, Zxid: z(2, 1)}, Message{Type: Proposal, Zxid: z(2, 2)})
	n.Ready()
	n.Disconnected(Link{Peer: 3, Link: n.link})
	n.startFollowing(3)
	n.Persisted(z(2, 1))
	require.Empty(t, acks(n.Ready()))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(3, 0)}, Message{Type: Trunc, Zxid: z(2, 1)}, Message{Type: NewLeader, Zxid: z(3, 0)})
	n.Ready()
	n.Persisted(z(2, 2))
	require.Equal(t, z(2, 1), n.persisted, "what is cut off is not on disk, whatever comes late")
	require.Empty(t, acks(n.Ready()))
}

// 18. What came to a learner between NEWLEADER and UPTODATE is in its memory as well: when it leads, it hands on no hole.
func TestZOOKEEPER4925WhatCameBeforeUpToDateIsHandedOn(t *testing.T) {
	c := newCluster(t, 3, 1)
	c.noFloor, c.cfg.KeepCommitted = true, 16
	c.startAll()
	c.elect()
	require.NoError(t, c.propose(c.leader(), "everywhere"))
	c.settle()
	c.crash(4, 0) // an observer, which has to get the rest from memory
	c.crash(3, 0)
	c.elect()
	require.Equal(t, Sid(2), c.leader())
	for _, data := range []string{"a", "b"} {
		require.NoError(t, c.propose(2, data))
	}
	c.settle()
	c.restart(3)
	exchange := func() {
		for _, p := range [][2]Sid{{3, 2}, {2, 3}, {3, 1}, {1, 3}, {2, 1}, {1, 2}} {
			for c.deliver(p[0], p[1], false) {
				continue
			}
		}
	}
	for i := 0; len(c.servers[3].pending) < 2; i++ {
		require.Less(t, i, 100)
		c.tick(3)
		exchange()
	}
	for _, data := range []string{"c", "d"} { // server 3 has not got its data on disk, and the others decide without it
		require.NoError(t, c.propose(2, data))
		exchange()
		c.sync(1)
		c.sync(2)
		exchange()
	}
	require.Len(t, c.history, 5)
	require.False(t, c.servers[3].node.Status().Serving())
	c.settle()
	require.Len(t, c.servers[3].applied, 5)

	c.crash(2, 0)
	c.elect()
	require.Equal(t, Sid(3), c.leader())
	c.restart(4)
	c.run(12)
	require.Equal(t, []string{"everywhere", "a", "b", "c", "d"}, data(c.servers[4].applied))
	require.Zero(t, c.servers[4].start, "server 4 was to get a DIFF")
	c.allEqual()
}

// 25. A link that ends in the middle of a batch leaves whole entries only, and the next synchronization starts behind them.
func TestZOOKEEPER2355LinkEndsBetweenProposals(t *testing.T) {
	c := ensemble(t, 1)
	for i := range 4 {
		require.NoError(t, c.propose(3, fmt.Sprint(i)))
	}
	c.deliver(3, 1, false)
	c.deliver(3, 1, false)
	for c.deliver(3, 1, true) {
		continue
	}
	require.Equal(t, Looking, c.servers[1].node.Status().Role)
	require.Len(t, c.servers[1].applied, 1, "nothing of it is applied")
	c.run(12)
	c.allEqual()
}

// 27. A truncation goes to a point that the state can be rebuilt for; if the snapshot is newer, a snapshot is asked for
// instead (TestWhatIsInASnapshotIsNotTruncated). Here in a whole ensemble.
func TestZOOKEEPER4837TruncationBehindTheSnapshot(t *testing.T) {
	c := ensemble(t, 2)
	c.tail(3, "x", "y")
	c.servers[3].start = z(1, 4) // it takes a snapshot of all it has when it stops
	c.elect()
	require.NoError(t, c.propose(c.leader(), "kept"))
	c.settle()
	c.allEqual()
	require.NotContains(t, data(c.history), "x")
}

// 28. Voters that change their minds, stale epochs and bad notifications: elections end (election.TestElectionEndsInSpiteOfLoss,
// TestDesertedLeaderGivesUp). Here: a server that is deaf to one side keeps nobody else from having a leader.
func TestZOOKEEPER3769OneDeafServer(t *testing.T) {
	for _, deaf := range []Sid{1, 2, 3} {
		c := newCluster(t, 3, 0)
		for _, id := range c.ids {
			c.cut[[2]Sid{id, deaf}] = true
		}
		c.startAll()
		for range 200 {
			c.run(1)
		}
		if deaf != 3 { // the votes of server 3 are the best: if it hears nobody, it cannot be led around
			require.NotEqual(t, quorum.None, c.leader(), "server %d is deaf", deaf)
		}
		c.allEqual()
	}
}

// 29. Servers are restarted one after the other with more members, without reconfiguration: whoever leads can commit.
func TestZOOKEEPER3829RollingRestartWithMoreMembers(t *testing.T) {
	for name, left := range map[string]bool{"no memberships": false, "memberships, and one that was proposed once": true} {
		t.Run(name, func(t *testing.T) { moreMembers(t, left) })
	}
}

// moreMembers restarts three servers with five members. With left, a membership of the three is left in their files: it was proposed
// when there was reconfiguration, and must not count.
func moreMembers(t *testing.T, left bool) {
	t.Helper()
	c := ensemble(t, 2)
	five := majority(t, 1, 2, 3, 4, 5)
	for _, id := range []Sid{4, 5} {
		c.ids = append(c.ids, id)
		c.servers[id] = &server{id: id, verify: five}
	}
	more := func(id Sid) {
		s := c.servers[id]
		s.verify = five
		if left {
			s.fixed, s.seen = c.members(c.ids, 0), c.members([]Sid{1, 2, 3}, 1)
		}
		c.restart(id)
		c.run(12)
	}
	more(4)
	more(5)
	for _, id := range []Sid{1, 2, 3} {
		c.crash(id, 0)
		c.run(8)
		more(id)
		c.elect()
		require.NoError(t, c.propose(c.leader(), fmt.Sprintf("after the restart of %d", id)))
		before := len(c.history)
		c.settle()
		require.Greater(t, len(c.history), before, "leader %d cannot commit", c.leader())
	}
	c.allEqual()
	for _, id := range c.ids {
		require.Len(t, c.servers[id].node.q.Voters(), 5, "those whom server %d counts", id)
	}
}
