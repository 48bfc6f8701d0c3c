package replica

import (
	"errors"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Time is one moment on two clocks.
type Time struct {
	Mono int64 // milliseconds of a clock that never goes back: sessions are timed by it
	Wall int64 // milliseconds since 1970: goes into transactions
}

// Config is what a Replica starts from.
type Config struct {
	// Zab is passed to zab.New. Its Membership is filled in by New when it is nil.
	Zab zab.Config
	// Tree holds everything up to Zab.LastZxid; Sessions are the sessions at that point.
	Tree     *tree.Tree
	Sessions map[zkproto.SessionID]int32
	Registry *auth.Registry
	Prep     prep.Config
	Host     Host
	// Now is when it starts.
	Now Time

	// BucketMillis is how exactly sessions expire. Default 100.
	BucketMillis int32
	// TickMillis is the time between two calls of Tick: 10 in an ensemble (a tick of zab's), BucketMillis (the default)
	// for a standalone server. A Tick that comes much too late restarts all timeouts.
	TickMillis int64
	// RejoinGrace is how long clients are held when the role has ended, in milliseconds (holdfast.rejoinGrace). Default
	// 1000; negative: they are closed at once, as by the original.
	RejoinGrace int64

	// LeaderServesNot refuses clients while this server leads (leaderServes=no).
	LeaderServesNot bool
	// ReadOnly lets a server without a quorum serve reads (readonlymode.enabled), after ReadOnlyAfter milliseconds without
	// one (default 2000, as the original's max(2000, tickTime)).
	ReadOnly      bool
	ReadOnlyAfter int64
	// LocalSessions makes new sessions local (localSessionsEnabled), LocalUpgrade lets them become global when they create
	// an ephemeral znode (localSessionsUpgradingEnabled; without it such a create is refused).
	LocalSessions, LocalUpgrade bool
}

func (c *Config) setDefaults() error {
	if c.Tree == nil || c.Registry == nil || c.Host == nil {
		return errors.New("replica: tree, registry and host are needed")
	}
	if c.BucketMillis <= 0 {
		c.BucketMillis = 100
	}
	if c.TickMillis <= 0 {
		c.TickMillis = int64(c.BucketMillis)
	}
	if c.RejoinGrace == 0 {
		c.RejoinGrace = 1000
	}
	if c.ReadOnlyAfter <= 0 {
		c.ReadOnlyAfter = 2000
	}
	return nil
}
