package failover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/healthcheck"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// Deadlines that are not settings.
const (
	// standbyDeadline is for making the own service standby; the original's graceful fence time-out.
	standbyDeadline = 5 * time.Second
	// cedeDeadline is for another controller to cede, and how long it then stays out; twice the above in the original.
	cedeDeadline = 10 * time.Second
	// peerDeadline is for what is asked of controllers that are not active: it only makes a failover smoother.
	peerDeadline = 2 * time.Second
	// successorDeadline is for one other controller to begin taking over when this one is stopped.
	successorDeadline = 2 * time.Second
	// electionPatience is how long, after the active has ceded, a graceful failover waits to become active.
	electionPatience = cedeDeadline + time.Minute
	lookupDeadline   = time.Second
	// silenceMargin is added to all that may keep the health monitor from saying something.
	silenceMargin = 10 * time.Second
)

// Fencer makes sure that a node does no more harm; *fencing.Fencer is one.
type Fencer interface {
	Fence(ctx context.Context, node target.Identity) (fencing.Record, error)
}

// Peer is the controller beside another node; *target.ZKFC is one.
type Peer interface {
	CedeActive(ctx context.Context, millis int32) error
	GracefulFailover(ctx context.Context) error
	Close() error
}

// Config is what a Controller needs. All fields are required unless said otherwise.
type Config struct {
	// Local is the node of this controller; Others are all other nodes of its nameservice.
	Local  target.Identity
	Others []target.Identity
	// Parent is the znode of the nameservice: "/hadoop-ha/ns1".
	Parent string
	// Connect opens the ZooKeeper session of the election. With a Connect that resumes (elector.ZooKeeper.Resuming), a
	// controller that is started again within its session's life finds itself still holding the lock.
	Connect elector.Connect
	// Look opens a session for one question. Default Connect; required with a Connect that resumes.
	Look elector.Connect
	// ReconnectPatience is how long a new session may take while the controller runs; Run then returns ErrNoZooKeeper, as the
	// original dies. Default 0: as long as it takes.
	ReconnectPatience time.Duration

	// Service is the local service. The controller does not close it.
	Service target.Service
	// Dial reaches another node's service, for graceful fencing. DialPeer reaches its controller.
	Dial     func(target.Identity) target.Service
	DialPeer func(target.Identity) Peer
	Fencer   Fencer

	// Health is how the service is watched; its defaults apply, Busy is the controller's.
	Health healthcheck.Config
	// GracefulFence is how long an old active has for becoming standby before it is fenced. Short, because a hung node
	// costs all of it; a dead process costs nothing of it. Default 300ms (the original: 5s).
	GracefulFence time.Duration
	// NewActive is how long the own service has for becoming active. Default 60s, the original's.
	NewActive time.Duration
	// SessionTimeout is that of the ZooKeeper sessions: a controller that cannot be asked to cede has lost its lock after
	// it. Default 2s.
	SessionTimeout time.Duration
	// User may ask for a failover: the one that runs the controller, which is the default ($HADOOP_USER_NAME, else the user
	// of the process). Admins may, too; optional.
	User   string
	Admins hadooprpc.ACL

	// SelfFence stops the local service when it hangs while it is active, so that it does not wake up active later. It runs
	// after the lock has been given up. Optional: without it a service that wakes up is made standby at its first answer.
	SelfFence Fencer

	// Diagnose tells what the local service is doing, such as its threads (healthcheck.Stacks), and LogTail the end of its
	// log (healthcheck.LogTail). They are called when the service stops being healthy, beside the failover and never in
	// its way; the answers go to the log. Optional.
	Diagnose func(ctx context.Context) ([]byte, error)
	LogTail  func(ctx context.Context) ([]byte, error)
	// DiagnoseDeadline bounds each. Default 20s, the original's (dfs.ha.zkfc.nn.http.timeout.ms).
	DiagnoseDeadline time.Duration

	Listener Listener // optional
	Log      *zap.Logger
}

func (c Config) withDefaults() (Config, error) {
	var missing []error
	need := func(ok bool, name string) {
		if !ok {
			missing = append(missing, fmt.Errorf("failover: %s is not set", name))
		}
	}
	need(c.Parent != "", "Parent")
	need(c.Connect != nil, "Connect")
	need(c.Service != nil, "Service")
	need(c.Dial != nil, "Dial")
	need(c.DialPeer != nil, "DialPeer")
	need(c.Fencer != nil, "Fencer")
	if c.GracefulFence <= 0 {
		c.GracefulFence = 300 * time.Millisecond
	}
	if c.NewActive <= 0 {
		c.NewActive = time.Minute
	}
	if c.SessionTimeout <= 0 {
		c.SessionTimeout = 2 * time.Second
	}
	if c.DiagnoseDeadline <= 0 {
		c.DiagnoseDeadline = 20 * time.Second
	}
	if c.User == "" {
		c.User = ownUser()
	}
	if c.Listener == nil {
		c.Listener = func(Event) {}
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c, errors.Join(missing...)
}

// ownUser is the login user by the rule of Hadoop's SIMPLE authentication.
func ownUser() string {
	if u := os.Getenv("HADOOP_USER_NAME"); u != "" {
		return u
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// displayName is how the original's messages name a node: "NameNode at localhost/127.0.0.1:8020".
func displayName(ctx context.Context, id target.Identity) string {
	ctx, cancel := context.WithTimeout(ctx, lookupDeadline)
	defer cancel()
	return "NameNode at " + fencing.JavaAddress(ctx, id.Host, id.Port)
}

// resolve is the addresses of a host; none when it has no name.
func resolve(ctx context.Context, host string) []string {
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil
	}
	return addrs
}

// sameNode tells whether two spellings of a node's address mean the same place: a Java controller may write "localhost"
// where the configuration says 127.0.0.1.
func sameNode(ctx context.Context, a, b target.Identity) bool {
	if a.ServiceID != b.ServiceID || a.Port != b.Port {
		return false
	}
	if a.Host == b.Host {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, lookupDeadline)
	defer cancel()
	for _, x := range resolve(ctx, a.Host) {
		for _, y := range resolve(ctx, b.Host) {
			if x == y {
				return true
			}
		}
	}
	return false
}
