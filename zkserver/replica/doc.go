// Package replica is what a server does between its clients, its peers and its disk, in every role: it prepares and
// proposes (leader) or forwards (learner), applies what is committed, in order, finds who waits for it, keeps the sessions,
// and carries all of it over a change of role. Standalone is the role of a leader without followers: the same code.
//
//	Connect, Submit, Detach     Tick, Step, Disconnected, Persisted
//	          |                              |
//	          v                              v
//	+--------------------------------------------------+
//	| Replica: zab.Node, prep, session tables, queue   |     owned by one goroutine of the driver
//	+--------------------------------------------------+
//	          |                              |
//	          v                              v
//	Host: Answer, Established,      Ready (zab's duties), then Apply, then Finish
//	Refused, Close, Notify, ...
//
// The package is pure: no I/O, clock, goroutine, lock, randomness or logger. Time comes in with Tick and At. A Replica is
// not safe for concurrent use. Host's methods are called from within the Replica's, synchronously, and must not call back.
//
// # The driver's loop
//
// After inputs, while HasReady:
//
//	rd := r.Ready()
//	zab's duties 1 to 5 with it (package zab): Install, Truncate, epoch files, append Entries, send Messages
//	if the tree was replaced by 1 or 2: r.Replaced(tree, sessions)
//	for each chunk of rd.Committed: lock the tree for writing; r.Apply(chunk); unlock
//	lock the tree for reading; r.Finish(&rd); unlock     (answers what waited without a transaction, begins a role)
//	close the links in rd.Drop
//
// Duty 0, the end of a role, is done here as soon as an input has caused it. A standalone server may call Finish once for
// many Readys, after the last.
//
// # The queue
//
// What was submitted and is not answered is one queue, in the order of arrival. Its order is the order of answers:
//
//	leader:   | proposed, zxid known | sync | proposed | malformed | ...      everybody's proposals, learners' too
//	learner:  | forwarded            | sync | forwarded | ...                 this server's clients' requests
//	held:     | forwarded in a former epoch ... | not sent yet ...            no role: nothing is answered
//
// A leader knows each committed transaction by its place and zxid. A learner compares (session, cxid, type) with the first
// request in the queue: the link to the leader keeps order, the leader proposes in order, so what does not match the first
// belongs to another server. (The original's CommitProcessor relies on the same.)
//
// # Change of role
//
// When the role ends nothing is answered any more, and nothing is closed yet. Uncommitted proposals become requests again.
// What the next leader's history holds of them is applied, and answered, during synchronization; when the new role begins,
// each request that was sent in a former epoch and was not among that can be in no history any more, and is prepared or
// forwarded again, in order. So a client feels a pause, not an error. Where that cannot be known the client is closed: after
// a snapshot (also because its watches would miss events); when the server comes back to the leader of the same epoch,
// which may still propose what it got by the old link. Config.RejoinGrace bounds the pause.
//
// Clients that stay are made known to the new leader: by REVALIDATE before their next request, and by the touch table in
// the first answer to a PING.
//
// # Sync
//
// A sync at the leader is answered when all that was proposed before it is applied, and a quorum has confirmed the leader
// after it came: by acknowledging a later proposal, or by answering a ping that the sync caused. So a leader that was
// replaced unknowingly cannot answer one (Jepsen's remark on the original: sync is not linearizable in all cases). Learners
// forward syncs and get SYNC in its place between the commits.
//
// # Sessions
//
// Every server keeps the committed sessions; the leader tracks expiry. Learners report in their answers to PING which
// sessions were heard of. A session is held by one server, its owner; a request by another is refused with SessionMoved,
// and that connection closes. Sessions that live on one server only (localSessionsEnabled) are that server's own affair
// until they create an ephemeral znode: then a createSession goes before the create, and from that moment on they are
// global, whether it succeeds or not (ZOOKEEPER-3471).
//
// Sources: PrepRequestProcessor, ProposalRequestProcessor, CommitProcessor, FinalRequestProcessor, LeaderRequestProcessor,
// FollowerRequestProcessor, ObserverRequestProcessor, ReadOnlyRequestProcessor, Learner, LearnerHandler, Leader,
// LeaderSessionTracker, LearnerSessionTracker, UpgradeableSessionTracker of Apache ZooKeeper 3.9.
package replica
