package zkbench

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestOptionsOfEnsembles(t *testing.T) {
	ok := compareOptions{servers: 3, seconds: 1, rounds: 1, znodes: 1, watchers: 1, heapMB: 1, only: []string{"failover"}}
	require.NoError(t, ok.validate())
	require.True(t, ok.wants("failover"))
	for want, change := range map[string]func(o *compareOptions){
		"--servers 2": func(o *compareOptions) { o.servers = 2 },
		"--servers 0": func(o *compareOptions) { o.servers = 0 },
		`no scenario "fanout" with --servers 3, there are start, reads, writes, sessions, failover`: func(o *compareOptions) { o.only = []string{"fanout"} },
		`no scenario "failover" with --servers 1`:                                                   func(o *compareOptions) { o.servers = 1 },
	} {
		o := ok
		change(&o)
		require.ErrorContains(t, o.validate(), want)
	}
}

func TestGoalsOfEnsembles(t *testing.T) {
	var tb table
	tb.add(sideOurs, "failover", "a write is acknowledged after kill -9 of the leader", unitMillis, 149)
	tb.add(sideOurs, "memory", "resident after creating 9 znodes, all", unitBytes, 5<<20)
	tb.add(sideOriginal, "memory", "resident after creating 9 znodes, all", unitBytes, 10<<20)
	tb.finish()
	require.True(t, *tb.rows[0].Met)
	require.False(t, *tb.rows[1].Met, "half is more than a third")
}

// An outage ends when each client has an acknowledgement of a write that was sent after it began.
func TestAnOutageEndsWithTheLastClient(t *testing.T) {
	o := newOutage(2)
	o.acked(0, 10, 20) // it has not begun
	o.begin(100)
	o.acked(0, 99, 105) // was sent before: an answer of the old leader
	require.Equal(t, []int64{0, 0}, o.first)
	o.acked(0, 100, 130)
	o.acked(0, 140, 150)
	select {
	case <-o.over:
		t.Fatal("the other client still waits")
	default:
	}
	o.acked(1, 110, 120)
	<-o.over
	require.Equal(t, []int64{130, 120}, o.first)
}

// A pusher whose server goes away goes on at the next one, with its session.
func TestAPusherGoesOnElsewhere(t *testing.T) {
	s := zktest.Start(t)
	client, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{s.Addr()}})
	require.NoError(t, err)
	_, err = client.Create(t.Context(), failoverPath, nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	gone, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once: nobody listens there
	require.NoError(t, err)
	require.NoError(t, gone.Close())

	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	acks := 0
	p := &pusher{addrs: []string{gone.Addr().String(), s.Addr()}, acked: func(begin, end int64) {
		mu.Lock()
		defer mu.Unlock()
		if acks++; acks == 3 {
			cancel()
		}
	}}
	require.NoError(t, p.run(ctx))
	require.GreaterOrEqual(t, acks, 3)

	p = &pusher{addrs: []string{s.Addr()}, acked: func(int64, int64) { t.Error("the znode is not there") }}
	client, err = zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{s.Addr()}})
	require.NoError(t, err)
	require.NoError(t, client.Delete(t.Context(), failoverPath, -1))
	require.NoError(t, client.Close())
	require.ErrorIs(t, p.run(t.Context()), zkproto.ErrNoNode)
}

func TestTheModeOfAServer(t *testing.T) {
	d := fakeDuel(t, compareOptions{})
	in, _, err := d.sides[sideOurs].boot(t.Context(), filepath.Join(d.work, "x"), defaultSnapCount)
	require.NoError(t, err)
	require.Equal(t, "standalone", mode(in.addr))
	in.kill()
	in.kill()
	in.stop()
	require.Empty(t, mode(in.addr))
}

// A server that ends at once ends the boot of its ensemble, and the others are stopped.
func TestAnEnsembleThatDoesNotStart(t *testing.T) {
	d := fakeDuel(t, compareOptions{})
	c := &contender{name: "broken", command: func(cfg string) *exec.Cmd {
		return exec.Command(os.Args[0], "start-foreground", filepath.Join(filepath.Dir(cfg), "missing"))
	}}
	_, _, err := c.bootEnsemble(t.Context(), d.work, 3)
	require.ErrorContains(t, err, "ended before it served")
	myid, err := os.ReadFile(filepath.Join(d.work, "2", "data", "myid"))
	require.NoError(t, err)
	require.Equal(t, "2", string(myid))
	cfg, err := os.ReadFile(filepath.Join(d.work, "3", "zoo.cfg"))
	require.NoError(t, err)
	require.Regexp(t, `(?s)initLimit=10\nsyncLimit=5\nserver\.1=127\.0\.0\.1:\d+:\d+\n.*server\.3=`, string(cfg))
}
