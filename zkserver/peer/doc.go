// Package peer is what lies between the servers of an ensemble: the election port and the quorum port. It moves messages
// and decides nothing; what they mean is up to packages election and zab.
//
//	zab.Ready.Messages --> Send --+--> voter (one per server id): newest notification --> election port
//	                              +--> link (one per zab.Link): queue --> writer --> quorum port
//	core's inbox <-- Handler.Messages <-- reader of a link or of an election connection
//
// # Election port
//
// One connection between each two servers, whoever opened it; it carries notifications both ways. The rule is that the
// server with the greater id opens it: one with the smaller id that wants a connection dials, says who it is, and is dialed
// back. The first bytes of whoever dials (QuorumCnxManager.InitialMessage), then frames:
//
//	+-------------------------------+----------+---------+-----------------------------------+
//	| long version                  | long sid | int len | len bytes of text, at most 2,048  |   3.5 and later
//	+-------------------------------+----------+---------+-----------------------------------+
//	   -65536: "host:port"    -65535: "host:port|host:port|..." (with multiAddress.enabled)
//	+----------+
//	| long sid |                                                                                 3.4
//	+----------+
//	+---------+-----------------------------------+
//	| int len | notification, 1 byte to 512 KiB   |   both ways from then on
//	+---------+-----------------------------------+
//
// The address says where the dialed server finds the one that dialed. A wildcard (0.0.0.0, ::) says nothing: then the
// configured address is taken, or the one the connection came from (ZOOKEEPER-2164, 4886). We never send a wildcard.
//
//	| int state | long leader | long zxid | long round | long peerEpoch | int version | int len | len bytes of config |
//	            28 bytes of 3.3 end behind round; 40 of 3.4 and later have no config; 44 and more are today's (version 2)
//	+---------------+---------+-----------------------------+
//	| int "HFsn"    | int len | len bytes of configuration  |   behind the config while the sender has seen one proposed that is
//	+---------------+---------+-----------------------------+   not in force; only ours. The original does not read so far.
//
// Only the newest notification to a server matters: it replaces one that was not sent yet, and the last one is sent again
// on a new connection, for the old one may have swallowed it.
//
// # Quorum port
//
// Learners dial, the leader answers; each connection is one zab.Link. It carries packets (QuorumPacket of zookeeper.jute):
//
//	+----------+-----------+---------+-----------+-----------+---------------------------------+
//	| int type | long zxid | int len | len bytes | int count | count x (ustring scheme, id)    |   len, count -1: null
//	+----------+-----------+---------+-----------+-----------+---------------------------------+
//
// No length comes first, so a packet must be understood to find the next. A learner's first is FOLLOWERINFO or
// OBSERVERINFO, with its id. Behind a SNAP packet follows the snapshot, in the format of a snapshot file without its header
// and checksums, and then the ustring "BenWasHere".
//
// With observerMasterPort, followers take observers on a third port, in the same way: to its observers a follower is a leader.
//
// The port is open all the time, not only while this server leads: a learner that is faster than its leader finds it, and
// the core answers or drops it (the original opens it when it begins to lead, so that a learner may have to try again).
//
// A leader that gives neither a connection nor a refusal is given up after a second, and is silent (VoterStatus) until it
// answers, or for ten seconds: its own votes may still arrive. A link that is dropped first says what it has to say, then that
// nothing more comes, and ends when the other end hangs up, or after a second.
//
// # TLS
//
// With Config.TLS all ports take TLS, told from its first byte, and plain connections if they are still wanted; what this server
// opens is secure if it shall be. The handshake comes before everything else on a connection, and belongs to the time that it has to
// say who it is. Who has dialed knows that it was accepted by what it hears next only (TLS 1.3), so a refusal may end a connection
// that looked well. See secureConn for how packets leave.
//
// # Bad input
//
// Whatever does not follow these formats is closed and named in the log, with its address and what is wrong, at most a few
// lines in ten seconds. Whoever says nothing is closed after CnxTimeout. Of connections that have not said yet who they are
// there are at most 64 per port: one more closes the oldest.
//
// # Goroutines
//
// One per listener, two per connection (reader, writer), one per attempt to connect. Send never blocks.
//
// Sources: QuorumCnxManager, FastLeaderElection, Learner, LearnerHandler, Leader of Apache ZooKeeper 3.9; zookeeper.jute.
package peer
