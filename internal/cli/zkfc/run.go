package zkfc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// setup is what a running controller is made of.
type setup struct {
	cfg  *haconfig.Config
	ns   haconfig.Nameservice
	node haconfig.Node
	zk   elector.ZooKeeper
	log  *zap.Logger
	self failover.Fencer // stops the local service when it hangs; nil for nothing

	early   *elector.Early // the first session of the election; nil when one of an earlier run is to be resumed
	closing sync.WaitGroup // of sessions that are not needed any more
}

func zookeeper(cfg *haconfig.Config, log *zap.Logger) (elector.ZooKeeper, error) {
	zk := elector.ZooKeeper{Servers: cfg.Zookeeper.Quorum, SessionTimeout: cfg.Zookeeper.SessionTimeout, Log: log}
	acls, err := cfg.Zookeeper.ACLs()
	if err != nil {
		return zk, fmt.Errorf("zookeeper.acl: %w", err)
	}
	for _, a := range acls {
		zk.ACL = append(zk.ACL, elector.ACL{Scheme: a.Scheme, ID: a.ID, Perms: a.Perms})
	}
	auths, err := cfg.Zookeeper.Auths()
	if err != nil {
		return zk, fmt.Errorf("zookeeper.auth: %w", err)
	}
	for _, a := range auths {
		zk.Auth = append(zk.Auth, elector.Auth{Scheme: a.Scheme, Data: a.Data})
	}
	secret, err := cfg.ZookeeperTLS(func(text string) { log.Warn(text) })
	if err == nil && secret != nil {
		zk.Secure = secret.Secure
		for _, f := range secret.Findings(time.Now()) {
			log.Warn("TLS: " + f)
		}
	}
	return zk, err
}

// run is the life of a controller. What can be checked without ZooKeeper is checked before it is needed.
func run(ctx context.Context, s *setup) int {
	ctx, stop := restartable(ctx, s.cfg.Controller.OnTerm)
	defer stop()
	code := s.start(ctx)
	if s.cfg.Hadoop != nil && code == exitOK && terminated(ctx) {
		return exitTerminated
	}
	return code
}

// terminated tells whether it was SIGTERM that ended ctx; signal.NotifyContext says so in the cause.
func terminated(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return cause != nil && cause.Error() == syscall.SIGTERM.String()+" signal received"
}

func (s *setup) start(ctx context.Context) int {
	local := s.node.Identity(s.ns.ID)
	log := s.log
	if s.cfg.Hadoop != nil {
		log = log.Named(program)
	}
	log.Info("STARTUP_MSG: Starting zkfc", zap.String("node", local.String()), zap.String("config", s.cfg.File))
	defer log.Info("SHUTDOWN_MSG: Shutting down zkfc")
	fencer, err := fencing.New(s.cfg.FencingConfig(s.ns, s.node.ID), s.log)
	if err != nil {
		s.log.Error("Fencing is not configured for "+s.name()+"."+s.newLine()+"You must configure a fencing method before "+
			"using automatic failover.", zap.Error(err), remedy(s.cfg, "set fencing.methods", "set dfs.ha.fencing.methods"))
		return exitNoFencer
	}
	for _, w := range fencer.Warnings() {
		s.log.Warn("A fencing method would fail today", zap.String("reason", w))
	}
	if s.self, err = s.selfFence(); err != nil {
		s.log.Error("failover.selfFence is not a fencing method", zap.Error(err))
		return exitError
	}
	ln, err := net.Listen("tcp", s.node.Bind())
	if err != nil {
		key := "zkfcPort"
		if s.cfg.Hadoop != nil {
			key = "dfs.ha.zkfc.port"
		}
		s.log.Error("cannot serve ZKFCProtocol: is another zkfc running? else set another "+key, zap.Error(err))
		return exitError
	}
	defer ln.Close()
	s.log.Info("ZKFC RpcServer binding to " + s.node.Bind())
	defer s.closing.Wait()
	service := s.service()
	defer service.Close()
	met := s.meet(ctx, service)
	code := s.parentExists(ctx)
	met()
	if s.early != nil {
		defer s.early.Close()
	}
	if code != exitOK || ctx.Err() != nil {
		return code
	}
	return s.control(ctx, local, fencer, service, ln)
}

// meet opens the connection to the service while ZooKeeper is asked; a NameNode that has not met us yet takes its time. What it
// says, if anything, is left to the first check of its health. The function that meet returns ends it.
func (s *setup) meet(ctx context.Context, service target.Service) func() {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = service.Status(ctx) })
	return func() { stop(); wg.Wait() }
}

// name is the node in messages.
func (s *setup) name() string {
	if s.cfg.Hadoop == nil {
		return "NameNode at " + s.node.Identity(s.ns.ID).Addr()
	}
	return nameOf(s.ns, s.node)
}

// newLine is between two sentences of the original's messages, which holdfast.yaml's log has on one line.
func (s *setup) newLine() string {
	if s.cfg.Hadoop != nil {
		return "\n"
	}
	return " "
}

func (s *setup) noZooKeeper(err error) int {
	key := "zookeeper.quorum"
	if s.cfg.Hadoop != nil {
		key = "ha." + key
	}
	s.log.Error("Unable to start failover controller. Unable to connect to ZooKeeper quorum at "+strings.Join(s.zk.Servers, ",")+
		". Please check the configured value for "+key+" and ensure that ZooKeeper is running.", zap.Error(err))
	return exitNoZooKeeper
}

// parentExists waits for ZooKeeper and looks for the znode of the nameservice.
func (s *setup) parentExists(ctx context.Context) int {
	parent := parentOf(s.cfg, s.ns)
	patience, cancel := ctx, context.CancelFunc(func() {})
	if d := s.cfg.Controller.ZookeeperPatience; d > 0 {
		patience, cancel = context.WithTimeout(ctx, d)
	}
	defer cancel()
	var last error
	for patience.Err() == nil {
		tree, early, err := s.openTree(patience)
		if err != nil {
			last = err
			break
		}
		look, cancel := context.WithTimeout(patience, max(formatDeadline, s.zk.SessionTimeout))
		ok, err := tree.Exists(look, parent)
		cancel()
		if early != nil && err == nil && ok {
			s.early = early
			return exitOK
		}
		s.closing.Go(tree.Close)
		switch {
		case err != nil && patience.Err() == nil:
			last = err
			s.log.Warn("zookeeper does not answer, trying again", zap.Error(err))
			continue
		case err == nil && !ok:
			s.log.Error("Unable to start failover controller. Parent znode does not exist."+s.newLine()+"Run with -formatZK flag to "+
				"initialize ZooKeeper.", zap.String("path", parent), zap.String("set_by", s.setBy("zookeeper.parentZnode", "ha.zookeeper.parent-znode")))
			return exitNoParent
		case err == nil:
			return exitOK
		}
	}
	if ctx.Err() == nil {
		return s.noZooKeeper(last)
	}
	s.log.Info("stopped while waiting for zookeeper")
	return exitOK
}

// tree is a session that can be asked about znodes.
type tree interface {
	Exists(ctx context.Context, path string) (bool, error)
	Close()
}

// openTree is a session for the first question, and the same once more if the election can go on with it.
func (s *setup) openTree(ctx context.Context) (tree, *elector.Early, error) {
	early, err := s.zk.NewEarly(ctx, s.sessionFile())
	if err != nil {
		return nil, nil, err
	}
	if early != nil {
		return early, early, nil
	}
	t, err := s.zk.OpenTree(ctx)
	if err != nil {
		return nil, nil, err
	}
	return t, nil, nil
}

func (s *setup) control(ctx context.Context, local target.Identity, fencer *fencing.Fencer, service target.Service, ln net.Listener) int {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var controller atomic.Pointer[failover.Controller]
	metrics := failover.NewMetrics(reg, controller.Load)
	events, closeEvents, err := s.events()
	if err != nil {
		s.log.Error("cannot write events", zap.Error(err))
		return exitError
	}
	defer closeEvents()
	if line := s.oftener(); line != "" {
		s.log.Info(line)
	}
	diagnose, patience := s.diagnose()
	c, err := failover.New(failover.Config{
		Local: local, Others: s.others(), Parent: parentOf(s.cfg, s.ns),
		Connect: s.session(), Look: s.zk.Connect, ReconnectPatience: s.cfg.Controller.ReconnectPatience,
		Service: service,
		Dial: func(id target.Identity) target.Service {
			return probed{target.NewHadoop(s.known(id).Addr(), target.HadoopOptions{}), s.cfg.Failover.ProbeDeadline, s.hangs(id)}
		},
		DialPeer: func(id target.Identity) failover.Peer {
			return target.NewZKFC(s.known(id).ZKFCAddr(), target.HadoopOptions{})
		},
		Fencer: fencer,
		Health: s.health(),

		GracefulFence: s.cfg.Failover.GracefulFenceDeadline, NewActive: s.cfg.Failover.NewActiveDeadline,
		SessionTimeout: s.cfg.Zookeeper.SessionTimeout, Admins: admins(s.cfg.Controller),
		Diagnose: diagnose, DiagnoseDeadline: patience, LogTail: s.logTail(), SelfFence: s.self,
		Listener: failover.Listeners(metrics.Listen, events), Log: s.log,
	})
	if err != nil {
		s.log.Error("DFSZKFailOverController exiting due to earlier exception", zap.Error(err))
		return exitError
	}
	controller.Store(c)

	rpc := hadooprpc.NewServer(s.log, hadooprpc.ServerOptions{Before: s.policy()})
	target.RegisterZKFC(rpc, c)
	target.RegisterController(rpc, c)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer rpc.Close()
	wg.Go(func() {
		if failed := rpc.Serve(ln); failed != nil {
			s.log.Error("ZKFCProtocol is not served any more", zap.Error(failed))
		}
	})
	stopPages, err := s.pages(&wg, failover.Handler(c, reg))
	if err != nil {
		s.log.Error("cannot serve controller.httpAddress", zap.Error(err))
		return exitError
	}
	defer stopPages()
	if err := c.Run(ctx); err != nil {
		s.log.Error("Fatal error occurred:" + err.Error())
		return exitError
	}
	return exitOK
}

// known is the node of id as configured: what ZooKeeper says of it may name it differently, or name another port.
func (s *setup) known(id target.Identity) haconfig.Node {
	n, ok := s.ns.Find(id.ServiceID)
	if !ok || n.RPCPort != id.Port {
		n = haconfig.Node{ID: id.ServiceID, Host: id.Host, RPCPort: id.Port}
	}
	n.ZKFCPort = id.ZKFCPort
	return n
}

func (s *setup) others() []target.Identity {
	var out []target.Identity
	for _, n := range s.ns.Nodes {
		if n.ID != s.node.ID {
			out = append(out, n.Identity(s.ns.ID))
		}
	}
	return out
}

// events opens the events file; it is nil when there is none.
func (s *setup) events() (failover.Listener, func(), error) {
	if s.cfg.Events.File == "" {
		return nil, func() {}, nil
	}
	f, err := os.OpenFile(s.cfg.Events.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("events.file: %w", err)
	}
	return failover.JSONLines(f), func() { f.Close() }, nil
}

// pages serves the metrics and health pages, if an address is set.
func (s *setup) pages(wg *sync.WaitGroup, h http.Handler) (stop func(), err error) {
	if s.cfg.Controller.HTTPAddress == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", s.cfg.Controller.HTTPAddress)
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	wg.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the metrics and health pages are not served any more", zap.Error(err))
		}
	})
	return func() { srv.Close() }, nil
}

// setBy tells where a key of holdfast.yaml was set, and with Hadoop's configuration by which key.
func (s *setup) setBy(path, hadoops string) string {
	if s.cfg.Hadoop == nil {
		hadoops = path
	}
	for _, e := range s.cfg.Effective() {
		if e.Key == path {
			return hadoops + " of " + e.From
		}
	}
	return hadoops + " of " + s.cfg.File
}
