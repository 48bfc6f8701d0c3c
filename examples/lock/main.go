// Command lock holds a lock for a while. Start it in several terminals: they take turns, in the order in which they came.
//
//	go run ./examples/lock -name anna -hold 10s
//
// Each comer creates an ephemeral znode with a rising number below the lock. The lowest number holds the lock: fair. Each
// other one watches only the znode just before its own: when a holder leaves, one waiter wakes, not all (no herd). A waiter that
// dies takes its znode with it; the one behind it wakes, finds somebody still before it, and waits for that one.
//
// A lock says who should work, it does not stop a holder that was paused and does not know that its session is over. What
// may be damaged must check a token: see the example election.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/holdfast-ha/holdfast/examples/session"
)

func main() {
	options := session.Flags()
	lock := flag.String("lock", "/examples/lock", "the `znode` of the lock")
	name := flag.String("name", fmt.Sprint(os.Getpid()), "this process's name")
	hold := flag.Duration("hold", 5*time.Second, "how long to hold the lock")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	work := func() <-chan time.Time { return time.After(*hold) }
	if err := run(ctx, os.Stdout, *options, *lock, *name, work); err != nil {
		fmt.Fprintln(os.Stderr, "lock:", err)
		os.Exit(1)
	}
}

// run takes the lock, holds it until the channel that work returns delivers, and gives it back.
func run(ctx context.Context, out io.Writer, options session.Options, lock, name string, work func() <-chan time.Time) error {
	s, err := options.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close() // also deletes what is ours
	own, err := acquire(ctx, out, s, lock, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s holds the lock as %s\n", name, place(own))
	select {
	case <-work():
	case <-ctx.Done():
	case <-s.Ended():
		return fmt.Errorf("%s lost the lock while it was working: %w", name, s.Err())
	}
	fmt.Fprintf(out, "%s gives the lock back\n", name)
	return nil
}

// acquire waits until the lock is ours and returns the znode that says so.
func acquire(ctx context.Context, out io.Writer, s *session.Session, lock, name string) (own string, err error) {
	if err = s.MakePath(ctx, lock); err != nil {
		return "", err
	}
	// Protected: the name has a random part, by which a znode is found again when the answer to its creation was lost.
	own, err = s.CreateProtectedEphemeralSequential(lock+"/lock-", []byte(name), zk.WorldACL(zk.PermAll))
	if err != nil {
		return "", err
	}
	for {
		before, err := justBefore(s, lock, path.Base(own))
		if s.Again(ctx, err) {
			continue
		}
		if err != nil || before == "" {
			return own, err
		}
		exists, _, gone, err := s.ExistsW(lock + "/" + before)
		switch {
		case s.Again(ctx, err), err == nil && !exists:
			continue
		case err != nil:
			return "", err
		}
		fmt.Fprintf(out, "%s is %s and waits for %s\n", name, place(own), place(before))
		select {
		case <-gone: // the holder is done, or a waiter died: look again
		case <-s.Ended():
			return "", s.Err()
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// justBefore is the waiter or holder before own, or "" if own is the first.
func justBefore(s *session.Session, lock, own string) (string, error) {
	all, _, err := s.Children(lock)
	if err != nil {
		return "", err
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(place(a), place(b)) })
	switch i := slices.Index(all, own); i {
	case -1:
		return "", fmt.Errorf("%s/%s was deleted by somebody", lock, own)
	case 0:
		return "", nil
	default:
		return all[i-1], nil
	}
}

// place is the ten-digit number at the end of a sequential znode's name.
func place(znode string) string { return znode[max(0, len(znode)-10):] }
