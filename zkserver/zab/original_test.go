package zab

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// TestOriginalPeers plays testdata/original/*: one node, server 1 of three, and the packets that an original leader or
// learner sends, in orders that its code (release 3.9.5) can bring about. Zxids are EPOCH.COUNTER, in decimal.
//
//	follower [accepted=E] [current=E] [last=Z] [observer]   a node that follows server 3
//	leader [accepted=E] [current=E] [last=Z] [entries=N]    a node that leads; N entries follow last, uncommitted
//	packets          one per line: [SID] TYPE ZXID [current=E] [accepted=E] [leader=SID] [config=N[@ZXID]]
//	persist ZXID     the log is synced up to there
//	propose N        a leader proposes N entries
//	reconfig N       a leader proposes a configuration of servers 1 to N
//	tick N
//
// Output is what the driver is asked to do. Run with -rewrite to record it anew, and read the difference.
func TestOriginalPeers(t *testing.T) {
	datadriven.Walk(t, "testdata/original", func(t *testing.T, path string) {
		p := &player{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			p.t = t
			p.out.Reset()
			p.command(d)
			p.drain()
			return p.out.String()
		})
	})
}

type player struct {
	t   *testing.T
	n   *Node
	out strings.Builder
}

func (p *player) command(d *datadriven.TestData) {
	switch d.Cmd {
	case "follower", "leader":
		p.start(d)
	case "packets":
		for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			p.packet(line)
			p.drain()
		}
	case "persist":
		p.n.Persisted(p.zxid(d.CmdArgs[0].Key))
	case "propose":
		for range p.number(d.CmdArgs[0].Key) {
			require.NoError(p.t, p.n.Propose(Entry{Zxid: p.n.NextZxid(), Data: []byte("x")}))
		}
	case "reconfig":
		next := p.n.NextZxid()
		text := testConfig(p.t, p.number(d.CmdArgs[0].Key), int64(next)).String()
		require.NoError(p.t, p.n.Propose(Entry{Zxid: next, Data: []byte("reconfig " + text)}))
	case "tick":
		for range p.number(d.CmdArgs[0].Key) {
			p.n.Tick()
		}
	default:
		d.Fatalf(p.t, "unknown command %q", d.Cmd)
	}
}

func (p *player) number(s string) int {
	v, err := strconv.Atoi(s)
	require.NoError(p.t, err, s)
	return v
}

func (p *player) zxid(s string) Zxid {
	if s == "-1" {
		return -1
	}
	e, c, ok := strings.Cut(s, ".")
	require.True(p.t, ok, "zxid %q", s)
	return zkproto.MakeZxid(uint32(p.number(e)), uint32(p.number(c)))
}

func show(z Zxid) string {
	if z < 0 {
		return "-1"
	}
	return fmt.Sprintf("%d.%d", z.Epoch(), z.Counter())
}

// config is a configuration of servers 1 to n.
func testConfig(t testing.TB, n int, version int64) *quorum.Membership {
	t.Helper()
	var list []quorum.Member
	for i := 1; i <= n; i++ {
		list = append(list, quorum.Member{ID: Sid(i), Addresses: []quorum.Address{{Host: fmt.Sprintf("h%d", i), QuorumPort: 1, ElectionPort: 2}}})
	}
	m, err := quorum.NewMembership(list, nil, nil, version)
	require.NoError(t, err)
	return m
}

func (p *player) start(d *datadriven.TestData) {
	c := Config{
		ID: 1, Active: testConfig(p.t, 3, 0), InitTicks: 100, SyncTicks: 50, PingTicks: 5,
		ReconfigEnabled: d.HasArg("reconfig"), Membership: proposedConfig,
	}
	if d.HasArg("observer") {
		c.Active, c.Quorum, c.Observer = nil, majority(p.t, 2, 3, 4), true
	}
	entries := 0
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "accepted":
			c.AcceptedEpoch = uint32(p.number(a.Vals[0]))
		case "current":
			c.CurrentEpoch = uint32(p.number(a.Vals[0]))
		case "last":
			c.LastZxid = p.zxid(a.Vals[0])
		case "entries":
			entries = p.number(a.Vals[0])
		}
	}
	n, err := New(c)
	require.NoError(p.t, err)
	p.n = n
	if d.Cmd == "leader" {
		for i := range entries {
			n.w.append(Entry{Zxid: c.LastZxid + Zxid(i) + 1, Data: []byte("x")})
			n.persisted = n.w.lastZxid()
		}
		n.startLeading()
		return
	}
	for sid, st := range map[Sid]Role{2: Following, 3: Leading} {
		require.NoError(p.t, n.Step(Message{Type: Notification, From: sid, To: 1, Vote: &election.Notification{
			From: sid, To: 1, State: st, Version: 2, Vote: election.Vote{Leader: 3, PeerEpoch: int64(c.CurrentEpoch)},
		}}))
	}
}

func (p *player) packet(line string) {
	words := strings.Fields(line)
	m := Message{From: 3, To: 1, Link: p.n.link}
	if p.n.Status().Role == Leading {
		m.From, words = Sid(p.number(words[0])), words[1:]
		m.Link = uint64(1<<32 + m.From)
	}
	for t, name := range typeNames {
		if name == words[0] {
			m.Type = t
		}
	}
	require.NotZero(p.t, m.Type, line)
	m.Zxid = p.zxid(words[1])
	switch m.Type {
	case LeaderInfo:
		m.Data = appendInt32(ProtocolVersion)
	case FollowerInfo, ObserverInfo:
		info := LearnerInfo{Sid: m.From, ProtocolVersion: ProtocolVersion}
		m.Data = info.AppendTo(nil)
	case Proposal, Inform, InformAndActivate:
		m.Data = []byte("x")
	default:
	}
	for _, w := range words[2:] {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "current":
			m.Data = appendInt32(int32(p.number(v)))
		case "leader":
			m.Data = activation(Sid(p.number(v)), m.Data)
		case "config":
			size, at, told := strings.Cut(v, "@")
			c := testConfig(p.t, p.number(size), int64(m.Zxid))
			if told {
				c = c.WithVersion(int64(p.zxid(at)))
			}
			if m.Data = c.Data(); m.Type == Proposal || m.Type == Inform || m.Type == InformAndActivate {
				m.Data = append([]byte("reconfig "), m.Data...)
			}
		default:
			p.t.Fatalf("unknown word %q", w)
		}
	}
	if err := p.n.Step(m); err != nil {
		fmt.Fprintln(&p.out, "error:", err)
	}
}

// drain prints what there is to do.
func (p *player) drain() {
	for p.n != nil && p.n.HasReady() {
		r := p.n.Ready()
		say := func(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }
		if r.StatusChanged {
			say("status %s", r.Status)
		}
		if r.Install != nil {
			say("install the snapshot %s", show(r.Install.Zxid))
		}
		if r.Truncate != nil {
			say("truncate to %s", show(*r.Truncate))
		}
		for _, e := range r.Entries {
			say("log %s", show(e.Zxid))
		}
		if r.SaveAccepted {
			say("acceptedEpoch %d", r.HardState.AcceptedEpoch)
		}
		if r.SaveCurrent {
			say("currentEpoch %d", r.HardState.CurrentEpoch)
		}
		if r.ActiveConfig != nil {
			say("active configuration %s", show(Zxid(r.ActiveConfig.Version)))
		}
		if r.SeenConfig != nil {
			say("seen configuration %s", show(Zxid(r.SeenConfig.Version)))
		}
		for _, m := range r.Messages {
			if m.Type != Notification {
				extra := ""
				if e, ok := decodeInt32(m.Data); ok && m.Type == AckEpoch {
					extra = fmt.Sprintf(" current=%d", e)
				}
				if m.Type == Ping && m.Data == nil && p.n.Status().Role != Leading {
					extra = " without data"
				}
				if c, err := quorum.ParseMembership(m.Data); err == nil && m.Type == NewLeader && c.Version > 0 {
					extra = " config=" + show(Zxid(c.Version))
				}
				if leader, _, ok := decodeActivation(m.Data); ok && (m.Type == CommitAndActivate || m.Type == InformAndActivate) {
					extra = " leader=" + leader.String()
				}
				say("> %d %s %s%s", m.To, m.Type, show(m.Zxid), extra)
			}
		}
		for _, e := range r.Committed {
			say("apply %s", show(e.Zxid))
		}
		for _, m := range r.Forwarded {
			say("forwarded %s", m.Type)
		}
		for _, e := range r.Events {
			if e.Kind == EventIgnored || e.Kind == EventLost || e.Kind == EventDropped {
				say("%s: %s", e.Kind, e.Reason)
			}
		}
	}
}
