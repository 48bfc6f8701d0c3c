package admin

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// javaDate is the layout of java.util.Date.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

// javaDouble prints a number as the original prints its averages: rounded to four places, always with a fraction.
func javaDouble(f float64) string {
	s := strconv.FormatFloat(math.Round(f*1e4)/1e4, 'f', -1, 64)
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func srvr(w io.Writer, st *Status, clients bool) {
	fmt.Fprintf(w, "Zookeeper version: %s\n", st.Version)
	if st.readOnly() {
		fmt.Fprintln(w, "READ-ONLY mode; serving only read-only clients")
	}
	if clients {
		fmt.Fprintln(w, "Clients:")
		for i := range st.Connections {
			fmt.Fprintln(w, st.Connections[i].line(true))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "Latency min/avg/max: %d/%s/%d\n", st.LatencyMin.Milliseconds(), javaDouble(milliseconds(st.LatencyAvg)), st.LatencyMax.Milliseconds())
	fmt.Fprintf(w, "Received: %d\nSent: %d\nConnections: %d\n", st.Received, st.Sent, st.ConnectionCount)
	fmt.Fprintf(w, "Outstanding: %d\nZxid: %s\nMode: %s\nNode count: %d\n", st.Outstanding, st.LastZxid, st.mode(), st.Nodes)
	if st.leading() {
		p := &st.Ensemble.Proposals
		fmt.Fprintf(w, "Proposal sizes last/min/max: %d/%d/%d\n", p.Last, p.Min, p.Max)
	}
}

func cons(w io.Writer, s Source) {
	st := s.Status(true)
	for i := range st.Connections {
		fmt.Fprintln(w, st.Connections[i].line(false))
	}
	fmt.Fprintln(w)
}

// interest is the number in brackets: in the original what its selector waits for, 1 (reading) for a session's connection
// that nothing waits to be sent to, 0 for one that is busy answering a word.
func (c *Connection) interest() int {
	if c.Session == 0 {
		return 0
	}
	return 1
}

func (c *Connection) line(brief bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, " /%s[%d](queued=%d,recved=%d,sent=%d", c.Addr, c.interest(), c.Queued, c.Received, c.Sent)
	if !brief && c.Session != 0 {
		fmt.Fprintf(&b, ",sid=%s,lop=%s,est=%d,to=%d", c.Session, c.LastOp, c.Opened.UnixMilli(), c.Timeout)
		if c.LastXid >= 0 {
			fmt.Fprintf(&b, ",lcxid=0x%x", c.LastXid)
		}
		fmt.Fprintf(&b, ",lzxid=%s,lresp=%d,llat=%d,minlat=%d,avglat=%d,maxlat=%d", c.LastZxid, c.LastResponse,
			c.LastLatency.Milliseconds(), c.MinLatency.Milliseconds(), c.AvgLatency.Milliseconds(), c.MaxLatency.Milliseconds())
	}
	b.WriteByte(')')
	return b.String()
}

func conf(w io.Writer, s Source) {
	st := s.Status(false)
	fmt.Fprintf(w, "clientPort=%d\nsecureClientPort=%d\n", st.ClientPort, st.SecurePort)
	fmt.Fprintf(w, "dataDir=%s\ndataDirSize=%d\n", st.DataDir, st.DataDirSize)
	fmt.Fprintf(w, "dataLogDir=%s\ndataLogSize=%d\n", st.LogDir, st.LogDirSize)
	fmt.Fprintf(w, "tickTime=%d\nmaxClientCnxns=%d\n", st.TickTime.Milliseconds(), st.MaxClientCnxns)
	fmt.Fprintf(w, "minSessionTimeout=%d\nmaxSessionTimeout=%d\n", st.MinTimeout.Milliseconds(), st.MaxTimeout.Milliseconds())
	fmt.Fprintf(w, "clientPortListenBacklog=%d\nserverId=%d\n", st.ListenBacklog, st.serverID())
	if st.Ensemble != nil {
		fmt.Fprint(w, st.Ensemble.conf())
	}
}

func isro(w io.Writer, s Source) {
	fmt.Fprint(w, [...]string{NotServing: "null", ServingReads: "ro", Serving: "rw"}[s.State()])
}

func dirs(w io.Writer, s Source) {
	st := s.Status(false)
	fmt.Fprintf(w, "datadir_size: %d\nlogdir_size: %d\n", st.DataDirSize, st.LogDirSize)
}

func dump(w io.Writer, s Source) {
	st := s.Status(true)
	sessions := 0
	for _, e := range st.SessionExpiries {
		sessions += len(e.Sessions)
	}
	fmt.Fprintln(w, "SessionTracker dump:")
	fmt.Fprintf(w, "Session Sets (%d)/(%d):\n", len(st.SessionExpiries), sessions)
	for _, e := range st.SessionExpiries {
		fmt.Fprintf(w, "%d expire at %s:\n", len(e.Sessions), e.At.Format(javaDate))
		for _, id := range e.Sessions {
			fmt.Fprintf(w, "\t%s\n", id)
		}
	}
	fmt.Fprintln(w, "ephemeral nodes dump:")
	fmt.Fprintf(w, "Sessions with Ephemerals (%d):\n", len(st.EphemeralPaths))
	for _, id := range slices.Sorted(maps.Keys(st.EphemeralPaths)) {
		fmt.Fprintf(w, "%s:\n", id)
		for _, path := range st.EphemeralPaths[id] {
			fmt.Fprintf(w, "\t%s\n", path)
		}
	}
	fmt.Fprintln(w, "Connections dump:")
	const bucket = 10 * time.Second // the original's
	sets := map[int64][]*Connection{}
	for i := range st.Connections {
		c := &st.Connections[i]
		at := (c.Expires.Unix()/int64(bucket.Seconds()) + 1) * int64(bucket.Seconds())
		sets[at] = append(sets[at], c)
	}
	fmt.Fprintf(w, "Connections Sets (%d)/(%d):\n", len(sets), len(st.Connections))
	for _, at := range slices.Sorted(maps.Keys(sets)) {
		fmt.Fprintf(w, "%d expire at %s:\n", len(sets[at]), time.Unix(at, 0).Format(javaDate))
		for _, c := range sets[at] {
			fmt.Fprintf(w, "\tip: /%s sessionId: %s\n", c.Addr, c.Session)
		}
	}
}

func wchs(w io.Writer, s Source) {
	st := s.Status(false)
	fmt.Fprintf(w, "%d connections watching %d paths\nTotal watches:%d\n", st.Watchers, st.WatchPaths, st.DataWatches)
}

func wchc(w io.Writer, s Source) {
	bySession := watchesBySession(s.Watching())
	for _, id := range slices.Sorted(maps.Keys(bySession)) {
		fmt.Fprintf(w, "%s\n", id)
		for _, path := range bySession[id] {
			fmt.Fprintf(w, "\t%s\n", path)
		}
	}
	fmt.Fprintln(w)
}

func wchp(w io.Writer, s Source) {
	byPath := watchesByPath(s.Watching())
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		fmt.Fprintf(w, "%s\n", path)
		for _, id := range byPath[path] {
			fmt.Fprintf(w, "\t%s\n", id)
		}
	}
	fmt.Fprintln(w)
}

// watchesBySession groups watches, the paths of each session in order.
func watchesBySession(list []Watching) map[zkproto.SessionID][]string {
	m := map[zkproto.SessionID][]string{}
	for _, v := range list {
		m[v.Session] = append(m[v.Session], v.Path)
	}
	for _, paths := range m {
		slices.Sort(paths)
	}
	return m
}

// watchesByPath groups watches, the sessions of each path in order.
func watchesByPath(list []Watching) map[string][]zkproto.SessionID {
	m := map[string][]zkproto.SessionID{}
	for _, v := range list {
		m[v.Path] = append(m[v.Path], v.Session)
	}
	for _, ids := range m {
		slices.Sort(ids)
	}
	return m
}

// hash has no newline at the end while nothing is served, as the original has none.
func hash(w io.Writer, s Source) {
	if s.State() == NotServing {
		fmt.Fprint(w, notServing)
		return
	}
	for _, d := range s.Digests() {
		fmt.Fprintf(w, "%x: %d\n", uint64(d.Zxid), d.Digest)
	}
}
