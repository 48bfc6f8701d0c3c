// Command config keeps a program's settings in a znode and applies each change the moment it is made.
//
//	go run ./examples/config                       # follows the settings, prints them at each change
//	go run ./examples/config -set 'timeout=30s'    # changes them, in another terminal
//
// What matters: reading and watching are one request (GetW). A change made after the read finds the watch in place, so
// none can fall between the two. Changes that come faster than they are read are seen together, as the newest: settings
// are a state, not a stream. After a lost connection the client library sets the watch again with the zxid it has seen, and
// the server reports at once what changed in the meantime.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/go-zookeeper/zk"

	"github.com/holdfast-ha/holdfast/examples/session"
)

func main() {
	options := session.Flags()
	path := flag.String("path", "/examples/config", "the `znode` with the settings")
	set := flag.String("set", "", "store this `text` and end, instead of following")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, os.Stdout, *options, *path, *set); err != nil {
		fmt.Fprintln(os.Stderr, "config:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, options session.Options, path, text string) error {
	for {
		s, err := options.Open(ctx)
		if err != nil {
			return err
		}
		if text != "" {
			err = store(ctx, s, path, text)
		} else {
			err = follow(ctx, out, s, path)
		}
		s.Close()
		if !errors.Is(err, session.ErrExpired) {
			return err
		}
		// Only the watch was lost with the session, nothing that was ours: begin anew.
		fmt.Fprintln(out, "session expired, connecting again")
	}
}

// follow prints the settings, and again at each change, until ctx ends.
func follow(ctx context.Context, out io.Writer, s *session.Session, path string) error {
	seen := int64(-1) // the zxid of the change printed last
	for {
		data, stat, change, err := readAndWatch(s, path)
		switch {
		case s.Again(ctx, err):
			continue
		case err != nil:
			return endOf(s, err)
		case stat == nil && seen != 0:
			seen = 0
			fmt.Fprintf(out, "no settings yet at %s, defaults are used\n", path)
		case stat != nil && stat.Mzxid != seen:
			seen = stat.Mzxid
			fmt.Fprintf(out, "version %d: %s\n", stat.Version, data)
		}
		select {
		case <-change: // also when the session has expired: the next read tells
		case <-ctx.Done():
			return nil
		}
	}
}

// readAndWatch reads the settings; stat is nil if there are none. Either way change hears of the next change.
func readAndWatch(s *session.Session, path string) (data []byte, stat *zk.Stat, change <-chan zk.Event, err error) {
	for {
		data, stat, change, err = s.GetW(path)
		if !errors.Is(err, zk.ErrNoNode) {
			return data, stat, change, err
		}
		exists, _, created, err := s.ExistsW(path) // a watch on a znode that is not there yet
		if err != nil || !exists {
			return nil, nil, created, err
		} // it was created just now: read it
	}
}

// store creates or changes the settings.
func store(ctx context.Context, s *session.Session, path, text string) error {
	if err := s.MakePath(ctx, path); err != nil {
		return endOf(s, err)
	}
	_, err := s.Set(path, []byte(text), -1)
	for s.Again(ctx, err) { // storing the same text twice does no harm
		_, err = s.Set(path, []byte(text), -1)
	}
	return endOf(s, err)
}

// endOf prefers the reason the session ended to what the request says of it.
func endOf(s *session.Session, err error) error {
	if err != nil && s.Err() != nil {
		return s.Err()
	}
	return err
}
