package config

import "time"

// Flow holds the limits that keep a server responsive under load.
type Flow struct {
	// ListenBacklog is how many connections may wait to be accepted (clientPortListenBacklog); 0 leaves it to the system.
	ListenBacklog int
	// TCPKeepAlive sets the keep-alive flag on client sockets (clientTcpKeepAlive, default false).
	TCPKeepAlive bool
	// HandshakeTimeout is how long a connection may take to send its connect request (nio.sessionlessCnxnTimeout, default
	// 10 s).
	HandshakeTimeout time.Duration
	// GatherAfter is after how many single writes, or reads, in a row a client is read by a goroutine that gathers those of many (default
	// 16; 0: none is). In zoo.cfg: holdfast.gatherAfter.
	GatherAfter int
	// LargeRequestThreshold is the size in bytes from which a request counts as large (-1, the default: none does), and
	// LargeRequestMaxBytes what all large requests under way may have together (default 100 MiB): one more is refused, and
	// its connection closed.
	LargeRequestThreshold int
	LargeRequestMaxBytes  int
	// ThrottleLimit is the number of requests under way at which further ones are held back (requestThrottleLimit; 0, the
	// default: no limit). Those are looked at again every ThrottleStall (default 100 ms) at the latest.
	ThrottleLimit int
	ThrottleStall time.Duration
	// DropStale closes the connection of a request that has become stale while it was held back (default true). It is
	// stale when its connection is gone (StaleConnectionCheck, default true) or it is older than the session timeout
	// (StaleLatencyCheck, default false).
	DropStale            bool
	StaleConnectionCheck bool
	StaleLatencyCheck    bool
	// ThrottledOpWait is how long a request may be held back before it is answered with the error ThrottledOp (-127) in
	// place of being done; 0 (the default) for ever.
	ThrottledOpWait time.Duration
	// Tokens limits how many sessions are established in a time.
	Tokens Tokens
}

// Tokens is the token bucket in front of the connect requests: each takes a token (or its weight), and is refused by
// closing the connection when there are too few.
type Tokens struct {
	// Max is the size of the bucket (connectionMaxTokens); 0, the default, switches it off.
	Max int
	// FillCount tokens (default 1) come back every FillTime (default 1 ms).
	FillTime  time.Duration
	FillCount int
	// Freeze switches random refusals on (connectionFreezeTime; negative, the default: off): every Freeze the chance of a
	// refusal grows by DropIncrease (default 0.02) when the bucket is empty and shrinks by DropDecrease (default 0.002)
	// when at most the share DecreaseRatio (default 0) of it is used.
	Freeze        time.Duration
	DropIncrease  float64
	DropDecrease  float64
	DecreaseRatio float64
	// Weighted makes a new session cost WeightGlobal tokens (default 3), a new local one WeightLocal (default 1; only in
	// ensembles with LocalSessions) and a renewed one WeightRenew (default 2). The other two are never below WeightLocal;
	// the bucket and FillCount are then multiplied by WeightGlobal.
	Weighted     bool
	WeightGlobal int
	WeightLocal  int
	WeightRenew  int
}

// Storage holds what is set about files.
type Storage struct {
	// Compression packs snapshots: "" (the default), "gz" or "snappy".
	Compression string
	// TrustEmpty starts from the log alone when there is no snapshot and the log does not begin with the first
	// transaction (snapshot.trust.empty): for the upgrade of a very old server. What came before the log is lost.
	TrustEmpty bool
	// DirAutocreate makes missing data directories (datadir.autocreate, default true).
	DirAutocreate bool
	// DBAutocreate lets a server with empty directories start (db.autocreate, default true). Without it there must be a
	// file "initialize" in DataDir or LogDir, which the start removes.
	DBAutocreate bool
	// LastZxidInSnapshot writes the last processed zxid into snapshots (serializeLastProcessedZxid.enabled, default true).
	LastZxidInSnapshot bool
	// Digest computes and checks the digest of the tree (digest.enabled, default true).
	Digest bool
	// EnforceQuota refuses what would exceed a hard quota (enforceQuota, default false).
	EnforceQuota bool
	// Emulate353TTL reads the owners that release 3.5.3 gave to TTL znodes as such (emulate353TTLNodes, default false).
	Emulate353TTL bool
	// DiskAlarm is the free space in bytes below which the server warns that the disk is nearly full, and purges at once.
	// 0, the default, takes twice the last snapshot and at least 100 MiB. In zoo.cfg: holdfast.diskAlarmMB.
	DiskAlarm int64
}

// Admin holds the settings of the HTTP admin server.
type Admin struct {
	// AdminEnabled opens the admin server. The default is false for programs that embed a server, and true in zoo.cfg, as
	// in the original.
	AdminEnabled bool
	// AdminAddress is where it listens (default 127.0.0.1: the original's 0.0.0.0 gave everybody everything), and AdminPort
	// on which port (default 8080).
	AdminAddress string
	AdminPort    int
	// AdminExplicit tells that one of the settings of the admin server was given: then it is an error when it cannot start.
	AdminExplicit bool
	// AdminURL is the path of the commands (default /commands).
	AdminURL string
	// AdminIdleTimeout ends idle connections (default 30 s).
	AdminIdleTimeout time.Duration
	// AdminSnapshot and AdminRestore allow these two commands (default true), each once in AdminRateLimit (default 5 min).
	AdminSnapshot  bool
	AdminRestore   bool
	AdminRateLimit time.Duration
}

func defaultFlow() Flow {
	return Flow{
		HandshakeTimeout: 10 * time.Second, GatherAfter: 16, LargeRequestThreshold: -1, LargeRequestMaxBytes: 100 << 20,
		ThrottleStall: 100 * time.Millisecond, DropStale: true, StaleConnectionCheck: true,
		Tokens: Tokens{
			FillTime: time.Millisecond, FillCount: 1, Freeze: -1, DropIncrease: 0.02, DropDecrease: 0.002,
			WeightGlobal: 3, WeightLocal: 1, WeightRenew: 2,
		},
	}
}

func defaultStorage() Storage {
	return Storage{DirAutocreate: true, DBAutocreate: true, LastZxidInSnapshot: true, Digest: true}
}

func defaultAdmin() Admin {
	return Admin{
		AdminAddress: "127.0.0.1", AdminPort: 8080, AdminURL: "/commands", AdminIdleTimeout: 30 * time.Second,
		AdminSnapshot: true, AdminRestore: true, AdminRateLimit: 5 * time.Minute,
	}
}
