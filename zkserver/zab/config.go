package zab

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Config is what a Node starts from. Ticks are calls of Tick; the defaults fit a tick of 10 ms.
type Config struct {
	ID     Sid
	Quorum quorum.Verifier
	// Observer makes this server follow without a vote. It must not be among the quorum's voters, and all others must.
	Observer bool
	// ObserverMaster is the key observerMasterPort: followers serve observers, and an observer joins a follower; see
	// relay.go.
	ObserverMaster bool
	// ReturnTicks is after how long an observer that had to join the leader looks for a follower that takes it: once to twice as
	// long. The caller has to call Move then; see return.go. 0 means never.
	ReturnTicks int
	// Standalone makes an ensemble of one that keeps the epoch of its last zxid, as the original standalone does: it leads
	// from New on, needs no Tick, and writes no epoch files. Only with a quorum of just ID.
	Standalone bool

	// AcceptedEpoch and CurrentEpoch are what the files of that name hold; both may be 0 on an empty disk. For a data
	// directory that has none of these files yet (it was a standalone's), both are the epoch of LastZxid.
	AcceptedEpoch, CurrentEpoch uint32
	// LastZxid is the last entry of the log, or the zxid of the snapshot when the log has nothing after it. Everything up
	// to it is durable and applied to the driver's tree.
	LastZxid Zxid
	// Bottom is the zxid of the newest snapshot: what is in it cannot be taken back. A snapshot of a leader's may hold what
	// no quorum ever had; if the next leader wants that truncated, this server asks for a snapshot of its instead.
	Bottom Zxid

	// Storage answers how far back the log on disk goes. Nil means: not at all, so that learners that lack more than what
	// is in memory get a snapshot.
	Storage Storage

	// Active is the configuration in force: the server lines of zoo.cfg, or the file zoo.cfg.dynamic.N with N as its
	// version. With it, Quorum may be left empty, and Observer is what it says; a server that is not in it follows without a
	// vote, like one that is yet to be added. LastSeen, if not nil
	// and newer, was proposed and is not known to be committed: the file zoo.cfg.dynamic.next.
	Active, LastSeen *quorum.Membership
	// ReconfigEnabled is the key reconfigEnabled. Without it, Active holds for ever, and no other is learned of.
	ReconfigEnabled bool
	// Oracle tells that an oracle decides between two servers (the key oraclePath): the driver calls SetOracle.
	Oracle bool
	// ReconfigRules bound what Node.Reconfigure accepts.
	ReconfigRules quorum.Rules
	// Membership tells what configuration an entry proposes; not ok for all entries but reconfigurations. It is called for
	// each entry, so it should look at the type of the transaction first. Needed with ReconfigEnabled.
	Membership func(data []byte) (m *quorum.Membership, ok bool)

	// InitTicks is how long discovery and synchronization may take (initLimit x tickTime). Default 1000.
	InitTicks int
	// SyncTicks is how long a peer may be silent, or leave a proposal unacknowledged (syncLimit x tickTime). Default 500.
	SyncTicks int
	// PingTicks is the leader's interval of pings (half a tickTime). Default 50.
	PingTicks int
	// FinalizeTicks is how long a quorum of votes is kept open for a better one. Default 2. See election.Config.
	FinalizeTicks int
	// NotifyMinTicks and NotifyMaxTicks bound the interval in which an undecided vote is repeated; it doubles from one to
	// the other. Defaults 20 and 600.
	NotifyMinTicks, NotifyMaxTicks int

	// KeepCommitted is how many committed entries stay in memory for learners that come back (commitLogCount). Default 500,
	// 0 when Standalone; negative means none.
	KeepCommitted int

	// MaxCounter is the last counter of an epoch that is used. Default 0xfffffffe: the original gives the epoch up at
	// 0xffffffff (ZOOKEEPER-1277). A small one is for tests of what happens then.
	MaxCounter uint32
}

// Storage is what the core wants to know about the log on disk. It is asked while a learner joins, never per entry.
type Storage interface {
	// Floor is the highest zxid in the log that is not above z, provided the log can be read from there to its end without
	// a gap. 0 with ok means: the log begins with the very first entry and z lies before it. Not ok means: the log does not
	// reach back to z, or so much would have to be read that a snapshot is the better choice.
	Floor(z Zxid) (floor Zxid, ok bool)
}

// HardState is what must survive a crash besides the log: the files acceptedEpoch and currentEpoch.
type HardState struct {
	// AcceptedEpoch is the highest epoch this server has promised to: it joins no leader of an older one.
	AcceptedEpoch uint32
	// CurrentEpoch is the epoch of the last leader whose whole initial history is in this server's log.
	CurrentEpoch uint32
}

func (c *Config) setDefaults() {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def(&c.InitTicks, 1000)
	def(&c.SyncTicks, 500)
	def(&c.PingTicks, 50)
	def(&c.FinalizeTicks, 2)
	def(&c.NotifyMinTicks, 20)
	def(&c.NotifyMaxTicks, 600)
	if c.MaxCounter == 0 || c.MaxCounter > maxCounter {
		c.MaxCounter = maxCounter
	}
	if !c.Standalone {
		def(&c.KeepCommitted, 500)
	}
	if c.KeepCommitted < 0 {
		c.KeepCommitted = 0
	}
}

func (c *Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("zab: "+format, args...)) }
	stranger := false
	if c.Active != nil {
		own, member := c.Active.Member(c.ID)
		c.Observer = own.Observer
		stranger = !member && c.ReconfigEnabled
		c.Quorum = c.Active.Quorum
	}
	if c.Quorum == nil {
		return errors.New("zab: no quorum verifier: the configuration needs a participant")
	}
	voter := quorum.Index(c.Quorum, c.ID) >= 0
	switch {
	case c.ID < 0:
		bad("server id %d is negative", c.ID)
	case c.Observer && voter:
		bad("server %d is an observer and among the voters: make it one of them", c.ID)
	case !c.Observer && !voter && !stranger:
		bad("server %d is not among the voters: add its server.%d line or make it an observer", c.ID, c.ID)
	case c.Standalone && !quorum.IsSole(c.Quorum, c.ID):
		bad("standalone needs a quorum of server %d alone", c.ID)
	}
	if c.LastZxid < 0 {
		bad("last zxid %s is negative", c.LastZxid)
	}
	if !c.Standalone {
		if c.AcceptedEpoch < c.CurrentEpoch {
			bad("accepted epoch %#x is below current epoch %#x: the epoch files do not belong together", c.AcceptedEpoch, c.CurrentEpoch)
		}
		if e := c.LastZxid.Epoch(); c.AcceptedEpoch < e {
			bad("accepted epoch %#x is below the epoch of the last zxid %s: the epoch files are older than the log", c.AcceptedEpoch, c.LastZxid)
		}
	}
	if min(c.InitTicks, c.SyncTicks, c.PingTicks, c.FinalizeTicks, c.NotifyMinTicks, c.NotifyMaxTicks, c.ReturnTicks) < 0 {
		bad("negative number of ticks")
	}
	if c.NotifyMaxTicks < c.NotifyMinTicks {
		bad("notification interval at most %d ticks is below its minimum of %d", c.NotifyMaxTicks, c.NotifyMinTicks)
	}
	return errors.Join(errs...)
}
