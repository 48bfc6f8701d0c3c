package zkserver

import (
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/vfs"
)

// Option sets one of the seams of a Server.
type Option func(*Server)

// WithFS stores everything in fs instead of the system's files.
func WithFS(fs vfs.FS) Option { return func(s *Server) { s.fs = fs } }

// WithClock takes time from c instead of the system's clock.
func WithClock(c clock.Clock) Option { return func(s *Server) { s.clock = c } }

// WithLogger logs to l instead of nowhere.
func WithLogger(l *zap.Logger) Option { return func(s *Server) { s.log = l } }

// WithProperties tells the admin command system_properties which settings, by name, do not come from the configuration's file: -D
// flags, variables of the environment. They change nothing else: the configuration has them.
func WithProperties(p map[string]string) Option { return func(s *Server) { s.properties = p } }

// WithInitialConfig is what the admin command initial_configuration shows, with its secrets hidden, when the configuration was not
// read from a file.
func WithInitialConfig(text string) Option { return func(s *Server) { s.initial = text } }

// WithListener serves clients on l instead of listening on the configured port. The server closes it.
func WithListener(l net.Listener) Option { return func(s *Server) { s.listener = l } }

// WithLastCounter ends each epoch after that many transactions instead of after 2^32-2, for tests of what happens then
// (ZOOKEEPER-1277, 2789). 0 changes nothing.
func WithLastCounter(n uint32) Option { return func(s *Server) { s.lastCounter = n } }

// WithReturnAfter lets an observer that had to join the leader look for a follower after d, up to twice d, instead of after half a
// minute, for tests of how it moves (observerMasterPort).
func WithReturnAfter(d time.Duration) Option { return func(s *Server) { s.returnAfter = d } }
