// Package sim runs whole ensembles, with their clients, from one seed: servers, network, disks, clocks and faults are
// simulated in one goroutine and in virtual time, what the servers do is real.
//
//	clients: sessions, watches, ephemerals, pings           real: replica, prep, tree, session, watch, pipeline
//	   |  FIFO each way                                           zab, election, quorum
//	servers: the driver's duties, in zab's order                  store, txnlog, snapshot on vfs.Mem
//	   |  connections (FIFO), notifications (lossy)         simulated: time, network, the driver around the replica
//	servers
//
// A seed decides everything: how many servers (1 to 7 that vote, and observers), how fast network and disks are, which faults come
// how often (each seed has some of them only), what clients do. The same seed is the same run, event for event. A run is
// some seconds of virtual time with faults, then everything is repaired, and the ensemble must come back, serve, and bring
// all servers to the same state; then the clients leave, and their sessions must end.
//
// # What is checked, after each step
//
//   - one leader per epoch, and no epoch twice; epoch files never go back
//   - each zxid has one content and one predecessor, on whoever's disk it is; what servers apply is one line of entries; a
//     new leader has all of it; nobody applies what is not committed
//   - trees have the same digest at the same zxid, also after snapshots that were taken while the tree went on changing
//   - each client: what it is shown never goes back; an event comes before the first answer that shows the change or
//     anything after it, no watch is lost; a write is placed behind all that was acknowledged before it was sent, and a sync
//     is answered from such a state; answers come in the order of the requests
//   - a closed session has no ephemerals, on any server
//
// At the end the clients' history is judged by package history: writes linearizable, sessions ordered, reads behind a sync
// current. A server that finds its disk unreadable after a crash is a failure, too.
//
// With Options.Bare there are no clients and no sessions, only zab and the disks: that is for the quorum's side.
// Options.Members changes the membership all the time (clients ask for it, or a bare leader proposes it), with Options.Groups that of
// hierarchical quorums.
// Options.Oracle runs two voters with an oracle (arbiter.go), with or without clients.
//
// # Finding out what went wrong
//
// A failing run is run again with a trace; the *Failure has the faults and the last events. go test ./internal/sim -run
// TestSeed -seed N -v prints all of them (-bare for a run without clients). See docs/reliability.md.
package sim
