package nnstub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stub is a served node and a controller's connection to it.
type stub struct {
	*Server
	addr string
	ctl  *target.Hadoop
}

func start(t *testing.T, dir, id string, change func(*Config)) *stub {
	t.Helper()
	cfg := Config{ID: id, Nameservice: "ns1", JournalDir: dir, AutoFailover: true, PollInterval: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	log := zaptest.NewLogger(t)
	node, err := NewNode(cfg, log)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &stub{Server: NewServer(node, log), addr: ln.Addr().String()}
	s.ctl = target.NewHadoop(s.addr, target.HadoopOptions{})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, s.ctl.Close())
		require.NoError(t, s.Close())
		require.NoError(t, s.Close(), "Close is idempotent")
		require.NoError(t, <-served)
	})
	return s
}

func (s *stub) promote(t *testing.T) {
	t.Helper()
	require.NoError(t, s.ctl.TransitionToActive(t.Context(), target.RequestByZKFC))
	require.Equal(t, target.Active, s.state(t))
}

func (s *stub) state(t *testing.T) target.State {
	t.Helper()
	st, err := s.ctl.Status(t.Context())
	require.NoError(t, err)
	return st.State
}

func client(t *testing.T, stubs ...*stub) *Client {
	t.Helper()
	var addrs []string
	for _, s := range stubs {
		addrs = append(addrs, s.addr)
	}
	c, err := NewClient(addrs)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestStartsAsStandbyAndRefusesFiles(t *testing.T) {
	s := start(t, t.TempDir(), "nn1", nil)
	st, err := s.ctl.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, target.Status{State: target.Standby, ReadyToBecomeActive: true}, st)
	require.NoError(t, s.ctl.MonitorHealth(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = client(t, s).Put(ctx, "/a", nil)
	require.True(t, hadooprpc.IsClass(err, hadooprpc.ClassStandby), err)
	require.ErrorContains(t, err, "no active node found")
	require.ErrorContains(t, err, "Operation category WRITE is not supported in state standby")
}

func TestFilesArePutReadAndListed(t *testing.T) {
	s := start(t, t.TempDir(), "nn1", nil)
	s.promote(t)
	s.promote(t) // harmless
	c := client(t, s)
	for i, p := range []string{"/b", "/a/x", "/b"} {
		ack, err := c.Put(t.Context(), p, fmt.Appendf(nil, "data %d", i))
		require.NoError(t, err)
		require.Equal(t, Ack{Epoch: 1, Txid: uint64(i + 1), Node: "nn1"}, ack)
	}
	f, err := c.Get(t.Context(), "/b")
	require.NoError(t, err)
	require.Equal(t, File{Path: "/b", Size: 6, Data: []byte("data 2"), Epoch: 1, Txid: 3}, f)
	files, err := c.List(t.Context(), "/")
	require.NoError(t, err)
	require.Equal(t, []File{{Path: "/a/x", Size: 6, Epoch: 1, Txid: 2}, {Path: "/b", Size: 6, Epoch: 1, Txid: 3}}, files)
	_, err = c.Get(t.Context(), "/none")
	require.True(t, hadooprpc.IsClass(err, hadooprpc.ClassFileNotFound))
	require.ErrorContains(t, err, "File does not exist: /none")
	for _, bad := range []string{"", "a", "/", "/a/", "/a/../b", "/a//b", "/\x00", "/\xff"} {
		_, err := c.Put(t.Context(), bad, nil)
		require.Error(t, err, bad)
		require.True(t, hadooprpc.IsClass(err, "org.apache.hadoop.fs.InvalidPathException"), "%q: %v", bad, err)
	}
}

func TestWhoMayAskForATransition(t *testing.T) {
	const denied = "Manual HA control for this NameNode is disallowed, because automatic HA is enabled."
	for _, tt := range []struct {
		auto bool
		src  target.RequestSource
		want string // empty: allowed
	}{
		{true, target.RequestByUser, denied},
		{true, target.RequestByUserForced, ""},
		{true, target.RequestByZKFC, ""},
		{false, target.RequestByUser, ""},
		{false, target.RequestByUserForced, ""},
		{false, target.RequestByZKFC, "denied since automatic HA is not enabled"},
	} {
		t.Run(fmt.Sprintf("auto %v source %d", tt.auto, tt.src), func(t *testing.T) {
			s := start(t, t.TempDir(), "nn1", func(c *Config) { c.AutoFailover = tt.auto })
			for _, err := range []error{
				s.ctl.TransitionToActive(t.Context(), tt.src),
				s.ctl.TransitionToStandby(t.Context(), tt.src),
				s.ctl.TransitionToObserver(t.Context(), tt.src),
			} {
				if tt.want == "" {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, target.ErrRefused)
				require.True(t, hadooprpc.IsClass(err, hadooprpc.ClassAccessControl))
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
}

func TestObserverServesReadsAndCannotBecomeActive(t *testing.T) {
	dir := t.TempDir()
	a, o := start(t, dir, "nn1", nil), start(t, dir, "nn2", nil)
	a.promote(t)
	err := a.ctl.TransitionToObserver(t.Context(), target.RequestByZKFC)
	require.ErrorIs(t, err, target.ErrRefused)
	require.EqualError(t, err, "Cannot transition from 'active' to 'observer'")
	require.NoError(t, o.ctl.TransitionToObserver(t.Context(), target.RequestByZKFC))
	err = o.ctl.TransitionToActive(t.Context(), target.RequestByZKFC)
	require.ErrorIs(t, err, target.ErrRefused)
	require.EqualError(t, err, "Cannot transition from 'observer' to 'active'")
	_, err = client(t, a).Put(t.Context(), "/a", []byte("x"))
	require.NoError(t, err)
	o.Node.catchUp()
	require.Eventually(t, func() bool {
		f, err := client(t, o).Get(t.Context(), "/a")
		return err == nil && string(f.Data) == "x"
	}, 5*time.Second, time.Millisecond)
}

func TestGracefulHandOverKeepsEveryAcknowledgedPut(t *testing.T) {
	dir := t.TempDir()
	stubs := []*stub{start(t, dir, "nn1", nil), start(t, dir, "nn2", nil)}
	stubs[0].promote(t)
	stop := make(chan struct{})
	var acks []Ack
	var wg sync.WaitGroup
	var mu sync.Mutex
	for w := range 4 {
		c := client(t, stubs...)
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				ack, err := c.Put(t.Context(), fmt.Sprintf("/%d/%d", w, i), []byte("x"))
				if err != nil {
					t.Errorf("put: %v", err)
					return
				}
				mu.Lock()
				acks = append(acks, ack)
				mu.Unlock()
			}
		})
	}
	acked := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acks)
	}
	for round := range 6 {
		had := acked()
		require.Eventually(t, func() bool { return acked() > had+20 }, 10*time.Second, time.Millisecond)
		old, next := stubs[round%2], stubs[(round+1)%2]
		if round%3 != 2 { // every third time nobody tells the old one: the journal does
			require.NoError(t, old.ctl.TransitionToStandby(t.Context(), target.RequestByZKFC))
			require.Equal(t, target.Standby, old.state(t))
		}
		next.promote(t)
	}
	close(stop)
	wg.Wait()

	active := stubs[0]
	require.Equal(t, target.Active, active.state(t))
	files, err := client(t, active).List(t.Context(), "")
	require.NoError(t, err)
	byTxid := map[uint64]File{}
	for _, f := range files {
		byTxid[f.Txid] = f
	}
	writer := map[uint64]string{}
	for _, a := range acks {
		f, ok := byTxid[a.Txid]
		require.True(t, ok, "acknowledged edit %d is lost", a.Txid)
		require.Equal(t, a.Epoch, f.Epoch)
		if w := writer[a.Epoch]; w != "" {
			require.Equal(t, w, a.Node, "two writers in epoch %d", a.Epoch)
		}
		writer[a.Epoch] = a.Node
	}
	require.Eventually(t, func() bool { return stubs[1].state(t) == target.Standby }, 5*time.Second, time.Millisecond)
}

func TestOvertakenActiveThatHasNotNoticedBecomesActiveAgain(t *testing.T) {
	dir := t.TempDir()
	idle := func(c *Config) { c.PollInterval = time.Hour }
	a, b := start(t, dir, "nn1", idle), start(t, dir, "nn2", idle)
	a.promote(t)
	b.promote(t)
	require.Equal(t, target.Active, a.state(t), "it cannot know yet")
	a.promote(t)
	ack, err := client(t, a).Put(t.Context(), "/a", nil)
	require.NoError(t, err)
	require.Equal(t, Ack{Epoch: 3, Txid: 1, Node: "nn1"}, ack)
}

func TestOvertakenActiveStepsDownByItself(t *testing.T) {
	dir := t.TempDir()
	a, b := start(t, dir, "nn1", nil), start(t, dir, "nn2", nil)
	a.promote(t)
	b.promote(t)
	require.Eventually(t, func() bool { return a.state(t) == target.Standby }, 5*time.Second, time.Millisecond)
	require.NoError(t, a.ctl.MonitorHealth(t.Context()), "it is healthy and may be elected again")
	a.promote(t)
}

func TestSicknessOnDemand(t *testing.T) {
	s := start(t, t.TempDir(), "nn1", nil)
	ctx := t.Context()
	set := func(kind Sickness, d time.Duration, want ...string) {
		t.Helper()
		now, err := SetSickness(ctx, s.addr, kind, d)
		require.NoError(t, err)
		require.Equal(t, want, now)
	}
	set(Unhealthy, 0, "unhealthy")
	require.ErrorIs(t, s.ctl.MonitorHealth(ctx), target.ErrUnhealthy)
	set(Refuse, 0, "unhealthy", "refuse")
	err := s.ctl.TransitionToActive(ctx, target.RequestByZKFC)
	require.ErrorIs(t, err, target.ErrRefused)
	require.True(t, hadooprpc.IsClass(err, hadooprpc.ClassServiceFailed))
	set(Well, 0)
	require.NoError(t, s.ctl.MonitorHealth(ctx))

	set(SlowPromotion, 50*time.Millisecond, "slow-promotion 50ms")
	began := time.Now()
	promoted := make(chan error, 1)
	go func() { promoted <- s.ctl.TransitionToActive(ctx, target.RequestByZKFC) }()
	require.NoError(t, s.ctl.MonitorHealth(ctx), "answered meanwhile")
	require.NoError(t, <-promoted)
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
	set(Well, 0)

	set(Hang, 0, "hang")
	set(Hang, 0, "hang")
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.ctl.MonitorHealth(short), context.DeadlineExceeded)
	held := make(chan error, 1)
	go func() { held <- s.ctl.TransitionToStandby(ctx, target.RequestByZKFC) }()
	set(Well, 0)
	require.NoError(t, <-held, "calls held back are served then")
	require.Equal(t, target.Standby, s.state(t))
}

func TestHangingNodeCanBeClosed(t *testing.T) {
	s := start(t, t.TempDir(), "nn1", nil)
	_, err := SetSickness(t.Context(), s.addr, Hang, 0)
	require.NoError(t, err)
	held := make(chan error, 1)
	go func() { held <- s.ctl.MonitorHealth(t.Context()) }()
	require.NoError(t, s.Close())
	<-held
}

func TestSlowPromotionEndsWithTheNode(t *testing.T) {
	s := start(t, t.TempDir(), "nn1", nil)
	s.Node.Sicken(SlowPromotion, time.Hour)
	held := make(chan error, 1)
	go func() { held <- s.ctl.TransitionToActive(t.Context(), target.RequestByZKFC) }()
	require.Eventually(t, func() bool {
		if s.Node.transition.TryLock() {
			s.Node.transition.Unlock()
			return false
		}
		return true
	}, 5*time.Second, time.Millisecond)
	require.NoError(t, s.Close())
	require.Error(t, <-held)
}

func TestClientTurnsToTheOtherNodeWhenOneHangs(t *testing.T) {
	dir := t.TempDir()
	a, b := start(t, dir, "nn1", nil), start(t, dir, "nn2", nil)
	a.promote(t)
	c := client(t, a, b)
	_, err := c.Put(t.Context(), "/a", nil)
	require.NoError(t, err)
	a.Node.Sicken(Hang, 0)
	result := make(chan error, 1)
	var ack Ack
	go func() {
		var err error
		ack, err = c.Put(t.Context(), "/b", nil)
		result <- err
	}()
	b.promote(t)
	require.NoError(t, <-result)
	require.Equal(t, Ack{Epoch: 2, Txid: 2, Node: "nn2"}, ack)
	a.Node.Sicken(Well, 0)
	require.Eventually(t, func() bool { return a.state(t) == target.Standby }, 5*time.Second, time.Millisecond)
}

func TestClientFindsTheActiveAfterADeath(t *testing.T) {
	dir := t.TempDir()
	a, b := start(t, dir, "nn1", nil), start(t, dir, "nn2", nil)
	a.promote(t)
	c := client(t, a, b)
	_, err := c.Put(t.Context(), "/a", nil)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	result := make(chan error, 1)
	go func() {
		_, putErr := c.Put(t.Context(), "/b", nil)
		result <- putErr
	}()
	b.promote(t)
	require.NoError(t, <-result)
	f, err := c.Get(t.Context(), "/a")
	require.NoError(t, err)
	require.Equal(t, uint64(1), f.Epoch)
}

func TestDamagedJournalMakesAStandbyUnhealthy(t *testing.T) {
	dir := t.TempDir()
	a, b := start(t, dir, "nn1", nil), start(t, dir, "nn2", nil)
	a.promote(t)
	c := client(t, a)
	_, err := c.Put(t.Context(), "/a", []byte("x"))
	require.NoError(t, err)
	require.NoError(t, b.ctl.TransitionToStandby(t.Context(), target.RequestByZKFC))
	f, err := os.OpenFile(filepath.Join(dir, "edits-1"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString("rubbish between edits")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = c.Put(t.Context(), "/b", []byte("x"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return errors.Is(b.ctl.MonitorHealth(t.Context()), target.ErrUnhealthy)
	}, 5*time.Second, time.Millisecond)
	require.ErrorContains(t, b.ctl.MonitorHealth(t.Context()), "edits-1 at offset")
	st, err := b.ctl.Status(t.Context())
	require.NoError(t, err)
	require.False(t, st.ReadyToBecomeActive)
	require.Error(t, b.ctl.TransitionToActive(t.Context(), target.RequestByZKFC))
	require.Equal(t, target.Standby, b.state(t))
	require.Equal(t, target.Active, a.state(t), "the writer is left alone")
	_, err = NewNode(Config{ID: "nn3", JournalDir: dir}, zaptest.NewLogger(t))
	require.ErrorContains(t, err, "journal is corrupt")
}

func TestNoAddressIsRefused(t *testing.T) {
	_, err := NewClient(nil)
	require.Error(t, err)
}

// BenchmarkPromotion is transitionToActive by RPC, with a journal that the standby follows.
func BenchmarkPromotion(b *testing.B) {
	dir := b.TempDir()
	var stubs []*Server
	var ctl []*target.Hadoop
	for _, id := range []string{"nn1", "nn2"} {
		log := zaptest.NewLogger(b, zaptest.Level(zapcore.FatalLevel))
		n, err := NewNode(Config{ID: id, JournalDir: dir, AutoFailover: true}, log)
		require.NoError(b, err)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		s := NewServer(n, log)
		go func() { _ = s.Serve(ln) }()
		stubs, ctl = append(stubs, s), append(ctl, target.NewHadoop(ln.Addr().String(), target.HadoopOptions{}))
	}
	i := 0
	for b.Loop() {
		require.NoError(b, ctl[i%2].TransitionToActive(b.Context(), target.RequestByZKFC))
		i++
	}
	for i := range stubs {
		require.NoError(b, ctl[i].Close())
		require.NoError(b, stubs[i].Close())
	}
}

// BenchmarkPut is 64 clients' worth of puts of 100 bytes over one connection.
func BenchmarkPut(b *testing.B) {
	log := zaptest.NewLogger(b, zaptest.Level(zapcore.FatalLevel))
	n, err := NewNode(Config{ID: "nn1", JournalDir: b.TempDir(), AutoFailover: true}, log)
	require.NoError(b, err)
	require.NoError(b, n.TransitionToActive(b.Context(), target.RequestByZKFC))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	s := NewServer(n, log)
	go func() { _ = s.Serve(ln) }()
	c, err := NewClient([]string{ln.Addr().String()})
	require.NoError(b, err)
	data := make([]byte, 100)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Put(b.Context(), "/a", data); err != nil {
				b.Error(err)
				return
			}
		}
	})
	require.NoError(b, c.Close())
	require.NoError(b, s.Close())
}
