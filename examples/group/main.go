// Command group joins a group and prints who is in it, whenever that changes.
//
//	go run ./examples/group -name anna      # one terminal each
//	go run ./examples/group -name bert
//
// A member is an ephemeral znode: it exists as long as its session. Ctrl-C ends the session, and the others hear of it at once;
// after kill -9 they hear of it when the session timeout has passed. A member whose own session expired was away for the
// others: it says so and joins again.
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
	"strings"

	"github.com/go-zookeeper/zk"

	"github.com/holdfast-ha/holdfast/examples/session"
)

func main() {
	options := session.Flags()
	group := flag.String("group", "/examples/group", "the `znode` of the group")
	host, _ := os.Hostname()
	name := flag.String("name", fmt.Sprintf("%s-%d", host, os.Getpid()), "this member's name")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, os.Stdout, *options, *group, *name); err != nil {
		fmt.Fprintln(os.Stderr, "group:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, options session.Options, group, name string) error {
	for {
		s, err := options.Open(ctx)
		if err != nil {
			return err
		}
		err = member(ctx, out, s, group, name)
		expired := errors.Is(s.Err(), session.ErrExpired)
		s.Close()
		if !expired {
			return err
		}
		fmt.Fprintln(out, "session expired: the others saw me leave; joining again")
	}
}

// member is the life of a member: join, then print the group at each change until ctx or the session ends.
func member(ctx context.Context, out io.Writer, s *session.Session, group, name string) error {
	if err := s.MakePath(ctx, group); err != nil {
		return err
	}
	if err := join(ctx, out, s, group+"/"+name); err != nil {
		return err
	}
	var before []string
	for {
		members, _, change, err := s.ChildrenW(group)
		if s.Again(ctx, err) {
			continue
		}
		if err != nil {
			return err
		}
		slices.Sort(members)
		if !slices.Equal(members, before) {
			fmt.Fprintf(out, "%d in the group: %s\n", len(members), strings.Join(members, ", "))
			before = members
		}
		select {
		case <-change:
		case <-s.Ended():
			return s.Err()
		case <-ctx.Done():
			return nil
		}
	}
}

// join creates the member's znode. One of that name may be there: our own, when the answer to an earlier try was lost; or that
// of another session, perhaps of this program before it was killed, which goes away when that session expires.
func join(ctx context.Context, out io.Writer, s *session.Session, path string) error {
	for {
		_, err := s.Create(path, nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		if err == nil {
			return nil
		}
		if !s.Again(ctx, err) && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
		exists, stat, change, err := s.ExistsW(path)
		switch {
		case s.Again(ctx, err), err == nil && !exists:
			continue
		case err != nil:
			return err
		case stat.EphemeralOwner == s.SessionID():
			return nil
		}
		fmt.Fprintf(out, "%s is in the group with session 0x%x; waiting for its end\n", path, stat.EphemeralOwner)
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
