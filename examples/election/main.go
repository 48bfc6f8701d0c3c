// Command election elects a master among candidates, and protects what the master writes from masters that are no longer.
//
//	go run ./examples/election -ledger             # the resource to protect, in a terminal of its own
//	go run ./examples/election -name anna          # a candidate: it is elected and writes once a second
//	go run ./examples/election -name bert          # another one: it waits
//
// Now press Ctrl-Z in anna's terminal. Her session expires, bert is elected and writes. Then type fg: anna does not know
// that time has passed and writes once more. The ledger refuses it, by the fencing token: the zxid at which a master's znode
// was created. The servers number all changes in one order, so a later master has a greater token; the ledger remembers
// the greatest it has seen and refuses less. No lock can do that alone: only the resource sees the late write.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
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
	election := flag.String("election", "/examples/election", "the `znode` of the election")
	name := flag.String("name", fmt.Sprint(os.Getpid()), "this candidate's name")
	ledger := flag.Bool("ledger", false, "be the ledger")
	address := flag.String("address", "127.0.0.1:7077", "where the ledger listens, `host:port`")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var err error
	if *ledger {
		err = serve(ctx, *address, &Ledger{Out: os.Stdout})
	} else {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		c := candidate{name: *name, out: os.Stdout, ledger: "http://" + *address, turn: second.C}
		err = c.run(ctx, *options, *election)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "election:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address string, l *Ledger) error {
	server := &http.Server{Addr: address, Handler: l, ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// candidate stands for election; as the master it writes to the ledger at each turn.
type candidate struct {
	name   string
	out    io.Writer
	ledger string // URL
	turn   <-chan time.Time
}

// errDeposed is what a master gets that another one has followed.
var errDeposed = errors.New("the ledger has seen a later master")

// run stands again and again: after each lost session as a new candidate, with a new token.
func (c *candidate) run(ctx context.Context, options session.Options, election string) error {
	for ctx.Err() == nil {
		s, err := options.Open(ctx)
		if err != nil {
			return err
		}
		token, err := c.win(ctx, s, election)
		if err == nil {
			fmt.Fprintf(c.out, "%s is master with token 0x%x\n", c.name, token)
			err = c.reign(ctx, s, token)
		}
		expired := s.Err() != nil
		s.Close()
		switch {
		case ctx.Err() != nil:
		case expired, errors.Is(err, errDeposed):
			fmt.Fprintf(c.out, "%s is no longer a candidate (%v), standing again\n", c.name, err)
		default:
			return err
		}
	}
	return nil
}

// win waits until this candidate's znode is the oldest and returns the zxid of its creation, the token.
func (c *candidate) win(ctx context.Context, s *session.Session, election string) (token int64, err error) {
	if err = s.MakePath(ctx, election); err != nil {
		return 0, err
	}
	own, err := s.CreateProtectedEphemeralSequential(election+"/n-", []byte(c.name), zk.WorldACL(zk.PermAll))
	if err != nil {
		return 0, err
	}
	for {
		rivals, _, err := s.Children(election)
		if s.Again(ctx, err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		slices.SortFunc(rivals, func(a, b string) int { return strings.Compare(a[max(0, len(a)-10):], b[max(0, len(b)-10):]) })
		place := slices.Index(rivals, path.Base(own))
		if place < 0 {
			return 0, fmt.Errorf("%s was deleted by somebody", own)
		}
		watched := max(0, place-1) // the one before; the first looks at itself
		exists, stat, gone, err := s.ExistsW(election + "/" + rivals[watched])
		switch {
		case s.Again(ctx, err), err == nil && !exists:
			continue
		case err != nil:
			return 0, err
		case place == 0:
			return stat.Czxid, nil
		}
		fmt.Fprintf(c.out, "%s waits, %d before it\n", c.name, place)
		select {
		case <-gone:
		case <-s.Ended():
			return 0, s.Err()
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// reign writes at each turn. The session says when to stop; should it say so too late, the ledger does.
func (c *candidate) reign(ctx context.Context, s *session.Session, token int64) error {
	for n := 1; ; n++ {
		select {
		case <-c.turn:
			if err := write(ctx, c.ledger, token, fmt.Sprintf("%s %d", c.name, n)); err != nil {
				return err
			}
		case <-s.Ended():
			return s.Err()
		case <-ctx.Done():
			return nil
		}
	}
}
