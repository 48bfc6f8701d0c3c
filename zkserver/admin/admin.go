// Package admin answers the four-letter words over a read-only model of the server's state, in the original's layout.
//
// A client sends four letters in place of a frame and gets a text back, after which the server closes the connection.
//
// Source: server/command/*.java, ServerStats.java, ServerCnxn.java of Apache ZooKeeper 3.9.
package admin

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Status is the state of the server as operators see it.
type Status struct {
	Version                 string // see Version
	Mode                    string // standalone, leader, follower, observer
	LatencyMin, LatencyMax  time.Duration
	LatencyAvg              time.Duration
	Received, Sent          int64
	Outstanding             int64
	LastZxid                zkproto.Zxid
	Nodes                   int
	Ephemerals              int
	DataSize                int64
	Watches, WatchPaths     int
	Watchers                int
	Sessions                int
	ConnectionCount         int
	Uptime                  time.Duration
	DataDirSize, LogDirSize int64
	ClientPort              int
	DataDir, LogDir         string
	TickTime                time.Duration
	MinTimeout, MaxTimeout  time.Duration
	MaxClientCnxns          int
	OpenFiles, MaxFiles     int64 // -1 when the system does not tell
	RejectedConnections     int64
	LastResponse, MinResp   int
	MaxResponse             int
	AuthFailed              int64
	SlowSyncs               int64
	Connections             []Connection
	SessionTimeouts         map[zkproto.SessionID]int32
	EphemeralPaths          map[zkproto.SessionID][]string
	Extra                   []Value // further lines of mntr, in order
}

// Connection is one line of cons and stat.
type Connection struct {
	Addr           string
	Session        zkproto.SessionID // 0 before the handshake
	Queued         int
	Received, Sent int64
	LastOp         string
	Opened         time.Time
	Timeout        int32
	LastXid        int32
	LastZxid       zkproto.Zxid
	LastResponse   int64 // milliseconds
	LastLatency    time.Duration
	MinLatency     time.Duration
	AvgLatency     time.Duration
	MaxLatency     time.Duration
}

// Value is one line of mntr, without the prefix zk_.
type Value struct {
	Key   string
	Value any
}

// Source is what the words read and do.
type Source interface {
	// Status describes the server. Connections and the session maps are filled in only when details is set.
	Status(details bool) Status
	// ResetStats and ResetConnections set counters to zero (srst, crst).
	ResetStats()
	ResetConnections()
}

// Words answers four-letter words.
type Words struct {
	src     Source
	allowed map[string]bool
}

type command func(io.Writer, Source)

var commands = map[string]command{
	"ruok": func(w io.Writer, _ Source) { fmt.Fprint(w, "imok") },
	"isro": func(w io.Writer, _ Source) { fmt.Fprint(w, "rw") },
	"srvr": func(w io.Writer, s Source) { st := s.Status(false); srvr(w, &st, false) },
	"stat": func(w io.Writer, s Source) { st := s.Status(true); srvr(w, &st, true) },
	"mntr": mntr,
	"conf": conf,
	"cons": func(w io.Writer, s Source) {
		for _, c := range s.Status(true).Connections {
			fmt.Fprintln(w, c.line(false))
		}
		fmt.Fprintln(w)
	},
	"crst": func(w io.Writer, s Source) { s.ResetConnections(); fmt.Fprintln(w, "Connection stats reset.") },
	"srst": func(w io.Writer, s Source) { s.ResetStats(); fmt.Fprintln(w, "Server stats reset.") },
	"dirs": func(w io.Writer, s Source) {
		st := s.Status(false)
		fmt.Fprintf(w, "datadir_size: %d\nlogdir_size: %d\n", st.DataDirSize, st.LogDirSize)
	},
	"dump": dump,
	"envi": envi,
	"wchs": func(w io.Writer, s Source) {
		st := s.Status(false)
		fmt.Fprintf(w, "%d connections watching %d paths\nTotal watches:%d\n", st.Watchers, st.WatchPaths, st.Watches)
	},
}

// others are words of the original that are not answered here.
var others = []string{"gtmk", "stmk", "wchc", "wchp", "hash"}

// NewWords answers the given words ("*" for all) and srvr. The error names words that do not exist.
func NewWords(src Source, whitelist []string) (*Words, error) {
	w := &Words{src: src, allowed: map[string]bool{"srvr": true}}
	for _, name := range whitelist {
		switch {
		case name == "*":
			for known := range commands {
				w.allowed[known] = true
			}
		case commands[name] != nil:
			w.allowed[name] = true
		case !slices.Contains(others, name):
			return nil, fmt.Errorf("admin: 4lw.commands.whitelist: there is no four-letter word %q", name)
		}
	}
	return w, nil
}

// Answer is the text for a word; ok is false when it is none.
func (w *Words) Answer(word string) (text string, ok bool) {
	run := commands[word]
	switch {
	case run == nil && !slices.Contains(others, word):
		return "", false
	case run == nil:
		return word + " is not supported by this server.\n", true
	case !w.allowed[word]:
		return word + " is not executed because it is not in the whitelist.\n", true
	}
	var b strings.Builder
	run(&b, w.src)
	return b.String(), true
}

func srvr(w io.Writer, st *Status, clients bool) {
	fmt.Fprintf(w, "Zookeeper version: %s\n", st.Version)
	if clients {
		fmt.Fprintln(w, "Clients:")
		for _, c := range st.Connections {
			fmt.Fprintln(w, c.line(true))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "Latency min/avg/max: %d/%s/%d\n", st.LatencyMin.Milliseconds(), javaDouble(float64(st.LatencyAvg.Microseconds())/1000), st.LatencyMax.Milliseconds())
	fmt.Fprintf(w, "Received: %d\nSent: %d\nConnections: %d\n", st.Received, st.Sent, st.ConnectionCount)
	fmt.Fprintf(w, "Outstanding: %d\nZxid: %s\nMode: %s\nNode count: %d\n", st.Outstanding, st.LastZxid, st.Mode, st.Nodes)
}

func (c *Connection) line(brief bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, " /%s[1](queued=%d,recved=%d,sent=%d", c.Addr, c.Queued, c.Received, c.Sent)
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
