package zkserver

import (
	"cmp"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/release"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

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
	live := s.live.Load()
	least, most := live.SessionTimeouts()
	lat := s.stats.latency()
	st := admin.Status{
		Version: release.Version(), Now: s.clock.Now(),
		LatencyMin: lat.min, LatencyAvg: lat.avg, LatencyMax: lat.max,
		Received: s.stats.received.Load(), Sent: s.stats.sent.Load(), Outstanding: max(0, s.throttle.count.Load()),
		Uptime: s.clock.Now().Sub(s.started), TickTime: s.cfg.TickTime, MinTimeout: least, MaxTimeout: most,
		MaxClientCnxns: live.MaxClientCnxns, DataDir: absolute(s.snapDir()), LogDir: absolute(s.logDir()),
		ConnectionCount: int(s.sumOfPorts(func(p *cnxn.Port) int64 { return int64(p.Count()) })), AuthFailed: s.stats.authFailed.Load(), SlowSyncs: s.stats.slowSyncs.Load(),
		ClientPort: -1, SecurePort: -1, ListenBacklog: -1, LastResponse: s.stats.replies.last.Load(),
		MinResponse: s.stats.replies.least.Load(), MaxResponse: s.stats.replies.most.Load(),
	}
	if s.cfg.ListenBacklog > 0 {
		st.ListenBacklog = s.cfg.ListenBacklog
	}
	if s.port != nil {
		st.ClientPort = portOf(s.port.Addr())
	}
	if s.secure != nil {
		st.SecurePort = portOf(s.secure.Addr())
	}
	st.Handshakes = s.sumOfPorts(func(p *cnxn.Port) int64 { n, _, _, _ := p.Handshakes(); return n })
	if s.cfg.ClientsSpeakTLS() { // the original counts these with Netty only, which it needs for TLS
		st.PlainLocal = s.sumOfPorts(func(p *cnxn.Port) int64 { n, _ := p.PlainConns(); return n })
		st.PlainRemote = s.sumOfPorts(func(p *cnxn.Port) int64 { _, n := p.PlainConns(); return n })
	}
	st.OpenFiles, st.MaxFiles = admin.OpenFiles()
	s.files(&st)
	s.treeMu.RLock()
	st.LastZxid, st.Nodes, st.Ephemerals, st.DataSize = s.tree.LastZxid(), s.tree.NodeCount(), s.tree.EphemeralCount(), s.tree.DataSize()
	st.Quotas = quotas(s.tree)
	if details {
		st.EphemeralPaths = map[zkproto.SessionID][]string{}
		for _, id := range s.tree.EphemeralOwners() {
			st.EphemeralPaths[id] = s.tree.Ephemerals(id)
		}
	}
	s.treeMu.RUnlock()
	s.watchMu.Lock()
	st.Watches, st.DataWatches, st.Watchers, st.WatchPaths = s.watches.Count(), s.watches.DataCount(), s.watches.Watchers(), s.watches.Paths()
	s.watchMu.Unlock()
	s.onCore(func() {
		st.Sessions, st.LocalSessions = s.core.replica.SessionTable().Len(), s.core.replica.LocalSessions()
		if details {
			st.SessionExpiries = s.expiries()
		}
	})
	if details {
		st.Connections = s.connections()
	}
	st.InitialConfig, st.Properties, st.DropProbability = s.initial, s.properties, s.tokens.chance()
	st.Ensemble = s.ensembleStatus()
	return st
}

// files fills in what the directories tell.
func (s *Server) files(st *admin.Status) {
	st.DataDirSize, st.LogDirSize = s.fileSizes(s.snapDir(), ""), s.fileSizes(s.logDir(), "")
	st.LogBytes = s.fileSizes(s.logDir(), "log.")
	st.LastSnapshot = admin.NoSnapshot
	names, _ := s.fs.List(s.snapDir())
	for _, name := range names {
		zxid, ok := snapshotZxid(name)
		if !ok || zxid < st.LastSnapshot {
			continue
		}
		if info, err := s.fs.Stat(filepath.Join(s.snapDir(), name)); err == nil {
			st.LastSnapshot, st.LastSnapshotTime = zxid, info.ModTime
		}
	}
}

// quotas adds up the quotas of each namespace. The tree is locked.
func quotas(t *tree.Tree) map[string]admin.Quota {
	paths := t.Quotas()
	if len(paths) == 0 {
		return nil
	}
	limit := func(hard, soft int64) int64 {
		if hard > -1 {
			return hard
		}
		return soft
	}
	m := map[string]admin.Quota{}
	for _, path := range paths {
		limits, _, _, ok := t.Get("/zookeeper/quota" + path + "/zookeeper_limits")
		if !ok {
			continue
		}
		namespace, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		q, l := m[namespace], tree.ParseStatsTrack(limits)
		q.CountLimit += limit(l.CountHardLimit, l.Count)
		q.BytesLimit += limit(l.ByteHardLimit, l.Bytes)
		if stats, _, _, ok := t.Get("/zookeeper/quota" + path + "/zookeeper_stats"); ok {
			u := tree.ParseStatsTrack(stats)
			q.Count += u.Count
			q.Bytes += u.Bytes
		}
		m[namespace] = q
	}
	return m
}

// snapshotZxid is the zxid in the name of a snapshot file, packed or not.
func snapshotZxid(name string) (zkproto.Zxid, bool) {
	rest, ok := strings.CutPrefix(name, "snapshot.")
	if !ok {
		return 0, false
	}
	hex, _, _ := strings.Cut(rest, ".")
	n, err := strconv.ParseUint(hex, 16, 64)
	return zkproto.Zxid(n), err == nil
}

// expiries are the times at which sessions expire. The core calls it.
func (s *Server) expiries() []admin.Expiry {
	c := &s.core
	var list []admin.Expiry
	for at, ids := range c.replica.SessionTable().Expiries() {
		list = append(list, admin.Expiry{At: s.started.Add(time.Duration(at) * time.Millisecond), Millis: at, Sessions: ids})
	}
	slices.SortFunc(list, func(a, b admin.Expiry) int { return cmp.Compare(a.Millis, b.Millis) })
	return list
}

// Metrics implements admin.Source.
func (s *Server) Metrics() *admin.Metrics { return &s.stats.metrics }

// Watching implements admin.Source.
func (s *Server) Watching() []admin.Watching {
	type pair struct {
		w    *client
		path string
	}
	var pairs []pair
	s.watchMu.Lock()
	s.watches.EachData(func(path string, w *client) { pairs = append(pairs, pair{w, path}) })
	s.watchMu.Unlock()
	list := make([]admin.Watching, 0, len(pairs)) // the connections' locks come before the watches'
	for _, p := range pairs {
		p.w.Lock()
		list = append(list, admin.Watching{Session: p.w.session, Path: p.path})
		p.w.Unlock()
	}
	return list
}

// Digests implements admin.Source.
func (s *Server) Digests() []admin.Digest {
	entries := s.DigestLog()
	list := make([]admin.Digest, 0, len(entries))
	for _, d := range entries {
		list = append(list, admin.Digest{Zxid: d.Zxid, Version: d.Version, Digest: d.Digest})
	}
	return list
}

// connections describes the open connections, oldest first.
func (s *Server) connections() []admin.Connection {
	conns := slices.DeleteFunc(s.conns(), (*cnxn.Conn).Leaving)
	out := make([]admin.Connection, 0, len(conns))
	for _, c := range conns {
		a := admin.Connection{Addr: c.RemoteAddr().String(), Opened: c.Opened(), LastXid: -1, LastOp: "NA", Secure: c.Port() == s.secure}
		a.Received, a.Sent = c.Packets()
		a.Expires = c.Opened().Add(s.cfg.HandshakeTimeout)
		if w, ok := c.Client().(*client); ok {
			w.Lock()
			a.Session, a.Timeout, a.Queued = w.session, w.timeout, w.fifo.Len()
			a.Expires = c.LastHeard().Add(time.Duration(w.timeout) * time.Millisecond)
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
