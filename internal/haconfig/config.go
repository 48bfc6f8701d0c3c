// Package haconfig is the configuration of the failover side: one Config for zkfc and haadmin, from a documented
// holdfast.yaml or from Hadoop's own files.
//
// From holdfast.yaml a value comes from, last wins: the defaults (Default), the file, the environment
// (HOLDFAST_ZOOKEEPER_QUORUM for zookeeper.quorum), and -D key=value or a named flag of the command. From Hadoop's
// core-site.xml and hdfs-site.xml it comes as package hadoopconf says, with Hadoop's keys and Hadoop's defaults; each key
// of holdfast.yaml that is no list of sections can be set there with holdfast. before it (hadoop.go).
//
// What is read is the first that there is of: the -config or -conf flag, HOLDFAST_CONFIG, HADOOP_CONF_DIR, ./holdfast.yaml,
// /etc/holdfast/holdfast.yaml, $HADOOP_HOME/etc/hadoop, /etc/hadoop/conf, /etc/hadoop. Load reports every problem at once,
// each with the place where the value was set and a remedy. configs/holdfast.yaml explains each key.
//
// Only the command layer imports this package; the libraries below take plain values.
package haconfig

import (
	"net"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
)

// Config is what holdfast.yaml holds. The mapstructure tags are the keys of the file, in their documented spelling;
// they are matched without regard to case.
type Config struct {
	Zookeeper    Zookeeper     `mapstructure:"zookeeper"`
	Nameservices []Nameservice `mapstructure:"nameservices"`

	// Nameservice is the id of the nameservice that this machine's commands mean; empty: the only one that is
	// configured, or the one that LocalNode finds.
	Nameservice string `mapstructure:"nameservice"`
	// Node is the id of the node on this machine; empty: found by the addresses of this machine (LocalNode).
	Node string `mapstructure:"node"`

	Health     Health     `mapstructure:"health"`
	Failover   Failover   `mapstructure:"failover"`
	Fencing    Fencing    `mapstructure:"fencing"`
	Controller Controller `mapstructure:"controller"`
	Admin      Admin      `mapstructure:"admin"`
	Log        Log        `mapstructure:"log"`
	Events     Events     `mapstructure:"events"`

	// File is the path of the file that was read, or Hadoop's configuration directory; empty when the configuration came
	// from elsewhere.
	File string `mapstructure:"-"`
	// Hadoop is Hadoop's own configuration, when that is what was read; nil for holdfast.yaml.
	Hadoop *hadoopconf.Conf `mapstructure:"-"`

	// Policy is who may call zkfc at all, with Hadoop's files; nil: everybody, which leaves it to Controller.Admins. ForNode reads it.
	Policy *Policy `mapstructure:"-"`

	// Flaws are what is wrong with the NameNodes of Hadoop's files when Options.OneNode let that pass.
	Flaws Problems `mapstructure:"-"`

	origins origins
	own     map[string]bool // with Hadoop: the keys of holdfast.yaml that were set as such, in lower case
	chroot  string          // with Hadoop: the path after the servers
	named   map[string]name // with Hadoop: the keys and places that settings of TLS have come from, by path
	flags   Problems        // with Hadoop: what is wrong with the system properties for TLS
}

// Zookeeper is how to reach the ensemble and what the controllers write there.
type Zookeeper struct {
	// Quorum holds the servers, host:port each; required.
	Quorum []string `mapstructure:"quorum"`
	// SessionTimeout is after what time without a sign of life the ensemble gives the lock of a dead controller away.
	// Default 2s. The servers may raise it to their minSessionTimeout.
	SessionTimeout time.Duration `mapstructure:"sessionTimeout"`
	// ParentZnode is the znode under which each nameservice has its own. Default /hadoop-ha, as the original.
	ParentZnode string `mapstructure:"parentZnode"`
	// ACL is the access list of all znodes written, "scheme:id:perms" separated by commas, or @file. Default
	// world:anyone:rwcda. ACLs parses it.
	ACL string `mapstructure:"acl"`
	// Auth is who the controller is, "scheme:data" separated by commas, or @file. Default empty. Auths parses it.
	Auth string `mapstructure:"auth"`
	TLS  TLS    `mapstructure:"tls"`
}

// TLS is how connections to the ensemble are made secret.
type TLS struct {
	// Enabled: the servers of Zookeeper.Quorum are ports for TLS (secureClientPort). Default false.
	Enabled bool `mapstructure:"enabled"`
	// KeyStore is the file with the certificate that the controller shows and its private key: JKS, PKCS12 or PEM. Default empty:
	// it shows none.
	KeyStore     string `mapstructure:"keyStore"`
	KeyStoreType string `mapstructure:"keyStoreType"` // JKS, PKCS12 or PEM; default: by the end of the name, .jks, .p12 or .pem
	// KeyStorePassword opens KeyStore; or @file. Default empty.
	KeyStorePassword string `mapstructure:"keyStorePassword"`
	// TrustStore is the file with the certificates of the authorities that the servers' must be of. Default empty: the system's.
	TrustStore         string `mapstructure:"trustStore"`
	TrustStoreType     string `mapstructure:"trustStoreType"`
	TrustStorePassword string `mapstructure:"trustStorePassword"`
	// VerifyHostname demands that a server's certificate is for the name in Zookeeper.Quorum. Default true.
	VerifyHostname bool `mapstructure:"verifyHostname"`
	// Protocols and CipherSuites are those allowed, by Java's names. Default: TLSv1.3 and TLSv1.2, and Go's choice.
	Protocols    []string `mapstructure:"protocols"`
	CipherSuites []string `mapstructure:"cipherSuites"`

	literal    map[string]bool // with Hadoop: the passwords, by path, in which an @ means nothing
	reverseDNS bool            // with Hadoop: of the system properties
}

// Nameservice is one service with its nodes, of which one is active.
type Nameservice struct {
	ID string `mapstructure:"id"`
	// AutomaticFailover says that a zkfc stands beside each node. Default true.
	AutomaticFailover bool   `mapstructure:"automaticFailover"`
	Nodes             []Node `mapstructure:"nodes"`
}

// Node is one NameNode and the addresses of it and of its controller.
type Node struct {
	ID string `mapstructure:"id"`
	// Host is written to ZooKeeper byte for byte and dialled by everyone.
	Host     string `mapstructure:"host"`
	RPCPort  int    `mapstructure:"rpcPort"`  // default 8020
	ZKFCPort int    `mapstructure:"zkfcPort"` // default 8019
	// HealthAddress is host:port for health checks, when they should not go to the RPC port. Default: Host:RPCPort.
	HealthAddress string `mapstructure:"healthAddress"`
	// BindHost is the address at which the node's controller listens. Default: Host.
	BindHost string `mapstructure:"bindHost"`

	ip   string // with Hadoop, when the files have an address and Host is its name
	here string // with Hadoop, the host by which the node knows itself, if that is another
}

func (n Node) dial() string {
	if n.ip != "" {
		return n.ip
	}
	return n.Host
}

// Addr is host:port of the NameNode as it is dialled.
func (n Node) Addr() string { return net.JoinHostPort(n.dial(), strconv.Itoa(n.RPCPort)) }

// ZKFCAddr is host:port of the node's controller as it is dialled.
func (n Node) ZKFCAddr() string { return net.JoinHostPort(n.dial(), strconv.Itoa(n.ZKFCPort)) }

// Bind is where the controller of n listens, host:port.
func (n Node) Bind() string {
	if n.BindHost == "" {
		return n.ZKFCAddr()
	}
	return net.JoinHostPort(n.BindHost, strconv.Itoa(n.ZKFCPort))
}

// Identity is n as the failover packages name it.
func (n Node) Identity(nameservice string) target.Identity {
	return target.Identity{
		NameserviceID: nameservice, ServiceID: n.ID, Host: n.Host, Port: n.RPCPort, ZKFCPort: n.ZKFCPort,
	}
}

// Health is how the local service is watched.
type Health struct {
	// Interval is between two checks; a quarter of Deadline where that is shorter. Default 250ms (the original: 1s).
	Interval time.Duration `mapstructure:"interval"`
	Deadline time.Duration `mapstructure:"deadline"` // the longest silence of a service that counts as alive; default 1s
	Retry    time.Duration `mapstructure:"retry"`    // between two checks of a service that does not answer; default 100ms
	// ServiceLog is the local service's log file, whose end is kept in zkfc's log when the service falls sick; of a pattern
	// with * the newest file. Default empty: none; with Hadoop's files the NameNode's log, where Hadoop's scripts put it.
	ServiceLog string `mapstructure:"serviceLog"`
}

// Failover holds the deadlines of a change of roles.
type Failover struct {
	// GracefulFenceDeadline is how long the old active has for becoming standby before the fencing methods run.
	// Default 300ms, so that a hung node delays the promotion little. A refused connection is not waited for.
	GracefulFenceDeadline time.Duration `mapstructure:"gracefulFenceDeadline"`
	// ProbeDeadline is how long the old active has for a first sign of life, before GracefulFenceDeadline is granted to it: a
	// hung node costs no more than this, and less if its controller says that it hangs. Default 300ms.
	ProbeDeadline time.Duration `mapstructure:"probeDeadline"`
	// NewActiveDeadline is how long the new active has for its promotion. Default 60s.
	NewActiveDeadline time.Duration `mapstructure:"newActiveDeadline"`
	// SelfFence is a fencing method that stops the local service when it hangs while it is active. Default empty: none.
	SelfFence string `mapstructure:"selfFence"`
	// RPCDeadline is how long haadmin waits for one answer. Default 20s.
	RPCDeadline time.Duration `mapstructure:"rpcDeadline"`
}

// Fencing is what runs when an old active cannot be asked to step down.
type Fencing struct {
	Methods []FencingMethod `mapstructure:"methods"`
	// Deadline is the time for all methods together. Default 60s.
	Deadline time.Duration `mapstructure:"deadline"`
	SSH      SSH           `mapstructure:"ssh"`
}

// SSH is how sshfence logs in.
type SSH struct {
	KeyFiles       []string      `mapstructure:"keyFiles"`       // private keys without a passphrase; default none
	ConnectTimeout time.Duration `mapstructure:"connectTimeout"` // for connecting and logging in; default 30s
	// KnownHosts are files in the format of OpenSSH's known_hosts. Default: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.
	KnownHosts []string `mapstructure:"knownHosts"`
	// AnyHostKey accepts every host key, as the original does. Default false.
	AnyHostKey bool   `mapstructure:"anyHostKey"`
	Agent      string `mapstructure:"agent"` // socket of an ssh agent; default: $SSH_AUTH_SOCK
}

// FencingMethod is one method in the original's notation. In the file an entry may also be the bare string.
type FencingMethod struct {
	Method  string        `mapstructure:"method"`  // shell(command), sshfence(user:port)
	Timeout time.Duration `mapstructure:"timeout"` // default 30s
}

// Controller is the zkfc process itself.
type Controller struct {
	// HTTPAddress is host:port for metrics and health pages; empty, the default, serves none.
	HTTPAddress string `mapstructure:"httpAddress"`
	// ZookeeperPatience is how long a starting controller waits for ZooKeeper before it exits with 6; 0, the default: as long
	// as it takes.
	ZookeeperPatience time.Duration `mapstructure:"zookeeperPatience"`
	// ReconnectPatience is how long a running controller waits for a new session before it exits with 1; 0, the default: as
	// long as it takes.
	ReconnectPatience time.Duration `mapstructure:"reconnectPatience"`
	// OnTerm is what SIGTERM means to an active node: "handover", the default, or "keep", which leaves role, session and lock
	// for a restart, as SIGUSR1 always does.
	OnTerm string `mapstructure:"onTerm"`
	// StateDir is where the session is kept for a restart. Default: $STATE_DIRECTORY, else $XDG_STATE_HOME/holdfast, else
	// ~/.local/state/holdfast. "none" keeps none.
	StateDir string `mapstructure:"stateDir"`
	// Admins are users who may ask the controller for a failover, besides the one that runs it; * is everybody. AdminGroups
	// are groups of this machine whose users may. Default: none.
	Admins      []string `mapstructure:"admins"`
	AdminGroups []string `mapstructure:"adminGroups"`
}

// Admin is haadmin.
type Admin struct {
	// FailWhenDown makes -getAllServiceState fail when a node does not answer. Default true; false is the original's way,
	// which exits with 0 then.
	FailWhenDown bool `mapstructure:"failWhenDown"`
	// VerifyFailover looks at the target itself when its controller has given no clear answer to a -failover, since it may have
	// happened: an original controller whose partner is frozen says that it has failed. Default true; false is the original's way.
	VerifyFailover bool `mapstructure:"verifyFailover"`
	// ExitCodes is "original", the default, with 255 for every failure, or "distinct": what failed can be told by the code
	// (docs/operations.md).
	ExitCodes string `mapstructure:"exitCodes"`
	// FenceTarget runs fencing commands for the node that shall become active, too, and before the one to fence: the original's
	// way (3.4), in a -failover without controllers. Default false. sshfence never runs there: it would kill that node.
	FenceTarget bool `mapstructure:"fenceTarget"`
}

// The values of Admin.ExitCodes.
const (
	ExitOriginal = "original"
	ExitDistinct = "distinct"
)

// Log is how much is said on standard error.
type Log struct {
	Level string `mapstructure:"level"` // debug, info, warn, error; default info
}

// Events is where the controller appends one JSON object per event.
type Events struct {
	File string `mapstructure:"file"` // default empty: not written
}

// Default is the configuration before anything is read. What has no default is empty: the quorum, the nameservices and
// the fencing methods.
func Default() Config {
	return Config{
		Zookeeper: Zookeeper{
			SessionTimeout: 2 * time.Second,
			ParentZnode:    "/hadoop-ha",
			ACL:            "world:anyone:rwcda",
			TLS:            TLS{VerifyHostname: true},
		},
		Health: Health{Interval: 250 * time.Millisecond, Deadline: time.Second, Retry: 100 * time.Millisecond},
		Failover: Failover{
			GracefulFenceDeadline: 300 * time.Millisecond,
			ProbeDeadline:         300 * time.Millisecond,
			NewActiveDeadline:     60 * time.Second,
			RPCDeadline:           20 * time.Second,
		},
		Fencing:    Fencing{Deadline: 60 * time.Second, SSH: SSH{ConnectTimeout: 30 * time.Second}},
		Controller: Controller{OnTerm: "handover"},
		Admin:      Admin{FailWhenDown: true, VerifyFailover: true, ExitCodes: ExitOriginal},
		Log:        Log{Level: "info"},
	}
}

// entryDefaults are the values of an entry of a list that the entry does not set, by the list's key.
func entryDefaults(list string) map[string]any {
	switch list {
	case "nameservices":
		return map[string]any{"automaticfailover": true}
	case "nameservices.nodes":
		return map[string]any{"rpcport": 8020, "zkfcport": 8019}
	case "fencing.methods":
		return map[string]any{"timeout": 30 * time.Second}
	}
	return nil
}
