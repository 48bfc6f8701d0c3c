package zkbench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
)

// audience is a set of sessions that watch one znode. They are read by one goroutine, past package net and Go's poller, which
// wakes up for every packet of every connection: on a machine that the server shares that took more than the server does.
// Between two looks at all connections is a short pause, for else the server would wake the reader again and again.
type audience struct {
	files []*os.File
	fds   []int    // of the files; the sockets do not block
	rest  [][]byte // of a frame that has not arrived in full
	heard []bool
	poll  int
	ready []unix.EpollEvent
	buf   []byte
}

// hearPause is how late an event may be noticed, for the sake of the server's peace.
const hearPause = 100 * time.Microsecond

// newAudience takes the connections over. On failure those that were taken are closed.
func newAudience(wires []*zkclient.Wire) (_ *audience, err error) {
	a, err := emptyAudience()
	for i, w := range wires {
		if err != nil {
			break
		}
		var file *os.File
		if file, err = w.File(); err == nil {
			err = a.add(file)
		}
		if err != nil {
			err = fmt.Errorf("connection %d: %w", i+1, err)
			a.close()
		}
	}
	return a, err
}

func emptyAudience() (*audience, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &audience{poll: poll, ready: make([]unix.EpollEvent, 256), buf: make([]byte, 16<<10)}, nil
}

// add takes a connection, which close will close.
func (a *audience) add(file *os.File) error {
	fd := int(file.Fd())
	at := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(a.fds))}
	a.files, a.fds, a.rest, a.heard = append(a.files, file), append(a.fds, fd), append(a.rest, nil), append(a.heard, false)
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("setnonblock", err)
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(a.poll, unix.EPOLL_CTL_ADD, fd, &at))
}

// say sends the frame on all connections. It is far smaller than what a socket takes.
func (a *audience) say(frame []byte) error {
	for i, fd := range a.fds {
		if n, err := unix.Write(fd, frame); err != nil || n < len(frame) {
			return fmt.Errorf("session %d: %d of %d bytes sent: %w", i+1, max(n, 0), len(frame), errors.Join(io.ErrShortWrite, err))
		}
	}
	return nil
}

// hear waits until each session has got one frame with this xid.
func (a *audience) hear(xid int32, what string) error {
	clear(a.heard)
	limit := time.Now().Add(patience)
	for left := len(a.files); left > 0; {
		n, err := unix.EpollWait(a.poll, a.ready, int(time.Until(limit).Milliseconds())+1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError("epoll_wait", err)
		case n == 0 || time.Now().After(limit):
			return fmt.Errorf("%d of %d sessions, the first of them %d, have not got %s: %w", left, len(a.files),
				slices.Index(a.heard, false)+1, what, os.ErrDeadlineExceeded)
		}
		for _, ev := range a.ready[:n] {
			i := int(ev.Fd)
			frames, err := a.read(i, xid)
			if err == nil && frames > 0 && (a.heard[i] || frames > 1) {
				err = errors.New("more than one frame")
			}
			if err != nil {
				return fmt.Errorf("session %d of %d has not got %s: %w", i+1, len(a.files), what, err)
			}
			if frames > 0 {
				a.heard[i] = true
				left--
			}
		}
		if left > 0 && n < len(a.ready) {
			pause := unix.NsecToTimespec(int64(hearPause))
			_ = unix.Nanosleep(&pause, nil) // Go's timers are too coarse; that it may end early does no harm
		}
	}
	return nil
}

// read reads what has come on connection i, and counts the whole frames, all of which must have this xid.
func (a *audience) read(i int, xid int32) (frames int, err error) {
	n, err := unix.Read(a.fds[i], a.buf)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	b := a.buf[:n]
	if len(a.rest[i]) > 0 {
		b = append(a.rest[i], b...)
	}
	for len(b) >= 4 && uint64(len(b)-4) >= uint64(binary.BigEndian.Uint32(b)) {
		end := 4 + int(binary.BigEndian.Uint32(b))
		if err := check(b[4:end], xid); err != nil {
			return 0, err
		}
		b = b[end:]
		frames++
	}
	a.rest[i] = append(a.rest[i][:0], b...)
	return frames, nil
}

func (a *audience) close() {
	for _, f := range a.files {
		_ = f.Close()
	}
	_ = unix.Close(a.poll)
}
