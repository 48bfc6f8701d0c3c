// Command queue is a queue of work in znodes: no item is lost and none is finished twice, even when workers die.
//
//	go run ./examples/queue -put 'resize a.png'     # any number of times
//	go run ./examples/queue -name anna              # a worker, one terminal each
//	go run ./examples/queue -list
//
// The whole state of the queue is one list of children:
//
//	todo-0000000007   an item that is not finished; its data is the work
//	busy-0000000007   ephemeral: a worker has taken the item; gone with the worker's session, then the item is free again
//	done-0000000007   the result
//
// (Numbers have gaps: a znode counts the creation of all its children.)
//
// Finishing is one transaction (multi): remove the claim and the item, create the result, all or nothing. So each item has
// one result: a worker whose session expired while it worked has lost its claim, fails there, and throws its result away.
// Work may begin twice: effects outside of ZooKeeper need a fencing token, see the example election.
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
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/holdfast-ha/holdfast/examples/session"
)

func main() {
	options := session.Flags()
	queue := flag.String("queue", "/examples/queue", "the `znode` of the queue")
	put := flag.String("put", "", "put this `text` into the queue and end")
	list := flag.Bool("list", false, "show the queue and end")
	name := flag.String("name", fmt.Sprint(os.Getpid()), "this worker's name")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, *options, *queue, *put, *list, *name); err != nil {
		fmt.Fprintln(os.Stderr, "queue:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, options session.Options, queue, put string, list bool, name string) error {
	s, err := options.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err = s.MakePath(ctx, queue); err != nil {
		return err
	}
	if put != "" {
		return enqueue(s, queue, put)
	}
	if list {
		return show(os.Stdout, s, queue)
	}
	w := worker{name: name, out: os.Stdout, queue: queue, work: func(item string) string {
		time.Sleep(3 * time.Second) // time to press Ctrl-Z, or to kill
		return strings.ToUpper(item)
	}}
	return w.run(ctx, s)
}

// enqueue puts an item into the queue. When it fails for a lost connection, the item may be in the queue or not: the
// caller decides whether twice is better than not at all.
func enqueue(s *session.Session, queue, text string) error {
	_, err := s.Create(queue+"/todo-", []byte(text), zk.FlagSequence, zk.WorldACL(zk.PermAll))
	return err
}

func show(out io.Writer, s *session.Session, queue string) error {
	all, _, err := s.Children(queue)
	if err != nil {
		return err
	}
	slices.Sort(all)
	for _, znode := range all {
		data, _, err := s.Get(queue + "/" + znode)
		if err != nil && !errors.Is(err, zk.ErrNoNode) {
			return err
		}
		fmt.Fprintf(out, "%s %s\n", znode, data)
	}
	return nil
}

type worker struct {
	name  string
	out   io.Writer
	queue string
	work  func(item string) (result string)
}

// run takes one free item after the other, and waits when there is none.
func (w *worker) run(ctx context.Context, s *session.Session) error {
	for ctx.Err() == nil {
		number, text, change, err := w.take(ctx, s)
		switch {
		case s.Again(ctx, err):
			continue
		case err != nil:
			return err
		case number == "":
			select {
			case <-change: // an item came, or the claim of a dead worker went
			case <-s.Ended():
				return s.Err()
			case <-ctx.Done():
			}
			continue
		}
		fmt.Fprintf(w.out, "%s works on %s: %s\n", w.name, number, text)
		if err = w.finish(ctx, s, number, w.work(text)); err != nil {
			return err
		}
	}
	return nil
}

// take claims the oldest free item. If there is none, number is "" and change hears of the next change of the queue.
func (w *worker) take(ctx context.Context, s *session.Session) (number, text string, change <-chan zk.Event, err error) {
	all, _, change, err := s.ChildrenW(w.queue)
	if err != nil {
		return "", "", nil, err
	}
	slices.Sort(all)
	for _, znode := range all {
		n, isItem := strings.CutPrefix(znode, "todo-")
		if _, taken := slices.BinarySearch(all, "busy-"+n); !isItem || taken {
			continue
		}
		claimed, err := w.claim(ctx, s, n)
		if err != nil {
			return "", "", nil, err
		}
		if !claimed {
			continue
		}
		data, _, err := s.Get(w.queue + "/" + znode)
		if errors.Is(err, zk.ErrNoNode) { // finished between the list and the claim
			return "", "", change, s.Delete(w.queue+"/busy-"+n, -1)
		}
		return n, string(data), change, err
	}
	return "", "", change, nil
}

// claim takes an item, unless another worker was faster.
func (w *worker) claim(ctx context.Context, s *session.Session, number string) (bool, error) {
	znode := w.queue + "/busy-" + number
	_, err := s.Create(znode, []byte(w.name), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	for s.Again(ctx, err) { // the answer was lost: is there a claim, and is it ours?
		var there bool
		var stat *zk.Stat
		if there, stat, err = s.Exists(znode); err == nil && there {
			return stat.EphemeralOwner == s.SessionID(), nil
		} else if err == nil {
			_, err = s.Create(znode, []byte(w.name), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		}
	}
	if errors.Is(err, zk.ErrNodeExists) {
		return false, nil
	}
	return err == nil, err
}

// finish records the result. That fails when the session, and with it the claim, is gone.
func (w *worker) finish(ctx context.Context, s *session.Session, number, result string) error {
	commit := func() error {
		results, err := s.Multi(
			&zk.DeleteRequest{Path: w.queue + "/busy-" + number, Version: -1},
			&zk.DeleteRequest{Path: w.queue + "/todo-" + number, Version: -1},
			&zk.CreateRequest{Path: w.queue + "/done-" + number, Data: []byte(result + " by " + w.name), Acl: zk.WorldACL(zk.PermAll)},
		)
		for i := 0; i < len(results) && err == nil; i++ {
			err = results[i].Error
		}
		return err
	}
	err := commit()
	for s.Again(ctx, err) { // the answer was lost: if our claim has gone while our session lives, the first try took it away
		if err = commit(); errors.Is(err, zk.ErrNoNode) {
			err = nil
		}
	}
	switch {
	case err == nil:
		fmt.Fprintf(w.out, "%s finished %s\n", w.name, number)
		return nil
	case s.Err() != nil:
		fmt.Fprintf(w.out, "%s lost its claim on %s and throws its result away\n", w.name, number)
		return s.Err()
	default:
		return fmt.Errorf("recording the result of %s: %w", number, err)
	}
}
