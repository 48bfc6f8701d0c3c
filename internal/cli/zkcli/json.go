package zkcli

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// With --output json each command that shows something prints one JSON object on a line of standard output, a watch
// event prints one with the key "watch", and nothing else goes there; errors stay as they are, on standard error. Zxids
// and session ids are texts in hex, as everywhere else; times are RFC 3339 in UTC with milliseconds.

// show prints the result of a command: its text, or v with --output json.
func (s *shell) show(text string, v any) {
	if !s.set.json {
		s.println(text)
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		s.warn("zkcli: " + err.Error())
		return
	}
	s.println(string(b))
}

// note prints a remark that the original prints to standard output and that is no result.
func (s *shell) note(text string) {
	if s.set.json {
		s.warn(text)
		return
	}
	s.println(text)
}

// jsonStat is a Stat in JSON.
type jsonStat struct {
	Czxid          string `json:"cZxid"`
	Ctime          string `json:"ctime"`
	Mzxid          string `json:"mZxid"`
	Mtime          string `json:"mtime"`
	Pzxid          string `json:"pZxid"`
	Cversion       int32  `json:"cversion"`
	Version        int32  `json:"dataVersion"`
	Aversion       int32  `json:"aclVersion"`
	EphemeralOwner string `json:"ephemeralOwner"`
	DataLength     int32  `json:"dataLength"`
	NumChildren    int32  `json:"numChildren"`
}

func newJSONStat(st zkproto.Stat) *jsonStat {
	date := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00") }
	return &jsonStat{
		Czxid: st.Czxid.String(), Ctime: date(st.Ctime), Mzxid: st.Mzxid.String(), Mtime: date(st.Mtime), Pzxid: st.Pzxid.String(),
		Cversion: st.Cversion, Version: st.Version, Aversion: st.Aversion,
		EphemeralOwner: "0x" + strconv.FormatUint(uint64(st.EphemeralOwner), 16),
		DataLength:     st.DataLength, NumChildren: st.NumChildren,
	}
}

// jsonNode is a znode in JSON: get, stat and set -s show it.
type jsonNode struct {
	Path string `json:"path"`
	// Data is the data if it is text, DataBase64 if it is not; neither for null.
	Data       *string   `json:"data,omitempty"`
	DataBase64 []byte    `json:"dataBase64,omitempty"`
	Stat       *jsonStat `json:"stat,omitempty"`
}

func newJSONNode(path string, data []byte) *jsonNode {
	n := &jsonNode{Path: path}
	switch {
	case data == nil:
	case utf8.Valid(data):
		text := string(data)
		n.Data = &text
	default:
		n.DataBase64 = data
	}
	return n
}

// jsonEvent is an event of a watch or, with type None, of the session.
type jsonEvent struct {
	Watch struct {
		Type  string `json:"type"`
		State string `json:"state"`
		Path  string `json:"path,omitempty"`
		Zxid  string `json:"zxid,omitempty"`
	} `json:"watch"`
}

func newJSONEvent(e zkclient.Event) (v jsonEvent) {
	v.Watch.Type, v.Watch.State, v.Watch.Path = e.Type.String(), stateNames[e.State], e.Path
	if e.Zxid >= 0 {
		v.Watch.Zxid = e.Zxid.String()
	}
	return v
}

// jsonACL is an entry of an access control list.
type jsonACL struct {
	Scheme string `json:"scheme"`
	ID     string `json:"id"`
	Perms  string `json:"perms"`
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func itoa(n int) string { return strconv.Itoa(n) }
