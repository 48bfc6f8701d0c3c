package hademo

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// act is one thing that goes wrong, or one thing that an operator does.
type act struct {
	name  string
	title string
	// fails tells whether the other node must take over.
	fails bool
	// play does it, and calls fault at the moment it begins. The context ends when the act takes too long.
	play func(ctx context.Context, c *cluster, active, standby *node, fault func()) error
}

// acts are all acts in the order in which they are played.
func acts() []act {
	return []act{
		{
			name: "kill-namenode", title: "kill -9 the active NameNode", fails: true,
			play: func(_ context.Context, _ *cluster, active, _ *node, fault func()) error {
				fault()
				active.nn.kill()
				return nil
			},
		},
		{
			name: "kill-zkfc", title: "kill -9 the failover controller of the active NameNode", fails: true,
			play: func(_ context.Context, _ *cluster, active, _ *node, fault func()) error {
				fault()
				active.fc.kill()
				return nil
			},
		},
		{
			name: "kill-machine", title: "kill -9 the active NameNode and its controller at once: a dead machine", fails: true,
			play: func(_ context.Context, _ *cluster, active, _ *node, fault func()) error {
				fault()
				active.fc.kill()
				active.nn.kill()
				return nil
			},
		},
		{
			name: "hang-namenode", title: "SIGSTOP the active NameNode: it hangs, its connections stay open", fails: true,
			play: func(_ context.Context, _ *cluster, active, _ *node, fault func()) error {
				fault()
				return active.nn.suspend()
			},
		},
		{
			name: "failover", title: "haadmin -failover: an operator moves the active role by hand", fails: true,
			play: func(ctx context.Context, c *cluster, active, standby *node, fault func()) error {
				fault()
				return c.run(ctx, "haadmin", "-failover", active.id, standby.id)
			},
		},
		{
			name: "kill-leader", title: "kill -9 the leader of the zkservers: nothing may fail over",
			play: func(ctx context.Context, c *cluster, _, _ *node, fault func()) error {
				leader, _, err := c.leader(ctx)
				if err != nil {
					return err
				}
				fault()
				leader.kill()
				return nil
			},
		},
		{
			name: "hang-follower", title: "SIGSTOP a follower of the zkservers: nothing may fail over",
			play: func(ctx context.Context, c *cluster, _, _ *node, fault func()) error {
				_, follower, err := c.leader(ctx)
				if err != nil {
					return err
				}
				fault()
				return follower.suspend()
			},
		},
		{
			name: "lose-quorum", title: "kill -9 two of the three zkservers for a second: nothing may fail over, nothing is lost",
			play: func(ctx context.Context, c *cluster, _, _ *node, fault func()) error {
				leader, follower, err := c.leader(ctx)
				if err != nil {
					return err
				}
				fault()
				leader.kill()
				follower.kill()
				// Long enough for both controllers to notice, shorter than their sessions live.
				if err := sleep(ctx, zkOutage); err != nil {
					return err
				}
				return c.startServers()
			},
		},
	}
}

// zkOutage is how long two zkservers stay away in the act lose-quorum.
const zkOutage = time.Second

// ActNames lists the acts in their order.
func ActNames() []string {
	var names []string
	for _, a := range acts() {
		names = append(names, a.name)
	}
	return names
}

// findActs returns the acts with the given names; all when there are none.
func findActs(names []string) ([]act, error) {
	if len(names) == 0 {
		return acts(), nil
	}
	var found []act
	for _, n := range names {
		i := -1
		for j, a := range acts() {
			if a.name == n {
				i = j
			}
		}
		if i < 0 {
			return nil, fmt.Errorf("no act is called %q; there are: %s", n, strings.Join(ActNames(), ", "))
		}
		found = append(found, acts()[i])
	}
	return found, nil
}

// sleep waits d, or less when ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
