package zkserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/audit"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/peer"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/watch"
)

// Server is one ZooKeeper server. Make it with New.
type Server struct {
	cfg      config.Config
	log      *zap.Logger
	fs       vfs.FS
	clock    clock.Clock
	listener net.Listener

	secureListener net.Listener

	started  time.Time
	loadTime time.Duration
	locks    []io.Closer
	registry *auth.Registry
	words    *admin.Words
	// traceMask is what gtmk shows and stmk sets.
	traceMask *admin.TraceMask
	port      *cnxn.Port // nil where clients have to use TLS
	secure    *cnxn.Port // for TLS alone; nil if there is none
	certs     certificates
	metrics   *metricsEndpoint
	admin     *admin.HTTP
	initial   string // the text of zoo.cfg, or what stands for it
	// properties are settings that do not stand in it.
	properties map[string]string
	beat       atomic.Int64 // when the core last ticked, nanoseconds since 1970
	restoreMu  sync.Mutex   // one restore at a time
	stats      stats
	audit      *auditor                   // nil: there is no audit log
	paths      atomic.Pointer[pathCounts] // nil: they are not counted

	peerHandler peerHandler

	treeMu  sync.RWMutex
	tree    *tree.Tree
	watchMu sync.Mutex
	watches *watch.Manager[*client]

	inbox     *pipeline.Inbox[*client]
	wake      chan struct{} // the core has something to do
	core      core
	store     *store.Store
	mode      atomic.Uint32 // a replica.Mode: how clients are served
	hurry     atomic.Bool   // somebody waits for the snapshot that is being written
	peers     *peer.Peers   // nil for a standalone server
	fromPeers peerInbox
	members   atomic.Pointer[quorum.Membership] // the ensemble's, in force
	moves     portMoves                         // of the client port
	disk      disk
	throttle  throttle
	tokens    tokens
	limits    limitCounts
	volumes   volumes
	trimmer   trimmer
	live      atomic.Pointer[config.Config] // what a reload changes is read from here, the rest from cfg
	asked     timeoutsAsked                 // owned by the core
	reloadMu  sync.Mutex
	houseWake chan struct{}

	stopping  chan struct{} // closed: take nothing new, finish what is under way
	coreDone  chan struct{} // closed when the core has ended
	failed    chan struct{} // closed when failure is set
	failOnce  sync.Once
	failure   error
	group     sync.WaitGroup // snapshot, purge and container goroutines
	quit      chan struct{}  // closed: those goroutines end
	closeOnce sync.Once
	closeErr  error
	running   atomic.Bool

	lastCounter uint32        // of an epoch; 0: all that there are
	returnAfter time.Duration // until an observer that has joined the leader looks for a follower
}

// New checks the configuration and makes a server that has touched nothing yet.
func New(cfg config.Config, options ...Option) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: zap.NewNop(), fs: vfs.OS(), clock: clock.Real(), returnAfter: returnAfter,
		wake: make(chan struct{}, 1), houseWake: make(chan struct{}, 1), stopping: make(chan struct{}), coreDone: make(chan struct{}),
		failed: make(chan struct{}), quit: make(chan struct{}), watches: watch.New[*client](),
	}
	s.trimmer.init()
	for _, o := range options {
		o(s)
	}
	var err error
	s.registry, err = auth.New(auth.Config{
		SuperDigest: cfg.SuperDigest, DigestAlgorithm: cfg.DigestAlgorithm, DisableDigest: !cfg.DigestAuth, SkipACL: cfg.SkipACL,
		Ensemble: cfg.EnsembleAuth, EnsembleNames: cfg.EnsembleNames, Demanded: cfg.DemandedSchemes(),
		X509: cfg.X509(), X509SuperUser: cfg.X509SuperUser,
		OnEnsemble: func(c auth.EnsembleCheck) { s.stats.ensembleChecks[c].Add(1) },
	})
	if err != nil {
		return nil, fmt.Errorf("zkserver: %w", err)
	}
	s.traceMask = admin.NewTraceMask()
	s.words, _ = admin.NewWords(s, s.traceMask, nil)
	s.allowWords(cfg.Commands)
	s.core.giveUp = make(chan struct{})
	s.stats.init()
	s.count()
	s.live.Store(&s.cfg)
	s.throttle.init(int64(cfg.GlobalOutstandingLimit), cfg.LargeRequestThreshold)
	s.tokens.configure(&cfg.Tokens, s.clock.Now())
	s.inbox = pipeline.NewInbox[*client](s.callCore)
	return s, nil
}

// Start recovers the state from disk, opens the port and serves. When it fails, everything it took is given back.
func (s *Server) Start() error {
	s.started = s.clock.Now()
	if err := s.start(); err != nil {
		s.auditServer(audit.ServerStart, audit.Failure)
		s.release()
		return err
	}
	s.auditServer(audit.ServerStart, audit.Success)
	s.running.Store(true)
	return nil
}

func (s *Server) start() error {
	if err := s.openTLS(); err != nil {
		return err
	}
	if err := s.lockDirs(); err != nil {
		return err
	}
	if err := s.openAudit(); err != nil {
		return err
	}
	// Listen before the recovery, so that a port that is taken is told at once; nothing is accepted until Serve.
	if s.cfg.HasSecurePort() {
		if err := s.listenSecure(); err != nil {
			return err
		}
	}
	if s.listener == nil && s.cfg.HasPlainPort() {
		l, err := listen(&s.cfg)
		if err != nil {
			return listenError("clientPort", s.cfg.ClientAddr(), err)
		}
		s.listener = l
	}
	if s.cfg.MetricsAddr != "" || s.cfg.MetricsTLSAddr != "" {
		var err error
		if s.metrics, err = s.openMetrics(); err != nil {
			return err
		}
	}
	if s.cfg.AdminEnabled {
		if err := s.openAdmin(); err != nil {
			return err
		}
	}
	if s.initial == "" {
		s.initial = s.initialConfig()
	}
	if s.cfg.Distributed() {
		if err := s.openPeers(); err != nil {
			return err
		}
	}
	if err := s.recover(); err != nil {
		return err
	}
	s.loadTime = s.clock.Now().Sub(s.started)
	s.stats.loadTime.Observe(s.loadTime)
	s.stats.replayed.Add(int64(s.core.sinceSnapshot))
	s.beat.Store(s.clock.Now().UnixNano())
	options := cnxn.Options{
		Limits: portLimits(&s.cfg), HandshakeTimeout: s.cfg.HandshakeTimeout, LargeFrom: s.cfg.LargeRequestThreshold,
		Large: &s.throttle.large, Logger: s.log, Now: s.clock.Now, GatherAfter: s.cfg.GatherAfter,
	}
	if options.GatherAfter == 0 {
		options.GatherAfter = -1
	}
	if s.listener != nil {
		options.TLS = s.portTLS(false)
		s.port = cnxn.New(s.listener, s, options)
	}
	if s.secureListener != nil {
		options.TLS = s.portTLS(true)
		s.secure = cnxn.New(s.secureListener, s, options)
	}
	s.disk.start(s)
	go s.run()
	if s.peers != nil {
		s.peers.Start()
		if s.cfg.OraclePath != "" {
			s.group.Go(s.watchOracle)
		}
	}
	if s.cfg.ContainerCheckInterval > 0 {
		s.group.Go(s.reapContainers)
	}
	s.setPathStats(s.cfg.PathStats)
	s.group.Go(s.keepHouse)
	s.group.Go(s.trim)
	s.group.Go(s.resumeCollecting)
	for _, p := range s.ports() {
		p.Serve()
	}
	s.reportSecurity()
	if s.metrics != nil {
		s.metrics.serve()
	}
	if s.admin != nil {
		s.admin.Serve()
	}
	return nil
}

func listenError(key, addr string, err error) error {
	remedy := "check the address"
	switch {
	case sock.AddressInUse(err):
		remedy = "another program, perhaps another server, uses the port: stop it or choose another " + key
	case sock.Forbidden(err):
		remedy = "the system keeps that port from this user: below 1024 Unix wants privileges, and Windows sets ports aside " +
			"(netsh interface ipv4 show excludedportrange protocol=tcp); choose another " + key
	}
	return fmt.Errorf("zkserver: cannot listen on %s: %w; %s", addr, err, remedy)
}

// lockDirs makes the directories and takes them for this process alone.
func (s *Server) lockDirs() error {
	dirs := []string{s.cfg.DataDir}
	if s.cfg.LogDir() != s.cfg.DataDir {
		dirs = append(dirs, s.cfg.LogDir())
	}
	for i, dir := range dirs {
		key := []string{"dataDir", "dataLogDir"}[i]
		if err := s.mayCreate(key, dir); err != nil {
			return err
		}
		err := s.fs.MkdirAll(filepath.Join(dir, versionDir))
		if err == nil {
			var lock io.Closer
			if lock, err = s.fs.Lock(filepath.Join(dir, lockFile)); err == nil {
				s.locks = append(s.locks, lock)
				continue
			}
		}
		if errors.Is(err, vfs.ErrLocked) {
			return fmt.Errorf("zkserver: %s %s is in use by another server: stop that one, or give this one a directory of its own", key, dir)
		}
		return fmt.Errorf("zkserver: %s %s cannot be written: %w; make it a directory this user may write to, or choose another", key, dir, err)
	}
	return nil
}

const (
	versionDir = "version-2"
	lockFile   = ".holdfast.lock"
)

func (s *Server) snapDir() string { return filepath.Join(s.cfg.DataDir, versionDir) }
func (s *Server) logDir() string  { return filepath.Join(s.cfg.LogDir(), versionDir) }

// Addr is the address clients connect to, without TLS where that is served. Valid after Start.
func (s *Server) Addr() net.Addr {
	switch {
	case s.port != nil:
		return s.port.Addr()
	case s.listener != nil:
		return s.listener.Addr()
	default:
		return s.secureListener.Addr()
	}
}

// MetricsAddr is the address of the Prometheus endpoint, nil when there is none. Valid after Start.
func (s *Server) MetricsAddr() net.Addr {
	if s.metrics == nil {
		return nil
	}
	return s.metrics.listeners[0].Addr()
}

// LoadTime is how long it took from Start until clients could be served.
func (s *Server) LoadTime() time.Duration { return s.loadTime }

// Failed is closed when the server has stopped serving by itself, because its log could not be written. Err tells why.
// Shutdown is still to be called.
func (s *Server) Failed() <-chan struct{} { return s.failed }

// Err is why the server failed, nil while it has not.
func (s *Server) Err() error {
	select {
	case <-s.failed:
		return s.failure
	default:
		return nil
	}
}

// fail ends the server's service for good: nothing is answered from now on.
func (s *Server) fail(err error) {
	s.failOnce.Do(func() {
		s.failure = err
		close(s.failed)
		s.log.Error("the server stops: its state can no longer be made durable", zap.Error(err))
		s.inbox.Close()
		s.throttle.release()
		if s.peers != nil {
			s.fromPeers.close()
			s.group.Go(s.peers.Close) // the others must notice at once
		}
		for _, p := range s.ports() {
			p.StopAccepting()
		}
		for _, c := range s.conns() {
			c.Close(err)
		}
		s.wakeCore()
	})
}

// Shutdown stops in order: no new connections, no new requests, what is under way is finished and answered, connections
// are closed, the log is synced and closed. Sessions go on living in the log: clients may reconnect to the next start.
// When ctx ends first, what is under way is given up (it was not answered). It is idempotent.
func (s *Server) Shutdown(ctx context.Context) error {
	s.closeOnce.Do(func() {
		if s.running.Load() {
			s.closeErr = s.shutdown(ctx)
		}
		s.release()
	})
	return s.closeErr
}

func (s *Server) shutdown(ctx context.Context) error {
	s.log.Info("stopping")
	s.auditServer(audit.ServerStop, audit.Invoked)
	for _, p := range s.ports() {
		p.StopAccepting()
	}
	s.inbox.Close()
	s.throttle.release()
	close(s.stopping)
	select {
	case <-s.coreDone:
	case <-ctx.Done():
	}
	close(s.quit)
	s.closePeers() // before the clients: when they have found another server, it has noticed, too
	for _, p := range s.ports() {
		p.Close()
	}
	<-s.core.abandon(s)
	if s.admin != nil {
		s.admin.Close() // a snapshot under way is finished before the directories are given back
	}
	err := s.disk.stop(s)
	s.group.Wait()
	if failure := s.Err(); failure != nil {
		return failure
	}
	if err != nil {
		return fmt.Errorf("zkserver: closing the log: %w", err)
	}
	s.log.Info("stopped", zap.Stringer("zxid", s.tree.LastZxid()))
	return nil
}

// closePeers ends the connections to the other servers.
func (s *Server) closePeers() {
	if s.peers != nil {
		s.fromPeers.close()
		s.peers.Close()
	}
}

// release gives back what Start took first: the endpoints and the locks.
func (s *Server) release() {
	if s.listener != nil {
		_ = s.listener.Close()
	}
	if s.secureListener != nil {
		_ = s.secureListener.Close()
	}
	s.certs.close()
	if s.metrics != nil {
		s.metrics.close()
	}
	if s.admin != nil {
		s.admin.Close()
	}
	if s.audit != nil {
		s.audit.log.Close()
	}
	s.closePeers()
	for _, l := range s.locks {
		_ = l.Close()
	}
	s.locks = nil
}

func (s *Server) wakeCore() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
