// Package zkproto is the vocabulary of ZooKeeper's protocols on top of package jute: zxids, Stat, ACLs, op codes, error
// codes, and the records that clients, servers and the transaction log exchange.
//
// A frame on the client port is a length and one packet:
//
//	+-----------+---------------------------+
//	| int len   | packet, len bytes         |
//	+-----------+---------------------------+
//
//	first request   ConnectRequest            first reply   ConnectResponse
//	later requests  RequestHeader, record     later replies ReplyHeader, record (none when Err != 0)
//	notification    ReplyHeader{Xid -1}, WatcherEvent
//
// Records encode with AppendTo, which cannot fail, and decode with Decode, which reads from a jute.Decoder whose Err is
// checked once by the caller. Byte slices in decoded records alias the input frame: copy what is kept longer.
//
// Source: zookeeper.jute, ZooDefs.java, KeeperException.java of Apache ZooKeeper 3.9.
package zkproto
