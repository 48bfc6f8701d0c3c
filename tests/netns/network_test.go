//go:build linux && netns

package netns

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// network is a bridge and hosts around it.
type network struct {
	t      *testing.T
	prefix string         // of the namespaces' names
	n      int            // of hosts
	moved  map[int]string // hosts that have another address than at first

	mu sync.Mutex
}

// names of interfaces have 15 characters at most, so they carry a short number that is unique to this process.
var networks int

// newNetwork makes a bridge and n hosts, until the test ends.
func newNetwork(t *testing.T, n int) *network {
	t.Helper()
	networks++
	w := &network{t: t, prefix: fmt.Sprintf("hf%x%x", os.Getpid()&0xffff, networks), n: n, moved: map[int]string{}}
	t.Cleanup(w.remove)
	hub := w.prefix + "h"
	w.must("ip", "netns", "add", hub)
	w.must("ip", "-n", hub, "link", "add", "name", "bridge0", "type", "bridge")
	w.must("ip", "-n", hub, "link", "set", "bridge0", "up")
	for i := 1; i <= n; i++ {
		ns := w.namespace(i)
		w.must("ip", "netns", "add", ns)
		w.must("ip", "-n", hub, "link", "add", "name", fmt.Sprintf("p%d", i), "type", "veth", "peer", "name", "eth0", "netns", ns)
		w.must("ip", "-n", hub, "link", "set", fmt.Sprintf("p%d", i), "master", "bridge0", "up")
		w.must("ip", "-n", ns, "addr", "add", w.addr(i)+"/24", "dev", "eth0")
		w.must("ip", "-n", ns, "link", "set", "eth0", "up")
		w.must("ip", "-n", ns, "link", "set", "lo", "up")
	}
	own := w.prefix + "o"
	w.must("ip", "-n", hub, "link", "add", "name", "p0", "type", "veth", "peer", "name", own, "netns", fmt.Sprint(os.Getpid()))
	w.must("ip", "-n", hub, "link", "set", "p0", "master", "bridge0", "up")
	w.must("ip", "addr", "add", testAddr+"/24", "dev", own)
	w.must("ip", "link", "set", own, "up")
	return w
}

// testAddr is the address of the test process.
const testAddr = "10.77.0.254"

func (w *network) namespace(i int) string { return fmt.Sprintf("%s%d", w.prefix, i) }

// addr is the address of host i, counted from 1.
func (w *network) addr(i int) string {
	if a := w.moved[i]; a != "" {
		return a
	}
	return fmt.Sprintf("10.77.0.%d", i)
}

// move gives a host another address.
func (w *network) move(i int, to string) {
	w.t.Helper()
	w.must("ip", "-n", w.namespace(i), "addr", "del", w.addr(i)+"/24", "dev", "eth0")
	w.must("ip", "-n", w.namespace(i), "addr", "add", to+"/24", "dev", "eth0")
	w.moved[i] = to
}

// remove takes everything down again. Deleting a namespace deletes the interfaces in it, and with them their other ends.
func (w *network) remove() {
	for i := 1; i <= w.n; i++ {
		_ = exec.Command("ip", "netns", "del", w.namespace(i)).Run()
	}
	_ = exec.Command("ip", "netns", "del", w.prefix+"h").Run()
	_ = exec.Command("ip", "link", "del", w.prefix+"o").Run()
}

func (w *network) must(name string, args ...string) {
	w.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(w.t, err, "%s %s: %s", name, strings.Join(args, " "), out)
}

// command is a program that will run on host i.
func (w *network) command(i int, program string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", w.namespace(i), program}, args...)...)
}

// cut loses everything that from sends to to. Connections stay open on both sides: nobody is told.
func (w *network) cut(from, to int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.must("ip", "netns", "exec", w.namespace(to), "iptables", "-w", "-A", "INPUT", "-s", w.addr(from), "-j", "DROP")
}

// split cuts both directions between every host of a and every host of b.
func (w *network) split(a, b []int) {
	w.t.Helper()
	for _, i := range a {
		for _, j := range b {
			w.cut(i, j)
			w.cut(j, i)
		}
	}
}

// lossy loses a share of what comes in at host i, from 0 to 1.
func (w *network) lossy(i int, share float64) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.must("ip", "netns", "exec", w.namespace(i), "iptables", "-w", "-A", "INPUT", "-i", "eth0", "-m", "statistic", "--mode", "random",
		"--probability", fmt.Sprint(share), "-j", "DROP")
}

// heal lets everything pass again.
func (w *network) heal() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 1; i <= w.n; i++ {
		w.must("ip", "netns", "exec", w.namespace(i), "iptables", "-w", "-F", "INPUT")
	}
}

// others are all hosts but the given ones.
func (w *network) others(not ...int) []int {
	var rest []int
	for i := 1; i <= w.n; i++ {
		keep := true
		for _, n := range not {
			keep = keep && n != i
		}
		if keep {
			rest = append(rest, i)
		}
	}
	return rest
}
