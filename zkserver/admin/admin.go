// Package admin shows the state of a server to operators, in the original's layouts: the four-letter words, the HTTP
// commands with their JSON, and the metrics behind both and behind Prometheus.
//
// A client sends four letters in place of a frame and gets a text back, after which the server closes the connection.
// The HTTP commands are GET /commands/NAME (restore: POST); /livez, /readyz and /quorumz tell how the server is, with
// reasons.
//
// Source: server/command/*.java, server/admin/*.java, ServerStats.java, ServerCnxn.java, ServerMetrics.java of Apache
// ZooKeeper 3.9, and what its release 3.9.5 answers when it is asked.
package admin

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
)

// Words answers four-letter words.
type Words struct {
	src       Source
	allowed   atomic.Pointer[map[string]bool]
	traceMask *TraceMask
}

// TraceMask is the number that gtmk shows and stmk sets. Here it traces nothing: the log has levels.
type TraceMask struct{ mask atomic.Int64 }

// NewTraceMask returns the original's default, 306.
func NewTraceMask() *TraceMask {
	t := &TraceMask{}
	t.mask.Store(306)
	return t
}

// command writes the answer to a word. arg is what follows the word: the mask of stmk.
type command func(out io.Writer, w *Words, arg []byte)

// notServing is the original's answer to most words while clients are not answered.
const notServing = "This ZooKeeper instance is not currently serving requests"

// of makes a command of one that needs only the source. It does not matter whether that serves.
func of(f func(io.Writer, Source)) command {
	return func(out io.Writer, w *Words, _ []byte) { f(out, w.src) }
}

// serving makes a command of one that needs a source that serves.
func serving(f func(io.Writer, Source)) command {
	return func(out io.Writer, w *Words, _ []byte) {
		if w.src.State() == NotServing {
			fmt.Fprintln(out, notServing)
			return
		}
		f(out, w.src)
	}
}

var commands = map[string]command{
	"ruok": of(func(w io.Writer, _ Source) { fmt.Fprint(w, "imok") }),
	"isro": of(isro),
	"srvr": serving(func(w io.Writer, s Source) { st := s.Status(false); srvr(w, &st, false) }),
	"stat": serving(func(w io.Writer, s Source) { st := s.Status(true); srvr(w, &st, true) }),
	"mntr": serving(mntr),
	"conf": serving(conf),
	"cons": serving(cons),
	"crst": serving(func(w io.Writer, s Source) { s.ResetConnections(); fmt.Fprintln(w, "Connection stats reset.") }),
	"srst": serving(func(w io.Writer, s Source) { s.ResetStats(); fmt.Fprintln(w, "Server stats reset.") }),
	"dirs": serving(dirs),
	"dump": serving(dump),
	"envi": of(envi),
	"wchs": serving(wchs),
	"wchc": serving(wchc),
	"wchp": serving(wchp),
	"hash": of(hash),
	"gtmk": func(out io.Writer, w *Words, _ []byte) { fmt.Fprint(out, w.traceMask.mask.Load()) },
	"stmk": func(out io.Writer, w *Words, arg []byte) {
		if len(arg) == ArgumentSize("stmk") {
			w.traceMask.mask.Store(int64(binary.BigEndian.Uint64(arg)))
		}
		fmt.Fprint(out, w.traceMask.mask.Load())
	},
}

// ArgumentSize is how many bytes follow a word.
func ArgumentSize(word string) int {
	if word == "stmk" {
		return 8
	}
	return 0
}

// NewWords answers the words of the whitelist ("*" for all), and srvr. unknown are those of the whitelist that are no words;
// like the original it goes on without them.
func NewWords(src Source, mask *TraceMask, whitelist []string) (w *Words, unknown []string) {
	w = &Words{src: src, traceMask: mask}
	return w, w.Allow(whitelist)
}

// Allow puts another whitelist in the place of the one there was. It may be called at any time.
func (w *Words) Allow(whitelist []string) (unknown []string) {
	allowed := map[string]bool{"srvr": true}
	for _, name := range whitelist {
		switch {
		case name == "*":
			for known := range commands {
				allowed[known] = true
			}
		case commands[name] != nil:
			allowed[name] = true
		default:
			unknown = append(unknown, strconv.Quote(name))
		}
	}
	w.allowed.Store(&allowed)
	return unknown
}

// Known tells whether four letters are a word.
func Known(word string) bool { return commands[word] != nil }

// Answer is the text for a word with the argument that came with it; ok is false when it is none.
func (w *Words) Answer(word string, arg []byte) (text string, ok bool) {
	run := commands[word]
	switch {
	case run == nil:
		return "", false
	case !(*w.allowed.Load())[word]:
		return word + " is not executed because it is not in the whitelist.\n", true
	}
	var b strings.Builder
	run(&b, w, arg)
	return b.String(), true
}
