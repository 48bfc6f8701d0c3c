package election

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// ballot is what one voter said last.
type ballot struct {
	cast    bool
	state   State
	version int32
	vote    Vote
}

// Machine is one server's election. It is not safe for concurrent use.
type Machine struct {
	cfg    Config
	voters []Sid
	base   quorum.Verifier // Config.Quorum without guests
	home   quorum.Verifier // the configuration in force, while another is proposed; else nil
	self   int             // own place among the voters, -1 for observers

	state State
	round int64
	own   Vote // what we would propose for ourselves
	vote  Vote // what we propose; once decided, what we have decided

	recv    []ballot // votes of this round, by voter
	outside []ballot // what servers that lead or follow say, by voter

	told     []bool       // who has been told our vote again since it was announced, by voter
	gone     map[Sid]bool // who cannot be reached, says the driver
	silent   map[Sid]bool // who can be heard and not be joined
	absent   Sid          // who is taken to be dead in this round, until it speaks
	awake    Sid          // the leader, if it has been heard looking since the verdict
	await    Sid          // who has a better vote than this server, and has not cast it yet
	oracle   bool
	backed   bool  // the verdict is this round's votes for this server
	deserted bool  // and too many of them were taken back
	strange  []Sid // who, without a vote, was answered in this tick

	hasQuorum bool
	decided   bool
	now       int // ticks since Start
	heard     int // tick of the last vote of this round
	finalize  int // tick at which an open quorum is final
	resend    int // tick of the next repetition
	interval  int

	out []Notification
}

// New makes a machine. It does nothing before Start.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, vote: Vote{Leader: quorum.None}, absent: quorum.None, awake: quorum.None, await: quorum.None, gone: map[Sid]bool{}, silent: map[Sid]bool{}}
	m.SetQuorum(cfg.Quorum, nil, cfg.ConfigData, cfg.SeenData)
	return m
}

// SetQuorum changes who votes, and the configuration that goes into notifications. Votes counted so far are forgotten: a
// machine that is looking should Start again. Home is the configuration in force while q joins it to a proposed one, else
// nil: of two servers with the same history its voters are preferred for a while, because a server that does not know of
// the proposal can follow no other, but by the word of one that does (Invite). (The original goes by the greater id alone;
// so do we when that has led to nothing.)
func (m *Machine) SetQuorum(q, home quorum.Verifier, configData, seenData []byte) {
	m.cfg.Quorum, m.base, m.home = q, q, home
	m.cfg.ConfigData, m.cfg.SeenData = configData, seenData
	m.voters, m.self = q.Voters(), quorum.Index(q, m.cfg.ID)
	m.recv = make([]ballot, len(m.voters))
	m.outside = make([]ballot, len(m.voters))
	m.told = make([]bool, len(m.voters))
	m.hasQuorum, m.backed = false, false
}

// Start begins a new round with this server's own last zxid and current epoch. A sole voter decides at once.
func (m *Machine) Start(last zkproto.Zxid, currentEpoch uint32) {
	m.state, m.decided, m.now, m.heard = Looking, false, 0, 0
	m.backed, m.deserted = false, false
	m.round++
	if m.self >= 0 {
		m.own = Vote{Leader: m.cfg.ID, Zxid: last, PeerEpoch: int64(currentEpoch)}
	} else {
		m.own = Vote{Leader: Nobody, Zxid: zkproto.Zxid(Nobody), PeerEpoch: int64(Nobody)}
	}
	m.interval = max(1, m.cfg.NotifyMinTicks)
	m.resend = m.interval
	clear(m.recv)
	clear(m.outside)
	m.propose(m.own)
	m.count()
}

// Settle tells what became of the verdict: this server's state from now on, in which it answers those that are looking,
// and, when the leader has been established, its epoch (negative: not yet).
func (m *Machine) Settle(s State, epoch int64) {
	m.state = s
	if epoch >= 0 {
		m.vote.PeerEpoch = epoch
	}
}

// Verdict is the decided vote.
func (m *Machine) Verdict() (Vote, bool) { return m.vote, m.decided }

// Vote is the current proposal, or the verdict once there is one.
func (m *Machine) Vote() Vote { return m.vote }

// Round is the logical clock.
func (m *Machine) Round() int64 { return m.round }

// Take hands out the notifications to send, appended to buf.
func (m *Machine) Take(buf []Notification) []Notification {
	buf = append(buf, m.out...)
	clear(m.out)
	m.out = m.out[:0]
	return buf
}

// Pending tells whether Take has something to hand out.
func (m *Machine) Pending() bool { return len(m.out) > 0 }

// Tick tells that one tick has passed. It is called in all states.
func (m *Machine) Tick() {
	m.strange = m.strange[:0]
	if m.state != Looking || m.decided {
		return
	}
	m.now++
	if m.hasQuorum && m.now >= m.finalize && !m.waits() {
		m.decide(m.vote)
		m.backed = m.vote.Leader == m.cfg.ID
		return
	}
	if m.forsaken() {
		m.decide(m.vote)
		return
	}
	if m.now >= m.resend {
		m.announce()
		m.interval = min(m.interval*2, max(1, m.cfg.NotifyMaxTicks))
		m.resend = m.now + m.interval
	}
}

// Step takes a notification. The reason is empty, or why it was ignored.
func (m *Machine) Step(n Notification) (ignored string) {
	if n.State < Looking || n.State > Observing {
		return "unknown server state"
	}
	if n.From == m.cfg.ID {
		return "from this server's own id: two servers have the same myid"
	}
	if n.From == m.absent {
		m.absent = quorum.None
	}
	from := quorum.Index(m.cfg.Quorum, n.From)
	if from < 0 {
		return m.stepStranger(n)
	}
	if m.state != Looking || m.decided {
		// A machine that is looking and has decided rests until Start: it has no news.
		if n.State == Looking && m.state != Looking {
			m.reply(n.From)
			m.checkDeserted(from, n.Vote)
			if n.From == m.vote.Leader {
				m.awake = n.From
			}
		}
		return ""
	}
	if quorum.Index(m.cfg.Quorum, n.Vote.Leader) < 0 {
		if n.State == Looking && n.Vote.Leader == Nobody && n.Vote.Round > m.round {
			// It does not know yet that it has a vote, in a membership that is proposed: it takes ours if the round is right.
			m.round = n.Vote.Round
			clear(m.recv)
			m.propose(m.own)
		}
		return "votes for a server without a vote"
	}
	switch n.State {
	case Looking:
		return m.stepLooking(from, n)
	case Following, Leading:
		m.stepSettled(from, n)
	case Observing:
	}
	return ""
}

func (m *Machine) stepLooking(from int, n Notification) string {
	switch {
	case n.Vote.Round > m.round:
		m.round = n.Vote.Round
		clear(m.recv)
		if m.prefers(n.Vote, m.own) {
			m.propose(n.Vote)
		} else {
			m.propose(m.own)
		}
	case n.Vote.Round < m.round:
		// An observer keeps silent: it has nothing to tell, and the voter would answer it without end.
		if m.self >= 0 {
			m.reply(n.From)
		}
		return "vote of an older round"
	case m.prefers(n.Vote, m.vote):
		m.propose(n.Vote)
	case n.Vote != m.vote && m.self >= 0 && !m.told[from]:
		// It does not know our vote: that came while it was following yet. The original leaves it at that until the votes are
		// repeated, after 200 ms or more.
		m.told[from] = true
		m.reply(n.From)
	}
	m.recv[from] = ballot{cast: true, state: Looking, version: n.Version, vote: n.Vote}
	m.heard = m.now
	m.count()
	return ""
}

// stepSettled hears a server that has a leader. If a quorum says the same and the leader itself says that it leads, we
// join. The leader must have spoken, so that nobody elects a server over and over that has died.
func (m *Machine) stepSettled(from int, n Notification) {
	b := ballot{cast: true, state: n.State, version: n.Version, vote: n.Vote}
	if n.Vote.Round == m.round {
		m.recv[from] = b
		if m.settled(m.recv, b) && m.confirmed(m.recv, n.Vote) {
			m.decide(n.Vote)
			return
		}
	}
	if m.cfg.Oracle && !m.oracle && len(m.voters) == 2 && n.State == Leading && n.From == n.Vote.Leader {
		m.round = n.Vote.Round // the other leads by the oracle's word, and there is nobody to confirm it
		m.decide(n.Vote)
		return
	}
	m.outside[from] = b
	if (m.settled(m.outside, b) || m.agreedWithUs(b)) && m.confirmed(m.outside, n.Vote) {
		m.round = n.Vote.Round
		m.decide(n.Vote)
	}
}

// beats is Better for a server that may lead at all.
func (m *Machine) beats(v, o Vote) bool {
	if m.cfg.Quorum.Weight(v.Leader) == 0 {
		return false
	}
	if m.home != nil && v.Zxid == o.Zxid && v.PeerEpoch == o.PeerEpoch && m.now < 4*m.cfg.NotifyMinTicks {
		if a, b := m.home.Weight(v.Leader) > 0, m.home.Weight(o.Leader) > 0; a != b {
			return a
		}
	}
	return v.Better(o)
}

func (m *Machine) propose(v Vote) {
	v.Round = m.round
	m.vote = v
	m.hasQuorum = false
	if m.self >= 0 {
		m.recv[m.self] = ballot{cast: true, state: Looking, version: NotificationVersion, vote: v}
	}
	m.announce()
}

// count looks whether the votes of this round suffice for our proposal.
func (m *Machine) count() {
	mine := ballot{cast: true, state: Looking, version: NotificationVersion, vote: m.vote}
	if !m.agreed(m.recv, mine) || m.cfg.Quorum.Weight(m.vote.Leader) == 0 {
		m.hasQuorum = false
		return
	}
	if m.cfg.FinalizeTicks <= 0 || m.unanimous(mine) {
		m.decide(m.vote)
		m.backed = m.vote.Leader == m.cfg.ID
		return
	}
	if !m.hasQuorum {
		m.hasQuorum, m.finalize = true, m.now+m.cfg.FinalizeTicks
	}
}

func (m *Machine) decide(v Vote) {
	m.vote, m.decided, m.hasQuorum = v, true, false
	m.backed, m.deserted = false, false
	m.absent, m.awake, m.await = quorum.None, quorum.None, quorum.None
}

// announce tells all voters our proposal.
func (m *Machine) announce() {
	clear(m.told)
	for _, to := range m.voters {
		if to != m.cfg.ID {
			m.reply(to)
		}
	}
}

func (m *Machine) reply(to Sid) {
	v := m.vote
	if m.state == Looking {
		v.Round = m.round
	}
	m.out = append(m.out, Notification{
		From: m.cfg.ID, To: to, State: m.state, Vote: v, Version: NotificationVersion, Config: m.cfg.ConfigData, Seen: m.cfg.SeenData,
	})
}
