package zkbench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// fanoutPath is the znode that all watch.
const fanoutPath = "/zkbench-fanout"

// patience is how long an answer or an event may take.
const patience = 30 * time.Second

// gather opens n sessions.
func gather(ctx context.Context, addr string, n int) (*audience, error) {
	wires := make([]*zkclient.Wire, n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for i := range wires {
		g.Go(func() (err error) {
			attempt, cancel := context.WithTimeout(gctx, patience)
			defer cancel()
			wires[i], err = zkclient.Dial(attempt, addr, zkclient.Handshake{Timeout: 40 * time.Second})
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		var a *audience
		if a, err = newAudience(wires); err == nil {
			return a, nil
		}
	}
	for _, w := range wires {
		if w != nil {
			endSession(w)
		}
	}
	return nil, err
}

// arm lets all sessions read the znode and leave a watch.
func (a *audience) arm() error {
	frame := make([]byte, 4, 64)
	frame = zkproto.RequestHeader{Xid: 1, Op: zkproto.OpGetData}.AppendTo(frame)
	frame = jute.AppendBool(jute.AppendString(frame, fanoutPath), true)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if err := a.say(frame); err != nil {
		return err
	}
	return a.hear(1, "the answer to its read")
}

// leave ends all sessions.
func (a *audience) leave() {
	const xid = 1<<31 - 1
	frame := binary.BigEndian.AppendUint32(nil, 8)
	frame = zkproto.RequestHeader{Xid: xid, Op: zkproto.OpCloseSession}.AppendTo(frame)
	if a.say(frame) == nil {
		_ = a.hear(xid, "the answer to its end")
	}
	a.close()
}

// check looks at a frame, which must have this xid and no error.
func check(frame []byte, xid int32) error {
	if len(frame) < zkproto.ReplyHeaderSize || int32(binary.BigEndian.Uint32(frame)) != xid {
		return zkclient.ErrNotZooKeeper
	}
	if code := zkproto.Error(int32(binary.BigEndian.Uint32(frame[12:]))); code != zkproto.ErrOK {
		return code
	}
	return nil
}

// readOne reads one frame.
func readOne(w *zkclient.Wire, xid int32) error {
	return w.ReadBatch(func(frame []byte) error { return check(frame, xid) })
}

// change is one write of the znode: when it began, and when the writer had its answer.
func change(w *zkclient.Wire) (begin int64, answered func() (int64, error), err error) {
	frame := make([]byte, 4, 64)
	frame = zkproto.RequestHeader{Xid: 2, Op: zkproto.OpSetData}.AppendTo(frame)
	frame = (&zkproto.SetDataRequest{Path: fanoutPath, Version: -1}).AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if err := w.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	at, failed := int64(0), make(chan error, 1)
	begin = monotonic()
	if err := w.Write(frame); err != nil {
		return 0, nil, err
	}
	go func() {
		err := readOne(w, 2)
		at = monotonic()
		failed <- err
	}()
	return begin, func() (int64, error) { err := <-failed; return at, err }, nil
}

// fanout is the scenario: events to many sessions.
func (d *duel) fanout(ctx context.Context, in *instance, side int, say func(string, ...any)) (err error) {
	client, err := zkclient.Connect(ctx, zkclient.Config{Servers: []string{in.addr}})
	if err != nil {
		return err
	}
	_, err = client.Create(ctx, fanoutPath, nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
	if err = errors.Join(err, client.Close()); err != nil {
		return err
	}
	writer, err := zkclient.Dial(ctx, in.addr, zkclient.Handshake{Timeout: 40 * time.Second})
	if err != nil {
		return err
	}
	defer endSession(writer)
	a, err := gather(ctx, in.addr, d.watchers)
	if err != nil {
		return err
	}
	defer a.leave()
	times := max(int(4*d.seconds), 5)
	var all fanoutTimes
	for i := -times; i < times && ctx.Err() == nil; i++ { // as many for the warm-up
		if i == 0 {
			all = fanoutTimes{}
		}
		if err := all.once(in.pid(), writer, a); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	alone, with, last := all.alone, all.with, all.last
	say("fanout: the last of %d sessions has the event after %s, the writer its answer after %s (%s with no watch)", d.watchers,
		micros(int64(median(last))), micros(int64(median(with))), micros(int64(median(alone))))
	d.table.add(side, "fanout", fmt.Sprintf("last of %d has the event", d.watchers), unitMicros, median(last))
	if !all.noCPU {
		d.table.add(side, "fanout", "cpu per 1,000 events", unitCPU, all.cpu*1e6/float64(times*d.watchers))
	}
	d.table.add(side, "fanout", "writer waits", unitMicros, median(with))
	d.table.add(side, "fanout", "a write nobody watches", unitMicros, median(alone))
	return nil
}

// fanoutTimes are the latencies in microseconds of each time, and the CPU seconds of the server.
type fanoutTimes struct {
	alone, with, last []float64
	cpu               float64
	noCPU             bool
}

// once lets the writer change the znode while nobody watches it, and again when all do.
func (f *fanoutTimes) once(pid int, writer *zkclient.Wire, a *audience) error {
	begin, answered, err := change(writer)
	if err != nil {
		return err
	}
	at, err := answered()
	if err != nil {
		return err
	}
	f.alone = append(f.alone, float64(at-begin)/1e3)
	if err := a.arm(); err != nil {
		return err
	}
	before, err1 := processCPU(pid)
	if begin, answered, err = change(writer); err != nil {
		return err
	}
	err = a.hear(zkproto.XidNotification, "the event")
	last := monotonic()
	at, err2 := answered()
	if err = errors.Join(err, err2); err != nil {
		return err
	}
	after, err2 := processCPU(pid)
	f.with, f.last = append(f.with, float64(at-begin)/1e3), append(f.last, float64(last-begin)/1e3)
	f.cpu += after - before
	f.noCPU = f.noCPU || err1 != nil || err2 != nil
	return nil
}
