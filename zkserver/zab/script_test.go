package zab

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// TestScripts plays testdata/scripts/*. The commands:
//
//	add-nodes voters=N [observers=M] [keep=K] [snap-only]   start N+M servers with empty disks, keeping K entries in memory
//	settle [N]               deliver and sync until nothing moves; then N ticks likewise
//	elect                    as settle, until a leader serves
//	propose ID data...       one entry per word
//	deliver FROM TO [N|all]  hand over messages of one pair in order
//	drop FROM TO             lose what is under way between the two; a link breaks with it
//	persist ID               sync the log
//	tick ID [N]
//	crash ID [keep=N]        power cut: what is not synced is lost, but for the first N entries
//	restart ID
//	partition A B | heal     nothing passes between the two in either direction
//	inject FROM TO TYPE ZXID a forged message on the link in use
//	join ID [observer]       start a server with an empty disk that is no member yet
//	reconfig ID [add=N,...] [observe=N,...] [remove=N,...]   ask the leader ID for another membership
//	config                   what each server has in its configuration files
//	status | log             where each server stands; what each has on disk
//
// Run with -rewrite to record the output anew, and read the difference.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		var c *cluster
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			if d.Cmd == "add-nodes" {
				voters, observers, keep := 0, 0, 4
				d.ScanArgs(t, "voters", &voters)
				d.MaybeScanArgs(t, "observers", &observers)
				d.MaybeScanArgs(t, "keep", &keep)
				c = newCluster(t, voters, observers)
				c.cfg.KeepCommitted = keep
				c.noFloor = d.HasArg("snap-only")
				c.dynamic = d.HasArg("dynamic")
				c.trace = &out
				c.startAll()
				return out.String()
			}
			c.t, c.trace = t, &out
			c.command(t, d, &out)
			return out.String()
		})
	})
}

func (c *cluster) command(t *testing.T, d *datadriven.TestData, out *strings.Builder) {
	arg := func(i int) string {
		require.Greater(t, len(d.CmdArgs), i, "%s: %s needs more arguments", d.Pos, d.Cmd)
		return d.CmdArgs[i].Key
	}
	sid := func(i int) Sid {
		n, err := strconv.Atoi(arg(i))
		require.NoError(t, err)
		return Sid(n)
	}
	count := func(i, def int) int {
		if len(d.CmdArgs) <= i {
			return def
		}
		if arg(i) == "all" {
			return 1 << 20
		}
		n, err := strconv.Atoi(arg(i))
		require.NoError(t, err)
		return n
	}
	switch d.Cmd {
	case "settle":
		c.run(count(0, 0))
	case "elect":
		for i := 0; i < 200 && c.leader() < 0; i++ {
			c.run(1)
		}
		c.settle()
	case "propose":
		for _, a := range d.CmdArgs[1:] {
			if err := c.propose(sid(0), a.Key); err != nil {
				fmt.Fprintln(out, "error:", err)
			}
		}
	case "deliver":
		for range count(2, 1) {
			if !c.deliver(sid(0), sid(1), false) {
				break
			}
		}
	case "drop":
		for c.deliver(sid(0), sid(1), true) {
			continue
		}
	case "persist":
		c.sync(sid(0))
	case "tick":
		for range count(1, 1) {
			c.tick(sid(0))
		}
	case "crash":
		keep := 0
		d.MaybeScanArgs(t, "keep", &keep)
		c.crash(sid(0), keep)
	case "restart":
		c.restart(sid(0))
	case "partition":
		c.cut[[2]Sid{sid(0), sid(1)}], c.cut[[2]Sid{sid(1), sid(0)}] = true, true
	case "heal":
		clear(c.cut)
	case "inject":
		c.inject(t, sid(0), sid(1), arg(2), arg(3))
	case "join":
		c.join(sid(0), d.HasArg("observer"))
	case "reconfig":
		if err := c.reconfig(sid(0), reconfigRequest(d)); err != nil {
			fmt.Fprintln(out, "error:", err)
		}
	case "config":
		c.printConfigs(out)
	case "status":
		for _, id := range c.ids {
			if n := c.servers[id].node; n != nil {
				fmt.Fprintf(out, "%d %s last=%s committed=%s\n", id, n.Status(), n.LastZxid(), n.CommittedZxid())
			} else {
				fmt.Fprintf(out, "%d down\n", id)
			}
		}
	case "log":
		for _, id := range c.ids {
			s := c.servers[id]
			fmt.Fprintf(out, "%d accepted=%d current=%d:", id, s.hard.AcceptedEpoch, s.hard.CurrentEpoch)
			for _, e := range s.hist {
				fmt.Fprintf(out, " %s=%s", e.Zxid, e.Data)
			}
			fmt.Fprintln(out)
		}
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
}

func reconfigRequest(d *datadriven.TestData) zkproto.ReconfigRequest {
	r := zkproto.ReconfigRequest{CurConfigID: -1}
	for _, a := range d.CmdArgs[1:] {
		for _, v := range a.Vals {
			switch a.Key {
			case "add":
				r.Joining += fmt.Sprintf("server.%s=h%s:1:2;3,", v, v)
			case "observe":
				r.Joining += fmt.Sprintf("server.%s=h%s:1:2:observer;3,", v, v)
			case "remove":
				r.Leaving += v + ","
			}
		}
	}
	return r
}

func (c *cluster) printConfigs(out *strings.Builder) {
	print := func(m *quorum.Membership) {
		fmt.Fprintf(out, " %x:", uint64(m.Version))
		for _, s := range m.Members {
			out.WriteString(" " + s.ID.String())
			if s.Observer {
				out.WriteByte('o')
			}
		}
	}
	for _, id := range c.ids {
		s := c.servers[id]
		fmt.Fprintf(out, "%d active", id)
		print(s.active)
		if s.seen != nil {
			out.WriteString(" seen")
			print(s.seen)
		}
		out.WriteByte('\n')
	}
}

func (c *cluster) inject(t *testing.T, from, to Sid, name, zxid string) {
	z, err := strconv.ParseInt(zxid, 0, 64)
	require.NoError(t, err)
	for typ, s := range typeNames {
		if s != name {
			continue
		}
		link := c.servers[to].node.link
		if l := c.servers[to].node.lead.find(from); l != nil {
			link = l.link
		}
		if err := c.servers[to].node.Step(Message{Type: typ, From: from, To: to, Link: link, Zxid: Zxid(z)}); err != nil {
			c.tracef("%d error: %v", to, err)
		}
		c.process(c.servers[to])
		return
	}
	require.Fail(t, "unknown type "+name)
}
