// Package freeport finds ports for servers that are started later, or again and again: in tests, in the demo, in benchmarks.
//
// What the system gives for port 0 is no good for that: once it is closed, the next who asks for any port may get it, and a
// server that is down for a moment loses it. Here ports lie below those that systems give away (from 32768 on Linux, from
// 49152 elsewhere), each is handed out once by a process, and processes that run beside each other begin far apart.
package freeport

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
)

// finder hands out the ports of one process: from first, but for the last.
type finder struct {
	first, last int

	mu   sync.Mutex
	next int
}

// A process needs some hundreds of ports at most, and those that are started one after another begin further apart than that.
var process = &finder{first: 10240, last: 32000, next: os.Getpid() * 1009}

// Take finds n ports of this machine that nobody listens on. No port is answered twice, until the range is used up.
func Take(n int) ([]int, error) { return process.take(n) }

// One is Take of one port.
func One() (int, error) {
	ports, err := process.take(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}

func (f *finder) take(n int) (ports []int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for tried := 0; len(ports) < n; tried++ {
		if tried == f.last-f.first {
			return nil, fmt.Errorf("there are no %d free ports from %d to %d on 127.0.0.1", n, f.first, f.last-1)
		}
		port := f.first + f.next%(f.last-f.first)
		f.next++
		if free(port) {
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// free tells whether a port can be opened. Some systems give a port of one address to a program although another has it on all
// addresses, and the other way round, so both are tried; but on Windows the second one would ask the user for permission.
func free(port int) bool {
	hosts := []string{"127.0.0.1", ""}
	if runtime.GOOS == "windows" {
		hosts = hosts[:1]
	}
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))) //nolint:noctx // closed at once
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
