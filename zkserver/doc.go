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
//	core goroutine          owns zab, prep, the sessions and the order of changes: prepares writes, proposes them, and
//	                        applies what is committed, under the tree's write lock
//	disk goroutine          appends what zab says to the log, with one fsync for all that came while the last one ran
//
// A write is answered, and can be seen by any read, only after its fsync. A write or fsync that fails stops the server:
// what the disk then holds is unknown until the log is read again at the next start.
//
// Watch events go into a connection's outbox before any reply that shows the change, because both are appended in the
// order of the changes while the write lock is held.
//
// Locks, in the order in which they are taken: Server.treeMu, a connection's lock (only one at a time), Server.watchMu.
package zkserver
