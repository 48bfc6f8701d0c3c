package fencing

import (
	"bytes"
	"strings"
	"sync"

	"go.uber.org/zap"
)

// Limits on what a command's output may cost.
const (
	maxTail  = 4 << 10 // bytes kept for the record
	maxLine  = 4 << 10 // bytes of a line before it is cut in two
	maxLines = 1000    // lines logged
)

// output logs what a command prints, line by line, and keeps the end of it.
type output struct {
	prefix string
	log    *zap.Logger

	mu      sync.Mutex
	kept    []byte
	lines   int
	streams []*stream
}

func newOutput(prefix string, log *zap.Logger) *output { return &output{prefix: prefix, log: log} }

// stream is one of the two; say logs a line of it.
type stream struct {
	out     *output
	say     func(string, ...zap.Field)
	partial []byte
}

func (o *output) stream(say func(string, ...zap.Field)) *stream {
	s := &stream{out: o, say: say}
	o.streams = append(o.streams, s)
	return s
}

// Write takes the next bytes of the stream.
func (s *stream) Write(p []byte) (int, error) {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		line := p[:max(i, 0)]
		if i < 0 {
			line = p
		}
		if room := maxLine - len(s.partial); len(line) > room {
			s.partial = append(s.partial, line[:room]...)
			p = p[room:]
			s.end()
			continue
		}
		s.partial = append(s.partial, line...)
		if i < 0 {
			break
		}
		s.end()
		p = p[i+1:]
	}
	return n, nil
}

// end finishes the line. The lock is held.
func (s *stream) end() {
	o := s.out
	line := strings.ToValidUTF8(strings.TrimSuffix(string(s.partial), "\r"), "\uFFFD")
	s.partial = s.partial[:0]
	o.kept = append(append(o.kept, line...), '\n')
	if over := len(o.kept) - maxTail; over > 0 {
		o.kept = append(o.kept[:0], o.kept[over:]...)
	}
	switch o.lines++; {
	case o.lines <= maxLines:
		s.say(o.prefix + ": " + line)
	case o.lines == maxLines+1:
		o.log.Warn(o.prefix + ": more output is not logged")
	}
}

// flush ends lines that have no end.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.streams {
		if len(s.partial) > 0 {
			s.end()
		}
	}
}

// tail is the end of the output.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.ToValidUTF8(string(o.kept), "")
}
