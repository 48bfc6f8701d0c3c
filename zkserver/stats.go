package zkserver

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/obs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
)

// stats are the counters of a server.
type stats struct {
	received, sent            atomic.Int64 // packets
	bytesIn, bytesOut         atomic.Int64 // of requests and of replies
	watchBytes                atomic.Int64 // of events
	connects, dropped         atomic.Int64 // asked for a session; closed by the client without closing its session
	deficit                   *obs.Summary
	authFailed                atomic.Int64
	ensembleChecks            [3]atomic.Int64 // by auth.EnsembleCheck
	revalidated, expired      atomic.Int64
	slowSyncs                 atomic.Int64
	snapshots, snapFailures   atomic.Int64
	snapLimited, restLimited  atomic.Int64 // refused over HTTP
	restoreFailures           atomic.Int64
	prepared                  atomic.Int64 // requests turned into transactions, by this server as the leader
	queued, unqueued          atomic.Int64 // changes of znodes by these, and those that were applied
	replies                   sizes
	ops                       [128]atomic.Int64
	sessionOps                [2]atomic.Int64 // createSession, closeSession
	reads, writes             *obs.Latency
	propagation               *obs.Latency // from the preparation of a transaction until it is visible
	syncs, jobs               *obs.Latency // fsyncs, and the writing and fsync of batches
	batches                   *obs.Summary // transactions written together
	snapshotTime, restoreTime *obs.Latency
	snapLoadTime, replayTime  *obs.Latency                       // of the snapshot and the log, at the start
	loadTime                  *obs.Latency                       // of the whole state, at the start
	replayed                  *obs.Summary                       // transactions, at the start
	fanOut                    map[zkproto.EventType]*obs.Summary // watchers told of one event
	quorum                    quorumStats
	readBy, writtenBy         *obs.SummarySet // bytes read and written, by the first part of the path
	overQuota                 *obs.CounterSet // writes refused by a quota, by the first part of the path
	metrics                   admin.Metrics
}

// sizes are the last, least and greatest size of replies in bytes; -1 as long as there is none.
type sizes struct{ last, least, most atomic.Int64 }

func (z *sizes) reset() {
	z.last.Store(-1)
	z.least.Store(-1)
	z.most.Store(-1)
}

// add takes the least and the greatest of some replies, and the last of them.
func (z *sizes) add(least, most, last int64) {
	z.last.Store(last)
	for v := z.least.Load(); (v < 0 || least < v) && !z.least.CompareAndSwap(v, least); v = z.least.Load() {
	}
	for v := z.most.Load(); most > v && !z.most.CompareAndSwap(v, most); v = z.most.Load() {
	}
}

// replied are the sizes of replies that are counted together.
type replied struct{ n, bytes, least, most, last int64 }

// add counts a reply of that size, its length included.
func (r *replied) add(size int) {
	v := int64(size) - 4 // without the length
	if r.n == 0 || v < r.least {
		r.least = v
	}
	r.n, r.bytes, r.most, r.last = r.n+1, r.bytes+v, max(r.most, v), v
}

// replied counts replies.
func (st *stats) replied(r *replied) {
	if r.n == 0 {
		return
	}
	st.sent.Add(r.n)
	st.bytesOut.Add(r.bytes)
	st.replies.add(r.least, r.most, r.last)
}

// told counts how many watchers an event had.
func (st *stats) told(event zkproto.EventType, watchers int) {
	if s := st.fanOut[event]; s != nil && watchers > 0 {
		s.Add(int64(watchers))
	}
}

func (st *stats) init() {
	summaries := map[string]*obs.Summary{}
	latency := func(name, help string, detail obs.Detail) *obs.Latency {
		l := obs.NewLatency(name, help+", in ms.", detail)
		summaries[name] = &l.Summary
		return l
	}
	summary := func(name, help string) *obs.Summary {
		s := obs.NewSummary(name, help+".", obs.Basic)
		summaries[name] = s
		return s
	}
	st.reads = latency("readlatency", "Time from the arrival of a read to its reply", obs.Advanced)
	st.writes = latency("updatelatency", "Time from the arrival of a write to its reply", obs.Advanced)
	st.propagation = latency("propagation_latency", "Time from the preparation of a transaction until it is visible", obs.Advanced)
	st.jobs = latency("sync_processor_queue_flush_time_ms", "Time to write and sync a batch of transactions", obs.Advanced)
	st.syncs = latency("fsynctime", "Duration of an fsync of the transaction log", obs.Basic)
	st.snapshotTime = latency("snapshottime", "Duration of writing a snapshot", obs.Basic)
	st.restoreTime = latency("restore_time", "Duration of a restore from a snapshot", obs.Basic)
	st.snapLoadTime = latency("startup_snap_load_time", "Time to load the snapshot at the start", obs.Basic)
	st.replayTime = latency("startup_txns_load_time", "Time to replay the log at the start", obs.Basic)
	st.loadTime = latency("dbinittime", "Time to load the state at the start", obs.Basic)
	st.batches = summary("sync_processor_batch_size", "Transactions written together")
	st.deficit = summary("connection_token_deficit", "Tokens that are missing in the bucket for new sessions, behind each that took some")
	st.replayed = summary("startup_txns_loaded", "Transactions replayed from the log at the start")
	st.fanOut = map[zkproto.EventType]*obs.Summary{
		zkproto.EventNodeCreated:         summary("node_created_watch_count", "Watchers told of the creation of a znode"),
		zkproto.EventNodeDeleted:         summary("node_deleted_watch_count", "Watchers told of the deletion of a znode"),
		zkproto.EventNodeDataChanged:     summary("node_changed_watch_count", "Watchers told of new data of a znode"),
		zkproto.EventNodeChildrenChanged: summary("node_children_watch_count", "Watchers told of changed children of a znode"),
	}
	st.replies.reset()
	st.readBy = obs.NewSummarySet("read_per_namespace", "Bytes of reads, by the first part of the path.", obs.Basic, 1)
	st.writtenBy = obs.NewSummarySet("write_per_namespace", "Bytes of writes, by the first part of the path.", obs.Basic, 1)
	st.overQuota = obs.NewCounterSet("quota_exceeded_error_per_namespace", "Writes that a quota has refused, by the first part of the path.")
	st.metrics = admin.Metrics{
		Summaries:   summaries,
		SummarySets: map[string]*obs.SummarySet{"read_per_namespace": st.readBy, "write_per_namespace": st.writtenBy},
		CounterSets: map[string]*obs.CounterSet{"quota_exceeded_error_per_namespace": st.overQuota},
	}
	st.quorum.init(latency)
	st.metrics.SummarySets["ack_latency"] = st.quorum.ack
}

// count sets up the counters under the original's names. The server is not running yet.
func (s *Server) count() {
	st := &s.stats
	st.metrics.Counters = map[string]func() int64{
		"watch_bytes":                     st.watchBytes.Load,
		"bytes_received_count":            st.bytesIn.Load,
		"response_bytes":                  st.bytesOut.Load,
		"connection_request_count":        st.connects.Load,
		"connection_drop_count":           st.dropped.Load,
		"connection_revalidate_count":     st.revalidated.Load,
		"connection_rejected":             func() int64 { return s.sumOfPorts((*cnxn.Port).Rejected) },
		"sessionless_connections_expired": func() int64 { return s.sumOfPorts((*cnxn.Port).Silent) },
		"unsuccessful_handshake": func() int64 {
			return s.sumOfPorts(func(p *cnxn.Port) int64 { _, _, failed, _ := p.Handshakes(); return failed })
		},
		"tls_handshake_exceeded": func() int64 {
			return s.sumOfPorts(func(p *cnxn.Port) int64 { _, exceeded, _, _ := p.Handshakes(); return exceeded })
		},
		"cnxn_closed_without_zk_server_running": func() int64 {
			return s.sumOfPorts(func(p *cnxn.Port) int64 { _, _, _, dropped := p.Handshakes(); return dropped })
		},
		"insecure_admin_count":          s.certs.insecureAdmin.Load,
		"stale_sessions_expired":        st.expired.Load,
		"snapshot_error_count":          st.snapFailures.Load,
		"snapshot_rate_limited_count":   st.snapLimited.Load,
		"restore_error_count":           st.restoreFailures.Load,
		"restore_rate_limited_count":    st.restLimited.Load,
		"digest_mismatches_count":       s.DigestMismatches,
		"ensemble_auth_skip":            st.ensembleChecks[auth.EnsembleSkipped].Load,
		"ensemble_auth_success":         st.ensembleChecks[auth.EnsembleMatches].Load,
		"ensemble_auth_fail":            st.ensembleChecks[auth.EnsembleDiffers].Load,
		"prep_processor_request_queued": st.prepared.Load,
		"sync_processor_request_queued": func() int64 { return int64(st.batches.Sum()) },
		"outstanding_changes_queued":    st.queued.Load,
		"outstanding_changes_removed":   st.unqueued.Load,
		"request_throttle_wait_count":   s.limits.throttleWaits.Load,
		"throttled_ops":                 s.limits.throttledOps.Load,
		"stale_requests":                s.limits.stale.Load,
		"stale_requests_dropped":        s.limits.staleDropped.Load,
		"large_requests_rejected":       func() int64 { return s.LimitStats().LargeRejected },
		"unrecoverable_error_count": func() int64 {
			if s.Err() != nil {
				return 1
			}
			return 0
		},
	}
	st.quorum.counters(st.metrics.Counters)
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

// logged counts a batch that was written.
func (st *stats) logged(took time.Duration, transactions int) {
	st.jobs.Observe(took)
	st.batches.Add(int64(transactions))
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

// neverAsked is the last request of a connection that has not sent any.
var neverAsked = lastRequest{xid: -1, zxid: -1}

func (l *lastRequest) set(it *pipeline.Item, zxid zkproto.Zxid, now int64) {
	if it.Xid >= 0 { // pings and the like are not operations of the client
		l.xid = it.Xid
	}
	l.op, l.zxid, l.when, l.latency = it.Op, zxid, now, time.Duration(now-it.Arrived)
	if l.count == 0 || l.latency < l.min {
		l.min = l.latency
	}
	l.max = max(l.max, l.latency)
	l.sum += l.latency
	l.count++
}

// ResetStats implements admin.Source.
func (s *Server) ResetStats() {
	st := &s.stats
	for _, n := range []*atomic.Int64{
		&st.received, &st.sent, &st.bytesIn, &st.bytesOut, &st.watchBytes, &st.connects, &st.dropped, &st.authFailed, &st.revalidated,
		&st.expired, &st.slowSyncs, &st.snapshots, &st.snapFailures, &st.snapLimited, &st.restLimited, &st.restoreFailures, &st.prepared,
		&st.queued, &st.unqueued,
	} {
		n.Store(0)
	}
	st.replies.reset()
	for _, sum := range st.metrics.Summaries {
		sum.Reset()
	}
	for _, set := range st.metrics.SummarySets {
		set.Reset()
	}
	for _, set := range st.metrics.CounterSets {
		set.Reset()
	}
	st.quorum.reset()
}

// ResetConnections implements admin.Source.
func (s *Server) ResetConnections() {
	for _, c := range s.conns() {
		c.ResetPackets()
		if w, ok := c.Client().(*client); ok {
			w.Lock()
			w.last = neverAsked
			w.Unlock()
		}
	}
}

// ResetObservers implements admin.Source.
func (s *Server) ResetObservers() {
	e := s.ensembleStatus()
	if e == nil {
		return
	}
	for i := range e.Learners {
		if l := &e.Learners[i]; l.Observer {
			s.stats.quorum.forget(l)
		}
	}
}

type latencies struct{ min, avg, max time.Duration }

// latency is that of reads and writes together.
func (st *stats) latency() latencies {
	ms := func(f float64) time.Duration { return time.Duration(f * float64(time.Millisecond)) }
	r, w := st.reads, st.writes
	n := r.Count() + w.Count()
	switch {
	case n == 0:
		return latencies{}
	case r.Count() == 0:
		return latencies{ms(w.Min()), ms(w.Avg()), ms(w.Max())}
	case w.Count() == 0:
		return latencies{ms(r.Min()), ms(r.Avg()), ms(r.Max())}
	}
	return latencies{ms(min(r.Min(), w.Min())), ms((r.Sum() + w.Sum()) / float64(n)), ms(max(r.Max(), w.Max()))}
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

// countedOps are the operations that are counted one by one.
var countedOps = []zkproto.OpCode{
	zkproto.OpAddWatch,
	zkproto.OpCheckWatches,
	zkproto.OpCloseSession,
	zkproto.OpCreate,
	zkproto.OpCreate2,
	zkproto.OpCreateContainer,
	zkproto.OpCreateSession,
	zkproto.OpCreateTTL,
	zkproto.OpDelete,
	zkproto.OpExists,
	zkproto.OpGetACL,
	zkproto.OpGetAllChildrenNumber,
	zkproto.OpGetChildren,
	zkproto.OpGetChildren2,
	zkproto.OpGetData,
	zkproto.OpGetEphemerals,
	zkproto.OpMulti,
	zkproto.OpMultiRead,
	zkproto.OpPing,
	zkproto.OpRemoveWatches,
	zkproto.OpSetACL,
	zkproto.OpSetData,
	zkproto.OpSetWatches,
	zkproto.OpSetWatches2,
	zkproto.OpSync,
	zkproto.OpWhoAmI,
}
