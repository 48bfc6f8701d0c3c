// Package zab is Zab, ZooKeeper's atomic broadcast, as a pure state machine: no I/O, clock, goroutine, randomness or
// logger. A Node goes LOOKING, by the election of package election, to LEADING, FOLLOWING or OBSERVING, and back.
//
//	     Tick, Step(Message), Propose(Entry), Persisted(zxid), Disconnected(Link)
//	                                 |
//	                                 v
//	                    +---------------------------+
//	                    | Node: owned by one        |
//	                    | goroutine of the driver   |
//	                    +---------------------------+
//	                                 |
//	                                 v
//	Ready: Install, Truncate, HardState, Configs, Entries, Messages, Committed, Forwarded, Drop
//
// # What is promised
//
// As long as the caller does its duties: at most one leader per epoch; what is committed on one server is a prefix of what
// is committed on another, or the other way round; what has been committed once is in the history of every later leader.
//
// # Duties of the caller
//
// After each input, while HasReady: take Ready and do, in this order:
//
//  0. If Status.Changes is not what it was: end what belonged to the former role. Stop answering clients, fail what is not
//     committed, close the links to peers of that role.
//  1. Install, if set: let the log finish and sync what it was given; make the snapshot that came with the SNAP durable
//     (temporary file, sync, rename, sync of the directory); see to it that nothing of the old log is found after a
//     restart; replace the tree. All of it before step 3.
//  2. Truncate, if set: let the log finish; cut it behind the zxid and sync; if the tree holds more, build it anew from a
//     snapshot that is not newer and the log. A truncation that fails ends the server. After 1 or 2, completions of
//     earlier appends must not be reported to Persisted any more.
//  3. SaveAccepted, SaveCurrent: write the epoch files (atomically: temporary file, sync, rename, sync of the directory),
//     acceptedEpoch first. Nothing that was appended before needs to be synced for that: the core asks for a new current
//     epoch only when Persisted has covered the history it stands for. But no entry may reach the disk before the epoch it
//     belongs to: a server that decides alone begins its epoch and proposes in one Ready.
//     Then ActiveConfig and SeenConfig, likewise durable: see there.
//  4. Append Entries to the log, in order. The sync may follow later, one for many Readys, on another goroutine; when it is
//     done, call Persisted with the zxid of the last entry it covered. An error of write or sync ends the server.
//  5. Send the Messages, each on its link, in order. This comes after 1, 2 and 3, because they promise what these have made
//     durable; it need not wait for the sync of step 4, because no message promises an entry before Persisted. So a
//     leader's PROPOSALs go out while it writes. For a SNAP, and a Replay, see Type.
//  6. Apply Committed to the tree, in order, then hand out Forwarded.
//  7. Close the links in Drop.
//  8. If StatusChanged and Status.Serving(): answer clients from now on.
//
// The slices are good until the next call of Ready; the bytes in them for good, and nobody may change them.
//
// Steps 4 and 6 may run on goroutines of their own as long as each keeps its order. A snapshot asked for by a SNAP message
// has to see at least what steps 6 up to and including this Ready have applied.
//
// # Order within a synchronization
//
// The learner's side of it, stricter than the original in two places: history first, synced; then currentEpoch; then the
// ACK of NEWLEADER; only then ACKs of proposals (ZOOKEEPER-3911, 4643, 4646, 4685, 4785). Proposals go to the log as they
// come, before NEWLEADER, between NEWLEADER and its ACK, and after (ZOOKEEPER-4394). A COMMIT that does not match the next
// proposal ends the attempt, and nothing is applied before UPTODATE, when a quorum has the history (stricter).
//
// # Links
//
// A Link is one connection. A learner's core counts its own: with a FOLLOWERINFO or OBSERVERINFO on a new number the driver
// opens a connection to the leader's quorum port, retrying for as long as it likes; when it gives up, or the connection
// breaks, it calls Disconnected. On the leader's side the driver numbers what it accepts. Messages of one link arrive in
// order or not at all; if one is lost, the link is lost. Notifications have no link, may be lost, and are repeated.
//
// # Membership
//
// Config.Active is the configuration in force; a server that is not in it follows without a vote. With ReconfigEnabled it
// changes: by an entry of the leader's (Reconfigure, then Propose), by NEWLEADER, or by a notification heard while looking.
// A new ensemble, whose configuration has version 0, gives it the zxid that begins the first epoch. The role may end with a
// change, and another begin at once: the designated leader of a configuration leads without an election. See reconfig.go.
//
// # Time
//
// Ticks are the only time. A leader notices within SyncTicks that a follower is silent or does not log what it was sent; a
// follower within SyncTicks that its leader is silent; everybody leaves a discovery or synchronization that takes InitTicks.
// A closed link is acted upon at once, and an election is over when all that can still be heard agree: after a kill -9 of the
// leader the survivors have another without a tick passing. Unreachable makes that true with further servers down. A server
// whose votes arrive and that nobody can connect to (Silent) is not voted for. Who sends or takes a snapshot, or a part of the
// log, has time as long as it moves on (Progress).
//
// # Ensembles of one
//
// A quorum of one server decides everything at once, within New. With Config.Standalone it also keeps the epoch of its last
// zxid, like the original standalone, and writes no epoch files. Either way a proposal commits on Persisted alone, and
// costs no allocation.
//
// Sources: F. Junqueira, B. Reed, M. Serafini, "Zab: High-performance broadcast for primary-backup systems", DSN 2011;
// Leader, Learner, LearnerHandler and Follower of Apache ZooKeeper 3.9, whose packets the messages are.
package zab
