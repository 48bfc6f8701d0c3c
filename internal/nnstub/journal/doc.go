// Package journal is the shared edit log of the demo NameNodes: one directory, many processes, one accepted writer at a
// time. It does with files what QJM does with a quorum: a new writer takes a new epoch, and from that moment nothing
// that the writer of an older epoch still writes becomes part of the journal.
//
//	epoch-N   empty: epoch N has been taken. Created exclusively, never removed; N counts by one.
//	edits-N   the segment of epoch N: a header frame, then edit frames, only ever appended to by the taker of N.
//
//	frame     +---------------+-------------------+----------------------------+--------------------+
//	          | magic, 4      | length, uint32    | CRC-32C of length, payload | payload            |
//	          +---------------+-------------------+----------------------------+--------------------+
//	header    "HFJ1"  uint64 epoch | uint64 first txid | uint64 previous epoch | uint64 previous length | writer's id
//	edit      "HFE1"  uint64 epoch | uint64 txid | byte op (1 = put) | uint16 path length | path | data
//
// Numbers are big-endian. Txids count by one through all epochs.
//
// # Why an old writer cannot add a record
//
// The header of a segment says which segment it continues and at how many bytes that one ends. The journal is the chain
// that begins at the newest segment: bytes past a segment's accepted length, and segments off the chain, do not exist.
//
//   - A writer of epoch N acknowledges an edit only after (1) it is written and fsynced to edits-N, and then (2) it sees
//     that epoch-N+1 does not exist.
//   - A taker of epoch N+1 first (3) creates epoch-N+1, then (4) reads edits-N to its end, then (5) writes that end into
//     the header of edits-N+1.
//   - A reader applies edits of the newest segment edits-N only if, after reading them, epoch-N+1 does not exist.
//
// If (2) came before (3), the edit was in the file before (4) and so belongs to the chain. If (2) came after (3), the
// writer sees that it is fenced, acknowledges nothing and stops. An edit that was written but not acknowledged may be on
// the chain or not, as with any write whose answer was lost; whether it is has been decided once and for all by (5).
//
// There is no lock, on purpose: the holder of a lock can be stopped (SIGSTOP, a stalled virtual machine) and its successor
// would wait for it. Here a stopped writer, or a stopped taker, holds up nobody. The directory must be on a file system
// where exclusive creation is atomic and writes are seen at once by the other processes: any local one.
//
// # Damage
//
// A frame at the end of the last segment that is incomplete is a torn write: it was never acknowledged, and the next taker
// leaves it out and says so. A frame that is wrong anywhere else is a *CorruptError with file and offset, and nothing is
// taken over. The journal is kept whole: there are no checkpoints, each start reads it from the first edit.
package journal
