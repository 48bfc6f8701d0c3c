//go:build !(linux && (amd64 || arm64))

package sock

import (
	"errors"
	"net"
)

// Bare is a socket that Go's poller does not watch. There are none on this system.
type Bare struct{}

// Detach is errors.ErrUnsupported.
func Detach(net.Conn) (*Bare, error) { return nil, errors.ErrUnsupported }

// Attach is errors.ErrUnsupported.
func (*Bare) Attach() (net.Conn, error) { return nil, errors.ErrUnsupported }

// TryRead is errors.ErrUnsupported.
func (*Bare) TryRead([]byte) (int, error) { return 0, errors.ErrUnsupported }

// TryWrite is errors.ErrUnsupported.
func (*Bare) TryWrite([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close does nothing.
func (*Bare) Close() {}

// Set tells which of many bare sockets have something to read. There are none on this system.
type Set struct{}

// NewSet is errors.ErrUnsupported.
func NewSet() (*Set, error) { return nil, errors.ErrUnsupported }

// Add is errors.ErrUnsupported.
func (*Set) Add(*Bare, uint64) error { return errors.ErrUnsupported }

// Remove does nothing.
func (*Set) Remove(*Bare) {}

// Wait returns at once.
func (*Set) Wait(numbers []uint64) []uint64 { return numbers[:0] }

// Slept is false.
func (*Set) Slept() bool { return false }

// Close does nothing.
func (*Set) Close() {}
