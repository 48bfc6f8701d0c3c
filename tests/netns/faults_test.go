//go:build linux && netns

package netns

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// seed of the clients' choices; HOLDFAST_NETNS_SEED sets another.
func seed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("HOLDFAST_NETNS_SEED"), 10, 64); err == nil {
		return n
	}
	return 1
}

// rounds is how often each fault is repeated; HOLDFAST_NETNS_ROUNDS sets it, for long runs.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_NETNS_ROUNDS")); err == nil {
		return n
	}
	return 2
}

// faulty runs a fault again and again under load and judges what the clients were told. fault begins with everything well,
// and has to leave it so that the ensemble can come together again once the network is healed and all members run.
func faulty(t *testing.T, servers int, fault func(e *ensemble, w *workload, leader *member)) {
	t.Helper()
	e := newEnsemble(t, servers, nil)
	w := newWorkload(e, seed())
	for round := range rounds() {
		leader := e.settled()
		w.progress(50)
		begin := time.Now()
		fault(e, w, leader)
		e.heal()
		healed := time.Now()
		e.settled()
		w.progress(50)
		t.Logf("round %d: the fault took %s, until all were together again %s", round+1,
			healed.Sub(begin).Round(time.Millisecond), time.Since(healed).Round(time.Millisecond))
	}
	w.judge()
}

func TestLeaderIsCutOff(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		rest := e.others(leader.host)
		e.split([]int{leader.host}, rest)
		e.settledAmong(rest...)
		w.progress(50)
		e.eventually("the old leader gives up", func() bool { return e.mode(leader) != "leader" })
	})
}

func TestAFollowerIsCutOff(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		rest := e.others(leader.host)
		e.split(rest[:1], []int{leader.host, rest[1]})
		w.progress(50)
		e.eventually("the follower gives up", func() bool { return e.mode(e.members[rest[0]-1]) != "follower" })
		require.Equal(t, "leader", e.mode(leader), "a minority changes nothing")
	})
}

// Two halves that see each other only through one server: whoever leads, there is one majority.
func TestOneServerIsTheBridge(t *testing.T) {
	faulty(t, 5, func(e *ensemble, w *workload, _ *member) {
		e.split([]int{1, 2}, []int{4, 5})
		w.progress(50)
	})
}

// What the leader sends is lost, and it hears everybody.
func TestLeaderIsNotHeard(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		rest := e.others(leader.host)
		for _, i := range rest {
			e.cut(leader.host, i)
		}
		e.settledAmong(rest...)
		w.progress(50)
	})
}

// What is sent to the leader is lost, and everybody hears it.
func TestLeaderHearsNobody(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		rest := e.others(leader.host)
		for _, i := range rest {
			e.cut(i, leader.host)
		}
		e.settledAmong(rest...)
		w.progress(50)
	})
}

func TestTheNetworkFlaps(t *testing.T) {
	faulty(t, 3, func(e *ensemble, _ *workload, leader *member) {
		for range 6 {
			e.split([]int{leader.host}, e.others(leader.host))
			pass(300 * time.Millisecond)
			e.heal()
			pass(300 * time.Millisecond)
		}
	})
}

func TestPacketsAreLost(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		e.lossy(leader.host, 0.1)
		w.progress(50)
	})
}

func TestLeaderIsKilled(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		e.kill(leader)
		e.settledAmong(e.others(leader.host)...)
		w.progress(50)
		e.start(leader)
	})
}

func TestLeaderIsSuspended(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		e.signal(leader, syscall.SIGSTOP)
		e.settledAmong(e.others(leader.host)...)
		w.progress(50)
		e.signal(leader, syscall.SIGCONT)
	})
}

func TestAFollowerIsSuspended(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		follower := e.members[e.others(leader.host)[0]-1]
		e.signal(follower, syscall.SIGSTOP)
		w.progress(50)
		pass(2 * time.Second) // longer than syncLimit
		require.Equal(t, "leader", e.mode(leader))
		w.progress(50)
		e.signal(follower, syscall.SIGCONT)
	})
}

func TestAllAreKilled(t *testing.T) {
	faulty(t, 3, func(e *ensemble, _ *workload, _ *member) {
		for _, m := range e.members {
			e.kill(m)
		}
		for _, m := range e.members {
			e.start(m)
		}
	})
}

// How many servers may die: of 2 none, of 3 one, of 4 one, of 5 two, of 6 two.
func TestTolerance(t *testing.T) {
	for servers, tolerated := range map[int]int{2: 0, 3: 1, 4: 1, 5: 2, 6: 2} {
		t.Run(strconv.Itoa(servers), func(t *testing.T) {
			e := newEnsemble(t, servers, nil)
			for _, m := range e.members[:tolerated] {
				e.kill(m)
			}
			rest := e.others()[tolerated:]
			e.settledAmong(rest...)
			e.kill(e.members[tolerated])
			for _, i := range rest[1:] {
				e.eventually("nobody serves", func() bool {
					mode := e.mode(e.members[i-1])
					return mode != "leader" && mode != "follower"
				})
			}
			e.start(e.members[tolerated])
			e.settledAmong(rest...)
		})
	}
}

// The log of one member has no room left: it stops, the others go on, and with room again it comes back.
func TestADiskIsFull(t *testing.T) {
	small := filepath.Join(t.TempDir(), "small")
	require.NoError(t, os.Mkdir(small, 0o755))
	require.NoError(t, syscall.Mount("tmpfs", small, "tmpfs", 0, "size=24m"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(small, syscall.MNT_DETACH)) })
	e := newEnsemble(t, 3, func(host int) string {
		if host == 3 {
			return small
		}
		return ""
	})
	w := newWorkload(e, seed())
	w.progress(50)
	filler := filepath.Join(small, "filler")
	require.NoError(t, os.WriteFile(filler, nil, 0o644))
	f, err := os.OpenFile(filler, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
	full := e.members[2]
	e.eventually("the member with the full disk ends", func() bool {
		select {
		case <-full.done:
			return true
		default:
			return false
		}
	})
	e.settledAmong(1, 2)
	w.progress(50)
	require.NoError(t, os.Remove(filler))
	e.start(full)
	e.settled()
	w.progress(50)
	w.judge()
}
