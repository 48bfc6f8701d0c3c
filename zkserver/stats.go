package zkserver

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/obs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
)

// stats are the counters of a server.
type stats struct {
	received, sent          atomic.Int64
	authFailed              atomic.Int64
	revalidated, expired    atomic.Int64
	slowSyncs               atomic.Int64
	snapshots, snapFailures atomic.Int64
	ops                     [128]atomic.Int64
	sessionOps              [2]atomic.Int64 // createSession, closeSession
	reads, writes, syncs    *obs.Latency
	snapshotTime            *obs.Latency
}

func (st *stats) init() {
	st.reads = obs.NewLatency("readlatency", "Time from the arrival of a read to its reply, in ms.")
	st.writes = obs.NewLatency("updatelatency", "Time from the arrival of a write to its reply, in ms.")
	st.syncs = obs.NewLatency("fsynctime", "Duration of an fsync of the transaction log, in ms.")
	st.snapshotTime = obs.NewLatency("snapshottime", "Duration of writing a snapshot, in ms.")
}

func (st *stats) op(op zkproto.OpCode) {
	switch {
	case op >= 0 && int(op) < len(st.ops):
		st.ops[op].Add(1)
	case op == zkproto.OpCreateSession:
		st.sessionOps[0].Add(1)
	case op == zkproto.OpCloseSession:
		st.sessionOps[1].Add(1)
	}
}

// synced counts an fsync of the log.
func (st *stats) synced(took time.Duration, slow bool) {
	st.syncs.Observe(took)
	if slow {
		st.slowSyncs.Add(1)
	}
}

// lastRequest is what cons tells of a connection.
type lastRequest struct {
	op            zkproto.OpCode
	xid           int32
	zxid          zkproto.Zxid
	when          int64 // nanoseconds since 1970
	latency       time.Duration
	min, max, sum time.Duration
	count         int64
}

func (l *lastRequest) set(it *pipeline.Item, zxid zkproto.Zxid, now int64) {
	l.op, l.xid, l.zxid, l.when, l.latency = it.Op, it.Xid, zxid, now, time.Duration(now-it.Arrived)
	if l.count == 0 || l.latency < l.min {
		l.min = l.latency
	}
	l.max = max(l.max, l.latency)
	l.sum += l.latency
	l.count++
}

// onCore runs f on the core goroutine and waits for it. When the core has ended, f is not run.
func (s *Server) onCore(f func()) {
	done := make(chan struct{})
	b := s.inbox.Get()
	b.Add(pipeline.Request[*client]{Op: opCall, Extra: func() { f(); close(done) }}, nil)
	if !s.inbox.Put(b) {
		return
	}
	select {
	case <-done:
	case <-s.coreDone:
	}
}

// Status implements admin.Source.
func (s *Server) Status(details bool) admin.Status {
	least, most := s.cfg.SessionTimeouts()
	lat := s.stats.latency()
	st := admin.Status{
		Version: admin.Version(), Mode: "standalone",
		LatencyMin: lat.min, LatencyAvg: lat.avg, LatencyMax: lat.max,
		Received: s.stats.received.Load(), Sent: s.stats.sent.Load(), Outstanding: max(0, s.throttle.count.Load()),
		Uptime: s.clock.Now().Sub(s.started), TickTime: s.cfg.TickTime, MinTimeout: least, MaxTimeout: most,
		MaxClientCnxns: s.cfg.MaxClientCnxns, DataDir: absolute(s.snapDir()), LogDir: absolute(s.logDir()),
		ConnectionCount: s.port.Count(), RejectedConnections: s.port.Rejected(), AuthFailed: s.stats.authFailed.Load(),
		SlowSyncs: s.stats.slowSyncs.Load(), ClientPort: portOf(s.Addr()),
	}
	st.OpenFiles, st.MaxFiles = admin.OpenFiles()
	st.DataDirSize, st.LogDirSize = s.fileSizes(s.snapDir(), "snapshot."), s.fileSizes(s.logDir(), "log.")
	s.treeMu.RLock()
	st.LastZxid, st.Nodes, st.Ephemerals, st.DataSize = s.tree.LastZxid(), s.tree.NodeCount(), s.tree.EphemeralCount(), s.tree.DataSize()
	if details {
		st.EphemeralPaths = map[zkproto.SessionID][]string{}
		for _, id := range s.tree.EphemeralOwners() {
			st.EphemeralPaths[id] = s.tree.Ephemerals(id)
		}
	}
	s.treeMu.RUnlock()
	s.watchMu.Lock()
	st.Watches, st.Watchers, st.WatchPaths = s.watches.Count(), s.watches.Watchers(), s.watches.Paths()
	s.watchMu.Unlock()
	s.onCore(func() {
		st.Sessions = s.core.sessions.Len()
		if details {
			st.SessionTimeouts = s.core.sessions.Timeouts()
		}
	})
	if details {
		st.Connections = s.connections()
	}
	st.Extra = s.stats.values()
	return st
}

// connections describes the open connections, oldest first.
func (s *Server) connections() []admin.Connection {
	conns := s.port.Conns()
	out := make([]admin.Connection, 0, len(conns))
	for _, c := range conns {
		a := admin.Connection{Addr: c.RemoteAddr().String(), Opened: c.Opened(), LastXid: -1, LastOp: "NA"}
		a.Received, a.Sent = c.Packets()
		if w, ok := c.Client().(*client); ok {
			w.Lock()
			a.Session, a.Timeout, a.Queued = w.session, w.timeout, w.fifo.Len()
			l := &w.last
			a.LastXid, a.LastZxid, a.LastResponse, a.LastLatency = l.xid, l.zxid, l.when/1e6, l.latency
			a.MinLatency, a.MaxLatency = l.min, l.max
			if l.count > 0 {
				a.AvgLatency = l.sum / time.Duration(l.count)
				a.LastOp = lastOpNames[l.op]
			}
			w.Unlock()
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b admin.Connection) int {
		if c := a.Opened.Compare(b.Opened); c != 0 {
			return c
		}
		return strings.Compare(a.Addr, b.Addr)
	})
	return out
}

// lastOpNames are the original's abbreviations.
var lastOpNames = map[zkproto.OpCode]string{
	zkproto.OpPing: "PING", zkproto.OpCreateSession: "SESS", zkproto.OpMulti: "MULT", zkproto.OpMultiRead: "MLTR",
	zkproto.OpCreate: "CREA", zkproto.OpCreate2: "CREA", zkproto.OpCreateTTL: "CREA", zkproto.OpCreateContainer: "CREA",
	zkproto.OpDelete: "DELE", zkproto.OpDeleteContainer: "DELE", zkproto.OpSetData: "SETD", zkproto.OpReconfig: "RECO",
	zkproto.OpSetACL: "SETA", zkproto.OpCloseSession: "CLOS", zkproto.OpSync: "SYNC", zkproto.OpExists: "EXIS",
	zkproto.OpGetData: "GETD", zkproto.OpSetWatches: "SETW", zkproto.OpSetWatches2: "STW2", zkproto.OpAddWatch: "ADDW",
	zkproto.OpGetACL: "GETA", zkproto.OpGetChildren: "GETC", zkproto.OpGetChildren2: "GETC",
	zkproto.OpGetAllChildrenNumber: "GETACN", zkproto.OpCheckWatches: "CHKW", zkproto.OpRemoveWatches: "REMW",
	zkproto.OpWhoAmI: "HOMI", zkproto.OpGetEphemerals: "GETE",
}

// ResetStats implements admin.Source.
func (s *Server) ResetStats() {
	s.stats.received.Store(0)
	s.stats.sent.Store(0)
	for _, l := range []*obs.Latency{s.stats.reads, s.stats.writes, s.stats.syncs, s.stats.snapshotTime} {
		l.Reset()
	}
}

// ResetConnections implements admin.Source.
func (s *Server) ResetConnections() {
	for _, c := range s.port.Conns() {
		c.ResetPackets()
		if w, ok := c.Client().(*client); ok {
			w.Lock()
			w.last = lastRequest{xid: -1}
			w.Unlock()
		}
	}
}

type latencies struct{ min, avg, max time.Duration }

// latency is that of reads and writes together.
func (st *stats) latency() latencies {
	r, w := st.reads, st.writes
	n := r.Count() + w.Count()
	switch {
	case n == 0:
		return latencies{}
	case r.Count() == 0:
		return latencies{w.Min(), w.Avg(), w.Max()}
	case w.Count() == 0:
		return latencies{r.Min(), r.Avg(), r.Max()}
	}
	sum := float64(r.Avg())*float64(r.Count()) + float64(w.Avg())*float64(w.Count())
	return latencies{min(r.Min(), w.Min()), time.Duration(sum / float64(n)), max(r.Max(), w.Max())}
}

// values are the further lines of mntr.
func (st *stats) values() []admin.Value {
	vs := []admin.Value{
		{Key: "connection_revalidate_count", Value: st.revalidated.Load()},
		{Key: "stale_sessions_expired", Value: st.expired.Load()},
		{Key: "snapshot_error_count", Value: st.snapFailures.Load()},
	}
	var total int64
	for _, name := range opMetrics {
		n := st.opCount(name.op)
		total += n
		vs = append(vs, admin.Value{Key: name.metric, Value: n})
	}
	vs = append(vs, admin.Value{Key: "op_count_total", Value: total})
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, l := range []struct {
		name string
		lat  *obs.Latency
	}{{"readlatency", st.reads}, {"updatelatency", st.writes}, {"fsynctime", st.syncs}, {"snapshottime", st.snapshotTime}} {
		vs = append(vs, admin.Value{Key: "avg_" + l.name, Value: ms(l.lat.Avg())}, admin.Value{Key: "min_" + l.name, Value: ms(l.lat.Min())},
			admin.Value{Key: "max_" + l.name, Value: ms(l.lat.Max())}, admin.Value{Key: "cnt_" + l.name, Value: l.lat.Count()},
			admin.Value{Key: "p50_" + l.name, Value: ms(l.lat.Quantile(0.5))}, admin.Value{Key: "p99_" + l.name, Value: ms(l.lat.Quantile(0.99))})
	}
	return vs
}

func (st *stats) opCount(op zkproto.OpCode) int64 {
	switch op {
	case zkproto.OpCreateSession:
		return st.sessionOps[0].Load()
	case zkproto.OpCloseSession:
		return st.sessionOps[1].Load()
	default:
		return st.ops[op].Load()
	}
}

// opMetrics are the original's names of the counters of operations.
var opMetrics = []struct {
	metric string
	op     zkproto.OpCode
}{
	{"op_count_add_watch", zkproto.OpAddWatch},
	{"op_count_check_watches", zkproto.OpCheckWatches},
	{"op_count_close_session", zkproto.OpCloseSession},
	{"op_count_create", zkproto.OpCreate},
	{"op_count_create2", zkproto.OpCreate2},
	{"op_count_create_session", zkproto.OpCreateSession},
	{"op_count_delete", zkproto.OpDelete},
	{"op_count_exists", zkproto.OpExists},
	{"op_count_get_acl", zkproto.OpGetACL},
	{"op_count_get_all_children_number", zkproto.OpGetAllChildrenNumber},
	{"op_count_get_children", zkproto.OpGetChildren},
	{"op_count_get_children2", zkproto.OpGetChildren2},
	{"op_count_get_data", zkproto.OpGetData},
	{"op_count_get_ephemerals", zkproto.OpGetEphemerals},
	{"op_count_multi", zkproto.OpMulti},
	{"op_count_multi_read", zkproto.OpMultiRead},
	{"op_count_ping", zkproto.OpPing},
	{"op_count_remove_watches", zkproto.OpRemoveWatches},
	{"op_count_set_acl", zkproto.OpSetACL},
	{"op_count_set_data", zkproto.OpSetData},
	{"op_count_set_watches", zkproto.OpSetWatches},
	{"op_count_set_watches2", zkproto.OpSetWatches2},
	{"op_count_sync", zkproto.OpSync},
	{"op_count_who_am_i", zkproto.OpWhoAmI},
}

func absolute(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}

func portOf(a net.Addr) int {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.Port
	}
	return 0
}

// fileSizes adds up the files of a directory whose names begin with prefix.
func (s *Server) fileSizes(dir, prefix string) (sum int64) {
	names, err := s.fs.List(dir)
	if err != nil {
		return 0
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			if info, err := s.fs.Stat(filepath.Join(dir, name)); err == nil {
				sum += info.Size
			}
		}
	}
	return sum
}
