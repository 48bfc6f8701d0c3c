//go:build !unix

package zkserver

import "net"

// setBacklog changes nothing: the system chooses the length of the queue.
func setBacklog(net.Listener, int) error { return nil }
