package elector

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
	"go.uber.org/zap"
)

// ACL is one entry of the access list that the znodes get; Perms are ZooKeeper's bits (31 is all).
type ACL struct {
	Scheme, ID string
	Perms      int32
}

// Auth is an identity that each session adds to itself.
type Auth struct {
	Scheme string
	Data   []byte
}

// OpenACL lets everybody do everything, the original's default.
func OpenACL() []ACL { return []ACL{{Scheme: "world", ID: "anyone", Perms: 31}} }

// ZooKeeper opens sessions by go-zookeeper/zk.
//
// Its timing: it pings after a third of the negotiated session timeout and gives a connection up after two thirds of
// silence. Servers are tried in random order, at once after a break, then with a pause that grows to 250ms; a name is
// looked up again at each try.
type ZooKeeper struct {
	Servers        []string // host:port
	SessionTimeout time.Duration
	ACL            []ACL // of what is created; default OpenACL
	Auth           []Auth
	// Secure makes each connection, which was dialled to addr, a secret one before anything is sent; nil leaves them plain. On
	// an error nc is the caller's to close.
	Secure func(ctx context.Context, nc net.Conn, addr string) (net.Conn, error)
	Log    *zap.Logger
}

// Connect is a Connect.
func (z ZooKeeper) Connect(events func(Event)) (Client, error) { return z.connect(events, "") }

// Resuming is a Connect whose session goes on when the program is started again before it expires: id and password are
// kept in file, readable by its owner only, as long as the session lives. Two programs must never use one file at a time.
func (z ZooKeeper) Resuming(file string) Connect {
	return func(events func(Event)) (Client, error) { return z.connect(events, file) }
}

func (z ZooKeeper) connect(events func(Event), file string) (*session, error) {
	if z.Log == nil {
		z.Log = zap.NewNop()
	}
	if len(z.ACL) == 0 {
		z.ACL = OpenACL()
	}
	servers := make([]string, len(z.Servers))
	for i, s := range z.Servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			s = net.JoinHostPort(strings.Trim(s, "[]"), "2181")
		}
		servers[i] = s
	}
	rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	s := &session{zk: z, events: events, hosts: newHosts(servers, z)}
	if file != "" {
		s.hosts.ticket = readTicket(file, z.Log)
	}
	for _, a := range z.ACL {
		s.acl = append(s.acl, zk.ACL{Scheme: a.Scheme, ID: a.ID, Perms: a.Perms})
	}
	ready := make(chan struct{}) // callbacks need conn
	conn, ended, err := zk.Connect(servers, z.SessionTimeout,
		zk.WithHostProvider(s.hosts), zk.WithDialer(s.hosts.dial), zk.WithMaxBufferSize(maxFrame),
		zk.WithLogger(quiet{z.Log}), zk.WithLogInfo(false),
		zk.WithEventCallback(func(ev zk.Event) { <-ready; s.event(ev) }))
	if err != nil {
		return nil, fmt.Errorf("zookeeper client: %w", err)
	}
	s.conn, s.ended = conn, ended
	close(ready)
	return s, nil
}

type quiet struct{ log *zap.Logger }

func (q quiet) Printf(f string, args ...any) {
	q.log.Debug("zookeeper client: " + fmt.Sprintf(f, args...))
}

// session is a Client.
type session struct {
	zk     ZooKeeper
	conn   *zk.Conn
	ended  <-chan zk.Event // closed when the client has ended
	hosts  *hosts
	acl    []zk.ACL
	events func(Event)
	once   sync.Once
	wg     sync.WaitGroup

	authed bool // owned by event, which one goroutine calls
	up     bool
}

// event turns the client's events into ours. It is called from the client's goroutines and must not block.
func (s *session) event(ev zk.Event) {
	switch {
	case ev.Type == zk.EventSession && ev.State == zk.StateHasSession:
		s.up = true
		if len(s.zk.Auth) > 0 && !s.authed { // on later connections the client does it by itself, before all else
			s.authed = true
			s.wg.Go(s.authenticate)
			return
		}
		s.connected()
	case ev.Type == zk.EventSession && ev.State == zk.StateDisconnected && s.up:
		s.up = false
		s.events(Disconnected{})
	case ev.Type == zk.EventSession && ev.State == zk.StateExpired:
		s.hosts.stop() // the client would begin another session by itself
		s.hosts.ticket.tear()
		s.events(Expired{})
	case ev.Type == zk.EventNodeDeleted:
		s.events(LockDeleted{})
	case ev.Type == zk.EventNodeDataChanged || ev.Type == zk.EventNodeCreated:
		s.events(LockChanged{})
	}
}

func (s *session) connected() {
	if d := s.hosts.negotiated(); d > s.zk.SessionTimeout {
		s.zk.Log.Warn("zookeeper gave a longer session timeout than asked for: a dead machine is replaced that much later; "+
			"lower tickTime or minSessionTimeout of the servers",
			zap.Duration("asked", s.zk.SessionTimeout), zap.Duration("given", d))
	}
	s.events(Connected{s.conn.SessionID()})
}

func (s *session) authenticate() {
	for _, a := range s.zk.Auth {
		if err := s.conn.AddAuth(a.Scheme, a.Data); err != nil {
			s.zk.Log.Error("zookeeper refused the configured auth", zap.String("scheme", a.Scheme), zap.Error(err))
		}
	}
	s.connected()
}

func (s *session) Create(path string, data []byte, ephemeral bool) error {
	flags := int32(0)
	if ephemeral {
		flags = zk.FlagEphemeral
	}
	_, err := s.conn.Create(path, data, flags, s.acl)
	return translate(err)
}

func (s *session) Get(path string) ([]byte, int32, error) {
	data, st, err := s.conn.Get(path)
	if err != nil {
		return nil, 0, translate(err)
	}
	return data, st.Version, nil
}

func (s *session) Set(path string, data []byte, version int32) error {
	_, err := s.conn.Set(path, data, version)
	return translate(err)
}

func (s *session) Delete(path string, version int32) error {
	return translate(s.conn.Delete(path, version))
}

func (s *session) Watch(path string) (Lock, error) {
	ok, st, _, err := s.conn.ExistsW(path) // its end comes through event
	if err != nil {
		return Lock{}, translate(err)
	}
	if !ok {
		return Lock{}, ErrNoNode
	}
	return Lock{Owner: st.EphemeralOwner, Czxid: st.Czxid}, nil
}

// Close closes the session, waiting up to a second for the server to confirm it.
func (s *session) Close() { s.end(false) }

// Abandon ends the connection and leaves the session to its timeout, or to whoever resumes it: nothing more is sent, not
// even that it is to be closed.
func (s *session) Abandon() { s.end(true) }

func (s *session) end(abandon bool) {
	s.once.Do(func() {
		s.hosts.muted.Store(abandon)
		s.conn.Close()
		if !abandon {
			s.hosts.ticket.tear()
		}
		s.hosts.stop()
		for range s.ended { //nolint:revive // until it has ended
		}
		s.wg.Wait()
	})
}

// translate makes our sentinels of the client's. What is no answer of the server means that the connection broke.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, zk.ErrNoNode):
		return ErrNoNode
	case errors.Is(err, zk.ErrNodeExists):
		return ErrNodeExists
	case errors.Is(err, zk.ErrBadVersion):
		return ErrBadVersion
	case errors.Is(err, zk.ErrConnectionClosed), errors.Is(err, zk.ErrClosing), errors.Is(err, zk.ErrSessionExpired),
		errors.Is(err, zk.ErrNoServer), errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return err
}
