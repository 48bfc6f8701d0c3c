package zkfc

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/healthcheck"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// keepNothing is the controller.stateDir that keeps no session.
const keepNothing = "none"

// restartable is ctx, which now also ends by the signals that announce a restart: its cause is failover.ErrRestart then.
// onTerm says whether SIGTERM is one of them.
func restartable(ctx context.Context, onTerm string) (context.Context, func()) {
	out, end := context.WithCancelCause(context.WithoutCancel(ctx))
	follow := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if onTerm == "keep" && terminated(ctx) {
			cause = restarted{cause}
		}
		end(cause)
	})
	signals := make(chan os.Signal, 1)
	if len(restartSignals) > 0 {
		signal.Notify(signals, restartSignals...)
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			end(failover.ErrRestart)
		case <-done:
		}
	}()
	return out, func() {
		signal.Stop(signals)
		close(done)
		follow()
		end(nil)
	}
}

// restarted is a signal that means a restart.
type restarted struct{ error }

func (restarted) Is(target error) bool { return target == failover.ErrRestart }

// session is how the sessions of the election are opened.
func (s *setup) session() elector.Connect {
	if s.early != nil {
		return s.early.Connect
	}
	if file := s.sessionFile(); file != "" {
		return s.zk.Resuming(file)
	}
	return s.zk.Connect
}

// sessionFile is where the session is kept for a restart; empty when there is no place for it. The name is one that no other
// controller of this user has: not one of another ensemble, nor of another parent znode or port.
func (s *setup) sessionFile() string {
	dir := s.cfg.Controller.StateDir
	if dir == "" {
		dir = defaultStateDir()
	}
	if dir == "" || dir == keepNothing {
		return ""
	}
	quorum := slices.Sorted(slices.Values(s.cfg.Zookeeper.Quorum))
	local := s.node.Identity(s.ns.ID)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d", quorum, parentOf(s.cfg, s.ns), local.Addr(), local.ZKFCPort))
	return filepath.Join(dir, fmt.Sprintf("zkfc-%s-%s-%x.session", s.ns.ID, s.node.ID, sum[:6]))
}

// defaultStateDir is a directory of this user's; never one that others can write to.
func defaultStateDir() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" { // by systemd, the first of a list
		return filepath.SplitList(dir)[0]
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "holdfast")
	}
	if home, err := os.UserHomeDir(); err == nil && home != "" {
		return filepath.Join(home, ".local", "state", "holdfast")
	}
	return ""
}

// admins are those who may ask for a failover. As in Hadoop's lists, * is everybody only where it stands alone.
func admins(c haconfig.Controller) hadooprpc.ACL {
	all := slices.Equal(c.Admins, []string{"*"}) && len(c.AdminGroups) == 0
	return hadooprpc.ACL{All: all, Users: c.Admins, Groups: c.AdminGroups}
}

// policy is Hadoop's service level authorization, where it is in force.
func (s *setup) policy() func(context.Context, *hadooprpc.CallInfo) error {
	p := s.cfg.Policy
	if p == nil {
		return nil
	}
	rule := hadooprpc.Policy{
		Protocol: target.ZKFCProtocol, Allowed: p.Allowed, Blocked: p.Blocked, Hosts: p.Hosts, BlockedHosts: p.BlockedHosts,
	}
	return func(ctx context.Context, i *hadooprpc.CallInfo) error {
		err := rule.Check(ctx, i)
		if err != nil {
			s.log.Warn("Authorization failed for "+i.User+" (auth:SIMPLE) at "+i.Remote.String(), zap.Error(err))
		}
		return err
	}
}

// selfFence is what stops the service of this machine when it hangs; nil for nothing.
func (s *setup) selfFence() (failover.Fencer, error) {
	method := s.cfg.Failover.SelfFence
	if method == "" {
		return nil, nil
	}
	cfg := s.cfg.FencingConfig(s.ns, s.node.ID)
	cfg.Methods = []fencing.Spec{{Method: method}}
	f, err := fencing.New(cfg, s.log)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// logTail reads the end of the service's log; nil when it is not known where that is.
func (s *setup) logTail() func(ctx context.Context) ([]byte, error) {
	pattern := s.cfg.Health.ServiceLog
	if pattern == "" && s.cfg.Hadoop != nil {
		pattern = nameNodeLog()
	}
	if pattern == "" {
		return nil
	}
	return healthcheck.LogTail(pattern)
}

// nameNodeLog is where Hadoop's scripts put the log of the NameNode; empty when the environment does not say.
func nameNodeLog() string {
	dir := os.Getenv("HADOOP_LOG_DIR")
	if home := os.Getenv("HADOOP_HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, "logs")
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "hadoop-*-namenode-*.log")
}
