// Package sock reads from and writes to connections with less processor time than package net: for servers that answer many
// small requests, each by a goroutine that has nothing to do before and after.
//
//	Go's way       read: tell the scheduler, system call, tell the scheduler   -> its monitor thread wakes up, and looks every
//	                                                                              20 us for the next millisecond
//	this package   read: system call                                           -> nobody wakes up
//
// A connection that has no file descriptor of its own (one in memory, or TLS) is used as it is. So are all where the system
// is not Linux on amd64 or arm64, but for TryWrite.
package sock

import "net"

// Conn is a connection. Reads and writes may happen on two goroutines.
type Conn struct {
	net.Conn
	halves
}

// New wraps nc, which goes on being usable.
func New(nc net.Conn) *Conn {
	c := &Conn{Conn: nc}
	c.init(nc)
	return c
}
