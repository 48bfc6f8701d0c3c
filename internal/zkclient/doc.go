// Package zkclient is a lean client of the ZooKeeper protocol for the tools of this repository: zkcli and zkbench.
//
// It has two layers:
//
//	Wire    one connection after its handshake: frames in batches, nothing else. zkbench builds requests itself.
//	Client  a session: requests in flight without limit, callbacks, watches, pings, and, if asked for, reconnects.
//
// A Client runs a fixed number of goroutines however many requests are in flight:
//
//	Submit -> [output buffer] -> writer --- one write per batch ---> server
//	callbacks and events <- reader <------- one read per batch ----- server
//
// Requests are appended to one buffer under a mutex; the writer takes all of it at once. Replies come in the order of
// the requests (a guarantee of the protocol), so the requests in flight are a queue and need no table.
//
// What a caller sees when a connection breaks is what the original's client shows: requests in flight fail with
// zkproto.ErrConnectionLoss (they may or may not have happened), and after a reconnect the session, its ephemerals and its
// watches are still there, or the client says ErrSessionExpired and is done.
//
// Source: ClientCnxn.java, ClientCnxnSocketNIO.java of Apache ZooKeeper 3.9.
package zkclient
