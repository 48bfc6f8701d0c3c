//go:build linux && (amd64 || arm64)

package sock

import (
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Set tells which of many bare sockets have something to read. Make it with NewSet; one goroutine waits.
//
//	sockets -> inner epoll -> outer epoll -> Go's poller
//
// As long as more comes while the goroutine is at work, the outer one is disarmed when the goroutine wakes up and armed when it has nothing
// left to do: what comes in between wakes no thread, and is found by the next look. That takes two system calls more each time, so where
// little comes it stays armed.
type Set struct {
	inner  descriptor
	outer  *os.File
	raw    syscall.RawConn
	arm    unix.EpollEvent
	events [128]unix.EpollEvent
	found  int // of events

	sleep func(outer uintptr) bool // made once, so that a call allocates nothing
	slept bool                     // in this call
	armed bool
	calm  int // so many times in a row nothing had come while the goroutine was at work
}

// calmEnough is after how many times nothing is expected to come.
const calmEnough = 4

// NewSet makes an empty set. Close it.
func NewSet() (*Set, error) {
	inner, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	s := &Set{inner: descriptor{fd: inner}}
	s.inner.open()
	outer, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		s.inner.Close()
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	s.arm.Events = unix.EPOLLIN | unix.EPOLLONESHOT
	if err = unix.EpollCtl(outer, unix.EPOLL_CTL_ADD, inner, &unix.EpollEvent{Events: unix.EPOLLONESHOT}); err == nil {
		err = unix.SetNonblock(outer, true) // else Go's poller does not take it
	}
	s.outer = os.NewFile(uintptr(outer), "epoll")
	if err == nil {
		err = s.outer.SetReadDeadline(time.Time{}) // os.ErrNoDeadline if it has not
	}
	if err == nil {
		s.raw, err = s.outer.SyscallConn()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	s.sleep = s.look
	return s, nil
}

// look tells Go's poller not to wait, or what to wait for: an edge of the outer epoll. What the poller was told before the first call of a
// sleep it has forgotten.
func (s *Set) look(outer uintptr) bool {
	if s.slept && s.armed && s.calm < calmEnough {
		var one [1]unix.EpollEvent
		ready(int(outer), one[:]) // which disarms
		s.armed = false
	}
	if s.found = ready(s.inner.fd, s.events[:]); s.found > 0 {
		return true
	}
	s.slept = true
	if s.armed {
		return false
	}
	if unix.EpollCtl(int(outer), unix.EPOLL_CTL_MOD, s.inner.fd, &s.arm) != nil {
		return true // there is no such thing any more
	}
	s.armed = true
	// What came before it was armed is not always told: not if the outer one still has the inner one in its list from the last time,
	// when something came in the middle of the look that disarmed it.
	s.found = ready(s.inner.fd, s.events[:])
	return s.found > 0
}

// ready asks an epoll what it has, without waiting and without telling Go's scheduler.
func ready(epoll int, events []unix.EpollEvent) int {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
			uintptr(len(events)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n)
		case syscall.EINTR:
		default:
			return 0
		}
	}
}

// Add puts b into the set, under a number.
func (s *Set) Add(b *Bare, number uint64) error {
	if !s.inner.use() {
		return net.ErrClosed
	}
	defer s.inner.done()
	if !b.use() {
		return net.ErrClosed
	}
	defer b.done()
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(uint32(number)), Pad: int32(uint32(number >> 32))}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.inner.fd, unix.EPOLL_CTL_ADD, b.fd, &e))
}

// Remove takes b out. A closed one is out.
func (s *Set) Remove(b *Bare) {
	if !s.inner.use() {
		return
	}
	defer s.inner.done()
	if b.use() {
		_ = unix.EpollCtl(s.inner.fd, unix.EPOLL_CTL_DEL, b.fd, nil)
		b.done()
	}
}

// Wait waits until some of the sockets have something, or their end, and puts their numbers into the memory of numbers. It says the same
// again until that is read. None come after Close.
func (s *Set) Wait(numbers []uint64) []uint64 {
	numbers = numbers[:0]
	if !s.inner.use() {
		return numbers
	}
	defer s.inner.done()
	s.slept, s.found = false, 0
	if err := s.raw.Read(s.sleep); err != nil {
		return numbers
	}
	if s.slept {
		s.calm++
	} else {
		s.calm = 0
	}
	for i := range s.events[:s.found] {
		numbers = append(numbers, uint64(uint32(s.events[i].Fd))|uint64(uint32(s.events[i].Pad))<<32)
	}
	return numbers
}

// Slept tells whether the last Wait had to wait. Who waits may ask.
func (s *Set) Slept() bool { return s.slept }

// Close lets go who waits. It is idempotent.
func (s *Set) Close() {
	s.inner.Close()
	_ = s.outer.Close()
}
