// Package config reads zoo.cfg, the configuration file of a ZooKeeper server, into a Config.
//
// The file has the rules of Java .properties files: key=value (or key: value, or key value), # and ! begin comments, a
// backslash at the end of a line continues it, \uXXXX and \t are escapes. Variables (${…}) are not expanded, as in the
// original. The text is UTF-8.
//
// Every key the original documents is known here, and in exactly one class (see Keys): it is honoured; or it is refused
// when it asks for something this release does not have (SASL: leaving it out silently would give
// less protection than the operator expects); or it is accepted with a warning that says why it means nothing here
// (thread pools of the JVM). Anything else is refused, and all problems of a file are reported at once, each with its
// line, the reason and the remedy: a server never runs with a setting it has misread.
//
// Settings come from three places, as with the original: zoo.cfg, system properties (-Dzookeeper.x=y, as flags or in
// SERVER_JVMFLAGS and JVMFLAGS), and, when there is no zoo.cfg, the ZOO_ variables of the official container image. What
// zoo.cfg says counts more than a system property.
package config

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// Config is what an operator sets. Default fills in what the original defaults to; DataDir and ClientPort must be given.
type Config struct {
	// ClientPort is the TCP port for clients; 0 lets the system choose one (only outside of zoo.cfg, for tests). -1 is none: clients
	// come by SecureClientPort.
	ClientPort int
	// ClientPortAddress is the address to listen on; empty for all.
	ClientPortAddress string
	// DataDir holds the snapshots, in its subdirectory version-2.
	DataDir string
	// DataLogDir holds the transaction log, in its subdirectory version-2. Empty means DataDir.
	DataLogDir string
	// TickTime is the unit of the server's timing (default 3 s): session timeouts are bounded by multiples of it.
	TickTime time.Duration
	// MinSessionTimeout and MaxSessionTimeout bound what clients may ask for; 0 means 2 and 20 times TickTime, and a
	// MinSessionTimeout below 0 that there is no lower bound.
	MinSessionTimeout time.Duration
	MaxSessionTimeout time.Duration
	// MaxClientCnxns limits the connections of one client address (default 60); 0 or less for no limit.
	MaxClientCnxns int
	// MaxCnxns limits all connections together; 0 (the default) for no limit.
	MaxCnxns int
	// GlobalOutstandingLimit is the number of unanswered writes at which connections are no longer read (default 1000).
	GlobalOutstandingLimit int
	// MaxBuffer is the largest frame in bytes (jute.maxbuffer, default 1048575), LargestMaxBuffer at most.
	MaxBuffer int
	// PreAllocSize is how many bytes the log file grows by at a time (default 64 MiB; below 0: not ahead of what is written). In
	// zoo.cfg it is given in KiB, 0 and less for none.
	PreAllocSize int64
	// SnapCount is the number of transactions between snapshots (default 100000): one is taken after SnapCount/2 plus a
	// random part of SnapCount/2.
	SnapCount int
	// SnapSizeLimit is the same for the bytes written to the log (default 4 GiB; 0 or less: no limit). In zoo.cfg: KiB.
	SnapSizeLimit int64
	// LogSizeLimit begins a new log file when the current one has so many bytes (txnLogSizeLimitInKb; 0 or less: no limit,
	// the default). In zoo.cfg: KiB.
	LogSizeLimit int64
	// ForceSync is false only for throw-away servers: then writes are answered without an fsync and a power cut loses them.
	ForceSync bool
	// FsyncWarnThreshold is the duration of an fsync that is worth a warning (default 1 s).
	FsyncWarnThreshold time.Duration
	// SnapRetainCount is how many snapshots, and the logs they need, the purge keeps (default and least 3).
	SnapRetainCount int
	// PurgeInterval is the time between purges (default 1 h), the first of which comes a minute after the start at the latest;
	// 0 never purges, not even when the disk is nearly full.
	PurgeInterval time.Duration
	// SkipACL switches all permission checks off.
	SkipACL bool
	// SuperDigest is the "super:hash" of the superuser of scheme digest; empty for none.
	SuperDigest string
	// DigestAlgorithm makes the hashes of scheme digest (DigestAuthenticationProvider.digestAlg, default SHA1; SHA-256,
	// SHA3-256 and others of Java's names). It must be the same on all servers, and goes with the ACLs that there are.
	DigestAlgorithm string
	// DigestAuth allows scheme digest (default true).
	DigestAuth bool
	// EnsembleAuth adds the scheme ensemble (authProvider.N=EnsembleAuthenticationProvider): a client that says by it that it means
	// another ensemble than one of EnsembleNames (ensembleAuthName, with commas between) is disconnected. Without names none is.
	EnsembleAuth  bool
	EnsembleNames string
	// ExtendedTypes allows znodes with a time to live.
	ExtendedTypes bool
	// ContainerCheckInterval is the time between searches for empty containers and outlived TTL znodes (default 60 s;
	// 0 for never), and ContainerMaxPerMinute the most that are deleted in a minute (default 10000).
	ContainerCheckInterval time.Duration
	ContainerMaxPerMinute  int
	// ContainerMaxNeverUsed is how long a container may wait for its first child before it is deleted (default 0: for ever).
	ContainerMaxNeverUsed time.Duration
	// Commands are the four-letter words that are answered, "*" for all; srvr always is.
	Commands []string
	// ReadOnlyMode allows the four-letter word isro, and lets a server of an ensemble that has lost its quorum serve reads to
	// clients that ask for it (readonlymode.enabled, default false). A single server is never read-only itself.
	ReadOnlyMode bool
	// MetricsAddr is the host:port of the Prometheus endpoint; empty for none.
	MetricsAddr string
	// MetricsNoRuntime leaves the metrics of the process out (metricsProvider.exportJvmInfo=false).
	MetricsNoRuntime bool
	// LogLevel is debug, info, warn or error; empty leaves the choice to the program.
	LogLevel string
	Demand
	Flow
	Storage
	Admin
	Audit
	Diagnosis
	TLS
	HTTPS
	Ensemble
	PeerTLS
	// Source is the file the configuration was read from, for messages.
	Source string
}

// LargestMaxBuffer is the most that MaxBuffer can be: a request of that size still fits into one record of the log.
const LargestMaxBuffer = 127 << 20

// Default is a configuration with the original's defaults and neither DataDir nor ClientPort.
func Default() Config {
	return Config{
		TickTime:               3 * time.Second,
		MaxClientCnxns:         60,
		GlobalOutstandingLimit: 1000,
		MaxBuffer:              0xfffff,
		PreAllocSize:           64 << 20,
		SnapCount:              100_000,
		SnapSizeLimit:          4 << 30,
		ForceSync:              true,
		FsyncWarnThreshold:     time.Second,
		SnapRetainCount:        3,
		PurgeInterval:          time.Hour,
		DigestAuth:             true,
		ContainerCheckInterval: time.Minute,
		ContainerMaxPerMinute:  10_000,
		Flow:                   defaultFlow(),
		Storage:                defaultStorage(),
		Admin:                  defaultAdmin(),
		Audit:                  defaultAudit(),
		Diagnosis:              defaultDiagnosis(),
		TLS:                    defaultTLS(),
		HTTPS:                  defaultHTTPS(),
		Ensemble:               defaultEnsemble(),
		PeerTLS:                PeerTLS{FIPSMode: true},
	}
}

// LogDir is the directory of the transaction log: DataLogDir, or DataDir when that is empty.
func (c *Config) LogDir() string {
	if c.DataLogDir != "" {
		return c.DataLogDir
	}
	return c.DataDir
}

// ClientAddr is the address to listen on, as net.Listen takes it.
func (c *Config) ClientAddr() string {
	return net.JoinHostPort(c.ClientPortAddress, strconv.Itoa(c.ClientPort))
}

// SessionTimeouts are the bounds of session timeouts with the defaults filled in.
func (c *Config) SessionTimeouts() (least, most time.Duration) {
	least, most = c.MinSessionTimeout, c.MaxSessionTimeout
	if least == 0 {
		least = 2 * c.TickTime
	}
	least = max(least, 0)
	if most <= 0 {
		most = 20 * c.TickTime
	}
	return least, most
}

// Validate returns all problems of the configuration at once, as Problems, or nil.
func (c *Config) Validate() error {
	var p Problems
	if c.DataDir == "" {
		p = append(p, Problem{
			File: c.Source, Key: "dataDir", Reason: "missing",
			Remedy: "add a line such as dataDir=/var/lib/zookeeper",
		})
	}
	if c.TickTime < time.Millisecond {
		p = append(p, Problem{
			File: c.Source, Key: "tickTime", Reason: "must be 1 ms or more",
			Remedy: "3000 is the usual value",
		})
	}
	if least, most := c.SessionTimeouts(); least > most {
		p = append(p, Problem{
			File: c.Source, Key: "minSessionTimeout",
			Reason: "is " + millis(least) + ", more than maxSessionTimeout, " + millis(most),
			Remedy: "raise maxSessionTimeout (default 20 x tickTime) or lower minSessionTimeout (default 2 x tickTime)",
		})
	}
	if c.MaxBuffer > LargestMaxBuffer {
		p = append(p, Problem{
			File: c.Source, Key: "jute.maxbuffer", Reason: fmt.Sprintf("is %d, and at most %d bytes fit into a record of the log", c.MaxBuffer, LargestMaxBuffer),
			Remedy: "lower it",
		})
	}
	p = append(p, c.tlsProblems()...)
	p = append(p, c.httpsProblems()...)
	p = append(p, c.peerTLSProblems()...)
	if problem, bad := c.auditProblem(); bad {
		p = append(p, problem)
	}
	if problem, bad := c.demandProblem(); bad {
		p = append(p, problem)
	}
	if p = append(p, c.ensembleProblems()...); len(p) == 0 {
		return nil
	}
	return p
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + " ms" }
