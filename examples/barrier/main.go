// Command barrier is a double barrier: several processes begin a piece of work together and end it together.
//
//	go run ./examples/barrier -name anna -size 3      # three terminals, three names
//
// To enter, each process creates an ephemeral znode and waits for the znode "ready"; the one that completes the number
// creates it. To leave, each deletes its znode and waits until those of all others are gone. A process that dies in the
// meantime takes its znode with it (after its session timeout): before the barrier opens it is missing and the others go on
// waiting for a replacement; behind it, nobody waits for the dead. A barrier is for one use: take a new znode for each round.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/holdfast-ha/holdfast/examples/session"
)

func main() {
	options := session.Flags()
	barrier := flag.String("barrier", "/examples/barrier/1", "the `znode` of the barrier, a new one for each round")
	name := flag.String("name", fmt.Sprint(os.Getpid()), "this process's name")
	size := flag.Int("size", 3, "how many processes make the barrier open")
	work := flag.Duration("work", 5*time.Second, "how long the work takes")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	p := process{name: *name, out: os.Stdout, barrier: *barrier, size: *size, work: func() { time.Sleep(*work) }}
	if err := p.run(ctx, *options); err != nil {
		fmt.Fprintln(os.Stderr, "barrier:", err)
		os.Exit(1)
	}
}

type process struct {
	name, barrier string
	size          int
	out           io.Writer
	work          func()
}

const ready = "ready"

func (p *process) run(ctx context.Context, options session.Options) error {
	s, err := options.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err = p.enter(ctx, s); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s begins\n", p.name)
	p.work()
	fmt.Fprintf(p.out, "%s is done and waits for the others\n", p.name)
	if err = p.leave(ctx, s); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s leaves: all are done\n", p.name)
	return nil
}

// enter waits until size processes are there.
func (p *process) enter(ctx context.Context, s *session.Session) error {
	if err := s.MakePath(ctx, p.barrier); err != nil {
		return err
	}
	own := p.barrier + "/" + p.name
	if _, err := s.Create(own, nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
		return fmt.Errorf("entering as %s: %w", own, err)
	}
	// The watch on ready comes before the count: whoever completes the number later is heard.
	open, _, opened, err := s.ExistsW(p.barrier + "/" + ready)
	if err != nil || open {
		return err
	}
	all, _, err := s.Children(p.barrier)
	if err != nil {
		return err
	}
	there := processes(all)
	fmt.Fprintf(p.out, "%s is there, %d of %d\n", p.name, len(there), p.size)
	if len(there) >= p.size {
		_, err = s.Create(p.barrier+"/"+ready, nil, 0, zk.WorldACL(zk.PermAll))
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
	}
	return wait(ctx, s, opened)
}

// leave waits until all who entered have left or died.
func (p *process) leave(ctx context.Context, s *session.Session) error {
	if err := s.Delete(p.barrier+"/"+p.name, -1); err != nil {
		return err
	}
	for {
		all, _, change, err := s.ChildrenW(p.barrier)
		if err != nil {
			return err
		}
		if len(processes(all)) == 0 {
			return nil
		}
		if err = wait(ctx, s, change); err != nil {
			return err
		}
	}
}

// processes are the children of the barrier but for ready.
func processes(children []string) []string {
	return slices.DeleteFunc(children, func(znode string) bool { return znode == ready })
}

// wait waits for a watch. A session that ends takes our znode along: then we are not in the barrier any more.
func wait(ctx context.Context, s *session.Session, change <-chan zk.Event) error {
	select {
	case <-change:
		return s.Err()
	case <-s.Ended():
		return s.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
