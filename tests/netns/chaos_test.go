//go:build linux && netns

package netns

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFollowerIsKilled(t *testing.T) {
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		follower := e.members[e.others(leader.host)[0]-1]
		e.kill(follower)
		w.progress(50)
		require.Equal(t, "leader", e.mode(leader), "a minority changes nothing")
		e.start(follower)
	})
}

// One follower and the leader do not hear each other, in one direction or in both, and both hear the third: whatever becomes
// of the leader, there is a majority.
func TestLeaderAndOneFollowerAreCutApart(t *testing.T) {
	round := 0
	faulty(t, 3, func(e *ensemble, w *workload, leader *member) {
		other := e.others(leader.host)[round%2]
		if round%3 != 1 {
			e.cut(leader.host, other)
		}
		if round%3 != 2 {
			e.cut(other, leader.host)
		}
		round++
		w.progress(50)
		pass(2 * time.Second) // longer than syncLimit
		w.progress(50)
	})
}

// Whoever is the bridge between two halves dies: neither half is a majority, and none decides anything until it is back.
func TestTheBridgeDies(t *testing.T) {
	faulty(t, 5, func(e *ensemble, w *workload, _ *member) {
		e.split([]int{1, 2}, []int{4, 5})
		w.progress(50)
		e.kill(e.members[2])
		for _, m := range e.members {
			if m.host != 3 {
				e.eventually(fmt.Sprintf("host %d knows that it is in a minority", m.host), func() bool {
					mode := e.mode(m)
					return mode != "leader" && mode != "follower"
				})
			}
		}
		e.start(e.members[2])
		w.progress(50)
	})
}

// The minority of five is cut off together with the leader.
func TestLeaderIsCutOffWithAFollower(t *testing.T) {
	faulty(t, 5, func(e *ensemble, w *workload, leader *member) {
		rest := e.others(leader.host)
		minority := []int{leader.host, rest[0]}
		e.split(minority, rest[1:])
		e.settledAmong(rest[1:]...)
		w.progress(50)
		e.eventually("the old leader gives up", func() bool { return e.mode(leader) != "leader" })
	})
}

// Faults of all kinds come and go beside each other, as the seed says, among five servers.
func TestFaultsOfAllKinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(), 77))
	faulty(t, 5, func(e *ensemble, w *workload, _ *member) {
		var done []string
		var stopped, killed []*member
		hosts := e.others()
		for range 6 {
			rng.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
			m := e.members[hosts[0]-1]
			down := len(stopped) + len(killed)
			switch what := rng.IntN(8); {
			case what == 0:
				done = append(done, fmt.Sprintf("split %v | %v", hosts[:2], hosts[2:]))
				e.split(hosts[:2], hosts[2:])
			case what == 1:
				done = append(done, "heal")
				e.heal()
			case what == 2:
				done = append(done, fmt.Sprintf("lossy %d", hosts[0]))
				e.lossy(hosts[0], 0.2)
			case what == 3 && down < 2 && !slices.Contains(killed, m) && !slices.Contains(stopped, m):
				done = append(done, fmt.Sprintf("kill %d", m.host))
				e.kill(m)
				killed = append(killed, m)
			case what == 4 && down < 2 && !slices.Contains(killed, m) && !slices.Contains(stopped, m):
				done = append(done, fmt.Sprintf("stop %d", m.host))
				e.signal(m, syscall.SIGSTOP)
				stopped = append(stopped, m)
			case what == 5 && len(killed) > 0:
				done = append(done, fmt.Sprintf("start %d", killed[0].host))
				e.start(killed[0])
				killed = killed[1:]
			case what == 6 && len(stopped) > 0:
				done = append(done, fmt.Sprintf("continue %d", stopped[0].host))
				e.signal(stopped[0], syscall.SIGCONT)
				stopped = stopped[1:]
			default:
				done = append(done, fmt.Sprintf("cut %d -> %d", hosts[0], hosts[1]))
				e.cut(hosts[0], hosts[1])
			}
			pass(time.Duration(rng.IntN(900)) * time.Millisecond)
		}
		for _, m := range stopped {
			e.signal(m, syscall.SIGCONT)
		}
		for _, m := range killed {
			e.start(m)
		}
		e.heal()
		t.Log(strings.Join(done, ", "))
		w.progress(50)
	})
}

// The disk of the leader is full: it stops, another leads, and with room again it comes back.
func TestTheLeadersDiskIsFull(t *testing.T) {
	top := t.TempDir()
	small := func(host int) string { return filepath.Join(top, fmt.Sprint(host)) }
	for host := 1; host <= 3; host++ {
		require.NoError(t, os.Mkdir(small(host), 0o755))
		require.NoError(t, syscall.Mount("tmpfs", small(host), "tmpfs", 0, "size=24m"))
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(small(host), syscall.MNT_DETACH)) })
	}
	e := newEnsemble(t, 3, small)
	w := newWorkload(e, seed())
	for range rounds() {
		leader := e.settled()
		w.progress(50)
		filler := filepath.Join(small(leader.host), "filler")
		f, err := os.Create(filler)
		require.NoError(t, err)
		for err == nil {
			_, err = f.Write(make([]byte, 64<<10))
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.NoError(t, f.Close())
		e.eventually("the leader with the full disk ends", func() bool {
			select {
			case <-leader.done:
				return true
			default:
				return false
			}
		})
		e.settledAmong(e.others(leader.host)...)
		w.progress(50)
		require.NoError(t, os.Remove(filler))
		e.start(leader)
	}
	e.settled()
	w.progress(50)
	w.judge()
}
