// Package elector elects one active node over ZooKeeper, with the znodes, the bytes and the order of requests of the
// original's ActiveStandbyElector, so that both can stand in one election.
//
//	<parent>/ActiveStandbyElectorLock   ephemeral: its owner is the active, or about to be
//	<parent>/ActiveBreadCrumb           persistent: who was active last, and has to be fenced unless it left in order
//
// Both hold the node's ActiveNodeInfo (package target). On the wire:
//
//	create lock -> OK         getData breadcrumb -> [fence if another's] -> create | setData breadcrumb (version read)
//	                          -> become active -> exists lock, with watch
//	            -> NODEEXISTS exists lock, with watch -> become standby (or active, if the lock is our session's)
//	watch fired (deleted)     create lock
//	reconnected               exists lock, with watch: our session's: once more as after OK; gone: create; else standby
//	leave in order            getData breadcrumb, compare, delete -> close the session
//	leave in disorder         close the session; the breadcrumb stays and makes the next active fence this node
//	failed to become active   close the session, wait, join again
//	stopped for a restart     neither; the next run resumes the session, and finds the lock its own (resume.go)
//	restarted, service active, lock of another session
//	                          getData lock: our own data: an earlier session of this node, wait for its end; else standby
//
// Machine is the PURE state machine: events in, actions out. Elector drives it over a Client.
//
// Departures from the original: losing ZooKeeper is never fatal, connecting is tried until it works; a lock that is
// someone else's is watched before the service is made standby, not after, so that its end is not missed meanwhile.
package elector
