package admin

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Status is the state of the server as operators see it.
type Status struct {
	Version                  string // see Version
	LatencyMin, LatencyMax   time.Duration
	LatencyAvg               time.Duration
	Received, Sent           int64
	Outstanding              int64
	LastZxid                 zkproto.Zxid
	Nodes                    int
	Ephemerals               int
	DataSize                 int64
	Watches                  int // of both kinds
	DataWatches              int // data watches, which are those that wchs, wchc and wchp tell of
	WatchPaths, Watchers     int // of data watches
	Sessions                 int // global ones
	LocalSessions            int
	ConnectionCount          int
	Uptime                   time.Duration
	Now                      time.Time
	DataDirSize, LogDirSize  int64
	ClientPort, SecurePort   int   // -1 where there is none
	Handshakes               int64 // of TLS, under way
	PlainLocal, PlainRemote  int64 // connections without TLS since the start, from this machine and from others
	DataDir, LogDir          string
	TickTime                 time.Duration
	MinTimeout, MaxTimeout   time.Duration
	MaxClientCnxns           int
	ListenBacklog            int   // -1 for the system's
	OpenFiles, MaxFiles      int64 // -1 when the system does not tell
	AuthFailed               int64
	SlowSyncs                int64
	LastResponse             int64 // bytes; -1 when there was none, as the two below
	MinResponse, MaxResponse int64
	DropProbability          float64 // of new connections, by the token bucket
	Connections              []Connection
	SessionExpiries          []Expiry // by rising time
	EphemeralPaths           map[zkproto.SessionID][]string
	LastSnapshot             zkproto.Zxid // NoSnapshot when there is none
	LastSnapshotTime         time.Time
	InitialConfig            string            // the text of zoo.cfg
	Properties               map[string]string // settings that do not stand in zoo.cfg: -D flags, variables of the environment
	Quotas                   map[string]Quota  // by namespace: the first part of the path
	LogBytes                 int64
	Ensemble                 *Ensemble // nil for a standalone server
}

// Quota adds up the quotas of a namespace and what they count. A limit that is not set counts as -1, as in the original.
type Quota struct{ CountLimit, BytesLimit, Count, Bytes int64 }

// NoSnapshot stands for the zxid of a snapshot that does not exist.
const NoSnapshot zkproto.Zxid = -1

// Expiry is a time at which sessions expire that are not heard of before.
type Expiry struct {
	At       time.Time
	Millis   int64 // the same, on the clock of the session table
	Sessions []zkproto.SessionID
}

// Connection is one line of cons and stat.
type Connection struct {
	Addr           string
	Secure         bool              // it came by the port for TLS
	Session        zkproto.SessionID // 0 before the handshake
	Queued         int
	Received, Sent int64
	LastOp         string
	Opened         time.Time
	Expires        time.Time // when it is closed if nothing is heard of it
	Timeout        int32
	LastXid        int32
	LastZxid       zkproto.Zxid
	LastResponse   int64 // milliseconds
	LastLatency    time.Duration
	MinLatency     time.Duration
	AvgLatency     time.Duration
	MaxLatency     time.Duration
}

// Watching is a data watch: a session and the path it watches.
type Watching struct {
	Session zkproto.SessionID
	Path    string
}

// Digest is one entry of the digest log.
type Digest struct {
	Zxid    zkproto.Zxid
	Version int32
	Digest  int64
}

// State tells what clients get.
type State uint8

// The states.
const (
	// NotServing : nothing. The server has not ended its start, has no leader, or stops. Most words and commands only say so.
	NotServing State = iota
	// ServingReads : answers to reads, for clients that allow it.
	ServingReads
	// Serving : answers to everything.
	Serving
)

// Source is what the words and commands read and do.
type Source interface {
	// State tells whether clients are answered. It must be cheap: read-only clients ask for it all the time (isro).
	State() State
	// Status describes the server. Connections, expiries and ephemerals are filled in only when details is set.
	Status(details bool) Status
	// Metrics are the counters and summaries behind mntr and Prometheus.
	Metrics() *Metrics
	// Watching lists the data watches, in no particular order.
	Watching() []Watching
	// Digests is the log of the tree's digests, oldest first.
	Digests() []Digest
	// TopPaths are the paths that clients ask for most. Its error is ErrPathStatsOff, or ErrNoSuchOp with what there is.
	TopPaths(q PathQuery) (TopPaths, error)
	// ResetStats and ResetConnections set counters to zero (srst, crst), ResetObservers those of the connections to
	// observers (observer_connection_stat_reset).
	ResetStats()
	ResetConnections()
	ResetObservers()
}

// plain and secure are the connections of the two kinds of port.
func (st *Status) plain() []Connection { return st.connectionsOf(false) }

func (st *Status) secure() []Connection { return st.connectionsOf(true) }

func (st *Status) connectionsOf(secure bool) []Connection {
	var some []Connection
	for i := range st.Connections {
		if st.Connections[i].Secure == secure {
			some = append(some, st.Connections[i])
		}
	}
	return some
}
