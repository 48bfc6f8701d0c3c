//go:build linux && netns

package netns

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// established lists the connections of a member's host to another one, by any of these ports at either end, that its system takes for
// good ones.
func (e *ensemble) established(m *member, to int, ports ...uint16) []string {
	e.t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", m.cmd.Process.Pid))
	require.NoError(e.t, err)
	var list []string
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != "01" { // ESTABLISHED
			continue
		}
		_, localPort := endpoint(f[1])
		remote, remotePort := endpoint(f[2])
		for _, p := range ports {
			if remote == e.addr(to) && (localPort == p || remotePort == p) {
				list = append(list, fmt.Sprintf("%d -> %s:%d", localPort, remote, remotePort))
			}
		}
	}
	return list
}

// endpoint reads an address of /proc/net/tcp: the host in the machine's order (as on all our systems: the least byte first), and the
// port.
func endpoint(s string) (host string, port uint16) {
	address, p, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(address)
	if err != nil || len(b) != 4 {
		return "", 0
	}
	n, _ := strconv.ParseUint(p, 16, 16)
	return net.IPv4(b[3], b[2], b[1], b[0]).String(), uint16(n)
}

// The cable of the leader, or of a follower, is cut: nothing passes, and nobody is told. The others go on when the time of
// syncLimit is over; and the connections on which something is said do not outlive the cut. Without a limit of their own
// (TCP_USER_TIMEOUT) what was sent on them would be tried again ever more rarely, for a quarter of an hour: votes of those that
// are long back would come by them, minutes late.
func TestTheCableIsCut(t *testing.T) {
	for _, who := range []string{"leader", "follower"} {
		t.Run(who, func(t *testing.T) {
			e := newEnsemble(t, 3, nil)
			w := newWorkload(e, seed())
			w.progress(50)
			victim := e.settled()
			if who == "follower" {
				victim = e.members[e.others(victim.host)[0]-1]
			}
			rest := e.others(victim.host)
			for _, i := range rest {
				require.NotEmpty(t, e.established(victim, i, 3888), "the test finds the connections of the election ports")
			}
			cut := time.Now()
			e.split([]int{victim.host}, rest)
			e.settledAmong(rest...)
			w.progress(50)
			t.Logf("the others go on after %s (syncLimit is 1 s)", time.Since(cut).Round(time.Millisecond))
			e.eventually("the victim notices", func() bool { mode := e.mode(victim); return mode != "leader" && mode != "follower" })
			e.eventually("the connections end", func() bool {
				for _, i := range rest {
					if len(e.established(victim, i, 2888, 3888)) > 0 {
						return false
					}
					// Those who have a leader still have nothing to say to a follower, and so no way to find out.
					if who == "leader" && len(e.established(e.members[i-1], victim.host, 2888, 3888)) > 0 {
						return false
					}
				}
				return true
			})
			t.Logf("the connections have ended after %s", time.Since(cut).Round(time.Millisecond))
			e.heal()
			healed := time.Now()
			e.settled()
			t.Logf("all are together again after %s", time.Since(healed).Round(time.Millisecond))
			w.progress(50)
			w.judge()
		})
	}
}
