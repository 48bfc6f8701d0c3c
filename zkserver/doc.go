// Package zkserver is a ZooKeeper server as a library: New with a Config, Start, Shutdown.
//
//	cfg := config.Default()
//	cfg.DataDir, cfg.ClientPort = dir, 2181
//	s, err := zkserver.New(cfg)
//	if err == nil {
//		err = s.Start()
//	}
//	…
//	err = s.Shutdown(ctx)
//
// Default has what an embedded server wants: no admin server, no metrics endpoint, a purge of old snapshots and logs every
// hour. Failed tells when the server has stopped by itself; Reload changes the settings that config.Keys calls hot.
//
// # One pipeline
//
// A standalone server is an ensemble of one over the same Zab core as any other. Who does what:
//
//	connection goroutines   read frames; answer reads at once, under the tree's read lock; pass writes on in batches
//	core goroutine          owns package replica (zab, prep, sessions, the order of changes) and does what it says: hands
//	                        entries to the disk, messages to the peers, and committed transactions to the tree, under its
//	                        write lock
//	disk goroutine          appends what zab says to the log, with one fsync for all that came while the last one ran
//	peers' goroutines       (package peer) read and write the links to the other servers; snapshots from the leader are
//	                        streamed to disk, and those for learners from the tree, on the goroutine of their link
//
// In an ensemble a proposal goes out before this server's own fsync, and is committed when a quorum has it on disk, this
// server or not. One flush per link, and one wake-up of the core, stand for all messages that came together.
//
// # Changes of role
//
// Clients stay connected while the ensemble elects (holdfast.rejoinGrace): a gate stands before their requests, and what was
// under way is applied or sent again by the replica. After that time they are closed and find another server. Duties that
// must be done before anything is promised, the epoch files, truncation, a snapshot put in place, the files of the
// membership, are done by the core itself, with the disk at rest; when one fails the server stops.
//
// # What can be relied on
//
// A write is answered, and can be seen by any read, only after a quorum's fsync. A write or fsync that fails stops the server:
// what the disk then holds is unknown until the log is read again at the next start.
//
// Watch events go into a connection's outbox before any reply that shows the change, because both are appended in the
// order of the changes while the write lock is held.
//
// Locks, in the order in which they are taken: Server.treeMu, a connection's lock (only one at a time), Server.watchMu.
package zkserver
