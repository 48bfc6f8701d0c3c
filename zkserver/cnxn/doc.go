// Package cnxn is the client port: it accepts connections, cuts their bytes into frames, carries the connect handshake
// and the four-letter words, and sends what the server appends to a connection's outbox. It decides nothing.
//
//	+-----------+------------------------+
//	| int len   | packet, len bytes      |    every packet, both ways; len from 0 to jute.maxbuffer
//	+-----------+------------------------+
//	  'r' 'u' 'o' 'k'                         or, as the first four bytes, a four-letter word
//
// Goroutines: each connection has one that reads. It hands over all frames of a read at once, so a pipelining client
// costs one wake-up for many requests. There is no goroutine that writes as long as the socket takes the bytes at once:
// whoever appended to the outbox flushes it, with one write call that does not block. Only when the socket is full does
// a goroutine wait for it, and it ends when the outbox is empty. So a client that does not read its socket holds up
// nobody: its own requests are no longer read when its outbox holds SoftLimit bytes, and it is disconnected when events
// fill it to HardLimit.
//
// Source: NIOServerCnxn.java, NIOServerCnxnFactory.java of Apache ZooKeeper 3.9.
package cnxn
