package zab

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
)

// follower1 is server 1 of three, following server 3, which has said nothing yet.
func follower1(t testing.TB, hard HardState, last Zxid) *Node {
	t.Helper()
	n, err := New(Config{ID: 1, Quorum: majority(t, 1, 2, 3), AcceptedEpoch: hard.AcceptedEpoch, CurrentEpoch: hard.CurrentEpoch, LastZxid: last})
	require.NoError(t, err)
	for sid, st := range map[Sid]Role{2: Following, 3: Leading} {
		require.NoError(t, n.Step(Message{Type: Notification, From: sid, To: 1, Vote: &election.Notification{
			From: sid, To: 1, State: st, Version: 2, Vote: election.Vote{Leader: 3, PeerEpoch: int64(hard.CurrentEpoch)},
		}}))
	}
	require.Equal(t, Following, n.Status().Role)
	n.Ready()
	return n
}

// says steps messages of the leader.
func says(t testing.TB, n *Node, list ...Message) {
	t.Helper()
	for _, m := range list {
		m.From, m.To, m.Link = 3, 1, n.link
		if m.Type == LeaderInfo {
			m.Data = appendInt32(ProtocolVersion)
		}
		require.NoError(t, n.Step(m))
	}
}

func acks(r Ready) []Zxid {
	var out []Zxid
	for _, m := range r.Messages {
		if m.Type == Ack {
			out = append(out, m.Zxid)
		}
	}
	return out
}

func z(epoch, counter uint32) Zxid { return zkproto.MakeZxid(epoch, counter) }

// Zab, DSN 2011, phase 1, step f.1.1: a follower promises the new epoch before it acknowledges it, and tells its current
// epoch and the end of its history.
func TestEpochIsPersistedWithItsAcknowledgement(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 4, CurrentEpoch: 3}, z(3, 9))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(5, 0)})
	r := n.Ready()
	require.True(t, r.SaveAccepted)
	require.False(t, r.SaveCurrent)
	require.Equal(t, HardState{AcceptedEpoch: 5, CurrentEpoch: 3}, r.HardState)
	require.Len(t, r.Messages, 1)
	require.Equal(t, AckEpoch, r.Messages[0].Type)
	require.Equal(t, z(3, 9), r.Messages[0].Zxid)
	require.Equal(t, appendInt32(3), r.Messages[0].Data)
}

// The same step: an epoch is acknowledged at most once, and an older one never.
func TestEpochIsAcknowledgedOnce(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 5, CurrentEpoch: 3}, z(3, 9))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(5, 0)})
	r := n.Ready()
	require.False(t, r.SaveAccepted)
	require.Equal(t, appendInt32(noEpoch), r.Messages[0].Data)

	n = follower1(t, HardState{AcceptedEpoch: 5, CurrentEpoch: 3}, z(3, 9))
	require.Error(t, n.Step(Message{Type: LeaderInfo, From: 3, To: 1, Link: n.link, Zxid: z(4, 0), Data: appendInt32(ProtocolVersion)}))
	require.Equal(t, Looking, n.Status().Role)
}

// Phase 2, step f.2.1, and rows 11 to 13 of the survey (ZOOKEEPER-3911, 4643, 4646, 4785): the history is synced, then the
// epoch becomes current, then NEWLEADER is acknowledged. Row 15 (ZOOKEEPER-4394): what comes between stays matchable.
func TestNewLeaderIsAcknowledgedAfterTheHistoryIsSynced(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 2)},
		Message{Type: Proposal, Zxid: z(1, 2)}, Message{Type: Commit, Zxid: z(1, 2)}, Message{Type: NewLeader, Zxid: z(2, 0)},
		Message{Type: Proposal, Zxid: z(2, 1)})
	r := n.Ready()
	require.Len(t, r.Entries, 2)
	require.Empty(t, acks(r), "nothing is on disk yet")
	require.False(t, r.SaveCurrent)
	require.Empty(t, r.Committed, "no quorum is known to have the history")

	n.Persisted(z(1, 2))
	r = n.Ready()
	require.True(t, r.SaveCurrent)
	require.Equal(t, uint32(2), r.HardState.CurrentEpoch)
	require.Equal(t, []Zxid{z(2, 0)}, acks(r))

	says(t, n, Message{Type: Commit, Zxid: z(2, 1)})
	n.Persisted(z(2, 1))
	require.Equal(t, []Zxid{z(2, 1)}, acks(n.Ready()), "the proposal's ACK follows NEWLEADER's")

	says(t, n, Message{Type: UpToDate})
	r = n.Ready()
	require.Equal(t, z(2, 1), r.CommittedTo)
	require.Len(t, r.Committed, 2)
	require.True(t, r.Status.Serving())
}

func TestNewLeaderOfAnotherEpochIsRejected(t *testing.T) {
	for _, epoch := range []uint32{0, 1, 3} {
		n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
		says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 1)})
		require.Error(t, n.Step(Message{Type: NewLeader, From: 3, To: 1, Link: n.link, Zxid: z(epoch, 0)}))
		require.Equal(t, Looking, n.Status().Role)
		require.Equal(t, uint32(1), n.HardState().CurrentEpoch)
	}
}

// Phase 3: proposals are accepted in order, without holes, and delivered only when committed (rows 5 and 18).
func TestHolesEndTheSync(t *testing.T) {
	for name, m := range map[string]Message{
		"gap":              {Type: Proposal, Zxid: z(1, 4)},
		"future epoch":     {Type: Proposal, Zxid: z(3, 1)},
		"lone commit":      {Type: Commit, Zxid: z(1, 2)},
		"early up to date": {Type: UpToDate},
		"inform":           {Type: Inform, Zxid: z(1, 2)},
		"second diff":      {Type: Diff, Zxid: z(1, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
			says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 1)})
			m.From, m.To, m.Link = 3, 1, n.link
			require.Error(t, n.Step(m))
			require.Equal(t, Looking, n.Status().Role)
			require.Contains(t, n.Ready().Drop, Link{Peer: 3, Link: m.Link})
		})
	}
}

func TestCommittedHistoryIsNeverCut(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 5))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)}, Message{Type: Diff, Zxid: z(1, 5)}, Message{Type: NewLeader, Zxid: z(2, 0)}, Message{Type: UpToDate})
	require.Equal(t, z(1, 5), n.CommittedZxid())
	n.StepDown("for the test")
	n.startFollowing(3)
	says(t, n, Message{Type: LeaderInfo, Zxid: z(3, 0)})
	require.Error(t, n.Step(Message{Type: Trunc, From: 3, To: 1, Link: n.link, Zxid: z(1, 4)}))
	require.Nil(t, n.Ready().Truncate)
}

// Row 14 (ZOOKEEPER-4685): a leader bears an ACK of a proposal before the ACK of NEWLEADER. Phase 1, step l.1.2: a leader
// whose history is not the newest of its quorum leads nobody.
func TestLeaderToleratesEarlyAckAndYieldsToNewerHistory(t *testing.T) {
	c := newCluster(t, 3, 0)
	c.startAll()
	for c.leader() < 0 {
		c.run(1)
	}
	n := c.servers[3].node
	l := n.lead.find(1)
	l.stage = stageSyncing
	require.NoError(t, c.propose(3, "a"))
	require.NoError(t, n.Step(Message{Type: Ack, From: 1, To: 3, Link: l.link, Zxid: z(1, 1)}))
	require.Equal(t, Leading, n.Status().Role)
	require.Zero(t, n.CommittedZxid(), "an ACK does not count before the history is acknowledged")
	n.Persisted(z(1, 1))
	require.NoError(t, n.Step(Message{Type: Ack, From: 1, To: 3, Link: l.link, Zxid: z(1, 0)}))
	require.Equal(t, z(1, 1), n.CommittedZxid())

	n, err := New(Config{ID: 1, Quorum: majority(t, 1, 2, 3), AcceptedEpoch: 2, CurrentEpoch: 2, LastZxid: z(2, 3)})
	require.NoError(t, err)
	n.startLeading()
	info := LearnerInfo{Sid: 2, ProtocolVersion: ProtocolVersion}
	require.NoError(t, n.Step(Message{Type: FollowerInfo, From: 2, To: 1, Link: 7, Zxid: z(2, 0), Data: info.AppendTo(nil)}))
	require.NoError(t, n.Step(Message{Type: AckEpoch, From: 2, To: 1, Link: 7, Zxid: z(2, 4), Data: appendInt32(2)}))
	require.Equal(t, Looking, n.Status().Role)
	require.Contains(t, n.Ready().Drop, Link{Peer: 2, Link: 7})
}

// FuzzStep throws messages at nodes in every role: errors and events, never a panic, and a standing history.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 11, 1, 0, 1, 16, 12, 0, 1, 17, 2, 1, 2, 13, 0, 0, 2, 2, 1, 1, 2, 4, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		leader, err := New(Config{ID: 1, Quorum: majority(t, 1, 2, 3)})
		require.NoError(t, err)
		leader.startLeading()
		dynamic := Config{ID: 1, Active: testConfig(t, 3, 0), ReconfigEnabled: true, Membership: proposedConfig}
		leads, err := New(dynamic)
		require.NoError(t, err)
		leads.startLeading()
		follows, err := New(dynamic)
		require.NoError(t, err)
		follows.startFollowing(3)
		nodes := []*Node{leader, follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1)), standalone(t, 3), leads, follows}
		for ; len(b) >= 4; b = b[4:] {
			n := nodes[int(b[0])%len(nodes)]
			m := Message{Type: Type(b[1] % 22), From: Sid(b[0]>>4) - 1, To: 1, Link: n.link, Zxid: z(uint32(b[2]), uint32(b[3]))}
			switch b[2] % 4 {
			case 0:
				m.Data = b
			case 1:
				info := LearnerInfo{Sid: m.From, ProtocolVersion: ProtocolVersion, ConfigVersion: int64(b[3]) - 255}
				m.Data = info.AppendTo(nil)
			case 2:
				m.Data = appendInt32(int32(b[3]))
			default:
				m.Zxid = -m.Zxid
			}
			if config := testConfig(t, 1+int(b[3]%5), int64(m.Zxid)); b[1]&32 != 0 {
				m.Data = append([]byte("reconfig "), config.Data()...)
				switch m.Type {
				case CommitAndActivate, InformAndActivate:
					m.Data = activation(Sid(b[2]%5), m.Data)
				case NewLeader:
					m.Data = config.Data()
				default:
				}
			}
			if b[1] > 230 {
				m.Type = Notification
				m.Vote = &election.Notification{From: m.From, To: 1, State: Role(b[3] % 6), Vote: election.Vote{Leader: Sid(b[2] % 5), Zxid: m.Zxid, Round: int64(b[3])}}
			}
			_ = n.Step(m)
			if b[3]&1 == 0 {
				n.Persisted(m.Zxid)
				n.Tick()
			}
			if b[3]&2 == 0 {
				n.Ready()
			}
			require.GreaterOrEqual(t, n.LastZxid(), n.CommittedZxid())
		}
	})
}
