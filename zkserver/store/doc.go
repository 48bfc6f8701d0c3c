// Package store is what one server has on disk, and what Zab asks of it (package zab, duties 1 to 4).
//
//	dataDir/version-2      snapshot.<zxid>     states; see package snapshot
//	                       acceptedEpoch       the highest epoch promised to, decimal
//	                       currentEpoch        the epoch of the last leader whose initial history is in the log, decimal
//	                       install             a snapshot from the leader is being put in place (see Install)
//	                       tmp.receive.<n>     a snapshot on its way from the leader
//	                       replaced            at which zxid a restore has replaced the state, hexadecimal
//	dataLogDir/version-2   log.<zxid>          transactions; see package txnlog
//
// Epochs, logs and snapshots are the original's, byte for byte; the others are invisible to it.
//
// # What survives a crash
//
// Each change leaves the old state or the new one, whatever happens in between:
//
//   - SaveEpochs writes a file under another name, syncs it, renames it and syncs the directory (ZOOKEEPER-2307).
//   - Truncate first removes the snapshots that hold more than what stays (ZOOKEEPER-4837), then cuts the log from its end on:
//     a crash in between leaves a longer history, and the leader asks for the same again. A failure ends the server
//     (ZOOKEEPER-3701).
//   - Install notes durably what it is about to do, and Open finishes it: the old history is not touched before the new one is
//     whole on disk, and none of it is found behind the new one (ZOOKEEPER-2872, 3642, 3104).
//
// Source: QuorumPeer.loadDataBase and writeLongToFile, AtomicFileOutputStream; FileTxnSnapLog; Learner.syncWithLeader.
package store
