package zkbench

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm waits for moments to within some ten microseconds, by timerfd. A timer of Go's is up to a millisecond late in a process that has
// nothing else to do: epoll_wait counts in milliseconds. That would be added to each latency of an open loop, and requests that are due
// one after the other would be sent together. One goroutine waits.
type alarm struct {
	fd   int // of file, whose Fd would make it block
	file *os.File
	tick [8]byte
	stop func() bool
}

// newAlarm makes one that the end of ctx rings for good.
func newAlarm(ctx context.Context) (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	a := &alarm{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}
	a.stop = context.AfterFunc(ctx, func() { _ = a.file.SetReadDeadline(time.Unix(1, 0)) })
	return a, nil
}

// until waits for the moment, at the clock monotonic, or the end of ctx.
func (a *alarm) until(ctx context.Context, at int64) error {
	d := at - monotonic()
	if d <= 0 {
		return ctx.Err()
	}
	if err := unix.TimerfdSettime(a.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(d)}, nil); err != nil {
		return os.NewSyscallError("timerfd_settime", err)
	}
	if _, err := a.file.Read(a.tick[:]); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("waiting for a timer: %w", err)
	}
	return nil
}

func (a *alarm) close() {
	a.stop()
	_ = a.file.Close()
}
